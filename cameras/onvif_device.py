"""The real devices: cameras.device.Device, implemented with onvif_services."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol

from cameras.device import Device, DeviceAddress, DeviceNetwork
from core.clock import Clock
from core.errors import CameraUnreachable, NotFound
from core.events import EventDevice, SubscriptionAddress
from core.login_gate import GuardedCredential
from core.login_protection import LoginProtection
from core.ptz import PtzDevice
from core.recordings import EventSearch, Listed, MakersReplay, RecordingSummary
from core.records import (
    Channel,
    ClockOffset,
    DeviceInfo,
    DevicePlace,
    FoundDevice,
    LearnedAccess,
    MediaProfile,
    ServiceCheck,
)
from core.settings import Settings
from onvif_services import answers, discovery, events, media, probe, recording_search, replay, snapshot
from onvif_services.connection import DeviceConnection, OnvifAddress
from onvif_services.device_events import DeviceEvents
from onvif_services.events import LONG_LIFE_S
from onvif_services.faults import SoapFault
from onvif_services.heads import Heads
from onvif_services.subscription_place import SubscriptionPlace, SubscriptionPlaces

_SHORT_PROBE_S = 4.0
_PULL_S = 1.0  # a new subscription gets the present states (Initialized) immediately; later changes are not needed


class OnvifDevice(Device):
    """A device with a real ONVIF connection; Device documents the methods."""

    def __init__(
        self,
        address: DeviceAddress,
        settings: Settings,
        protection: LoginProtection,
        clock: Clock,
        place: SubscriptionPlace,
    ) -> None:
        access = address.access
        self._connection = DeviceConnection(
            OnvifAddress(address.host, address.port, access.scheme, access.path),
            GuardedCredential(address.credential, address.device_key, protection.gate),
            timeout_s=settings.device_timeout_s,
            clock=clock,
            certificates=protection.certificates,
            learned=access.learned,
        )
        self._heads = Heads(self._connection)
        self._events = DeviceEvents(self._connection, place)

    @property
    def info(self) -> DeviceInfo:
        return self._connection.info

    @property
    def services(self) -> tuple[str, ...]:
        return tuple(self._connection.services)

    @property
    def clock_offset(self) -> ClockOffset | None:
        return self._connection.clock_offset

    @property
    def checks(self) -> tuple[ServiceCheck, ...]:
        return self._connection.checks

    @property
    def learned(self) -> LearnedAccess:
        return self._connection.learned

    @property
    def ptz(self) -> PtzDevice:
        return self._heads

    @property
    def events(self) -> EventDevice:
        return self._events

    def open(self) -> None:
        self._connection.open()

    def check(self) -> None:
        self._connection.check()

    def channels(self) -> tuple[Channel, ...]:
        return media.read_channels(self._connection)

    def signals(self) -> Mapping[str, bool]:
        if "events" not in self._connection.services:
            return {}
        if not self._events.is_subscribed:
            with self._connection.checking("video signals"):
                messages = self._events.pull_states(_PULL_S)
            if messages is not None:
                return dict(_signal(message) for message in messages if _is_about_signal(message))
        # A second subscription would take another of the device's few places.
        told = self._events.signals()
        if told is None:
            raise CameraUnreachable("The device has not told yet which inputs have a signal.")
        return told

    def stream_uri(self, profile: MediaProfile) -> str:
        return media.stream_uri(self._connection, profile.profile_token, profile.service)

    def replay_uri(self, recording_token: str) -> str:
        try:
            return replay.replay_uri(self._connection, recording_token)
        except SoapFault as fault:
            if fault.has_code("NoRecording"):  # ONVIF Replay, GetReplayUri: ter:NoRecording
                raise NotFound("This device has no such recording.") from fault
            raise

    def recordings(self) -> Listed:
        return recording_search.list_recordings(self._connection)

    def recording_summary(self, listed: Listed) -> RecordingSummary:
        summary = recording_search.summary(self._connection, listed=listed)
        return dataclasses.replace(summary, zone_s=replay.known_zone_s(self._connection))

    def recording_events(
        self, start: datetime, end: datetime, *, deadline_s: float, should_stop: Callable[[], bool]
    ) -> EventSearch:
        return recording_search.find_events(
            self._connection, start=start, end=end, deadline_s=deadline_s, should_stop=should_stop
        )

    def makers_replays(self, channel_number: int, rtsp_port: int) -> tuple[MakersReplay, ...]:
        conn = self._connection
        found = replay.makers_replays(self.info.manufacturer, channel_number, conn.host, rtsp_port)
        if not found:
            return ()
        zone_s, name = replay.zone(conn)
        if is_local := conn.recording_zone.zone_s != 0:
            zone_s -= conn.recording_zone.present_s(conn.device_clock.now_utc())
        name = "" if is_local else name
        return tuple(dataclasses.replace(address, zone_s=zone_s, zone_name=name) for address in found)

    def snapshot(self, profile: MediaProfile) -> bytes:
        return snapshot.fetch_snapshot(self._connection, profile.profile_token, profile.service)

    def request_key_frame(self, profile: MediaProfile) -> None:
        media.request_key_frame(self._connection, profile.profile_token, profile.service)

    def close(self) -> None:
        self._connection.close()


# tns1:VideoSource/SignalLoss (ONVIF Imaging, "Events"), and the names that some makers give it.
_LOSSES = {"SignalLoss", "VideoLoss", "VideoLost"}


def _is_about_signal(message: events.EventMessage) -> bool:
    parts = {part.rpartition(":")[2] for part in message.topic.split("/")}
    return bool(parts & _LOSSES) and bool(message.source) and bool(message.data)


def _signal(message: events.EventMessage) -> tuple[str, bool]:
    """Return the video source token and whether it has a signal.

    ONVIF Imaging, "Events": the source item is the video source token; a State of true means a lost signal.
    """
    states = (answers.state_of(value) for _, value in message.data)
    is_lost = next((state for state in states if state is not None), False)
    return message.source[0][1], not is_lost


class StoredSubscriptions(Protocol):
    """The addresses of event subscriptions. events.store.SubscriptionStore implements it."""

    def left_by(self, camera_id: int) -> SubscriptionAddress | None:
        """Return the subscription of a camera that may still be open at its device. Raise Unavailable."""
        ...


class OnvifNetwork(DeviceNetwork):
    """The real network. All its devices share the protection of their logins."""

    def __init__(
        self,
        settings: Settings,
        protection: LoginProtection,
        clock: Clock,
        stored: StoredSubscriptions | None = None,
    ) -> None:
        self._settings = settings
        self._protection = protection
        self._clock = clock
        self._stored = stored
        self._places = SubscriptionPlaces()

    def connect(self, address: DeviceAddress) -> Device:
        place = self._places.of(address.host, address.port)
        if self._stored is not None and not place.is_known:
            left = self._stored.left_by(address.camera_id)
            if left is not None:
                place.hold(LONG_LIFE_S, left)
            place.is_known = True
        return OnvifDevice(address, self._settings, self._protection, self._clock, place)

    def find_place(self, host: str, timeout_s: float) -> DevicePlace:
        limit_s = min(timeout_s, _SHORT_PROBE_S)
        return probe.probe_address(host, timeout_s=limit_s, certificates=self._protection.certificates)

    def search(self, listen_s: float) -> list[FoundDevice]:
        return discovery.discover(listen_s)
