"""The messages of the pipe between the app and the child that recognizes objects (`python -m vision.objects`).

The frames are those of vision.messages. This module needs only the standard library, so the app imports it, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias

from vision.fields import BadMessage, Fields
from vision.from_child import Failed
from vision.message_parts import CELL_BYTES, Box, some_body

COLOURS = ("black", "white", "grey", "red", "yellow", "green", "blue", "brown")
KINDS = ("person", "vehicle", "animal")
HISTOGRAM_BYTES = 384
MOST_OBJECTS = 20
_LONGEST_LABEL = 64


@dataclass(frozen=True, slots=True)
class Detect:
    """Recognize the objects in a JPEG picture. The answer is `detected`, or `failed`.

    `cells`: the moving cells, CELL_BYTES; only objects that overlap them count. Empty: all objects count, also those
    that are neither person, vehicle nor animal.
    """

    type: ClassVar[str] = "detect"
    id: str
    cells: bytes
    body: bytes
    least_score: float = 0.4

    def header(self) -> dict[str, Any]:
        return {"id": self.id, "cells": self.cells.hex() or None, "least_score": self.least_score}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Detect:
        cells = _cells(fields.text_or_none("cells", 2 * CELL_BYTES) or "")
        return cls(fields.text("id"), cells, some_body(body), fields.number("least_score", 0, 1))


@dataclass(frozen=True, slots=True)
class Recognized:
    """An object. `kind`: of KINDS, or "". `colours`: of COLOURS. `histogram`: empty in infrared light."""

    label: str
    kind: str
    score: float
    box: Box
    colours: tuple[str, ...] = ()
    histogram: bytes = b""

    def as_dict(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "kind": self.kind or None,
            "score": self.score,
            "box": self.box,
            "colours": self.colours,
            "has_histogram": bool(self.histogram),
        }


@dataclass(frozen=True, slots=True)
class Detected:
    """The objects of a picture, the surest first. `ms`: the processor time of the detection."""

    type: ClassVar[str] = "detected"
    id: str
    ms: float
    objects: tuple[Recognized, ...]

    @property
    def body(self) -> bytes:
        return b"".join(item.histogram for item in self.objects)

    def header(self) -> dict[str, Any]:
        return {"id": self.id, "ms": self.ms, "objects": [item.as_dict() for item in self.objects]}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Detected:
        flags: list[bool] = []

        def read_one(item: object) -> Recognized:
            one = Fields(item, "object")
            flags.append(one.flag("has_histogram"))
            at = HISTOGRAM_BYTES * (sum(flags) - 1)
            histogram = body[at : at + HISTOGRAM_BYTES] if flags[-1] else b""
            x, y, width, height = one.shares("box", 4)
            return Recognized(
                one.text("label", _LONGEST_LABEL),
                "" if one.text_or_none("kind") is None else one.choice("kind", KINDS),
                one.number("score", 0, 1),
                (x, y, width, height),
                one.list_of("colours", _colour, len(COLOURS)),
                histogram,
            )

        objects = fields.list_of("objects", read_one, MOST_OBJECTS)
        if len(body) != HISTOGRAM_BYTES * sum(flags):
            raise BadMessage("the histograms of detected are not complete")
        return cls(fields.text("id"), fields.number("ms"), objects)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The model is loaded, and the child waits for pictures. `format`: of vision.models.ModelFormat."""

    type: ClassVar[str] = "loaded"
    format: str
    width: int
    height: int
    labels: int

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {"format": self.format, "width": self.width, "height": self.height, "labels": self.labels}

    @classmethod
    def read(cls, fields: Fields, _body: bytes) -> Loaded:
        sides = fields.whole("width"), fields.whole("height")
        return cls(fields.text("format"), *sides, fields.whole("labels"))


@dataclass(frozen=True, slots=True)
class Refused:
    """The model cannot be used; the child ends. `detail` is for the admin."""

    type: ClassVar[str] = "refused"
    detail: str

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {"detail": self.detail}

    @classmethod
    def read(cls, fields: Fields, _body: bytes) -> Refused:
        return cls(fields.text("detail", 500))


FromObjects: TypeAlias = Detected | Loaded | Refused | Failed

TO_OBJECTS: dict[str, Callable[[Fields, bytes], Detect]] = {Detect.type: Detect.read}
FROM_OBJECTS: dict[str, Callable[[Fields, bytes], FromObjects]] = {
    Detected.type: Detected.read,
    Loaded.type: Loaded.read,
    Refused.type: Refused.read,
    Failed.type: Failed.read,
}


def _cells(digits: str) -> bytes:
    try:
        cells = bytes.fromhex(digits)
    except ValueError as error:
        raise BadMessage("cells of detect are not hexadecimal digits") from error
    if len(cells) not in (0, CELL_BYTES):
        raise BadMessage(f"the cells are not {CELL_BYTES} bytes")
    return cells


def _colour(item: object) -> str:
    return Fields({"colour": item}).choice("colour", COLOURS)
