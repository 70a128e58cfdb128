"""Values that the package exchanges with others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.errors import AppError
from vision.objects_messages import Recognized

Place = tuple[int, int]
"""Camera and channel."""


@dataclass(frozen=True, slots=True)
class ObjectZone:
    """A part of the picture: a polygon of shares of its width and height."""

    name: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Look:
    """A picture (JPEG) of a movement. `cells`: the moving ones. `zones`: empty for the whole picture."""

    place: Place
    at: datetime
    jpeg: bytes
    cells: bytes
    zones: tuple[ObjectZone, ...] = ()


class DetectorState(StrEnum):
    OFF = "off"  # not installed, or without a model
    IDLE = "idle"  # it starts with the next movement
    RUNNING = "running"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DetectorView:
    """`model`: the chosen one, "" for none. `ms`: processor time of the last pictures. `problem`: for the admin."""

    state: DetectorState
    is_installed: bool
    model: str
    pictures: int = 0
    dropped: int = 0
    ms: float | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ModelView:
    """A model in the folder. `problem`: why it cannot be used, as far as its files tell; "" for none."""

    name: str
    size_bytes: int
    format: str
    licence: str
    is_chosen: bool
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Trial:
    """The result of a model on one picture. `load_ms`: until the model was ready."""

    format: str
    width: int
    height: int
    labels: int
    load_ms: float
    ms: float
    objects: Sequence[Recognized]


class ModelUnusable(AppError):
    """A model cannot be loaded, or fails on a picture."""

    code = "model_unusable"


class DetectorMissing(AppError):
    """The packages of the detector are not installed."""

    code = "detector_missing"
