"""Stills of channels: the device's own snapshot, and the last one of each media profile."""

from __future__ import annotations

import logging
import threading

from cameras.connecting import Connector
from cameras.records import TimedSnapshot
from cameras.registry import Registry
from cameras.snapshot_cache import SnapshotCache
from core.clock import Clock
from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnreachable, DeviceError, NotFound
from core.records import Channel, MediaProfile, ProfileRole
from core.settings import Settings

log = logging.getLogger(__name__)

_NO_SNAPSHOT_S = 600.0
_MOST_SNAPSHOT_BYTES = 16_000_000
_ROLES = (ProfileRole.MAIN, ProfileRole.SUB, ProfileRole.OTHER)


class Snapshots:
    """Gets stills from devices and keeps the last ones. Thread-safe."""

    def __init__(
        self, registry: Registry, connector: Connector, cache: SnapshotCache, settings: Settings, clock: Clock
    ) -> None:
        self._registry = registry
        self._connector = connector
        self._cache = cache
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._has_none_until_s: dict[tuple[int, str], float] = {}

    def from_device(self, camera_id: int, profile_token: str) -> bytes | None:
        """Return the device's own still, a JPEG. Return None if a frame of the stream has to do.

        Wait for the device, at most its time limit. Raise NotFound, or CameraAuthFailed.
        """
        device = self._connector.device_of_profile(camera_id, profile_token)
        profile = self._registry.profile(camera_id, profile_token)
        key = (camera_id, profile_token)
        with self._lock:
            if self._has_none_until_s.get(key, float("-inf")) > self._clock.monotonic_s():
                return None
        try:
            jpeg = self._connector.ask(camera_id, device, lambda: device.snapshot(profile))
        except CameraAuthFailed:
            raise
        except CameraUnreachable:
            return None  # some devices serve snapshots from a second web server, which may be down by itself
        except DeviceError as error:
            self._remember_none(key, error)
            return None
        if not is_jpeg(jpeg):
            self._remember_none(key, CameraBadAnswer("no JPEG"))
            return None
        return jpeg

    def keep(self, camera_id: int, profile_token: str, jpeg: bytes) -> TimedSnapshot:
        """Keep a still that was taken now as the last one of its media profile, and return it with its time."""
        taken = TimedSnapshot(jpeg, self._clock.now_utc())
        self._cache.put(camera_id, profile_token, taken)
        if self._registry.find(camera_id) is None:  # the camera was removed in the meantime
            self._cache.drop_camera(camera_id)
        return taken

    def last(self, camera_id: int, profile_token: str | None) -> TimedSnapshot | None:
        """Return the last still known, without asking the device: of this media profile, otherwise of its channel.

        Without a media profile, of the first channel that has one.
        """
        channels = [channel for channel in self._registry.channels(camera_id) if not channel.hidden]
        if profile_token is not None:
            channels = [self._registry.channel_of(camera_id, profile_token)]
        for channel in channels:
            tokens = [profile.profile_token for profile in _best_first(channel)]
            if profile_token is not None:
                tokens.sort(key=lambda token: token != profile_token)
            for token in tokens:
                if (kept := self._cache.get(camera_id, token)) is not None:
                    return kept
        return None

    def first_profile(self, camera_id: int) -> str:
        """Return the best media profile of the first channel that works. Raise NotFound, or the DeviceError."""
        channels = self._registry.channels(camera_id)
        if not channels:
            self._connector.device(camera_id, self._settings.device_timeout_s)
            channels = self._registry.channels(camera_id)
        for channel in sorted(channels, key=lambda channel: (channel.hidden, channel.problem is not None)):
            for profile in _best_first(channel):
                return profile.profile_token
        raise NotFound(f"Camera {camera_id} has no channel with a picture.")

    def forget(self, camera_id: int) -> None:
        """Ask the device for its own snapshots again, even if it had none before."""
        with self._lock:
            for key in [key for key in self._has_none_until_s if key[0] == camera_id]:
                del self._has_none_until_s[key]

    def _remember_none(self, key: tuple[int, str], error: DeviceError) -> None:
        log.info("camera %d: the device gives no snapshot (%s)", key[0], error.code)
        with self._lock:
            self._has_none_until_s[key] = self._clock.monotonic_s() + _NO_SNAPSHOT_S


def _best_first(channel: Channel) -> list[MediaProfile]:
    return sorted(channel.profiles, key=lambda profile: (profile.video is None, _ROLES.index(profile.role)))


def is_jpeg(data: bytes) -> bool:
    """True if `data` begins as a JPEG does and is at most 16 MB."""
    return data[:3] == b"\xff\xd8\xff" and len(data) <= _MOST_SNAPSHOT_BYTES
