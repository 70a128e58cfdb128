"""The interfaces of devices as this package uses them.

`cameras.onvif_device` implements them with ONVIF, `cameras.plain_device` for cameras without ONVIF. Tests implement
them, too, for devices that fail in a chosen way.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.events import EventDevice
from core.ptz import PtzDevice
from core.recordings import RecordingDevice
from core.records import (
    Channel,
    Credential,
    DeviceAccess,
    DevicePlace,
    FoundDevice,
    LearnedAccess,
    MediaProfile,
    ServiceCheck,
    StreamUris,
)


def place_of_logins(host: str, port: int) -> str:
    """Return the address for the login gate. All cameras at one address share their refused logins."""
    return f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class DeviceAddress:
    """Address and credential of a device. `device_key` identifies it for login attempts and session budgets.

    `stream_uris`: only for a camera without ONVIF. `access`: without it, only its RTSP habits.
    """

    camera_id: int
    host: str
    port: int
    credential: Credential
    device_key: str
    stream_uris: StreamUris | None = None
    access: DeviceAccess = DeviceAccess()


class Device(RecordingDevice, Protocol):
    """A device, with ONVIF unless `DeviceAddress.stream_uris` is set. Thread-safe. No request is sent before `open()`.

    Every call may raise a core.errors.DeviceError, and ends within the device timeout.
    """

    @property
    def services(self) -> tuple[str, ...]: ...

    @property
    def checks(self) -> tuple[ServiceCheck, ...]: ...

    @property
    def learned(self) -> LearnedAccess:
        """How the device was reached, for the next connection."""
        ...

    @property
    def ptz(self) -> PtzDevice:
        """The calls about heads, imaging and relays."""
        ...

    @property
    def events(self) -> EventDevice:
        """The subscription to the device's events."""
        ...

    def open(self) -> None:
        """Measure the clock, read services and device information, and thereby verify the credential."""
        ...

    def check(self) -> None:
        """Verify without a credential that the device still answers; measure the clock again."""
        ...

    def channels(self) -> tuple[Channel, ...]:
        """Return all channels with their media profiles, numbered from 1 in the device's order."""
        ...

    def signals(self) -> Mapping[str, bool]:
        """Return for each video source token whether its input has a signal; empty if the device does not tell."""
        ...

    def stream_uri(self, profile: MediaProfile) -> str:
        """Return an address rtsp:// or rtsps:// at the configured host, without user-info."""
        ...

    def snapshot(self, profile: MediaProfile) -> bytes:
        """Return the device's own still, a JPEG."""
        ...

    def request_key_frame(self, profile: MediaProfile) -> None: ...

    def close(self) -> None:
        """End running calls without a wait. May be called twice."""
        ...


class DeviceNetwork(Protocol):
    """The devices that can be reached. Thread-safe."""

    def connect(self, address: DeviceAddress) -> Device:
        """Return the device at this address, without a request to it."""
        ...

    def find_place(self, host: str, timeout_s: float) -> DevicePlace:
        """Return the ONVIF place of a host, at one of the usual ports. Raise a DeviceError if none answers in time."""
        ...

    def search(self, listen_s: float) -> list[FoundDevice]:
        """Search the local network, and return the devices that answer within `listen_s`."""
        ...
