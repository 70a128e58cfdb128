"""Requests and answers of the API for the detector of objects and its models."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

from web.api.event_models import Colour
from web.api.models import AnswerModel
from web.fields import RequestModel

_MOST_BASE64 = 62_000  # a body has at most 64 kB
ModelName = Annotated[str, Field(min_length=1, max_length=64, pattern="^[A-Za-z0-9][A-Za-z0-9._ -]*$")]


class ModelPath(BaseModel):
    name: ModelName


class ModelChoice(RequestModel):
    model: Annotated[ModelName | None, Field(description="null: objects are not recognized")]


class ModelTrialBody(RequestModel):
    picture: Annotated[str, Field(min_length=4, max_length=_MOST_BASE64, description="a JPEG in base64")]


# --- answers


class DetectorModel(AnswerModel):
    name: str
    size_bytes: int
    format: str = Field(description="as the description names it; empty: the shapes of the outputs tell it")
    licence: str
    is_chosen: bool
    problem: str = Field(description="why it cannot be used, as far as its files tell; empty for none")


class Detector(AnswerModel):
    """The state of the detector since the app started. Each of several servers has a detector and models of its own."""

    node: str = Field(description="the server (node) that answers; empty for a single server")
    state: Literal["off", "idle", "running", "failed"] = Field(description="idle: it starts with the next movement")
    is_installed: bool
    install_command: str
    model: str = Field(description="the chosen model; empty for none")
    pictures: int
    dropped: int = Field(description="pictures that were replaced by newer ones")
    ms: float | None = Field(description="processor time of a picture; null before the first one")
    problem: str
    models: list[DetectorModel] = Field(description="those in the folder `models` of the data folder, at most 50")


class TrialObject(AnswerModel):
    label: str
    kind: Literal["person", "vehicle", "animal", ""] = Field(description="empty: it would be no event")
    score: float
    box: list[float] = Field(description="x, y, width, height in the picture, 0 to 1")
    colours: list[Colour]


class ModelTrial(AnswerModel):
    format: str
    width: int = Field(description="of the model's input")
    height: int
    labels: int
    load_ms: float = Field(description="until the model was ready")
    ms: float = Field(description="processor time of the picture")
    objects: list[TrialObject] = Field(description="those with a score of at least 0.25, the surest first")
