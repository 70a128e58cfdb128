"""Requests and answers of the API for searches in a part of the picture."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from searches.records import SearchKind, SearchState, WaitsFor
from web.api.models import AnswerModel, Problem, Tenths, Thousandths, Time
from web.fields import BodyId, Moment, PathId, RequestModel

Part = Annotated[float, Field(ge=0, le=1)]
Kind = Annotated[
    Literal["moved", "changed"],
    Field(description="moved: when has something moved here? changed: when has this changed for good?"),
]


class SearchPath(BaseModel):
    search_id: PathId


class SearchRequest(RequestModel):
    """A range of one channel, at most 31 days long, and a part of its picture: `box` or `points`."""

    camera_id: BodyId
    channel: BodyId
    start_time: Moment
    end_time: Moment
    box: Annotated[
        list[Part],
        Field(
            default_factory=list,
            min_length=4,
            max_length=4,
            description="left, top, width and height, as parts of the picture",
        ),
    ]
    points: Annotated[
        list[Annotated[list[Part], Field(min_length=2, max_length=2)]],
        Field(
            default_factory=list,
            min_length=3,
            max_length=32,
            description="the corners [x, y] of a polygon, as parts of the picture",
        ),
    ]
    kind: Kind = "moved"
    source: Annotated[
        Literal["device", "server"] | None,
        Field(description="the recordings of the device or of this server; null: both, the server's first"),
    ] = None


# --- answers


class SearchResult(BaseModel):
    """A stretch of time with a movement, or the moment of a lasting change."""

    start_time: Time
    end_time: Time
    score: Thousandths = Field(description="0 to 1: changed part, contrast, length and rarity")
    picture_time: Time = Field(description="the moment that shows it best")
    picture_url: str = Field(description="a JPEG, 320 pixels wide; 202 with Retry-After while it is made")
    before_picture_url: str | None = Field(description="changed: the same place before the change")
    play_url: str = Field(description="the page that plays it, from a little before")


class SearchEstimate(BaseModel):
    """The cost of the rest, which only `continue` begins."""

    key_frames: int
    bytes: int = Field(description="from the recorder; 0 for recordings of this server")
    seconds: Tenths


class Search(BaseModel):
    """A search. While it waits for its turn or its recorder, `waits_for` and `problem` tell why."""

    id: int
    camera_id: int
    channel: int
    start_time: Time
    end_time: Time
    points: list[list[float]] = Field(description="the corners [x, y], as parts of the picture")
    kind: SearchKind
    source: Literal["device", "server"] | None
    state: SearchState = Field(
        description="waiting: the quick steps are done, and `continue` begins the exhaustive one, see `estimate`"
    )
    waits_for: WaitsFor | None = Field(
        description="turn: other searches run. recorder: viewers use its replay sessions, or it is away. user: waiting"
    )
    progress: Thousandths = Field(description="the part of the recorded time that was looked at, 0 to 1")
    recorded_s: Tenths = Field(description="seconds of the range that are recorded")
    key_frames: int = Field(description="fetched so far")
    bytes: int = Field(description="from the recorder so far")
    estimate: SearchEstimate | None = Field(description="null before state waiting")
    problem: Problem | None = Field(description="why it waits, has failed, or is incomplete")
    is_small: bool = Field(description="fewer than 24 pixels in a direction: the answers are unsure")
    results: list[SearchResult] = Field(description="the strongest first; at most 500")
    by: str = Field(description="the user who asked")
    created_at: Time
    ended_at: Time | None


class SearchList(AnswerModel):
    """The searches of the last day that you may see."""

    can_compare: bool = Field(description="false: the index and events alone answer, until packages are installed")
    install_command: str = Field(description="the command that installs the packages")
    searches: list[Search]
