"""A user's changes of the cameras: save the row, show it in memory, and connect again where the change needs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import replace

from cameras.addresses import check_credential, check_name
from cameras.channels import change_channel, order_channels
from cameras.connecting import Connector
from cameras.device import Device
from cameras.drafts import apply_change, parse_address
from cameras.records import CameraChange, CameraDraft
from cameras.registry import Registry, credential_of, device_key
from cameras.snapshot_cache import SnapshotCache
from cameras.snapshots import Snapshots
from cameras.store import CameraStore, LoadedCamera, StoredCamera, StoredChannel
from cameras.stream_uris import read_stream_uris
from core.clock import Clock
from core.errors import Conflict
from core.login_gate import LoginGate
from core.records import USUAL_ACCESS, CameraStatus, DeviceAccess, StreamUris
from core.secrets import Secret


class CameraEditor:
    """Adds, changes and removes cameras and their channels. Its calls wait for the disk, and for `on_closing`.

    The lists `on_closing`, `on_kept`, `on_delete` and `on_change` hold callbacks that take a camera's id;
    see OnvifManager.
    """

    def __init__(
        self,
        registry: Registry,
        store: CameraStore,
        connector: Connector,
        snapshots: Snapshots,
        cache: SnapshotCache,
        login_gate: LoginGate,
        clock: Clock,
    ) -> None:
        self.on_closing: list[Callable[[int], None]] = []
        self.on_kept: list[Callable[[int], None]] = []
        self.on_delete: list[Callable[[int], None]] = []
        self.on_change: list[Callable[[int], None]] = []
        self._registry = registry
        self._store = store
        self._connector = connector
        self._snapshots = snapshots
        self._cache = cache
        self._gate = login_gate
        self._clock = clock

    def add(self, draft: CameraDraft) -> int:
        """Check the draft, add its camera, begin to connect it, and return its id.

        Raise InvalidRequest, which names the field, or Conflict already_added.
        """
        if draft.stream_uris is not None:
            return self._add_plain(draft, draft.stream_uris)
        entered = parse_address(draft.host, draft.port)
        host, port = entered.host, entered.port
        access = replace(entered.applied_to(DeviceAccess()), readable_password=draft.readable_password)
        known = [stored for stored in self._registry.with_address(host) if not stored.pretend and not stored.is_plain]
        if port is None and known:
            raise Conflict(
                f"{host} is already added as camera {known[0].id}. For another device at this address, give its port.",
                code="already_added",
                existing_id=known[0].id,
            )
        name = check_name(draft.name or "")
        username = check_credential(draft.username, field="username")
        check_credential(draft.password.reveal(), field="password")
        camera_id = self.save_new(name, host, port, username, draft.password, access=access)
        self._connector.connect_now(camera_id)
        return camera_id

    def _add_plain(self, draft: CameraDraft, uris: StreamUris) -> int:
        check_credential(draft.username, field="username")
        check_credential(draft.password.reveal(), field="password")
        read = read_stream_uris(uris, username=draft.username, password=draft.password)
        name = check_name(draft.name or "")
        camera_id = self.save_new(
            name,
            read.host,
            read.port,
            read.username or "",
            read.password or Secret(""),
            stream_uris=read.uris,
            access=DeviceAccess(readable_password=draft.readable_password),
        )
        self._connector.connect_now(camera_id)
        return camera_id

    def save_new(
        self,
        name: str,
        host: str,
        port: int | None,
        username: str,
        password: Secret,
        *,
        pretend: bool = False,
        stream_uris: StreamUris | None = None,
        access: DeviceAccess = USUAL_ACCESS,
    ) -> int:
        """Save a camera without connecting it, and return its id. Raise Conflict if its address is known."""
        with self._registry.saving:
            stored = self._store.add(
                name=name,
                host=host,
                port=port,
                username=username,
                password=password,
                pretend=pretend,
                added_at=self._clock.now_utc(),
                stream_uris=stream_uris,
                access=access,
            )
            self._registry.put(stored)
        self._store.tell()
        return stored.id

    def update(self, camera_id: int, change: CameraChange) -> None:
        """Change the fields that are not None. Connect again after a new address or user name, or any given password.

        Raise NotFound, InvalidRequest or Conflict.
        """
        with self._registry.saving:
            with self._registry.changed:
                entry = self._registry.entry(camera_id)
                before, channels = entry.stored, entry.channels
            wanted = apply_change(before, change)
            is_moved = _place(wanted) != _place(before)
            is_same_login = wanted.username == before.username and wanted.password is before.password
            must_connect = is_moved or not is_same_login or _without_zone(wanted.access) != _without_zone(before.access)
            with self._closing(camera_id) if must_connect else nullcontext():
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
                    stream_uris=wanted.stream_uris,
                    access=wanted.access,
                )
            if must_connect:
                device = self._registry.put(stored, () if is_moved else channels)
            else:
                zone = stored.access.recording_time_zone
                self._registry.set_stored(
                    camera_id,
                    lambda now: replace(now, name=stored.name, access=replace(now.access, recording_time_zone=zone)),
                )
        self._store.tell()
        if must_connect:
            self._connector.abort(camera_id)
            if device is not None:
                device.close()
            if is_moved:
                self._cache.drop_camera(camera_id)
            self.reconnect(camera_id)

    def delete(self, camera_id: int) -> StoredCamera:
        """Remove a camera and all its data, and return its stored values. Raise NotFound.

        Its streams have ended when this returns.
        """
        with self._registry.saving:
            removed = self._registry.entry(camera_id).stored
            with self._closing(camera_id):
                self._store.delete(camera_id)
            device = self._registry.remove(camera_id)
        self._store.tell()
        self._forget(camera_id, device)
        return removed

    def _forget(self, camera_id: int, device: Device | None) -> None:
        self._connector.forget(camera_id)
        self._snapshots.forget(camera_id)
        for callback in self.on_delete:
            callback(camera_id)
        if device is not None:
            device.close()
        self._cache.drop_camera(camera_id)

    def follow_removal(self, camera_id: int) -> None:
        """Remove a camera from memory that another process has deleted. Its rows are gone; its files here go now."""
        with self._closing(camera_id):
            device = self._registry.remove(camera_id)
        self._forget(camera_id, device)

    def follow_edit(self, row: LoadedCamera) -> None:
        """Connect a camera again whose address or login another process has changed."""
        camera_id = row.stored.id
        with self._closing(camera_id), self._registry.saving:
            if self._registry.find(camera_id) is None:
                return
            device = self._registry.put(row.stored, row.channels, row.replay_abilities)
        self._connector.abort(camera_id)
        if device is not None:
            device.close()
        self.reconnect(camera_id)

    @contextmanager
    def _closing(self, camera_id: int) -> Iterator[None]:
        """Call `on_closing`, and `on_kept` if the change in the block fails."""
        try:
            for callback in self.on_closing:
                callback(camera_id)
            yield
        except BaseException:
            for callback in self.on_kept:
                callback(camera_id)
            raise

    def refresh(self, camera_id: int) -> None:
        """Connect and read everything again in the background. Raise NotFound.

        A refused password is tried again only once until the device accepts a login.
        """
        with self._registry.saving, self._registry.changed:
            entry = self._registry.entry(camera_id)
            # A probe of other ports trusts a new certificate, so it would bypass the pinned one.
            is_plain_http = entry.stored.access.scheme == "http"
            if entry.stored.port_found and is_plain_http and entry.status is CameraStatus.OFFLINE:
                entry.stored = replace(entry.stored, port=None)  # the port may have changed: probe again
            self._registry.reset_for_retry(camera_id)
        self._connect_from_scratch(camera_id)

    def reconnect(self, camera_id: int) -> None:
        """Connect to a new address or with a new credential, and let the callbacks restart the camera's streams."""
        self._connect_from_scratch(camera_id)
        for callback in self.on_change:
            callback(camera_id)

    def change_channel(
        self, camera_id: int, number: int, *, name: str | None, hidden: bool | None, position: int | None
    ) -> None:
        """Change the fields of a channel that are not None. Raise NotFound or InvalidRequest."""
        name = None if name is None else check_name(name)
        self._save_channels(
            camera_id, lambda stored: change_channel(stored, number, name=name, hidden=hidden, position=position)
        )

    def order_channels(self, camera_id: int, numbers: Sequence[int]) -> None:
        """Reorder the channels. Raise InvalidRequest unless `numbers` has each channel exactly once, or NotFound."""
        self._save_channels(camera_id, lambda stored: order_channels(stored, numbers))

    def _connect_from_scratch(self, camera_id: int) -> None:
        credential = credential_of(self._registry.entry(camera_id).stored)
        self._gate.allow_retry(device_key(camera_id), credential)  # once, so that a user cannot lock the account
        self._snapshots.forget(camera_id)
        self._connector.connect_now(camera_id)

    def _save_channels(
        self, camera_id: int, change: Callable[[tuple[StoredChannel, ...]], tuple[StoredChannel, ...]]
    ) -> None:
        with self._registry.saving:
            channels = change(self._registry.entry(camera_id).channels)
            self._store.save_channels(camera_id, channels)
            self._registry.set_channels(camera_id, channels)
        self._store.tell()


def _place(camera: StoredCamera) -> tuple[object, ...]:
    return camera.host, camera.port, camera.stream_uris, camera.access.scheme


def _without_zone(access: DeviceAccess) -> DeviceAccess:
    """Return the access without the zone of recordings, which no connection needs."""
    return replace(access, recording_time_zone="")
