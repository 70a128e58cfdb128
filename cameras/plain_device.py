"""A camera without ONVIF: one channel, whose streams are at addresses that the user has given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import NoReturn

from cameras.device import Device, DeviceAddress, DeviceNetwork, place_of_logins
from cameras.records import NO_RECORDINGS
from cameras.stream_uris import place_of, with_password
from core.clock import Clock
from core.errors import CameraAuthFailed, CameraUnreachable, CameraUnsupported, CertificateChanged, DeviceError
from core.login_gate import LoginGate
from core.recordings import EventSearch, Listed, MakersReplay, RecordingSummary
from core.records import (
    Channel,
    ClockOffset,
    DeviceInfo,
    DevicePlace,
    FoundDevice,
    LearnedAccess,
    MediaProfile,
    Problem,
    ProfileRole,
    ServiceCheck,
    StreamFormats,
    StreamSource,
)
from onvif_services.checks import Checks
from onvif_services.device_socket import DeviceSockets

DescribeStream = Callable[[StreamSource, float], StreamFormats]
"""Opens a stream for at most so many seconds and returns its formats. Raises the DeviceError."""

_SOURCE = "stream"
_NO_SNAPSHOTS = "This camera was added by its stream address, without ONVIF, so it has no snapshots of its own."


class PlainDevice(Device):
    """Each call has the time limit `timeout_s`. Device documents the methods."""

    info = DeviceInfo()
    services: tuple[str, ...] = ()
    clock_offset: ClockOffset | None = None

    def __init__(self, address: DeviceAddress, describe: DescribeStream, clock: Clock, *, timeout_s: float) -> None:
        self._address = address
        self._describe = describe
        self._timeout_s = timeout_s
        self._checks = Checks(clock)
        uris = address.stream_uris
        if uris is None:
            raise ValueError("not a camera with stream addresses")
        self._host, self._port = place_of(uris.main)
        self._sockets = DeviceSockets(self._host)
        self._uris = {ProfileRole.MAIN.value: uris.main} | ({ProfileRole.SUB.value: uris.sub} if uris.sub else {})

    @property
    def checks(self) -> tuple[ServiceCheck, ...]:
        return self._checks.results()

    @property
    def learned(self) -> LearnedAccess:
        return LearnedAccess()

    @property
    def ptz(self) -> NoReturn:
        raise CameraUnsupported(
            "This camera was added by its stream address, without ONVIF, so the app cannot move it.", service="ptz"
        )

    @property
    def events(self) -> NoReturn:
        raise CameraUnsupported(
            "This camera was added by its stream address, without ONVIF, so it reports no events.", service="events"
        )

    def open(self) -> None:
        """Only connect: channels() opens the streams, with the credential."""
        self.check()

    def check(self) -> None:
        """Connect to the RTSP port, and send nothing."""
        with self._checks.checking("RTSP port"):
            try:
                self._sockets.reach(self._port, time.monotonic() + self._timeout_s)
            except OSError:
                raise CameraUnreachable("Nothing answers at this address on its RTSP port.") from None

    def channels(self) -> tuple[Channel, ...]:
        """Return the one channel. Its streams are opened for a moment, which shows their formats and their faults."""
        profiles: list[MediaProfile] = []
        problem: Problem | None = None
        for token in self._uris:
            profile = MediaProfile(token, token.capitalize(), _SOURCE, None, service="rtsp", role=ProfileRole(token))
            try:
                formats = self._formats(profile)
                profile = replace(profile, video=formats.video, audio=formats.audio)
            except (CameraAuthFailed, CameraUnreachable, CertificateChanged):
                if not profiles:
                    raise
            except DeviceError as error:
                if not profiles:  # the main stream
                    problem = Problem(error.code, error.detail)
            profiles.append(profile)
        return (Channel(1, "Channel 1", _SOURCE, tuple(profiles), position=1, problem=problem),)

    def _formats(self, profile: MediaProfile) -> StreamFormats:
        source = StreamSource(
            camera_id=self._address.camera_id,
            profile_token=profile.profile_token,
            uri=self.stream_uri(profile),
            device_key=self._address.device_key,
            credential=self._address.credential,
            is_plain=True,
            habits=self._address.access.rtsp,
        )
        with self._checks.checking(f"{profile.profile_token} stream") as check:
            formats = self._describe(source, self._timeout_s)
            check.detail = str(formats)
            return formats

    def signals(self) -> Mapping[str, bool]:
        return {}

    def stream_uri(self, profile: MediaProfile) -> str:
        uri = self._uris.get(profile.profile_token)
        if uri is None:
            raise CameraUnsupported("This camera has no such stream.", service="media")
        return with_password(uri, self._address.credential.password)

    def snapshot(self, profile: MediaProfile) -> NoReturn:
        del profile
        raise CameraUnsupported(_NO_SNAPSHOTS, service="snapshot")

    def request_key_frame(self, profile: MediaProfile) -> None:
        """Do nothing: RTSP has no such request."""

    def recordings(self) -> Listed:
        raise CameraUnsupported(NO_RECORDINGS, service="recording")

    def recording_summary(self, listed: Listed) -> RecordingSummary:
        del listed
        raise CameraUnsupported(NO_RECORDINGS, service="recording")

    def recording_events(
        self, start: datetime, end: datetime, *, deadline_s: float, should_stop: Callable[[], bool]
    ) -> EventSearch:
        del start, end, deadline_s, should_stop
        raise CameraUnsupported(NO_RECORDINGS, service="recording")

    def replay_uri(self, recording_token: str) -> str:
        del recording_token
        raise CameraUnsupported(NO_RECORDINGS, service="replay")

    def makers_replays(self, channel_number: int, rtsp_port: int) -> tuple[MakersReplay, ...]:
        del channel_number, rtsp_port
        return ()

    def close(self) -> None:
        self._sockets.close()


class NetworkWithPlainCameras(DeviceNetwork):
    """Adds cameras without ONVIF to those of `onvif`."""

    def __init__(
        self, onvif: DeviceNetwork, describe: DescribeStream, clock: Clock, login_gate: LoginGate, *, timeout_s: float
    ) -> None:
        self._onvif = onvif
        self._login_gate = login_gate
        self._describe = describe
        self._clock = clock
        self._timeout_s = timeout_s

    def connect(self, address: DeviceAddress) -> Device:
        self._login_gate.set_place(address.device_key, place_of_logins(address.host, address.port))
        if address.stream_uris is None:
            return self._onvif.connect(address)
        return PlainDevice(address, self._describe, self._clock, timeout_s=self._timeout_s)

    def find_place(self, host: str, timeout_s: float) -> DevicePlace:
        return self._onvif.find_place(host, timeout_s)

    def search(self, listen_s: float) -> list[FoundDevice]:
        return self._onvif.search(listen_s)
