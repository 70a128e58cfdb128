"""Values that RecordingManager returns. Times are true UTC, corrected for the device's clock.

The exception is KnownRecording.tracks: their `data_from` and `data_until` are by the device's clock. No caller reads
these two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from core.archive import GapReason, Origin, origin_of
from core.errors import AppError
from core.recordings import RecordingEvent, RecordingTrack, SpanState
from recordings.indexing import Progress
from recordings.matching import MatchedBy


@dataclass(frozen=True, slots=True)
class ChannelSpan:
    """A stretch of a channel's time. `recording_token` is set for a state of recorded or unknown: it can be played.

    `reason`: why the server has not recorded a stretch that neither it nor the device has recorded, if that is known.
    `server`: the name of the other server that has the footage; None if it is on this server or on the device.
    """

    start: datetime
    end: datetime
    state: SpanState
    recording_token: str | None = None
    reason: GapReason | None = None
    server: str | None = None
    from_object_storage: bool = False

    @property
    def source(self) -> Origin | None:
        """The place of the recording that plays the stretch."""
        return None if self.recording_token is None else origin_of(self.recording_token)


@dataclass(frozen=True, slots=True)
class ChannelCoverage:
    """One row of the timeline. `channel` is None for a recording without a known channel.

    `spans` cover the window without holes; `events` are sorted by time, and cut off at 2000.
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
    """Rows of the timeline for one window.

    `indexing`: progress of a running indexing, otherwise None. `is_stopped`: a user has stopped the indexing.
    `event_search`: False if the device cannot search events. `problem`: the error that ended the indexing early.
    """

    channels: tuple[ChannelCoverage, ...]
    indexing: Progress | None
    is_stopped: bool
    event_search: bool
    clock_offset_s: float | None
    problem: AppError | None


@dataclass(frozen=True, slots=True)
class KnownRecording:
    """A recording as its device lists it, or one of the archive, with its channel."""

    recording_token: str
    channel: int | None
    matched_by: MatchedBy
    source_name: str
    earliest: datetime | None
    latest: datetime | None
    tracks: tuple[RecordingTrack, ...]

    @property
    def source(self) -> Origin:
        return origin_of(self.recording_token)


@dataclass(frozen=True, slots=True)
class Summary:
    """Summary of a camera's recordings.

    `service`: the ONVIF service that answered, "search" or "recording"; "server" if only the archive has recordings.
    `zone_s`: the device's present local time minus UTC. `problem`: why the device's recordings are missing.
    """

    data_from: datetime | None
    data_until: datetime | None
    number_recordings: int
    service: str
    recordings: tuple[KnownRecording, ...]
    clock_offset_s: float | None
    zone_s: float | None
    problem: AppError | None = None


@dataclass(frozen=True, slots=True)
class FoundRecording:
    """The part of a recording inside the window of a search.

    `is_known` is False if the device cannot tell which parts between `earliest` and `latest` are recorded: then some of
    `spans` may have no data.
    """

    recording: KnownRecording
    spans: tuple[tuple[datetime, datetime], ...]
    is_known: bool


@dataclass(frozen=True, slots=True)
class SearchPage:
    """A page of search results. `complete` is False if a part of the window is not indexed; `problem` is the error that
    caused it, None if the time limit did."""

    recordings: tuple[FoundRecording, ...]
    complete: bool
    next_cursor: str | None
    problem: AppError | None = None


@dataclass(frozen=True, slots=True)
class Playback:
    """Address (without user-info), Range header and Require header for another RTSP client to play a recording."""

    uri: str
    range: str
    requires: tuple[str, ...]
