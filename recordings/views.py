"""What the recordings room answers. Every time is true UTC: the device's clock is corrected for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.errors import AppError
from core.recordings import RecordingEvent, RecordingTrack, SpanState
from recordings.indexing import Progress
from recordings.matching import MatchedBy


@dataclass(frozen=True, slots=True)
class ChannelSpan:
    """A stretch of a channel's time. `recording_token`: what plays it, where it is recorded or may be."""

    start: datetime
    end: datetime
    state: SpanState
    recording_token: str | None = None


@dataclass(frozen=True, slots=True)
class ChannelCoverage:
    """One row of the timeline. `channel` is None for recordings that belong to none we know.

    `spans` cover the window without holes; `events` are by time, cut off where there are too many.
    """

    channel: int | None
    name: str
    matched_by: MatchedBy
    recording_token: str
    spans: tuple[ChannelSpan, ...]
    events: tuple[RecordingEvent, ...]
    events_truncated: bool


@dataclass(frozen=True, slots=True)
class Coverage:
    """`indexing`: how far the asking is, None when nothing is being asked. `problem`: why it ended early.

    `is_stopped`: a user has stopped the asking.
    """

    channels: tuple[ChannelCoverage, ...]
    indexing: Progress | None
    is_stopped: bool
    event_search: bool
    clock_offset_s: float | None
    problem: AppError | None


@dataclass(frozen=True, slots=True)
class KnownRecording:
    """A recording as its device lists it, and the channel it belongs to."""

    recording_token: str
    channel: int | None
    matched_by: MatchedBy
    source_name: str
    earliest: datetime | None
    latest: datetime | None
    tracks: tuple[RecordingTrack, ...]


@dataclass(frozen=True, slots=True)
class Summary:
    """`service`: who told it, "search" or "recording". `zone_s`: the device's local time minus UTC, now."""

    data_from: datetime | None
    data_until: datetime | None
    number_recordings: int
    service: str
    recordings: tuple[KnownRecording, ...]
    clock_offset_s: float | None
    zone_s: float | None


@dataclass(frozen=True, slots=True)
class FoundRecording:
    """What a recording holds of the window, clipped to it. `is_known` False: the device cannot tell
    what lies between earliest and latest, and some of `spans` may be empty."""

    recording: KnownRecording
    spans: tuple[tuple[datetime, datetime], ...]
    is_known: bool


@dataclass(frozen=True, slots=True)
class Found:
    """A page of a search. `complete` False: not all of the window could be asked; `problem`: why, if not for time."""

    recordings: tuple[FoundRecording, ...]
    complete: bool
    next_cursor: str | None
    problem: AppError | None = None


@dataclass(frozen=True, slots=True)
class Playback:
    """How another RTSP client plays a recording: address without user-info, Range header, Require header."""

    uri: str
    range: str
    requires: tuple[str, ...]
