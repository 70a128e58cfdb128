"""Where a channel's picture comes from: stream addresses, key frames, snapshots."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from typing import TypeVar

from cameras.connecting import Connector
from cameras.device import Device
from cameras.records import TimedSnapshot
from cameras.registry import Registry, credential_of, device_key
from cameras.snapshot_cache import SnapshotCache
from core.clock import Clock
from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnreachable, CameraUnsupported, DeviceError, NotFound
from core.recordings import RecordingDevice, ReplaySource, correction_s
from core.records import Channel, MediaProfile, Problem, ProfileRole, StreamSource
from core.settings import Settings

log = logging.getLogger(__name__)

_URI_KEPT_S = 600.0  # ONVIF lets a URI become invalid with a reboot (InvalidAfterReboot) that nobody tells us of
_NO_OWN_SNAPSHOT_S = 600.0
_MOST_SNAPSHOT_BYTES = 16_000_000
_ROLES = (ProfileRole.MAIN, ProfileRole.SUB, ProfileRole.OTHER)

_T = TypeVar("_T")
FrameSnapshot = Callable[[StreamSource], bytes]


class Pictures:
    """Asks devices for addresses and stills. Its calls wait for the device, each at most its time limit."""

    def __init__(
        self,
        registry: Registry,
        connector: Connector,
        cache: SnapshotCache,
        settings: Settings,
        clock: Clock,
        frame_snapshot: FrameSnapshot | None,
    ) -> None:
        self._registry = registry
        self._connector = connector
        self._cache = cache
        self._settings = settings
        self._clock = clock
        self._frame_snapshot = frame_snapshot
        self._lock = threading.Lock()
        self._under_way: dict[tuple[int, str], Future[TimedSnapshot]] = {}
        self._no_own: dict[tuple[int, str], float] = {}

    def stream_source(self, camera_id: int, profile_token: str) -> StreamSource:
        """The RTSP address of a media profile and how to get in. NotFound, or any DeviceError."""
        registry = self._registry
        with registry.changed:
            entry = registry.entry(camera_id)
            cached = entry.uris.get(profile_token) if entry.device is not None else None
        now_s = self._clock.monotonic_s()
        if cached is not None and now_s - cached[1] < _URI_KEPT_S:
            return self._source(camera_id, self._profile(camera_id, profile_token), cached[0])
        device = self._device_with(camera_id, profile_token)
        profile = self._profile(camera_id, profile_token)
        uri = self._ask(camera_id, device, lambda: device.stream_uri(profile))
        with registry.changed:
            entry = registry.entry(camera_id)
            if entry.device is device:
                entry.uris[profile_token] = (uri, now_s)
            return self._source(camera_id, profile, uri)

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        """The RTSP address of a recording, and what the device's clock is ahead of true time, in seconds.

        NotFound, InvalidRequest, or any DeviceError.
        """
        device = self._connector.device(camera_id, self._settings.device_timeout_s)
        uri = self._ask(camera_id, device, lambda: device.replay_uri(recording_token))
        with self._registry.changed:
            stored = self._registry.entry(camera_id).stored
        source = ReplaySource(
            camera_id=camera_id,
            recording_token=recording_token,
            uri=uri,
            device_key=device_key(camera_id),
            credential=credential_of(stored),
            manufacturer=device.info.manufacturer,
        )
        return source, correction_s(device.clock_offset.offset_s if device.clock_offset else None)

    def ask_recorder(self, camera_id: int, call: Callable[[RecordingDevice], _T]) -> _T:
        """What the call gives, once the device is open. NotFound, or any DeviceError."""
        device = self._connector.device(camera_id, self._settings.device_timeout_s)
        return self._ask(camera_id, device, lambda: call(device))

    def request_key_frame(self, camera_id: int, profile_token: str) -> None:
        """Asks the device for a key frame now; a device that cannot is none the worse."""
        profile = self._profile(camera_id, profile_token)
        with self._registry.changed:
            device = self._registry.entry(camera_id).device
        if device is not None:
            self._ask(camera_id, device, lambda: device.request_key_frame(profile))

    def snapshot(self, camera_id: int, profile_token: str | None) -> TimedSnapshot:
        """A still taken now: the device's own, else a frame of the stream. Who asks meanwhile shares it."""
        if profile_token is None:
            profile_token = self._first_profile(camera_id)
        key = (camera_id, profile_token)
        with self._lock:
            future = self._under_way.get(key)
            is_mine = future is None
            if future is None:
                future = self._under_way[key] = Future()
        if not is_mine:
            try:
                return future.result(3 * self._settings.device_timeout_s)
            except FutureTimeout:
                raise CameraUnreachable("The device has not sent a picture in time.") from None
        try:
            taken = self._take(camera_id, profile_token)
        except BaseException as error:
            future.set_exception(error)
            raise
        else:
            future.set_result(taken)
            return taken
        finally:
            with self._lock:
                del self._under_way[key]

    def last_snapshot(self, camera_id: int, profile_token: str | None) -> TimedSnapshot | None:
        """The last one known, without asking anybody: of this media profile, else of its channel; for
        None of the first channel that has one."""
        channels = [channel for channel in self._registry.channels(camera_id) if not channel.hidden]
        if profile_token is not None:
            channels = [self._channel(camera_id, profile_token)]
        for channel in channels:
            tokens = [profile.profile_token for profile in _best_first(channel)]
            if profile_token is not None:
                tokens.sort(key=lambda token: token != profile_token)
            for token in tokens:
                if (kept := self._cache.get(camera_id, token)) is not None:
                    return kept
        return None

    def forget(self, camera_id: int) -> None:
        """Drops what was learned of the device's own snapshots."""
        with self._lock:
            for key in [key for key in self._no_own if key[0] == camera_id]:
                del self._no_own[key]

    def _take(self, camera_id: int, profile_token: str) -> TimedSnapshot:
        device = self._device_with(camera_id, profile_token)
        profile = self._profile(camera_id, profile_token)
        jpeg = self._own(camera_id, device, profile)
        if jpeg is None:
            if self._frame_snapshot is None:
                raise CameraUnsupported("The device gives no snapshots.", service="snapshot")
            jpeg = self._frame(camera_id, profile_token, self._frame_snapshot)
        taken = TimedSnapshot(jpeg, self._clock.now_utc())
        self._cache.put(camera_id, profile_token, taken)
        if self._registry.find(camera_id) is None:  # removed meanwhile: nothing of it is kept
            self._cache.drop_camera(camera_id)
        return taken

    def _frame(self, camera_id: int, profile_token: str, frame_snapshot: FrameSnapshot) -> bytes:
        """A frame of the stream; whether there is one tells whether the channel is alive."""
        source = self.stream_source(camera_id, profile_token)
        try:
            jpeg = frame_snapshot(source)
            if not _is_jpeg(jpeg):
                raise CameraBadAnswer("The stream gave no picture.")
        except DeviceError as error:
            self._registry.note_stream(camera_id, profile_token, Problem(error.code, error.detail))
            raise
        self._registry.note_stream(camera_id, profile_token, None)
        return jpeg

    def _own(self, camera_id: int, device: Device, profile: MediaProfile) -> bytes | None:
        """The device's own still; None where a frame of the stream must do."""
        key = (camera_id, profile.profile_token)
        with self._lock:
            if self._no_own.get(key, float("-inf")) > self._clock.monotonic_s():
                return None
        try:
            jpeg = self._ask(camera_id, device, lambda: device.snapshot(profile))
        except CameraAuthFailed:
            raise
        except CameraUnreachable:
            if self._frame_snapshot is None:
                raise
            return None  # some serve snapshots from a second web server, which may be down alone
        except DeviceError as error:
            self._remember_no_own(key, error)
            return None
        if not _is_jpeg(jpeg):
            self._remember_no_own(key, CameraBadAnswer("no JPEG"))
            return None
        return jpeg

    def _remember_no_own(self, key: tuple[int, str], error: DeviceError) -> None:
        log.info("camera %d: no snapshot of its own (%s)", key[0], error.code)
        with self._lock:
            self._no_own[key] = self._clock.monotonic_s() + _NO_OWN_SNAPSHOT_S

    def _ask(self, camera_id: int, device: Device, call: Callable[[], _T]) -> _T:
        try:
            return call()
        except DeviceError as error:
            self._connector.note_failure(camera_id, device, error)
            raise

    def _device_with(self, camera_id: int, profile_token: str) -> Device:
        """The open device. A token nobody knows is refused without waiting, once channels are known."""
        if self._registry.channels(camera_id):
            self._channel(camera_id, profile_token)
        return self._connector.device(camera_id, self._settings.device_timeout_s)

    def _channel(self, camera_id: int, profile_token: str) -> Channel:
        for channel in self._registry.channels(camera_id):
            if any(profile.profile_token == profile_token for profile in channel.profiles):
                return channel
        raise NotFound(f"Camera {camera_id} has no such media profile.")

    def _profile(self, camera_id: int, profile_token: str) -> MediaProfile:
        profiles = self._channel(camera_id, profile_token).profiles
        return next(profile for profile in profiles if profile.profile_token == profile_token)

    def _first_profile(self, camera_id: int) -> str:
        channels = self._registry.channels(camera_id)
        if not channels:
            self._connector.device(camera_id, self._settings.device_timeout_s)
            channels = self._registry.channels(camera_id)
        for channel in sorted(channels, key=lambda channel: (channel.hidden, channel.problem is not None)):
            for profile in _best_first(channel):
                return profile.profile_token
        raise NotFound(f"Camera {camera_id} has no channel with a picture.")

    def _source(self, camera_id: int, profile: MediaProfile, uri: str) -> StreamSource:
        with self._registry.changed:
            stored = self._registry.entry(camera_id).stored
        return StreamSource(
            camera_id=camera_id,
            profile_token=profile.profile_token,
            uri=uri,
            device_key=device_key(camera_id),
            credential=credential_of(stored),
            video=profile.video,
            audio=profile.audio,
        )


def _best_first(channel: Channel) -> list[MediaProfile]:
    return sorted(channel.profiles, key=lambda profile: (profile.video is None, _ROLES.index(profile.role)))


def _is_jpeg(data: bytes) -> bool:
    return data[:3] == b"\xff\xd8\xff" and len(data) <= _MOST_SNAPSHOT_BYTES
