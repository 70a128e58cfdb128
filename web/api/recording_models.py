"""Requests and answers of the API for recordings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AliasPath, BeforeValidator, Field, model_validator

from core.archive import GapReason
from web.api.models import AnswerModel, Problem, Time
from web.api.playback_models import RecordingToken
from web.fields import BodyId, Flag, Moment, PathId, QueryModel, RequestModel

MatchedBy = Literal["server", "job", "video_source", "name", "only_channel", "number", "order", "nothing"]
Source = Annotated[
    Literal["device", "server"], Field(description="the place of the recording: the device's own disks, or this server")
]
Channel = Annotated[int | None, Field(description="the channel's number; null for a recording of an unknown channel")]


class RecordingSearch(RequestModel):
    """The time window to search, optionally only in one recording or channel."""

    start_time: Moment
    end_time: Moment
    recording_token: RecordingToken | None = None
    channel: BodyId | None = None
    limit: Annotated[int, Field(ge=1, le=1000)] = 100
    cursor: Annotated[str, Field(max_length=256)] | None = None


class CoverageQuery(QueryModel):
    """A time window of at most 400 days."""

    start_time: Moment
    end_time: Moment
    channel: PathId | None = None
    events: Annotated[Flag, Field(description="0: without events")] = True


class PlaybackUriRequest(RequestModel):
    camera_id: BodyId
    recording_token: RecordingToken
    start_time: Moment | None = None
    end_time: Moment | None = None


class Track(AnswerModel):
    track_token: str
    type: Literal["video", "audio", "metadata"]
    codec: str | None = None


class Stretch(AnswerModel):
    start_time: Time
    end_time: Time

    @model_validator(mode="before")
    @classmethod
    def _from_pair(cls, value: Any) -> Any:
        return dict(zip(("start_time", "end_time"), value, strict=True)) if isinstance(value, tuple) else value


def _known_or_unknown(value: Any) -> Any:
    return {True: "known", False: "unknown"}.get(value, value)


class FoundRecording(AnswerModel):
    """A recording, clipped to the requested window, whatever the device returns."""

    recording_token: str = Field(validation_alias=AliasPath("recording", "recording_token"))
    channel: Channel = Field(validation_alias=AliasPath("recording", "channel"))
    matched_by: MatchedBy = Field(validation_alias=AliasPath("recording", "matched_by"))
    source: Source = Field(validation_alias=AliasPath("recording", "source"))
    source_name: str = Field(validation_alias=AliasPath("recording", "source_name"))
    start_time: Time = Field(validation_alias=AliasPath("spans", 0, 0))
    end_time: Time = Field(validation_alias=AliasPath("spans", -1, 1))
    tracks: list[Track] = Field(validation_alias=AliasPath("recording", "tracks"))
    spans: list[Stretch]
    coverage: Annotated[Literal["known", "unknown"], BeforeValidator(_known_or_unknown)] = Field(
        validation_alias="is_known",
        description="unknown: the device does not report gaps, so parts of the spans may be empty",
    )


class FoundRecordings(AnswerModel):
    recordings: list[FoundRecording]
    complete: bool = Field(description="false: the device was not asked about the whole window")
    next_cursor: str | None
    error: Problem | None = Field(
        validation_alias="problem", description="why the result is incomplete, if not because the time was up"
    )


class KnownRecording(AnswerModel):
    recording_token: str
    channel: Channel
    matched_by: MatchedBy
    source: Source
    source_name: str
    earliest: Time | None
    latest: Time | None
    tracks: list[Track]


class RecordingSummary(AnswerModel):
    """All recordings of a camera: those of the device, and those of this server.

    `service`: the ONVIF service that listed them, `server` if the device has none. `zone_s`: the device's present local
    time minus UTC; null if the device does not report it.
    """

    data_from: Time | None
    data_until: Time | None
    number_recordings: int
    service: str
    recordings: list[KnownRecording]
    clock_offset_s: float | None
    zone_s: float | None
    error: Problem | None = Field(
        validation_alias="problem", description="why the recordings of the device are missing; null if they are not"
    )


class CoverageSpan(AnswerModel):
    start_time: Time = Field(validation_alias="start")
    end_time: Time = Field(validation_alias="end")
    state: Literal["recorded", "not_recorded", "not_asked", "unknown", "away"] = Field(
        description="away: recorded, but only by another server that does not answer now"
    )
    recording_token: str | None = Field(description="the recording that plays this span, if it is recorded or may be")
    source: Source | None = Field(description="the place of that recording; null without one")
    reason: GapReason | None = Field(
        description="why this server did not record a span with the state not_recorded, if it should have and knows it"
    )
    server: str | None = Field(
        description="the name of the other server that has the footage; null: this server, or the device itself"
    )
    from_object_storage: bool = Field(description="true if the span plays from its copy in the object storage")


class RecordingEvent(AnswerModel):
    time: Time
    topic: str
    active: bool | None


class ChannelCoverage(AnswerModel):
    """One row of the timeline. `spans` cover the whole window."""

    channel: Channel
    name: str
    matched_by: MatchedBy
    recording_token: str
    spans: list[CoverageSpan]
    events: list[RecordingEvent]
    events_truncated: bool


class IndexingProgress(AnswerModel):
    """Progress in hours of recorded time."""

    done: int
    total: int


class Coverage(AnswerModel):
    channels: list[ChannelCoverage]
    indexing: IndexingProgress | None = Field(description="null while no requests are sent to the device")
    indexing_stopped: bool = Field(description="true: a user stopped it; it continues after a resume or a search")
    may_stop_indexing: bool = Field(
        description="false: you may see only some channels, and stopping and resuming affect all channels"
    )
    event_search: bool = Field(description="false: the device cannot search events, which report when it recorded")
    clock_offset_s: float | None
    error: Problem | None = Field(description="why the requests to the device stopped before the end")


class PlaybackUri(AnswerModel):
    """For another RTSP client, which needs its own user name and password."""

    uri: str
    range: str
    requires: list[str]
