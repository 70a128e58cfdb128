"""What the camera rooms need of a device, as faces: `cameras.onvif_device` fills them with ONVIF.

Tests that need a device to fail in a way of their own hand in another one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from core.recordings import RecordingDevice
from core.records import Channel, Credential, FoundDevice, MediaProfile, ServiceCheck


@dataclass(frozen=True, slots=True)
class Target:
    """Where a device is and how to get in. `device_key` names it for login attempts and session budgets."""

    camera_id: int
    host: str
    port: int
    credential: Credential
    device_key: str


class Device(RecordingDevice, Protocol):
    """An ONVIF device. Nothing happens before `open()`; every call may raise core.errors.DeviceError
    and ends within the device timeout. Safe between threads."""

    @property
    def services(self) -> tuple[str, ...]: ...

    @property
    def checks(self) -> tuple[ServiceCheck, ...]: ...

    def open(self) -> None:
        """Measures the clock, reads services and device information; proves the credential."""
        ...

    def check(self) -> None:
        """Asks whether it is still there, without sending a credential; measures the clock again."""
        ...

    def channels(self) -> tuple[Channel, ...]:
        """All channels with their media profiles, numbered from 1 in the device's order."""
        ...

    def signals(self) -> Mapping[str, bool]:
        """Whether a picture comes in, by video source token; empty where the device does not tell."""
        ...

    def stream_uri(self, profile: MediaProfile) -> str:
        """rtsp:// or rtsps:// at the configured host, without user-info."""
        ...

    def snapshot(self, profile: MediaProfile) -> bytes:
        """The device's own still, a JPEG."""
        ...

    def request_key_frame(self, profile: MediaProfile) -> None: ...

    def close(self) -> None:
        """Quick, and may be called twice."""
        ...


Connect = Callable[[Target], Device]
# host, total time in seconds -> the ONVIF port; raises DeviceError when none of the usual ones answers.
Probe = Callable[[str, float], int]
# seconds to listen -> who answered
Search = Callable[[float], list[FoundDevice]]
