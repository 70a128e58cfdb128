"""Requests and answers of the API for backfills."""

from __future__ import annotations

from pydantic import BaseModel, Field

from backfill.records import BackfillState
from web.api.models import AnswerModel, Problem, Tenths, Time
from web.fields import BodyId, Moment, PathId, RequestModel


class BackfillPath(BaseModel):
    backfill_id: PathId


class BackfillRequest(RequestModel):
    """A range of one channel, at most 31 days long."""

    camera_id: BodyId
    channel: BodyId
    start_time: Moment
    end_time: Moment


class FetchableSpan(AnswerModel):
    start_time: Time
    end_time: Time


class BackfillEstimate(BaseModel):
    """The part of a range that the recorder has and the server lacks."""

    seconds: Tenths
    bytes: int = Field(description="by the bit rate that the device states")
    about: bool = Field(description="the recorder cannot tell exactly what it has recorded")
    missing_s: Tenths = Field(description="time that neither the server nor the recorder has")
    spans: list[FetchableSpan]


class BackfillProgress(BaseModel):
    """`done_s` and `total_s`: seconds of video, which count once they are on the server's disk."""

    done_s: Tenths
    total_s: Tenths
    bytes: int


class Backfill(BaseModel):
    """A job that fetches a range from the recorder's own disks.

    `error`: why it waits (`queued`) or failed, or that the recorder did not send everything that it lists (`done`,
    `not_on_recorder`).
    """

    id: int
    camera_id: int
    channel: int
    start_time: Time
    end_time: Time
    state: BackfillState
    progress: BackfillProgress
    eta_s: Tenths = Field(description="null while it is not known")
    lacking_s: Tenths = Field(description="time that the recorder listed and did not send; it is not requested again")
    frames_lost: int = Field(description="frames that came incomplete, also at a second try, and are missing")
    automatic: bool = Field(description="made by the rule of the channel")
    by: str = Field(description='the user who asked for it; "" for an automatic one')
    error: Problem | None
    created_at: Time
    ended_at: Time | None


class BackfillProposal(AnswerModel):
    """A gap of a channel that the recorder can fill, and whose rule does not fill gaps by itself."""

    camera_id: int
    channel: int
    start_time: Time
    end_time: Time
    seconds: Tenths
    bytes: int = Field(description="by the bit rate that the device states")


class BackfillList(BaseModel):
    backfills: list[Backfill]
    proposals: list[BackfillProposal]
