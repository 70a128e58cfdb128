"""Records that packages exchange: frozen, typed, without behaviour that needs a device."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.secrets import Secret


class CameraStatus(StrEnum):
    """State of the connection with a device."""

    CONNECTING = "connecting"
    ONLINE = "online"
    OFFLINE = "offline"
    AUTH_FAILED = "auth_failed"


class StreamState(StrEnum):
    """The life of a session. Only `stopped` is final: a `failed` one tries again, or plays after a seek."""

    STARTING = "starting"  # until the first media
    RUNNING = "running"
    RECONNECTING = "reconnecting"  # an attempt has failed, another one follows
    STALLED = "stalled"  # connected, and no media comes
    FAILED = "failed"  # six attempts failed, or the error will last
    STOPPED = "stopped"


class StreamKind(StrEnum):
    LIVE = "live"
    REPLAY = "replay"


class ProfileRole(StrEnum):
    """Role of a media profile within its channel."""

    MAIN = "main"
    SUB = "sub"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Problem:
    """A problem of a channel, camera or stream: `code` as in core.errors, `detail` for a person."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Credential:
    """User name and password for a device. With an empty user name, no credential is sent.

    `may_be_readable`: the user allows logins that send the password readable (HTTP Basic and the like) without TLS.
    """

    username: str
    password: Secret
    may_be_readable: bool = False


@dataclass(frozen=True, slots=True)
class LearnedAccess:
    """How a device was reached where the standard leaves a choice, kept for the next connection.

    `path`: of its device service, empty for the one of its address. `logins`: service and kind of login. `places`:
    service and address of services at another port. `recording_zone_s`: the seconds to take off its times of
    recordings to get UTC by its clock. `recording_zone_since_s`: when that zone was seen first, by its clock, in
    seconds since 1970; None if that is not known, or if there was no other. Earlier recordings may have another zone,
    as in summer. `recording_zone_name`: the POSIX text of that zone, as the device told it; empty if it told none that
    fits.
    """

    path: str = ""
    logins: tuple[tuple[str, str], ...] = ()
    places: tuple[tuple[str, str], ...] = ()
    recording_zone_s: float = 0.0
    recording_zone_since_s: float | None = None
    recording_zone_name: str = ""


@dataclass(frozen=True, slots=True)
class RtspHabits:
    """The forms of RTSP requests that a device has shown to take or to refuse, kept for the next start or node.

    `origin`: scheme, host and port of its RTSP address. `worked`: subject and guess, as in media/rtsp/client/habits.py.
    `failed`: subject, guess, and until when it counts, in seconds since 1970; None: for ever. `lifetime`: how long a
    session without keep-alives lasts, in seconds, and until when that counts. `needs_tunnel`: RTSP over HTTP only.
    """

    origin: str
    worked: tuple[tuple[str, str], ...] = ()
    failed: tuple[tuple[str, str, float | None], ...] = ()
    lifetime: tuple[float, float] | None = None
    needs_tunnel: bool = False


@dataclass(frozen=True, slots=True)
class DeviceAccess:
    """How to reach a device: by the user, and as learned from the device.

    `scheme` is "http" or "https". An empty `path` is the standard one. `readable_password`: the user allows logins that
    send the password readable without TLS. `recording_time_zone`: the time zone of the times of recordings, by the
    user; empty: as learned. `rtsp`: the habits at its RTSP addresses.
    """

    scheme: str = "http"
    path: str = ""
    readable_password: bool = False
    learned: LearnedAccess = LearnedAccess()
    recording_time_zone: str = ""
    rtsp: tuple[RtspHabits, ...] = ()


USUAL_ACCESS = DeviceAccess()


@dataclass(frozen=True, slots=True)
class DeviceInfo:
    """GetDeviceInformation, cleaned: printable, each at most 128 characters."""

    manufacturer: str = ""
    model: str = ""
    firmware: str = ""
    serial: str = ""
    hardware: str = ""


@dataclass(frozen=True, slots=True)
class VideoFormat:
    """Video format; `codec` as FFmpeg names it (h264, hevc, mjpeg, mpeg4). None for values that are not known yet."""

    codec: str
    width: int | None = None
    height: int | None = None
    fps: float | None = None
    bitrate_kbps: int | None = None
    gop: int | None = None


@dataclass(frozen=True, slots=True)
class AudioFormat:
    """Audio format; `codec` as FFmpeg names it (aac, pcm_alaw, pcm_mulaw, adpcm_g722, g726)."""

    codec: str
    sample_rate: int | None = None
    channels: int | None = None


@dataclass(frozen=True, slots=True)
class StreamFormats:
    """Formats of a stream, as its description and its first packets say."""

    video: VideoFormat | None
    audio: AudioFormat | None

    def __str__(self) -> str:
        size = f" {self.video.width}x{self.video.height}" if self.video and self.video.width else ""
        video = f"{self.video.codec}{size}" if self.video else "no video"
        return f"{video}, {self.audio.codec if self.audio else 'no audio'}"


@dataclass(frozen=True, slots=True)
class StreamUris:
    """The RTSP addresses of a camera without ONVIF, without a login; see cameras/stream_uris.py."""

    main: str
    sub: str | None = None


@dataclass(frozen=True, slots=True)
class MediaProfile:
    """An ONVIF media profile: one video source with its encoders.

    `service`: "media" or "media2", or "rtsp" for a stream of a camera without ONVIF.
    """

    profile_token: str
    name: str
    video_source_token: str
    video: VideoFormat | None
    audio: AudioFormat | None = None
    has_ptz: bool = False
    service: str = "media"
    role: ProfileRole = ProfileRole.OTHER


@dataclass(frozen=True, slots=True)
class Channel:
    """One video source of a device. `number` counts from 1 in the device's own order.

    `name` is the user's name for it, otherwise the device's, otherwise "Channel 3". `problem` marks a dead channel:
    camera_no_signal, camera_unreachable (no stream address), ...
    """

    number: int
    name: str
    video_source_token: str
    profiles: tuple[MediaProfile, ...] = ()
    hidden: bool = False
    position: int = 0
    problem: Problem | None = None


def channel_of_profile(channels: Iterable[Channel], profile_token: str) -> Channel | None:
    """Return the channel that has this media profile, or None."""
    for channel in channels:
        if any(profile.profile_token == profile_token for profile in channel.profiles):
            return channel
    return None


@dataclass(frozen=True, slots=True)
class StreamSource:
    """RTSP address of a live stream, without user-info, and the credential for it.

    `device_key` names the device for its session budget and its login attempts. `web_port`: of its web server, 0 if it
    is not known. `is_plain`: of a camera without ONVIF, whose address the user has given.
    `habits`: the device's RTSP habits as stored.
    """

    camera_id: int
    profile_token: str
    uri: str
    device_key: str
    credential: Credential
    video: VideoFormat | None = None
    audio: AudioFormat | None = None
    web_port: int = 0
    is_plain: bool = False
    habits: tuple[RtspHabits, ...] = field(default=(), compare=False)


@dataclass(frozen=True, slots=True)
class DevicePlace:
    """Port, protocol ("http" or "https") and path of a device service; an empty path is the standard one."""

    port: int
    scheme: str = "http"
    path: str = ""


@dataclass(frozen=True, slots=True)
class FoundDevice:
    """One answer to a WS-Discovery probe. An empty path is the standard one."""

    host: str
    port: int
    name: str = ""
    hardware: str = ""
    endpoint_reference: str = ""
    scheme: str = "http"
    path: str = ""


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """Device time minus our time in seconds, and the time of the measurement."""

    offset_s: float
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class ServiceCheck:
    """One line of the health card: name of the check, its outcome (such as "ok", "no" or an error code), its time."""

    name: str
    outcome: str
    detail: str = ""
    took_ms: int | None = None
    at: datetime | None = field(default=None, compare=False)
