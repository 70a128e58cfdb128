"""Detector models: an ONNX file, and the TOML file beside it that describes the model.

This module needs no package for ONNX, so that the app can list models without one.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any

from vision.models_file import ModelError
from vision.objects_labels import COCO

MOST_LABELS = 1_000
_MOST_TOML_BYTES = 100_000
_MOST_SIDE = 2_048
_LONGEST_LABEL = 64


class ModelFormat(StrEnum):
    """The meaning of a model's outputs."""

    NANODET = "nanodet"
    YOLOX = "yolox"
    YOLOV8 = "yolov8"
    DETR = "detr"  # RT-DETR, D-FINE
    RF_DETR = "rf-detr"
    SSD = "ssd"


class Fit(StrEnum):
    """The way in which a picture fits the model's input."""

    CORNER = "corner"  # letter box, the picture at the top left
    CENTRE = "centre"  # letter box, the picture in the middle
    STRETCH = "stretch"


Triple = tuple[float, float, float]
_ZEROS: Triple = (0.0, 0.0, 0.0)
_ONES: Triple = (1.0, 1.0, 1.0)


@dataclass(frozen=True, slots=True)
class ModelInput:
    """How a picture becomes the model's input. `most`: the number for white, before `mean` and `std`.

    `width`, `height`: 0 for the size that the model itself names. `filled_with`: the rest of a letter box, 0 to 255.
    """

    width: int = 0
    height: int = 0
    colour: str = "rgb"
    most: float = 255.0
    mean: Triple = _ZEROS
    std: Triple = _ONES
    fit: Fit = Fit.CORNER
    filled_with: int = 0


_USUAL_INPUTS = {
    ModelFormat.NANODET: ModelInput(colour="bgr", mean=(103.53, 116.28, 123.675), std=(57.375, 57.12, 58.395)),
    ModelFormat.YOLOX: ModelInput(colour="bgr", filled_with=114),
    ModelFormat.YOLOV8: ModelInput(most=1.0, fit=Fit.CENTRE, filled_with=114),
    ModelFormat.DETR: ModelInput(most=1.0, fit=Fit.STRETCH),
    ModelFormat.RF_DETR: ModelInput(most=1.0, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), fit=Fit.STRETCH),
    ModelFormat.SSD: ModelInput(fit=Fit.STRETCH),
}


@dataclass(frozen=True, slots=True)
class ModelDescription:
    """The content of a TOML file. `format`: None if the shapes of the outputs must tell it.

    `boxes`: the order of the numbers of SSD's boxes. `centre`: of NanoDet's cells, 0.5 or 0. `first_label`: the number
    of the first label in the outputs of SSD and DETR. `given`: the parts of the input that differ from the usual ones.
    """

    format: ModelFormat | None = None
    labels: tuple[str, ...] = COCO
    boxes: str = "yxyx"
    centre: float = 0.5
    first_label: int = 0
    licence: str = ""
    given: Mapping[str, Any] = field(default_factory=dict)

    def input_of(self, found: ModelFormat) -> ModelInput:
        """Return the usual input of the format, with what the description says."""
        return replace(_USUAL_INPUTS[found], **self.given)


def read_description(path: Path) -> ModelDescription:
    """Return the description; the usual one if there is no file. Raise ModelError."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return ModelDescription()
    except OSError as error:
        raise ModelError(f"{path.name} cannot be read: {error.strerror}") from error
    if len(content) > _MOST_TOML_BYTES:
        raise ModelError(f"{path.name} has more than {_MOST_TOML_BYTES} bytes")
    try:
        table = tomllib.loads(content.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path.name} is not TOML: {error}") from error
    return parse_description(table)


def parse_description(table: Mapping[str, Any]) -> ModelDescription:
    """Raise ModelError with the name of the wrong entry."""
    read: dict[str, Any] = {}
    for name, value in table.items():
        parse = _PARSERS.get(name)
        if parse is None:
            raise ModelError(f"{name}: unknown; known are {', '.join(sorted(_PARSERS))}")
        try:
            read[name] = parse(value)
        except (TypeError, ValueError, OverflowError) as error:
            raise ModelError(f"{name}: {error}") from error
    given = {_INPUT_NAMES[name]: read.pop(name) for name in list(read) if name in _INPUT_NAMES}
    return ModelDescription(**read, given=given)


def _side(value: Any) -> int:
    if type(value) is not int or not 32 <= value <= _MOST_SIDE:
        raise ValueError(f"a whole number from 32 to {_MOST_SIDE}")
    return value


def _number(least: float, most: float) -> Callable[[Any], float]:
    def parse(value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
            raise ValueError(f"a number from {least:g} to {most:g}")
        return float(value)

    return parse


def _whole(least: int, most: int) -> Callable[[Any], int]:
    def parse(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"a whole number from {least} to {most}")
        return value

    return parse


def _triple(least: float) -> Callable[[Any], Triple]:
    one = _number(least, 1_000)

    def parse(value: Any) -> Triple:
        if not isinstance(value, list) or len(value) != 3:
            raise ValueError("three numbers")
        return (one(value[0]), one(value[1]), one(value[2]))

    return parse


def _one_of(names: Sequence[str]) -> Callable[[Any], str]:
    def parse(value: Any) -> str:
        if value not in names:
            raise ValueError(f"one of {', '.join(names)}")
        return str(value)

    return parse


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 200:
        raise ValueError("a text of at most 200 characters")
    return value


def _labels(value: Any) -> tuple[str, ...]:
    if value == "coco":
        return COCO
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_LABELS:
        raise ValueError(f'a list of at most {MOST_LABELS} names, or "coco"')
    if any(not isinstance(label, str) or len(label) > _LONGEST_LABEL for label in value):
        raise ValueError(f"names of at most {_LONGEST_LABEL} characters")
    return tuple(value)


def _format(value: Any) -> ModelFormat:
    return ModelFormat(_one_of([item.value for item in ModelFormat])(value))


def _fit(value: Any) -> Fit:
    return Fit(_one_of([item.value for item in Fit])(value))


_PARSERS: Mapping[str, Callable[[Any], Any]] = {
    "format": _format,
    "labels": _labels,
    "boxes": _one_of(("yxyx", "xyxy")),
    "centre": _number(0, 0.5),
    "first_label": _whole(0, MOST_LABELS),
    "licence": _text,
    "width": _side,
    "height": _side,
    "colour": _one_of(("rgb", "bgr")),
    "range": _number(1, 255),
    "mean": _triple(-1_000),
    "std": _triple(1e-6),
    "fit": _fit,
    "filled_with": _whole(0, 255),
}
_INPUT_NAMES = {
    "width": "width",
    "height": "height",
    "colour": "colour",
    "range": "most",
    "mean": "mean",
    "std": "std",
    "fit": "fit",
    "filled_with": "filled_with",
}
