"""Cameras and channels in the database. Rows stay inside this file; callers get frozen values.

Only this file and `rotation.py` read and write the tables of the cameras. It encrypts and decrypts the passwords, so
that no plain password is ever written to the disk.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from cameras.access import access_from_json, access_to_json
from cameras.addresses import authority
from cameras.stream_uris import place_of
from cameras.vault import CannotDecrypt, Vault, open_vault
from core.errors import Conflict, NotFound, StartRefused, Unavailable
from core.recordings import ReplayAbilities
from core.records import (
    USUAL_ACCESS,
    AudioFormat,
    ClockOffset,
    DeviceAccess,
    DeviceInfo,
    MediaProfile,
    Problem,
    ProfileRole,
    StreamUris,
    VideoFormat,
)
from core.secrets import Secret
from core.stored_json import read_items
from database import Database, repeated
from tables import CameraRow, ChannelRow, ReplayAbilitiesRow, VaultRow

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class StoredCamera:
    """A camera's row. `password` is None if it cannot be decrypted: the user must enter it again."""

    id: int
    name: str
    host: str
    port: int | None
    port_found: bool
    username: str
    password: Secret | None
    pretend: bool
    added_at: datetime
    info: DeviceInfo = field(default_factory=DeviceInfo)
    services: tuple[str, ...] = ()
    clock_offset: ClockOffset | None = None
    last_seen_at: datetime | None = None
    stream_uris: StreamUris | None = None
    access: DeviceAccess = DeviceAccess()

    @property
    def is_plain(self) -> bool:
        """True for a camera without ONVIF."""
        return self.stream_uris is not None


@dataclass(frozen=True, slots=True)
class StoredChannel:
    """A channel's row: the device's values and, from `custom_name` on, the user's."""

    video_source_token: str
    number: int
    device_name: str
    profiles: tuple[MediaProfile, ...] = ()
    problem: Problem | None = None
    present: bool = True
    custom_name: str = ""
    hidden: bool = False
    position: int | None = None


@dataclass(frozen=True, slots=True)
class LoadedCamera:
    """Everything that is stored about a camera."""

    stored: StoredCamera
    channels: tuple[StoredChannel, ...]
    replay_abilities: ReplayAbilities


class CameraStore:
    """Reads and writes cameras. Call `open()` first. Every call is one transaction and may wait for the disk."""

    def __init__(self, database: Database, key_file: Path) -> None:
        self._database = database
        self._key_file = key_file
        self._opened: Vault | None = None
        self.on_written: list[Callable[[], None]] = []

    def open(self) -> None:
        """Open database and vault. Raise StartRefused, and overwrite nothing, if that is impossible."""
        self._database.open()
        if self._opened is not None:
            return
        with self._database.write() as session:
            row = session.get(VaultRow, 1)
            if row is None and session.scalars(select(CameraRow.id).limit(1)).first() is not None:
                raise StartRefused(
                    f"{self._database.name} holds camera passwords, but the check value of their key is missing. "
                    "Restore a backup of it. Nothing was changed."
                )
            vault = open_vault(self._key_file, row.key_check if row else None)
            if row is None:
                session.add(VaultRow(id=1, key_check=vault.make_check()))
        self._opened = vault

    def close(self) -> None:
        self._opened = None
        self._database.close()

    @property
    def vault(self) -> Vault:
        """Return the vault, for other secrets of this database. Raise Unavailable before open()."""
        if self._opened is None:
            raise Unavailable("The app is starting or stopping.")
        return self._opened

    def load(self) -> list[tuple[StoredCamera, tuple[StoredChannel, ...]]]:
        """Return every camera with its channels, sorted by id."""
        with self._database.read() as session:
            channels: dict[int, list[StoredChannel]] = {}
            for row in session.scalars(select(ChannelRow).order_by(ChannelRow.camera_id, ChannelRow.number)):
                channels.setdefault(row.camera_id, []).append(_channel(row))
            cameras = [self._camera(row) for row in session.scalars(select(CameraRow).order_by(CameraRow.id))]
        return [(camera, tuple(channels.get(camera.id, ()))) for camera in cameras]

    def load_one(self, camera_id: int) -> LoadedCamera | None:
        """Return a camera with its channels and replay abilities; None if there is none."""
        with self._database.read() as session:
            row = session.get(CameraRow, camera_id)
            if row is None:
                return None
            of_camera = select(ChannelRow).where(ChannelRow.camera_id == camera_id).order_by(ChannelRow.number)
            channels = tuple(_channel(channel) for channel in session.scalars(of_camera))
            abilities = session.get(ReplayAbilitiesRow, camera_id)
            return LoadedCamera(self._camera(row), channels, _abilities(abilities) if abilities else ReplayAbilities())

    def load_all(self) -> list[LoadedCamera]:
        """Return everything that is stored about all cameras, sorted by id."""
        abilities = self.replay_abilities()
        return [
            LoadedCamera(stored, channels, abilities.get(stored.id, ReplayAbilities()))
            for stored, channels in self.load()
        ]

    def tell(self) -> None:
        """Tell `on_written` that other processes must read the tables again."""
        for callback in self.on_written:
            callback()

    @repeated
    def add(
        self,
        *,
        name: str,
        host: str,
        port: int | None,
        username: str,
        password: Secret,
        pretend: bool,
        added_at: datetime,
        stream_uris: StreamUris | None = None,
        access: DeviceAccess = USUAL_ACCESS,
    ) -> StoredCamera:
        """Add a camera, with an id that was never used before.

        Raise Conflict already_added if its address is known, or if it is the second pretend recorder.
        """
        with self._database.write() as session:
            if pretend:
                _refuse_second_pretend(session)
            _refuse_same_address(session, host, port, stream_uris, own_id=None)
            row = CameraRow(
                name=name,
                host=host,
                port=None if stream_uris else port,
                port_found=False,
                username=username,
                password_box=b"",
                pretend=pretend,
                added_at=added_at,
                stream_uris=asdict(stream_uris) if stream_uris else None,
                access=access_to_json(access),
            )
            session.add(row)
            session.flush()  # gives the id that the password is bound to
            row.password_box = self._vault.encrypt(password, password_context(row))
            session.flush()
            return self._camera(row)

    @repeated
    def change(
        self,
        camera_id: int,
        *,
        name: str,
        host: str,
        port: int | None,
        port_found: bool,
        username: str,
        password: Secret | None,
        forget_device: bool,
        stream_uris: StreamUris | None = None,
        access: DeviceAccess = USUAL_ACCESS,
    ) -> StoredCamera:
        """Write the user's fields; `password` None keeps the stored one, which is unreadable.

        `forget_device` also deletes the device's data and channels: at the new address there is another device.
        """
        with self._database.write() as session:
            row = _row(session, camera_id)
            if (host, port) != (row.host, row.port):
                _refuse_same_address(session, host, port, stream_uris, own_id=camera_id)
            row.name, row.host, row.port_found, row.username = name, host, port_found, username
            row.port = None if stream_uris else port
            row.stream_uris = asdict(stream_uris) if stream_uris else None
            row.access = access_to_json(access)
            if password is not None:
                row.password_box = self._vault.encrypt(password, password_context(row))
            if forget_device:
                _write_knowledge(row, DeviceInfo(), (), None, None)
                session.execute(delete(ChannelRow).where(ChannelRow.camera_id == camera_id))
            session.flush()
            return self._camera(row)

    @repeated
    def set_address(
        self, camera_id: int, host: str, port: int, *, found: bool, access: DeviceAccess | None = None
    ) -> None:
        """Write the place that was found, or the port of the pretend recorder. Raise Conflict if it is taken."""
        with self._database.write() as session:
            row = _row(session, camera_id)
            _refuse_same_address(session, host, port, None, own_id=camera_id)
            if host != row.host:
                raise ValueError("the password is bound to the host: use change()")
            row.port, row.port_found = port, found
            if access is not None:
                row.access = access_to_json(access)

    @repeated
    def save_knowledge(
        self,
        camera_id: int,
        info: DeviceInfo,
        services: tuple[str, ...],
        clock_offset: ClockOffset | None,
        last_seen_at: datetime | None,
        access: DeviceAccess,
    ) -> None:
        """Save the device's own data for the next start."""
        with self._database.write() as session:
            row = _row(session, camera_id)
            _write_knowledge(row, info, services, clock_offset, last_seen_at)
            row.access = access_to_json(access)

    @repeated
    def save_access(self, camera_id: int, access: DeviceAccess) -> None:
        """Save how a camera is reached. Raise NotFound if there is none."""
        with self._database.write() as session:
            _row(session, camera_id).access = access_to_json(access)

    @repeated
    def save_channels(self, camera_id: int, channels: tuple[StoredChannel, ...]) -> None:
        """Replace all channels of a camera, including those that are no longer present."""
        with self._database.write() as session:
            _row(session, camera_id)
            session.execute(delete(ChannelRow).where(ChannelRow.camera_id == camera_id))
            session.add_all(_channel_row(camera_id, channel) for channel in channels)

    def replay_abilities(self) -> dict[int, ReplayAbilities]:
        """Return the stored replay abilities, by camera id."""
        with self._database.read() as session:
            return {row.camera_id: _abilities(row) for row in session.scalars(select(ReplayAbilitiesRow))}

    @repeated
    def save_replay_abilities(self, camera_id: int, abilities: ReplayAbilities) -> None:
        """Replace the stored replay abilities of a camera. Raise NotFound if there is none."""
        with self._database.write() as session:
            _row(session, camera_id)
            seen = asdict(abilities)
            del seen["keeps_to_requests"]  # it may pass
            session.merge(ReplayAbilitiesRow(camera_id=camera_id, way=seen.pop("method"), **seen))

    @repeated
    def delete_replay_abilities(self, camera_id: int) -> None:
        """Delete the stored replay abilities of a camera, if there are any."""
        with self._database.write() as session:
            session.execute(delete(ReplayAbilitiesRow).where(ReplayAbilitiesRow.camera_id == camera_id))

    @repeated
    def delete(self, camera_id: int) -> None:
        """Delete a camera and all rows that belong to it. Raise NotFound if there is none."""
        with self._database.write() as session:
            session.delete(_row(session, camera_id))

    @property
    def _vault(self) -> Vault:
        if self._opened is None:
            raise RuntimeError("the store is not open")
        return self._opened

    def _camera(self, row: CameraRow) -> StoredCamera:
        password: Secret | None
        try:
            password = self._vault.decrypt(row.password_box, password_context(row))
        except CannotDecrypt as error:
            log.error("camera %d: the stored password does not open (%s)", row.id, error)
            password = None
        offset = (
            ClockOffset(row.clock_offset_s, row.clock_measured_at)
            if row.clock_offset_s is not None and row.clock_measured_at is not None
            else None
        )
        uris = _stream_uris(row.stream_uris)
        return StoredCamera(
            id=row.id,
            name=row.name,
            host=row.host,
            port=place_of(uris.main)[1] if uris else row.port,
            port_found=row.port_found,
            username=row.username,
            password=password,
            pretend=row.pretend,
            added_at=row.added_at,
            info=DeviceInfo(row.manufacturer, row.model, row.firmware, row.serial, row.hardware),
            services=tuple(row.services.split()),
            clock_offset=offset,
            last_seen_at=row.last_seen_at,
            stream_uris=uris,
            access=access_from_json(row.access),
        )


def _abilities(row: ReplayAbilitiesRow) -> ReplayAbilities:
    return ReplayAbilities(row.way, row.seeks_in_session, row.has_times, row.beats_real_time, row.honours_frames)


def _stream_uris(stored: Any) -> StreamUris | None:
    if not isinstance(stored, dict) or not stored.get("main"):
        return None
    return StreamUris(str(stored["main"]), str(stored["sub"]) if stored.get("sub") else None)


def already_added(camera_id: int, host: str, port: int | None) -> Conflict:
    """Return the error for an address that another camera has."""
    return Conflict(
        f"{authority(host, port)} is already added as camera {camera_id}.",
        code="already_added",
        existing_id=camera_id,
    )


def _refuse_same_address(
    session: Session, host: str, port: int | None, uris: StreamUris | None, *, own_id: int | None
) -> None:
    if uris is not None:
        _refuse_same_stream(session, host, uris, own_id=own_id)
        return
    if port is None:
        return
    query = select(CameraRow.id).where(CameraRow.host == host, CameraRow.port == port)
    other = next((found for found in session.scalars(query) if found != own_id), None)
    if other is not None:
        raise already_added(other, host, port)


def _refuse_second_pretend(session: Session) -> None:
    other = session.scalars(select(CameraRow.id).where(CameraRow.pretend)).first()
    if other is not None:
        raise second_pretend(other)


def second_pretend(existing_id: int) -> Conflict:
    """Return the error for a second pretend recorder."""
    return Conflict(
        f"The pretend recorder is already added as camera {existing_id}.", code="already_added", existing_id=existing_id
    )


def _refuse_same_stream(session: Session, host: str, uris: StreamUris, *, own_id: int | None) -> None:
    for row in session.scalars(select(CameraRow).where(CameraRow.host == host)):
        known = _stream_uris(row.stream_uris)
        if row.id != own_id and known is not None and known.main == uris.main:
            raise Conflict(
                f"This stream is already added as camera {row.id}.", code="already_added", existing_id=row.id
            )


def _row(session: Session, camera_id: int) -> CameraRow:
    row = session.get(CameraRow, camera_id)
    if row is None:
        raise NotFound(f"There is no camera {camera_id}.")
    return row


def password_context(row: CameraRow) -> tuple[str | int, ...]:
    # Host and user name are part of it, so that an attacker who can write to the database, but has no key, cannot have
    # the password sent to another address.
    return "cameras", row.id, row.host, row.username, "password"


def _write_knowledge(
    row: CameraRow,
    info: DeviceInfo,
    services: tuple[str, ...],
    clock_offset: ClockOffset | None,
    last_seen_at: datetime | None,
) -> None:
    row.manufacturer, row.model, row.firmware = info.manufacturer, info.model, info.firmware
    row.serial, row.hardware = info.serial, info.hardware
    row.services = " ".join(services)
    row.clock_offset_s = clock_offset.offset_s if clock_offset else None
    row.clock_measured_at = clock_offset.measured_at if clock_offset else None
    row.last_seen_at = last_seen_at


def _channel(row: ChannelRow) -> StoredChannel:
    return StoredChannel(
        video_source_token=row.video_source_token,
        number=row.number,
        device_name=row.device_name,
        profiles=read_items(row.profiles, _profile),
        problem=Problem(row.problem_code, row.problem_detail or "") if row.problem_code else None,
        present=row.present,
        custom_name=row.custom_name,
        hidden=row.hidden,
        position=row.position,
    )


def _channel_row(camera_id: int, channel: StoredChannel) -> ChannelRow:
    return ChannelRow(
        camera_id=camera_id,
        video_source_token=channel.video_source_token,
        number=channel.number,
        present=channel.present,
        device_name=channel.device_name,
        profiles=[asdict(profile) for profile in channel.profiles],
        problem_code=channel.problem.code if channel.problem else None,
        problem_detail=channel.problem.detail if channel.problem else None,
        custom_name=channel.custom_name,
        hidden=channel.hidden,
        position=channel.position,
    )


def _profile(item: Any) -> MediaProfile:
    """Return a media profile from its stored fields, those of asdict(). Raise an error for fields that do not fit."""
    video, audio = item.get("video"), item.get("audio")
    return MediaProfile(
        profile_token=str(item["profile_token"]),
        name=str(item["name"]),
        video_source_token=str(item["video_source_token"]),
        video=VideoFormat(**video) if video else None,
        audio=AudioFormat(**audio) if audio else None,
        has_ptz=bool(item.get("has_ptz", False)),
        service=str(item.get("service", "media")),
        role=ProfileRole(item.get("role", "other")),
    )
