"""Cameras and recorders: the interface of the package `cameras`.

Reading methods (`list_cameras`, `get_camera`, `channels`, `health`, `known_video`, ...) answer from memory and never
wait for a device; changing ones wait only for the disk. The methods under "waiting for devices" wait for a device,
each with a time limit. Errors are those of core.errors.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from cameras.addresses import check_credential, check_name
from cameras.channels import change_channel, order_channels
from cameras.connecting import Connector, Pace
from cameras.device import DeviceNetwork
from cameras.drafts import apply_change, parse_address
from cameras.finding import Finder
from cameras.health import make_health_card
from cameras.pretend import HOST, USERNAME, PretendRecorder
from cameras.records import CameraChange, CameraDraft, CameraView, DiscoveredCamera, HealthCard, TimedSnapshot
from cameras.registry import Registry, device_key
from cameras.rotation import rotate_key
from cameras.snapshot_cache import SnapshotCache
from cameras.snapshots import Snapshots
from cameras.store import CameraStore, StoredCamera, StoredChannel
from cameras.stream_addresses import StreamAddresses
from core.clock import Clock
from core.errors import Conflict, NotFound, Unavailable
from core.login_gate import LoginGate
from core.recordings import RecordingDevice, ReplayAbilities, ReplaySource
from core.records import CameraStatus, Channel, Problem, StreamSource, VideoFormat, channel_of_profile
from core.secrets import Secret
from core.settings import Settings
from database import Database
from media.process import Spawner

log = logging.getLogger(__name__)

_T = TypeVar("_T")

__all__ = ["OnvifManager", "Pace"]


class OnvifManager:
    """Stores cameras in the database, connects them in the background, and shows them from memory.

    `network` is the real one unless a test passes another. `spawner` starts the pretend recorder, which is unavailable
    without it; it must run before start() and until after stop().
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        login_gate: LoginGate,
        clock: Clock,
        *,
        network: DeviceNetwork | None = None,
        spawner: Spawner | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._key_file = settings.key_file
        self._gate = login_gate
        self._clock = clock
        self._store = CameraStore(database, settings.key_file)
        self._registry = Registry(clock)
        if network is None:
            from cameras.onvif_device import OnvifNetwork  # noqa: PLC0415 - importing zeep takes a second

            network = OnvifNetwork(settings, login_gate, clock)
        self._connector = Connector(self._registry, self._store, settings, clock, network, pace or Pace())
        self._cache = SnapshotCache(settings.data_dir / "cache" / "snapshots")
        self._addresses = StreamAddresses(self._registry, self._store, self._connector, settings, clock)
        self._snapshots = Snapshots(self._registry, self._connector, self._cache, settings, clock)
        self._finder = Finder(self._registry, settings, network)
        self._pretend = PretendRecorder(
            spawner, settings, clock, on_ready=self._pretend_is_ready, on_down=self._pretend_is_down
        )
        self._adding_pretend = threading.Lock()
        self._on_delete: list[Callable[[int], None]] = []
        self._on_change: list[Callable[[int], None]] = []
        self._is_running = False

    def start(self) -> None:
        """Open database and key file, load the cameras, and begin to connect them. Raise StartRefused."""
        if self._is_running:
            return
        try:
            self._store.open()
            cameras = [(_as_loaded(camera), channels) for camera, channels in self._store.load()]
            self._registry.load(cameras, self._store.replay_abilities())
        except BaseException:
            self._store.close()
            raise
        self._cache.open(self._registry.ids())
        self._is_running = True
        self._connector.start()
        for camera_id in self._registry.ids():
            self._connector.connect_now(camera_id)
        self._start_pretend()

    def stop(self) -> None:
        """End threads, connections and the pretend recorder. May be called twice."""
        if not self._is_running:
            return
        self._is_running = False
        self._pretend.stop()
        self._connector.stop()
        for device in self._registry.remove_all():
            device.close()
        self._store.close()

    def rotate_key(self) -> int:
        """Encrypt all passwords with a new key and return their number. Neither this manager nor the app may run.

        Raise StartRefused if the old key is missing or wrong.
        """
        try:
            return rotate_key(self._database, self._key_file)
        finally:
            self._database.close()

    def on_delete(self, callback: Callable[[int], None]) -> None:
        """Call `callback(camera_id)` after a camera was removed: its streams must end."""
        self._on_delete.append(callback)

    def on_change(self, callback: Callable[[int], None]) -> None:
        """Call `callback(camera_id)` after address or credential changed: its streams must restart."""
        self._on_change.append(callback)

    # ---- reading from memory ---------------------------------------------------------------------

    def list_cameras(self) -> list[CameraView]:
        """Return all cameras, sorted by id."""
        return self._registry.views()

    def get_camera(self, camera_id: int) -> CameraView:
        """Return a camera. Raise NotFound if there is none."""
        return self._registry.view(camera_id)

    def channels(self, camera_id: int) -> list[Channel]:
        """Return the channels with their media profiles, in the user's order, hidden ones included. Raise NotFound."""
        return list(self._registry.channels(camera_id))

    def health(self, camera_id: int) -> HealthCard:
        """Return the health card: the state of the camera, the attempts and their results. Raise NotFound."""
        return make_health_card(self._registry, camera_id, self._clock.now_utc())

    def last_snapshot(self, camera_id: int, profile_token: str | None = None) -> TimedSnapshot | None:
        """Return the last still of the media profile or its channel, None if there is none. Raise NotFound.

        Without a media profile: of the first visible channel that has a still.
        """
        return self._snapshots.last(camera_id, profile_token)

    def known_video(self, camera_id: int, profile_token: str) -> VideoFormat | None:
        """Return the video format that the device states for a media profile; None if it is not known yet.

        Raise NotFound if there is no such camera, or if its channels are known and have no such media profile.
        """
        channels = self.channels(camera_id)
        channel = channel_of_profile(channels, profile_token)
        if channel is None:
            if channels:
                raise NotFound("profile_token: this camera has no such media profile.")
            return None
        return next(item.video for item in channel.profiles if item.profile_token == profile_token)

    def clock_offset_s(self, camera_id: int) -> float | None:
        """Return how far the device's clock is ahead of true time, in seconds; None if not measured. Raise NotFound."""
        return self.get_camera(camera_id).clock_offset_s

    # ---- changing --------------------------------------------------------------------------------

    def add_camera(self, draft: CameraDraft) -> CameraView:
        """Add a camera and begin to connect it.

        Raise InvalidRequest, which names the field, or Conflict already_added with the id of the camera as
        `existing_id` if its address is known.
        """
        host, port = parse_address(draft.host, draft.port)
        known = [stored for stored in self._registry.with_address(host) if not stored.pretend]
        if port is None and known:
            raise Conflict(
                f"{host} is already added as camera {known[0].id}. For another device at this address, give its port.",
                code="already_added",
                existing_id=known[0].id,
            )
        name = check_name(draft.name or "")
        username = check_credential(draft.username, field="username")
        check_credential(draft.password.reveal(), field="password")
        camera_id = self._add(name, host, port, username, draft.password)
        self._connector.connect_now(camera_id)
        return self.get_camera(camera_id)

    def add_pretend_recorder(self) -> CameraView:
        """Add the built-in pretend recorder and start it.

        Raise Conflict already_added if it exists, and Unavailable without a `spawner`.
        """
        if not self._pretend.can_start:
            raise Unavailable("The pretend recorder cannot be started here.", code="pretend_unavailable")
        with self._adding_pretend:
            existing = self._registry.pretend()
            if existing is not None:
                raise Conflict(
                    f"The pretend recorder is already added as camera {existing.id}.",
                    code="already_added",
                    existing_id=existing.id,
                )
            password = Secret(secrets.token_urlsafe(16))
            camera_id = self._add("Pretend recorder", HOST, None, USERNAME, password, pretend=True)
            self._start_pretend()
        return self.get_camera(camera_id)

    def update_camera(self, camera_id: int, change: CameraChange) -> CameraView:
        """Change the fields that are not None. Connect again after a new address or user name, or any given password.

        Raise NotFound, InvalidRequest or Conflict.
        """
        with self._registry.saving:
            with self._registry.changed:
                entry = self._registry.entry(camera_id)
                before, channels = entry.stored, entry.channels
            wanted = apply_change(before, change)
            is_moved = (wanted.host, wanted.port) != (before.host, before.port)
            must_connect = is_moved or wanted.username != before.username or change.password is not None
            if must_connect:
                self._store.delete_replay_abilities(camera_id)
            stored = self._store.change(
                camera_id,
                name=wanted.name,
                host=wanted.host,
                port=wanted.port,
                port_found=wanted.port_found,
                username=wanted.username,
                password=wanted.password,
                forget_device=is_moved,
            )
            if must_connect:
                device = self._registry.put(stored, () if is_moved else channels)
            else:
                self._registry.set_stored(camera_id, lambda now: replace(now, name=stored.name))
        if must_connect:
            self._connector.abort(camera_id)
            if device is not None:
                device.close()
            if is_moved:
                self._cache.drop_camera(camera_id)
            self._reconnect(camera_id)
        return self.get_camera(camera_id)

    def delete_camera(self, camera_id: int) -> None:
        """Remove a camera and all its data. Its streams have ended when this returns. Raise NotFound."""
        with self._registry.saving:
            was_pretend = self._registry.entry(camera_id).stored.pretend
            self._store.delete(camera_id)
            device = self._registry.remove(camera_id)
        self._connector.forget(camera_id)
        self._snapshots.forget(camera_id)
        for callback in self._on_delete:
            callback(camera_id)
        if was_pretend:
            self._pretend.stop()
        if device is not None:
            device.close()
        self._gate.forget(device_key(camera_id))
        self._cache.drop_camera(camera_id)

    def refresh(self, camera_id: int) -> CameraView:
        """Connect and read everything again in the background, also after a refused password. Raise NotFound."""
        with self._registry.saving, self._registry.changed:
            entry = self._registry.entry(camera_id)
            if entry.stored.port_found and entry.status is CameraStatus.OFFLINE:
                entry.stored = replace(entry.stored, port=None)  # the port may have changed: probe again
            self._registry.reset_for_retry(camera_id)
        self._gate.forget(device_key(camera_id))
        self._snapshots.forget(camera_id)
        self._connector.connect_now(camera_id)
        return self.get_camera(camera_id)

    def update_channel(
        self,
        camera_id: int,
        number: int,
        *,
        name: str | None = None,
        hidden: bool | None = None,
        position: int | None = None,
    ) -> Channel:
        """Rename, hide or move a channel. Name "" restores the device's own; `position` counts from 0.

        Raise NotFound or InvalidRequest.
        """
        name = None if name is None else check_name(name)
        channels = self._save_channels(
            camera_id, lambda stored: change_channel(stored, number, name=name, hidden=hidden, position=position)
        )
        return next(channel for channel in channels if channel.number == number)

    def order_channels(self, camera_id: int, numbers: Sequence[int]) -> list[Channel]:
        """Reorder the channels. Raise InvalidRequest unless `numbers` has each channel exactly once, or NotFound."""
        return self._save_channels(camera_id, lambda stored: order_channels(stored, numbers))

    # ---- waiting for devices ---------------------------------------------------------------------

    def wait_first_connection(self, camera_id: int, timeout_s: float) -> CameraView:
        """Wait for the end of the first attempt after the camera was added, edited or refreshed; return the camera.

        Wait at most `timeout_s`. Raise NotFound.
        """
        deadline_s = self._clock.monotonic_s() + timeout_s
        with self._registry.changed:
            while True:
                entry = self._registry.entry(camera_id)
                left_s = deadline_s - self._clock.monotonic_s()
                if entry.attempts or left_s <= 0 or entry.stored.password is None:
                    return self.get_camera(camera_id)
                self._registry.changed.wait(left_s)

    def stream_source(self, camera_id: int, profile_token: str) -> StreamSource:
        """Return RTSP address and credential of a media profile, from memory if it was asked recently.

        Wait at most about twice settings.device_timeout_s. Raise NotFound, or the DeviceError.
        """
        return self._addresses.stream_source(camera_id, profile_token)

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        """Return the RTSP address of a recording, and how far the device's clock is ahead of true time, in seconds.

        Wait at most about twice settings.device_timeout_s. Raise NotFound, InvalidRequest, or the DeviceError.
        """
        return self._addresses.replay_source(camera_id, recording_token)

    def note_replay_abilities(self, source: ReplaySource, abilities: ReplayAbilities) -> None:
        """Remember the replay abilities that a device has shown, until its camera's address or credential changes.

        Wait for the disk. A `source` from before such a change is ignored.
        """
        self._addresses.note_replay_abilities(source, abilities)

    def ask_recorder(self, camera_id: int, call: Callable[[RecordingDevice], _T]) -> _T:
        """Return the result of `call` to the open device; wait at most settings.device_timeout_s until it is open.

        Raise NotFound, or the DeviceError, which also counts for the camera's state.
        """
        return self._addresses.ask_recorder(camera_id, call)

    def request_key_frame(self, camera_id: int, profile_token: str) -> None:
        """Ask the device for a key frame now (SetSynchronizationPoint). Raise NotFound, or the DeviceError."""
        self._addresses.request_key_frame(camera_id, profile_token)

    def device_snapshot(self, camera_id: int, profile_token: str) -> bytes | None:
        """Return the device's own still, a JPEG. Return None if a frame of the stream has to do.

        Raise NotFound, or CameraAuthFailed.
        """
        return self._snapshots.from_device(camera_id, profile_token)

    def first_profile(self, camera_id: int) -> str:
        """Return the best media profile of the first channel that works. Raise NotFound, or the DeviceError."""
        return self._snapshots.first_profile(camera_id)

    def discover(self) -> list[DiscoveredCamera]:
        """Return the devices that answer a search of the local network within settings.discovery_s."""
        return self._finder.discover()

    def note_stream(self, camera_id: int, profile_token: str, problem: Problem | None) -> None:
        """Mark the channel of a media profile with the problem of a session, or clear its mark (None)."""
        self._registry.note_stream(camera_id, profile_token, problem)

    def keep_snapshot(self, camera_id: int, profile_token: str, jpeg: bytes) -> TimedSnapshot:
        """Keep a still that was taken now as the last one of its media profile, and return it with its time."""
        return self._snapshots.keep(camera_id, profile_token, jpeg)

    # ---- inside ----------------------------------------------------------------------------------

    def _add(
        self, name: str, host: str, port: int | None, username: str, password: Secret, *, pretend: bool = False
    ) -> int:
        with self._registry.saving:
            stored = self._store.add(
                name=name,
                host=host,
                port=port,
                username=username,
                password=password,
                pretend=pretend,
                added_at=self._clock.now_utc(),
            )
            self._registry.put(stored)
        return stored.id

    def _reconnect(self, camera_id: int) -> None:
        self._gate.forget(device_key(camera_id))
        self._snapshots.forget(camera_id)
        self._connector.connect_now(camera_id)
        for callback in self._on_change:
            callback(camera_id)

    def _save_channels(
        self, camera_id: int, change: Callable[[tuple[StoredChannel, ...]], tuple[StoredChannel, ...]]
    ) -> list[Channel]:
        with self._registry.saving:
            channels = change(self._registry.entry(camera_id).channels)
            self._store.save_channels(camera_id, channels)
            self._registry.set_channels(camera_id, channels)
        return self.channels(camera_id)

    def _start_pretend(self) -> None:
        stored = self._registry.pretend()
        if stored is None or stored.password is None:
            return
        if self._pretend.can_start:
            self._pretend.start(stored.password)
        else:
            self._pretend_is_down(Problem("camera_unreachable", "The pretend recorder cannot be started here."))

    def _pretend_is_ready(self, port: int) -> None:
        with self._registry.saving:
            stored = self._registry.pretend()
            if stored is None:
                return
            self._store.set_address(stored.id, HOST, port, found=False)
            self._store.delete_replay_abilities(stored.id)
            channels = self._registry.entry(stored.id).channels
            device = self._registry.put(replace(stored, port=port), channels)
        if device is not None:
            device.close()
        self._reconnect(stored.id)

    def _pretend_is_down(self, problem: Problem) -> None:
        with self._registry.changed:
            stored = self._registry.pretend()
            if stored is None:
                return
            entry = self._registry.entry(stored.id)
            device = self._registry.note_failed_attempt(stored.id, entry.generation, CameraStatus.OFFLINE, problem)
            entry.stored = replace(entry.stored, port=None)
        self._connector.forget(stored.id)
        if device is not None:
            device.close()


def _as_loaded(camera: StoredCamera) -> StoredCamera:
    """Return the camera as loaded at start: the pretend recorder has no port yet, because it chooses a new one."""
    return replace(camera, port=None) if camera.pretend else camera
