"""Calls to devices about live media and recordings: RTSP addresses, key frames, replay abilities, any other call."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from cameras.certificates import port_of
from cameras.connecting import Connector
from cameras.registry import Registry, credential_of, device_key
from cameras.store import CameraStore
from core.clock import Clock
from core.errors import AppError
from core.events import EventDevice
from core.ptz import PtzDevice
from core.recordings import RecordingDevice, ReplayAbilities, ReplaySource, ZoneOfTimes, correction_s
from core.records import DeviceAccess, MediaProfile, RtspHabits, StreamSource
from core.settings import Settings

_URI_KEPT_S = 600.0  # a reboot may make a URI invalid (ONVIF: InvalidAfterReboot), and no device announces that

_T = TypeVar("_T")

log = logging.getLogger(__name__)


def recording_zone(access: DeviceAccess, offset_s: float, now: datetime) -> ZoneOfTimes:
    """Return the time zone of a device's times of recordings. `offset_s`: of its clock."""
    if access.recording_time_zone:
        return ZoneOfTimes.chosen(access.recording_time_zone, now.timestamp())
    learned = access.learned
    since_s = learned.recording_zone_since_s
    since_s = None if since_s is None else since_s - offset_s
    return ZoneOfTimes.learned(learned.recording_zone_s, since_s, learned.recording_zone_name)


class MediaCalls:
    """The calls that OnvifManager hands on. They wait for the device, at most for its time limit.

    Exceptions: stream_source() answers from memory if it asked less than ten minutes ago, note_replay_abilities()
    and note_rtsp_habits() wait for the disk only, and request_key_frame() does nothing if the device is not connected.
    """

    def __init__(
        self, registry: Registry, store: CameraStore, connector: Connector, settings: Settings, clock: Clock
    ) -> None:
        self._registry = registry
        self._store = store
        self._connector = connector
        self._settings = settings
        self._clock = clock

    def stream_source(self, camera_id: int, profile_token: str) -> StreamSource:
        """Return RTSP address and credential of a media profile. Raise NotFound, NotOwner, or any DeviceError."""
        registry = self._registry
        registry.check_owner(camera_id)
        with registry.changed:
            entry = registry.entry(camera_id)
            cached = entry.uris.get(profile_token) if entry.device is not None else None
        now_s = self._clock.monotonic_s()
        if cached is not None and now_s - cached[1] < _URI_KEPT_S:
            return self._source(camera_id, self._registry.profile(camera_id, profile_token), cached[0])
        device = self._connector.device_of_profile(camera_id, profile_token)
        profile = self._registry.profile(camera_id, profile_token)
        uri = self._connector.ask(camera_id, device, lambda: device.stream_uri(profile))
        registry.note_port(camera_id, port_of(uri))
        with registry.changed:
            entry = registry.entry(camera_id)
            if entry.device is device:
                entry.uris[profile_token] = (uri, now_s)
            return self._source(camera_id, profile, uri)

    def replay_source(self, camera_id: int, recording_token: str) -> tuple[ReplaySource, float]:
        """Return the source of a recording, and the seconds to add to true time to get the device's (correction_s).

        Raise NotFound, InvalidRequest, NotOwner, or any DeviceError.
        """
        self._registry.check_owner(camera_id)
        device = self._connector.device(camera_id, self._settings.device_timeout_s)
        uri = self._connector.ask(camera_id, device, lambda: device.replay_uri(recording_token))
        self._registry.note_port(camera_id, port_of(uri))
        with self._registry.changed:
            entry = self._registry.entry(camera_id)
            stored, generation, abilities = entry.stored, entry.generation, entry.replay_abilities
        offset_s = device.clock_offset.offset_s if device.clock_offset else 0.0
        access = replace(stored.access, learned=device.learned)
        zone = recording_zone(access, offset_s, self._clock.now_utc())
        source = ReplaySource(
            camera_id=camera_id,
            recording_token=recording_token,
            uri=uri,
            device_key=device_key(camera_id),
            credential=credential_of(stored),
            manufacturer=device.info.manufacturer,
            generation=generation,
            abilities=abilities,
            web_port=stored.port or 0,
            zone=zone,
            habits=stored.access.rtsp,
        )
        return source, correction_s(offset_s + zone.zone_s)

    def note_replay_abilities(self, source: ReplaySource, abilities: ReplayAbilities) -> None:
        """Remember and store the abilities that a device has shown while it played `source`. Wait for the disk.

        Ignore them if address or credential of the camera changed since `source` was made: it may be another device.
        """
        camera_id = source.camera_id
        with self._registry.saving:
            entry = self._registry.entry_of_generation(camera_id, source.generation)
            if entry is None or entry.replay_abilities.updated(abilities) == entry.replay_abilities:
                return
            entry.replay_abilities = entry.replay_abilities.updated(abilities)
            try:
                self._store.save_replay_abilities(camera_id, entry.replay_abilities)
            except AppError as error:
                log.warning("camera %d: its replay abilities could not be saved (%s)", camera_id, error.detail)

    def note_rtsp_habits(self, camera_id: int, habits: tuple[RtspHabits, ...]) -> None:
        """Remember and store the RTSP habits of a device. Wait for the disk. Ignore a camera of another node."""
        with self._registry.saving:
            with self._registry.changed:
                entry = self._registry.find(camera_id)
                if entry is None or not self._registry.owns(camera_id) or entry.stored.access.rtsp == habits:
                    return
                entry.stored = replace(entry.stored, access=replace(entry.stored.access, rtsp=habits))
                access = entry.stored.access
            try:
                self._store.save_access(camera_id, access)
            except AppError as error:
                log.warning("camera %d: its RTSP habits could not be saved (%s)", camera_id, error.detail)

    def ask_recorder(self, camera_id: int, call: Callable[[RecordingDevice], _T]) -> _T:
        """Return the result of `call` to the open device. Raise NotFound, NotOwner, or any DeviceError."""
        self._registry.check_owner(camera_id)
        device = self._connector.device(camera_id, self._settings.device_timeout_s)
        return self._connector.ask(camera_id, device, lambda: call(device))

    def ask_head(self, camera_id: int, call: Callable[[PtzDevice], _T], *, wait_s: float | None = None) -> _T:
        """Return the result of `call` to the open device; wait at most `wait_s` until it is open.

        The connection to a camera that another node takes over is still open for the last calls, of this method and of
        ask_events(). Raise NotFound, NotOwner, or any DeviceError.
        """
        device = self._connector.device(camera_id, self._settings.device_timeout_s if wait_s is None else wait_s)
        return self._connector.ask(camera_id, device, lambda: call(device.ptz))

    def ask_events(self, camera_id: int, call: Callable[[EventDevice], _T], *, wait_s: float) -> _T:
        """Return the result of `call` to the open device; wait at most `wait_s` until it is open.

        Raise NotFound, or any DeviceError.
        """
        device = self._connector.device(camera_id, wait_s)
        return self._connector.ask(camera_id, device, lambda: call(device.events))

    def request_key_frame(self, camera_id: int, profile_token: str) -> None:
        """Ask the device for a key frame now; do nothing if the device is not connected."""
        profile = self._registry.profile(camera_id, profile_token)
        with self._registry.changed:
            device = self._registry.entry(camera_id).device
        if device is not None:
            self._connector.ask(camera_id, device, lambda: device.request_key_frame(profile))

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
            web_port=0 if stored.is_plain else stored.port or 0,
            is_plain=stored.is_plain,
            habits=stored.access.rtsp,
        )
