"""The common parts of messages of the pipe: bounds, zones, blobs, cells."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Protocol, TypeAlias

from vision.fields import BadMessage, Fields, point_from

CELL_COLUMNS, CELL_ROWS = 32, 18
CELL_BYTES = CELL_COLUMNS * CELL_ROWS // 8  # a bit for each cell, row by row, the first cell in the highest bit
MOST_HEADER_BYTES = 262_144
MOST_BODY_BYTES = 32_000_000
MOST_CHANNELS = 64
MOST_ZONES = 16
MOST_POINTS = 32
MOST_BLOBS = 32
MOST_UNITS = 4_096
CODECS = ("h264", "h265")
ZONE_KINDS = ("watch", "ignore", "alert")
REGION_MODES = ("moved", "changed")
CAME_TO_REST, LEFT = "came_to_rest", "left"
RESTS = ("", CAME_TO_REST, LEFT)
FAILURES = (
    *("too_many", "unknown_key", "bad_message", "decoder", "no_picture", "picture_too_large"),
    *("too_few_pictures", "internal"),
)

Point: TypeAlias = tuple[float, float]
Box: TypeAlias = tuple[float, float, float, float]  # x, y, width, height


class Message(Protocol):
    """A message of either direction. `header()` has all fields but `type`; `body` has the bytes."""

    type: ClassVar[str]

    @property
    def body(self) -> bytes: ...

    def header(self) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Zone:
    """A polygon drawn by a user. Without a zone of kind watch or alert the whole picture is watched."""

    id: int
    name: str
    kind: str
    points: tuple[Point, ...]

    def as_dict(self) -> dict[str, Any]:
        return {"id": self.id, "name": self.name, "kind": self.kind, "points": self.points}

    @classmethod
    def read(cls, item: object) -> Zone:
        fields = Fields(item, "zone")
        kind = fields.choice("kind", ZONE_KINDS)
        return cls(fields.whole("id"), fields.text("name", 100), kind, polygon_of(fields, "points"))


@dataclass(frozen=True, slots=True)
class Blob:
    """A moving part of the picture. `foot` is the middle of its lower edge; `zones` are the ids of zones it is in."""

    box: Box
    foot: Point
    share: float
    zones: tuple[int, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        return {"box": self.box, "foot": self.foot, "share": self.share, "zones": self.zones}

    @classmethod
    def read(cls, item: object) -> Blob:
        fields = Fields(item, "blob")
        x, y, width, height = fields.shares("box", 4)
        foot = point_from(list(fields.shares("foot", 2)))
        return cls((x, y, width, height), foot, fields.number("share", 0, 1), fields.wholes("zones", MOST_ZONES))


def polygon_of(fields: Fields, name: str) -> tuple[Point, ...]:
    """Return a polygon of 3 to MOST_POINTS points. Raise BadMessage otherwise."""
    points = fields.list_of(name, point_from, MOST_POINTS)
    if len(points) < 3:
        raise BadMessage(f"{name} is not a polygon of at least 3 points")
    return points


def no_body(body: bytes) -> bytes:
    if body:
        raise BadMessage("this message has no body")
    return body


def some_body(body: bytes) -> bytes:
    if not body:
        raise BadMessage("the body of this message is missing")
    return body


def cells_of(body: bytes) -> bytes:
    """Return `body` if it has a bit for each cell. Raise BadMessage otherwise."""
    if len(body) != CELL_BYTES:
        raise BadMessage(f"the cells are not {CELL_BYTES} bytes")
    return body
