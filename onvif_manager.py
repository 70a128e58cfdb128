"""Cameras and recorders: the interface of the package `cameras`.

Reading methods (`list_cameras`, `get_camera`, `channels`, `health`, `known_video`, ...) answer from memory and never
wait for a device; changing ones wait only for the disk. The methods under "waiting for devices" wait for a device,
each with a time limit. Errors are those of core.errors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeVar

from cameras.certificates import CertificateStore
from cameras.connecting import Connector, Pace
from cameras.device import DeviceNetwork
from cameras.editing import CameraEditor
from cameras.finding import Finder
from cameras.health import make_health_card
from cameras.media_calls import MediaCalls, recording_zone
from cameras.ownership import Ownership
from cameras.pretend_camera import PretendCamera
from cameras.reading_again import TableReader
from cameras.records import CameraChange, CameraDraft, CameraView, DiscoveredCamera, HealthCard, TimedSnapshot
from cameras.refusals import Refusals
from cameras.registry import Registry
from cameras.rotation import rotate_key
from cameras.snapshot_cache import SnapshotCache
from cameras.snapshots import Snapshots
from cameras.store import CameraStore, StoredCamera
from cameras.vault import Vault
from core.clock import Clock
from core.errors import Conflict, NotFound
from core.events import EventDevice
from core.login_gate import Refusal
from core.login_protection import LoginProtection
from core.placement import Placement
from core.ptz import PtzDevice
from core.recordings import RecordingDevice, ReplayAbilities, ReplaySource, ZoneOfTimes
from core.records import CameraStatus, Channel, Problem, RtspHabits, StreamSource, VideoFormat, channel_of_profile
from core.settings import Settings
from database import Database
from media.process import Spawner

_T = TypeVar("_T")

__all__ = ["OnvifManager", "Pace"]


class OnvifManager:
    """Stores cameras in the database, connects them in the background, and shows them from memory.

    `network` reaches the devices, whose logins `protection` guards. `spawner` starts the pretend recorder, which is
    unavailable without it; it must run before start() and until after stop().
    """

    def __init__(
        self,
        database: Database,
        settings: Settings,
        clock: Clock,
        protection: LoginProtection,
        network: DeviceNetwork,
        *,
        spawner: Spawner | None = None,
        pace: Pace | None = None,
    ) -> None:
        self._database = database
        self._key_file = settings.key_file
        self._clock = clock
        self._store = CameraStore(database, settings.key_file)
        self._certificates = protection.certificates
        self._certificate_store = CertificateStore(database, self._certificates)
        self._registry = Registry(clock, self._certificates)
        self._connector = Connector(self._registry, self._store, settings, clock, network, pace or Pace())
        self._cache = SnapshotCache(settings.data_dir / "cache" / "snapshots")
        self._media_calls = MediaCalls(self._registry, self._store, self._connector, settings, clock)
        self._snapshots = Snapshots(self._registry, self._connector, self._cache, settings, clock)
        self._finder = Finder(self._registry, settings, network)
        self._refusals = Refusals(self._registry, protection.gate)
        self._ownership = Ownership(
            self._registry, self._store, self._certificate_store, self._connector, self._snapshots
        )
        self._on_accepted_certificate: list[Callable[[int], None]] = []
        self._editor = CameraEditor(
            self._registry, self._store, self._connector, self._snapshots, self._cache, protection.gate, clock
        )
        self._table_reader = TableReader(
            self._registry,
            self._store,
            self._certificate_store,
            self._connector,
            self._editor,
            self._cache,
            _as_loaded,
        )
        self._pretend = PretendCamera(
            self._registry, self._store, self._connector, self._editor, spawner, settings, clock
        )
        self._ownership.on_gained.append(self._pretend.begin_owning)
        self._ownership.on_closed.append(self._pretend.end_owning)
        self._is_running = False

    def start(self) -> None:
        """Open database and key file, load the cameras, and begin to connect them. Raise StartRefused."""
        if self._is_running:
            return
        try:
            self._store.open()
            self._certificate_store.open()
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
        self._pretend.start()

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

    @property
    def vault(self) -> Vault:
        """Return the vault of the stored passwords, for other secrets. Raise Unavailable before start()."""
        return self._store.vault

    def node_key(self) -> bytes:
        """Return the key with which the nodes of one database sign requests. Raise Unavailable before start()."""
        return self._store.vault.key_for("requests between nodes")

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
        self._editor.on_delete.append(callback)

    def on_closing(self, callback: Callable[[int], None]) -> None:
        """Call `callback(camera_id)` before the connection to a camera ends because a user changes or removes it.

        It may wait for the device for a second.
        """
        self._editor.on_closing.append(callback)

    def on_kept(self, callback: Callable[[int], None]) -> None:
        """Call `callback(camera_id)` after on_closing() if the change failed: the connection goes on."""
        self._editor.on_kept.append(callback)

    def on_change(self, callback: Callable[[int], None]) -> None:
        """Call `callback(camera_id)` after address or credential changed: its streams must restart."""
        self._editor.on_change.append(callback)

    def on_accepted_certificate(self, callback: Callable[[int], None]) -> None:
        """Call `callback(camera_id)` after a user has accepted a changed certificate: its streams may go on."""
        self._on_accepted_certificate.append(callback)

    # ---- several nodes ---------------------------------------------------------------------------

    def use_placement(self, placement: Placement) -> None:
        """Connect only the cameras that `placement` gives to this process. Call it before start()."""
        self._ownership.follow(placement)

    def living_nodes(self) -> frozenset[str]:
        """Return the names of the living nodes. They are known once this node has gained a camera."""
        return self._ownership.living_nodes()

    def on_lost(self, callback: Callable[[int], None]) -> None:
        """Call `callback(camera_id)` after another node became the owner: everything at the device must end.

        The connection to the device is still open for ask_head() and ask_events(). The database may be away. Calls for
        different cameras may come at the same time.
        """
        self._ownership.on_lost.append(callback)

    def on_closed(self, callback: Callable[[int], None]) -> None:
        """Call `callback(camera_id)` after on_lost(), when the connection to the device has ended."""
        self._ownership.on_closed.append(callback)

    def on_gained(self, callback: Callable[[int], None]) -> None:
        """Call `callback(camera_id)` after this process became the owner of a camera, before it connects the camera."""
        self._ownership.on_gained.append(callback)

    def on_edited(self, callback: Callable[[], None]) -> None:
        """Call `callback()` after this process has written what other processes must read by read_again()."""
        self._store.on_written.append(callback)

    def read_again(self) -> None:
        """Follow the changes that other processes have made: cameras that were added, edited, removed or renamed.

        The callbacks of on_delete() run in each process, since each has files of its own; those of on_change() run
        where the camera is connected. Raise Unavailable if the database does not answer.
        """
        self._table_reader.read_again()

    def owns(self, camera_id: int) -> bool:
        """True if this process may connect the camera."""
        return self._registry.owns(camera_id)

    def check_owner(self, camera_id: int) -> None:
        """Raise NotFound for an unknown camera, and NotOwner for one that another node may connect."""
        self._registry.check_owner(camera_id)

    def owned_cameras(self) -> list[CameraView]:
        """Return the cameras that this process may connect, sorted by id."""
        return [view for view in self._registry.views() if self._registry.owns(view.id)]

    def states(self) -> dict[int, tuple[CameraStatus, Problem | None]]:
        """Return the states of the cameras that this process owns, for the other nodes."""
        return self._registry.states()

    def show_state(self, camera_id: int, status: CameraStatus, problem: Problem | None) -> None:
        """Show the state that the owner of a camera has noted. Ignore an unknown camera, and one of this process."""
        self._registry.show_state(camera_id, status, problem)

    def refusal(self, camera_id: int) -> Refusal | None:
        """Return the block of a refused password; None if the password may be tried."""
        return self._refusals.refusal(camera_id)

    def continue_refusal(self, camera_id: int, refusal: Refusal) -> None:
        """Do not try a password that another node has tried, for as long as that node would not."""
        self._refusals.continue_refusal(camera_id, refusal)

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
        """Return the device's time minus ours, as measured; None if not measured. Raise NotFound."""
        return self.get_camera(camera_id).clock_offset_s

    def recording_offset_s(self, camera_id: int) -> float:
        """Return the device's times of recordings minus ours: its clock, and a zone in these times. Raise NotFound."""
        return (self.clock_offset_s(camera_id) or 0.0) + self.recording_zone(camera_id).zone_s

    def recording_zone(self, camera_id: int) -> ZoneOfTimes:
        """Return the time zone in the device's times of recordings. Raise NotFound."""
        offset_s = self.clock_offset_s(camera_id) or 0.0
        with self._registry.changed:
            entry = self._registry.entry(camera_id)
            learned = entry.device.learned if entry.device is not None else entry.stored.access.learned
            access = replace(entry.stored.access, learned=learned)
        return recording_zone(access, offset_s, self._clock.now_utc())

    # ---- changing --------------------------------------------------------------------------------

    def add_camera(self, draft: CameraDraft) -> CameraView:
        """Add a camera and begin to connect it.

        Raise InvalidRequest, which names the field, or Conflict already_added with the id of the camera as
        `existing_id` if its address is known.
        """
        return self.get_camera(self._editor.add(draft))

    def add_pretend_recorder(self) -> CameraView:
        """Add the built-in pretend recorder and start it.

        Raise Conflict already_added if it exists, and Unavailable without a `spawner`.
        """
        return self.get_camera(self._pretend.add())

    def update_camera(self, camera_id: int, change: CameraChange) -> CameraView:
        """Change the fields that are not None. Connect again after a new address or user name, or any given password.

        Raise NotFound, InvalidRequest or Conflict.
        """
        before = self._registry.view(camera_id).host
        self._editor.update(camera_id, change)
        self._forget_unused_certificates(before, set())
        return self.get_camera(camera_id)

    def delete_camera(self, camera_id: int) -> None:
        """Remove a camera and all its data. Its streams have ended when this returns. Raise NotFound."""
        ports = self._registry.ports(camera_id)
        removed = self._editor.delete(camera_id)
        if removed.pretend:
            self._pretend.stop()
        self._forget_unused_certificates(removed.host, ports)

    def _forget_unused_certificates(self, host: str, ports: set[int]) -> None:
        """Forget certificates that no camera uses any longer, because another device may get the address.

        Those are the ones at these ports, and all of the host if no camera has it.
        """
        pinned = {pin.port for pin in self._certificates.of_host(host)}
        others = [self._registry.ports(stored.id) for stored in self._registry.with_address(host)]
        unused = pinned & ports - set().union(*others) if others else pinned
        if unused:
            self._certificates.forget(host, unused)
            self._certificate_store.save(host)
            self._store.tell()

    def accept_certificate(self, camera_id: int, sha256: str) -> CameraView:
        """Pin the changed certificate of a camera that has this fingerprint, and connect again.

        Raise NotFound, or Conflict if the device has not shown this certificate: it may have changed once more.
        """
        host = self._registry.view(camera_id).host
        ports = self._registry.ports(camera_id)
        if not self._certificates.accept(host, ports, sha256.replace(":", "").lower()):
            raise Conflict("The device has not shown a changed certificate with this fingerprint.")
        for stored in self._registry.with_address(host):
            if ports & self._registry.ports(stored.id):
                self._editor.refresh(stored.id)
                for callback in self._on_accepted_certificate:
                    callback(stored.id)
        return self.get_camera(camera_id)

    def refresh(self, camera_id: int) -> CameraView:
        """Connect and read everything again in the background. Raise NotFound.

        A refused password is tried again only once until the device accepts a login.
        """
        self._editor.refresh(camera_id)
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
        self._editor.change_channel(camera_id, number, name=name, hidden=hidden, position=position)
        return next(channel for channel in self.channels(camera_id) if channel.number == number)

    def order_channels(self, camera_id: int, numbers: Sequence[int]) -> list[Channel]:
        """Reorder the channels. Raise InvalidRequest unless `numbers` has each channel exactly once, or NotFound."""
        self._editor.order_channels(camera_id, numbers)
        return self.channels(camera_id)

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
        return self._media_calls.stream_source(camera_id, profile_token)

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        """Return the source of a recording, and correction_s: the seconds to add to true time to get the device's.

        That is not clock_offset_s(): see core.recordings.correction_s. Wait at most about twice
        settings.device_timeout_s. Raise NotFound, InvalidRequest, or the DeviceError.
        """
        return self._media_calls.replay_source(camera_id, recording_token)

    def note_replay_abilities(self, source: ReplaySource, abilities: ReplayAbilities) -> None:
        """Remember the replay abilities that a device has shown, until its camera's address or credential changes.

        Wait for the disk. A `source` from before such a change is ignored.
        """
        self._media_calls.note_replay_abilities(source, abilities)

    def note_rtsp_habits(self, camera_id: int, habits: tuple[RtspHabits, ...]) -> None:
        """Store the RTSP habits of a device for its next source. Wait for the disk."""
        self._media_calls.note_rtsp_habits(camera_id, habits)

    def ask_recorder(self, camera_id: int, call: Callable[[RecordingDevice], _T]) -> _T:
        """Return the result of `call` to the open device; wait at most settings.device_timeout_s until it is open.

        Raise NotFound, or the DeviceError, which also counts for the camera's state.
        """
        return self._media_calls.ask_recorder(camera_id, call)

    def ask_head(self, camera_id: int, call: Callable[[PtzDevice], _T], *, wait_s: float | None = None) -> _T:
        """Like ask_recorder(), for heads, imaging and relays; wait at most `wait_s` until the device is open."""
        return self._media_calls.ask_head(camera_id, call, wait_s=wait_s)

    def ask_events(self, camera_id: int, call: Callable[[EventDevice], _T], *, wait_s: float = 0.0) -> _T:
        """Like ask_recorder(), for the subscription to events; wait at most `wait_s` until the device is open."""
        return self._media_calls.ask_events(camera_id, call, wait_s=wait_s)

    def request_key_frame(self, camera_id: int, profile_token: str) -> None:
        """Ask the device for a key frame now (SetSynchronizationPoint). Raise NotFound, or the DeviceError."""
        self._media_calls.request_key_frame(camera_id, profile_token)

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


def _as_loaded(camera: StoredCamera) -> StoredCamera:
    """Return the camera as loaded at start: the pretend recorder has no port yet, because it chooses a new one."""
    return replace(camera, port=None) if camera.pretend else camera
