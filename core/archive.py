"""Recording on the server: the records that packages exchange. Times are true UTC, lengths in seconds, sizes in bytes.

The archive holds the recordings that this app writes itself; the recordings on a device's own disks are
core.recordings. A recorded stream (StreamKey) is one media profile of a channel: its main or its sub stream.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

_TOKEN = re.compile(r"server-([1-9]\d{0,3})-(main|sub)")


class Origin(StrEnum):
    """The place of a recording: on the device's own disks, or on those of this server."""

    DEVICE = "device"
    SERVER = "server"


class RecordedQuality(StrEnum):
    """The stream that is recorded."""

    MAIN = "main"
    SUB = "sub"


class RecordingMode(StrEnum):
    """The time that a rule records."""

    OFF = "off"
    CONTINUOUS = "continuous"
    SCHEDULE = "schedule"
    EVENTS = "events"


class GapReason(StrEnum):
    """The reason why a stretch of time is not in the archive, or why a stretch ended."""

    SWITCHED_OFF = "switched_off"  # the rule says off, or the camera was removed
    NOT_SCHEDULED = "not_scheduled"
    NO_EVENT = "no_event"  # the rule records events only
    PAUSED = "paused"  # by a user, for privacy
    DEVICE_AWAY = "device_away"  # it does not answer, or has ended the session
    NO_SIGNAL = "no_signal"  # the channel has no camera, or the device sends no video
    REFUSED = "refused"  # password, certificate or number of sessions
    STALLED = "stalled"
    DISK_FULL = "disk_full"
    DISK_TOO_SLOW = "disk_too_slow"
    DISK_GONE = "disk_gone"  # unmounted, read-only or failing
    SERVER_OFF = "server_off"
    CLOCK_STEPPED = "clock_stepped"
    DAMAGED = "damaged"  # a file was cut after a crash, or has vanished
    EXPIRED = "expired"  # deleted by the retention
    UNSUPPORTED = "unsupported"  # the archive has no form for the codec, such as MJPEG
    UNKNOWN = "unknown"


_REASONS_OF_PROBLEMS = {
    "camera_unreachable": GapReason.DEVICE_AWAY,
    "camera_bad_answer": GapReason.DEVICE_AWAY,
    "camera_auth_failed": GapReason.REFUSED,
    "readable_login_needed": GapReason.REFUSED,
    "certificate_changed": GapReason.REFUSED,
    "camera_busy": GapReason.REFUSED,
    "camera_no_signal": GapReason.NO_SIGNAL,
    "stream_not_found": GapReason.NO_SIGNAL,
    "not_found": GapReason.NO_SIGNAL,
    "stream_stalled": GapReason.STALLED,
    "camera_unsupported": GapReason.UNSUPPORTED,
}


def gap_reason_of(code: str) -> GapReason:
    """Return the reason of a gap that a problem causes. `code`: as in core.errors."""
    return _REASONS_OF_PROBLEMS.get(code, GapReason.UNKNOWN)


@dataclass(frozen=True, slots=True, order=True)
class StreamKey:
    """A recorded stream: the number of a camera's channel, and the main or the sub stream."""

    camera_id: int
    channel: int
    quality: RecordedQuality

    @property
    def recording_token(self) -> str:
        """The token of the archive's recording of this stream in the API: `server-3-main`."""
        return f"server-{self.channel}-{self.quality}"

    @classmethod
    def of_token(cls, camera_id: int, recording_token: str) -> StreamKey | None:
        """Return the stream of a recording token; None for a token of a device's recording."""
        found = _TOKEN.fullmatch(recording_token)
        return cls(camera_id, int(found[1]), RecordedQuality(found[2])) if found else None


def origin_of(recording_token: str) -> Origin:
    """Return the place of the recording that a token of the API names."""
    return Origin.SERVER if _TOKEN.fullmatch(recording_token) else Origin.DEVICE


@dataclass(frozen=True, slots=True)
class WeekSpan:
    """A stretch of each week by local time. `weekday` counts from Monday, 0. Minutes since midnight, `until` at most
    1440."""

    weekday: int
    from_minute: int
    until_minute: int


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """The rule of a channel. `qualities` is empty only if `mode` is off.

    `schedule` and `time_zone` (IANA name, "" for the server's) count for the mode `schedule`; `pre_s` and `post_s` for
    `events`. `keep_days` and `keep_bytes`: limits for the retention, None for none. Footage older than `limit_days`
    is always deleted, kept ranges too, because a law or a contract demands it.
    """

    mode: RecordingMode = RecordingMode.OFF
    qualities: tuple[RecordedQuality, ...] = (RecordedQuality.MAIN,)
    schedule: tuple[WeekSpan, ...] = ()
    time_zone: str = ""
    pre_s: float = 10.0
    post_s: float = 30.0
    keep_days: float | None = 30.0
    keep_bytes: int | None = None
    limit_days: float | None = None
    backfills: bool = False  # fill gaps from the recorder without asking


@dataclass(frozen=True, slots=True)
class RecordingPause:
    """A user has paused the recording of a channel, until a time or until another user resumes it."""

    camera_id: int
    channel: int
    since: datetime
    until: datetime | None
    by: str


@dataclass(frozen=True, slots=True)
class KeptRange:
    """A range of a channel that the retention does not delete, until a time if there is one."""

    id: int
    camera_id: int
    channel: int
    start: datetime
    end: datetime
    reason: str
    until: datetime | None
    by: str
    created_at: datetime
    user_id: int | None = None  # of `by`; None without accounts, or if the account was deleted


@dataclass(frozen=True, slots=True)
class ArchiveStretch:
    """An uninterrupted stretch of a recorded stream [start, end). `origin`: SERVER if recorded live, DEVICE if fetched
    from the device's disks. `end_reason`: None while it is being recorded."""

    stream: StreamKey
    start: datetime
    end: datetime
    origin: Origin
    end_reason: GapReason | None = None


@dataclass(frozen=True, slots=True)
class FootageElsewhere:
    """A stretch of a recorded stream [start, end) that only another server or the object storage has.

    `server`: "" for the object storage. `is_away`: the server does not answer, so that nothing plays the stretch now.
    """

    quality: RecordedQuality
    start: datetime
    end: datetime
    server: str
    is_away: bool = False


@dataclass(frozen=True, slots=True)
class ArchivedStream:
    """A recorded stream that the archive has footage of, from `earliest` to `latest`."""

    stream: StreamKey
    earliest: datetime
    latest: datetime


@dataclass(frozen=True, slots=True)
class ArchiveGap:
    """A time that the rule of a channel asks for and the archive does not have."""

    camera_id: int
    channel: int
    start: datetime
    end: datetime | None  # None: it goes on
    reason: GapReason
