"""Values that OnvifManager takes and returns: frozen, without database rows or device objects."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from core.certificates import PinnedCertificate, fingerprint_text
from core.clock import rfc3339
from core.records import CameraStatus, Channel, DeviceInfo, MediaProfile, Problem, ServiceCheck, StreamUris
from core.secrets import Secret

NO_RECORDINGS = "This camera was added by its stream address, without ONVIF, so it has no recordings to play."


@dataclass(frozen=True, slots=True)
class CameraDraft:
    """A camera to add. Without a port, the usual ONVIF ports are tried; without a name, make and model are its name.

    `host` may have the form `host:port`, or be the address of the device service: `https://host:port/path`. A camera
    without ONVIF has `stream_uris` instead, which may hold the login. OnvifManager.add_camera checks all fields and
    raises InvalidRequest, which names the field.
    """

    host: str = ""
    username: str = ""
    password: Secret = field(default_factory=lambda: Secret(""))
    port: int | None = None
    name: str | None = None
    stream_uris: StreamUris | None = None
    readable_password: bool = False


@dataclass(frozen=True, slots=True)
class CameraChange:
    """Changed fields of a camera; None leaves a field unchanged. An empty name restores the device's make and model.

    `recording_time_zone`: of the times of recordings, an IANA name; empty: as the app finds it.
    """

    name: str | None = None
    host: str | None = None
    port: int | None = None
    username: str | None = None
    password: Secret | None = None
    stream_uris: StreamUris | None = None
    readable_password: bool | None = None
    recording_time_zone: str | None = None


@dataclass(frozen=True, slots=True)
class CameraView:
    """State of a camera at one moment. `port` is None until the user gives one or it is found.

    `clock_offset_s` is device time minus ours. `same_device_as` is the id of an older camera with the same make, model
    and serial number: most likely one device that was added twice. `stream_uris` is set for a camera without ONVIF.
    `address` is that of the device service. `certificate`: of the ports that the camera uses; a changed one if
    there is one, otherwise the one of its ONVIF port, or of another. An online camera has an `error` if its only
    channel, without ONVIF, has no picture.
    """

    id: int
    name: str
    host: str
    port: int | None
    username: str
    status: CameraStatus
    error: Problem | None = None
    info: DeviceInfo = field(default_factory=DeviceInfo)
    channel_count: int = 0
    services: tuple[str, ...] = ()
    clock_offset_s: float | None = None
    last_seen_at: datetime | None = None
    pretend: bool = False
    same_device_as: int | None = None
    stream_uris: StreamUris | None = None
    address: str = ""
    readable_password: bool = False
    certificate: PinnedCertificate | None = None
    recording_time_zone: str = ""

    @property
    def onvif(self) -> bool:
        """False for a camera that was added by its stream addresses."""
        return self.stream_uris is None


@dataclass(frozen=True, slots=True)
class DiscoveredCamera:
    """A device that answered the search of the local network. `camera_id` is set if it was added already."""

    host: str
    port: int
    name: str = ""
    hardware: str = ""
    camera_id: int | None = None
    address: str = ""

    @property
    def already_added(self) -> bool:
        return self.camera_id is not None


@dataclass(frozen=True, slots=True)
class TimedSnapshot:
    """A JPEG and the time at which it was taken (aware, UTC)."""

    jpeg: bytes
    taken_at: datetime


@dataclass(frozen=True, slots=True)
class HealthCard:
    """State and attempts of a camera, for finding the cause of a problem. Contains no secret.

    `failures`: failed attempts in a row.
    """

    camera: CameraView
    made_at: datetime
    checks: tuple[ServiceCheck, ...] = ()
    channels: tuple[Channel, ...] = ()
    clock_measured_at: datetime | None = None
    next_try_at: datetime | None = None
    failures: int = 0

    @property
    def text(self) -> str:
        """Return the card as plain text to copy into a message, without a password or a stream address."""
        return "\n".join([*_head(self), *_checks(self.checks), *_channels(self.channels)]) + "\n"


def _head(card: HealthCard) -> list[str]:
    camera = card.camera
    lines = [
        f"Camera {camera.id}: {camera.name}",
        f"Address: {camera.address or camera.host}{'' if camera.port is not None else ':?'}",
        f"State: {camera.status}",
    ]
    if camera.error:
        lines.append(f"Problem: {camera.error.code}: {camera.error.detail}")
    if card.failures:
        lines.append(f"Failed attempts in a row: {card.failures}")
    if card.next_try_at:
        lines.append(f"Next attempt: {rfc3339(card.next_try_at)}")
    if camera.same_device_as is not None:
        lines.append(f"Same make, model and serial number as camera {camera.same_device_as}")
    if camera.stream_uris is not None:
        lines.append(
            f"Added by {'its stream addresses' if camera.stream_uris.sub else 'its stream address'}, without ONVIF"
        )
    else:
        lines += _onvif_head(card)
    return [
        *lines,
        *_security(camera),
        f"Last seen: {rfc3339(camera.last_seen_at) if camera.last_seen_at else 'never'}",
        f"Card made: {rfc3339(card.made_at)}",
    ]


def _security(camera: CameraView) -> list[str]:
    """Return the lines about certificate and readable passwords, for cameras that have them."""
    lines = []
    if (pin := camera.certificate) is not None:
        lines.append(f"Certificate at port {pin.port}: {fingerprint_text(pin.sha256)}, since {rfc3339(pin.pinned_at)}")
        if pin.changed_to is not None:
            lines.append(f"Changed certificate, refused: {fingerprint_text(pin.changed_to)}")
    if camera.readable_password:
        lines.append("Logins with a readable password are allowed")
    return lines


def _onvif_head(card: HealthCard) -> list[str]:
    camera, info = card.camera, card.camera.info
    return [
        f"Make: {info.manufacturer or 'unknown'}",
        f"Model: {info.model or 'unknown'}",
        f"Firmware: {info.firmware or 'unknown'}",
        f"Serial number: {info.serial or 'unknown'}",
        f"Services: {', '.join(camera.services) or 'unknown'}",
        f"Device clock minus ours: {_offset(card)}",
    ]


def _offset(card: HealthCard) -> str:
    if card.camera.clock_offset_s is None:
        return "unknown"
    when = f" (measured {rfc3339(card.clock_measured_at)})" if card.clock_measured_at else ""
    return f"{card.camera.clock_offset_s:+.1f} s{when}"


def _checks(checks: tuple[ServiceCheck, ...]) -> list[str]:
    if not checks:
        return ["", "Nothing has been tried since the start."]
    return ["", "What was tried:", *(f"  {_check(check)}" for check in checks)]


def _check(check: ServiceCheck) -> str:
    took = f" in {check.took_ms} ms" if check.took_ms is not None else ""
    return f"{check.name}: {check.outcome}{took}{f' ({check.detail})' if check.detail else ''}"


def _channels(channels: tuple[Channel, ...]) -> list[str]:
    lines = ["", f"Channels: {len(channels)}"]
    for channel in channels:
        hidden = ", hidden" if channel.hidden else ""
        problem = f": {channel.problem.code}: {channel.problem.detail}" if channel.problem else ""
        lines.append(f"  {channel.number} {channel.name}{hidden}{problem}")
        lines += [f"    {_profile(profile)}" for profile in channel.profiles]
    return lines


def _profile(profile: MediaProfile) -> str:
    parts = [f"{profile.role} {profile.profile_token} ({profile.service})"]
    if video := profile.video:
        parts.append(video.codec)
        if video.width and video.height:
            parts.append(f"{video.width}x{video.height}")
        parts += [
            text
            for value, text in (
                (video.fps, f"{video.fps:g} fps" if video.fps else ""),
                (video.bitrate_kbps, f"{video.bitrate_kbps} kbit/s"),
                (video.gop, f"GOP {video.gop}"),
            )
            if value is not None
        ]
    else:
        parts.append("no video")
    parts.append(f"audio {profile.audio.codec}" if profile.audio else "no audio")
    return ", ".join(parts)
