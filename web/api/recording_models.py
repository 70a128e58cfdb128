"""What the recording calls take and give. `web.api.recordings` fills them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from web.api.models import Problem, Time
from web.api.playback_models import RecordingToken
from web.fields import BodyId, Flag, Moment, PathId, QueryModel, RequestModel

MatchedBy = Literal["job", "video_source", "name", "order", "nothing"]
Channel = Annotated[
    int | None, Field(description="the channel's number; null for a recording that belongs to no channel we know")
]


class RecordingSearch(RequestModel):
    """Which time to search, and if given, only which recording or channel."""

    start_time: Moment
    end_time: Moment
    recording_token: RecordingToken | None = None
    channel: BodyId | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str, Field(max_length=256)] | None = None


class CoverageQuery(QueryModel):
    """At most 400 days."""

    start_time: Moment
    end_time: Moment
    channel: PathId | None = None
    events: Annotated[Flag, Field(description="0 leaves the events out")] = True


class PlaybackUriRequest(RequestModel):
    camera_id: BodyId
    recording_token: RecordingToken
    start_time: Moment | None = None
    end_time: Moment | None = None


class Track(BaseModel):
    track_token: str
    type: Literal["video", "audio", "metadata"]
    codec: str | None = None


class Stretch(BaseModel):
    start_time: Time
    end_time: Time


class FoundRecording(BaseModel):
    """What a recording holds of the window: never more than was asked, whatever the device returns."""

    recording_token: str
    channel: Channel
    matched_by: MatchedBy
    source_name: str
    start_time: Time
    end_time: Time
    tracks: list[Track]
    spans: list[Stretch]
    coverage: Literal["known", "unknown"] = Field(
        description="unknown: the device cannot tell what lies between earliest and latest; some spans may be empty"
    )


class FoundRecordings(BaseModel):
    recordings: list[FoundRecording]
    complete: bool = Field(description="false: the device could not be asked about all of the window")
    next_cursor: str | None
    error: Problem | None = Field(description="why it is not complete, if not for lack of time")


class KnownRecording(BaseModel):
    recording_token: str
    channel: Channel
    matched_by: MatchedBy
    source_name: str
    earliest: Time | None
    latest: Time | None
    tracks: list[Track]


class RecordingSummary(BaseModel):
    """`service`: which ONVIF service told it. `zone_s`: the device's local time minus UTC, now; null where it does not
    tell."""

    data_from: Time | None
    data_until: Time | None
    number_recordings: int
    service: str
    recordings: list[KnownRecording]
    clock_offset_s: float | None
    zone_s: float | None


class CoverageSpan(BaseModel):
    start_time: Time
    end_time: Time
    state: Literal["recorded", "not_recorded", "not_asked", "unknown"]
    recording_token: str | None = Field(description="what plays it, where it is recorded or may be")


class RecordingEvent(BaseModel):
    time: Time
    topic: str
    active: bool | None


class ChannelCoverage(BaseModel):
    """`spans` cover the window without holes."""

    channel: Channel
    name: str
    matched_by: MatchedBy
    recording_token: str
    spans: list[CoverageSpan]
    events: list[RecordingEvent]
    events_truncated: bool


class IndexingProgress(BaseModel):
    """Hours of recorded time."""

    done: int
    total: int


class Coverage(BaseModel):
    channels: list[ChannelCoverage]
    indexing: IndexingProgress | None = Field(description="null when the device is not being asked")
    indexing_stopped: bool = Field(description="true: stopped by a user, until it is resumed or a search is made")
    may_stop_indexing: bool = Field(description="false: stopping and resuming take all channels, and you see some")
    event_search: bool = Field(description="false: the device cannot tell when it recorded")
    clock_offset_s: float | None
    error: Problem | None = Field(description="why the asking ended before its end")


class PlaybackUri(BaseModel):
    """For another RTSP client, which must bring user name and password itself."""

    uri: str
    range: str
    requires: list[str]
