"""Requests and answers of the API for pictures of recordings."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, WithJsonSchema

from pictures.grid import STEPS_S
from web.api.models import AnswerModel, Time
from web.fields import Moment, PathId, QueryModel


def _step(value: Any) -> Any:
    steps = {str(step_s): step_s for step_s in STEPS_S}
    if value not in steps:
        raise ValueError(f"must be one of {', '.join(steps)}")
    return steps[value]


Step = Annotated[
    int,
    BeforeValidator(_step),
    WithJsonSchema({"type": "integer", "enum": list(STEPS_S), "description": "seconds from one picture to the next"}),
]


class PicturesQuery(QueryModel):
    """A time window of at most 1500 pictures."""

    channel: PathId
    start_time: Moment
    end_time: Moment
    step_s: Step


class PictureQuery(QueryModel):
    channel: PathId
    time: Annotated[Moment, Field(description="rounded down to a whole second; use a time of a grid")]
    width: Annotated[
        int, Field(ge=1, le=4096, description="wanted width in pixels; the nearest that the app has is sent: 320")
    ] = 320
    wait_s: Annotated[int, Field(ge=0, le=10, description="how long to wait for a picture that is not ready")] = 1


class KeyFramesQuery(QueryModel):
    """A time window of at most four hours."""

    channel: PathId
    start_time: Moment
    end_time: Moment


class KeyFrameQuery(QueryModel):
    """A segment of the playlist of key frames, which has its address."""

    channel: PathId
    quality: Annotated[Literal["main", "sub"], Field(description="the recorded stream")] = "main"
    time: Annotated[Moment, Field(description="of a key frame")]
    start_time: Annotated[Moment, Field(description="where the timeline of the playlist begins")]
    part: Annotated[Literal["init", "frame"], Field(description="init: what EXT-X-MAP names")] = "frame"


class RecordingPicture(AnswerModel):
    """A time of the grid and the picture for it.

    pending: it is being made, or the device has not told yet whether it recorded then. missing: the device recorded
    then and gave no picture.
    """

    time: Time
    picture_time: Time | None = Field(
        description="the device's own time of the picture; null before it is ready, and if no device confirms it"
    )
    state: Literal["ready", "pending", "missing", "not_recorded"]
    url: str | None = Field(description="address of the picture; null unless it is ready")


class RecordingPictures(AnswerModel):
    pictures: list[RecordingPicture]
