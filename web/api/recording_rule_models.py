"""Requests and answers of the API for recording on the server: rules, pauses, states and alerts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from core.archive import GapReason, Origin, RecordingMode
from web.api.models import AnswerModel, Time
from web.fields import BodyId, Moment, RequestModel, printable

Mode = Literal["off", "continuous", "schedule", "events"]
Quality = Annotated[
    Literal["main", "sub", "both"],
    Field(description="the streams to record; a channel without a sub stream is recorded by its main stream"),
]
TimeZone = Annotated[
    str,
    Field(max_length=64, description="IANA name of the schedule's time zone; \"\": the server's"),
    AfterValidator(printable),
]
Days = Annotated[float, Field(gt=0, le=36_500)]


class WeekSpan(RequestModel):
    """A stretch of each week by local time. A night takes two of them."""

    weekday: Annotated[int, Field(ge=0, le=6, description="0: Monday")]
    from_minute: Annotated[int, Field(ge=0, le=1439, description="minutes since midnight")]
    until_minute: Annotated[int, Field(ge=1, le=1440)]


class RecordingRuleBody(RequestModel):
    """The rule of a channel. Absent fields get their defaults.

    Recordings older than `limit_days` are always deleted, kept ones too.
    """

    mode: Mode
    quality: Quality = "main"
    schedule: Annotated[list[WeekSpan], Field(max_length=168, description="for the mode schedule")] = []  # noqa: RUF012 - pydantic copies it
    time_zone: TimeZone = ""
    pre_s: Annotated[float, Field(ge=0, le=60, description="events: seconds recorded before an event")] = 10.0
    post_s: Annotated[float, Field(ge=0, le=3600, description="events: seconds recorded after an event")] = 30.0
    keep_days: Annotated[Days | None, Field(description="delete recordings after so many days; null: no limit")] = 30.0
    keep_bytes: Annotated[
        Annotated[int, Field(ge=1_000_000, le=2**60)] | None,
        Field(description="delete the oldest recordings beyond this size; null: no limit"),
    ] = None
    limit_days: Annotated[
        Days | None, Field(description="delete everything after so many days, kept ranges too; null: no limit")
    ] = None
    backfills: Annotated[bool, Field(description="fill gaps from the recorder's own recordings")] = False


class RecordingPauseBody(RequestModel):
    """The end of the pause; without one, it lasts until a user resumes the recording."""

    until: Moment | None = None


class SeenAlerts(RequestModel):
    """The alerts to mark as seen; null: all that you may see."""

    ids: Annotated[list[BodyId], Field(max_length=1000)] | None = None


# --- answers


class ScheduleSpan(AnswerModel):
    weekday: int = Field(description="0: Monday")
    from_minute: int
    until_minute: int


class RecordingRule(AnswerModel):
    """The rule of a channel; `server_time_zone` is the one of an empty `time_zone`."""

    mode: RecordingMode
    quality: Quality
    schedule: list[ScheduleSpan]
    time_zone: str
    pre_s: float
    post_s: float
    keep_days: float | None
    keep_bytes: int | None
    limit_days: float | None
    backfills: bool
    server_time_zone: str
    pre_roll_bytes: int = Field(
        description="the most memory for the pre-roll of one stream: at a high bit rate, it may not suffice for `pre_s`"
    )


class ChannelRecordingState(AnswerModel):
    """The present state of a channel's recording."""

    channel: int
    mode: RecordingMode
    quality: Quality
    state: Literal["off", "recording", "waiting", "paused", "problem"] = Field(
        description="waiting: for the schedule, for an event, or for the first frame"
    )
    since: Time | None = Field(description="since when the state holds")
    reason: GapReason | None = Field(description="the reason why nothing is recorded")
    paused_by: str | None
    paused_until: Time | None
    written_until: Time | None = Field(description="time of the last frame that was written")
    pre_roll_s: float | None = Field(
        description="events: seconds before an event that the memory suffices for; null if it suffices for the rule"
    )


class RecordingStates(BaseModel):
    channels: list[ChannelRecordingState]


class RecordingAlert(AnswerModel):
    """A gap of a minute or more. `origin` device: the recorder itself did not record."""

    id: int
    camera_id: int
    channel: int
    camera_name: str
    channel_name: str
    origin: Origin
    start_time: Time
    end_time: Time | None = Field(description="null: the gap goes on")
    reason: GapReason
    detail: str = Field(description="the reason as a sentence")
    seen: bool


class RecordingAlerts(BaseModel):
    alerts: list[RecordingAlert]
