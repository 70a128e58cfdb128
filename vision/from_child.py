"""The messages from the child to the app. `read` raises BadMessage if fields or body are invalid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from vision.fields import BadMessage, Fields
from vision.message_parts import CELL_BYTES, FAILURES, MOST_BLOBS, MOST_ZONES, RESTS, Blob, cells_of, no_body, some_body


@dataclass(frozen=True, slots=True)
class Watched:
    """The judgement of one picture. `cells` has a bit for each moving cell, CELL_BYTES in all.

    `share` is the moving part of the picture, `zones` and `alert_zones` the ids of the zones with a blob. `is_reset`:
    the background began anew (first picture, light, other size), so the picture is not judged. `is_moving`: at least
    one blob counts. `rest`: one of RESTS; an object has stood still for 20 seconds, or one that stood still has left.
    `is_settling`: an object has stood still for a shorter time.
    """

    type: ClassVar[str] = "watched"
    key: str
    time_ms: int
    share: float
    blobs: tuple[Blob, ...]
    zones: tuple[int, ...]
    alert_zones: tuple[int, ...]
    is_reset: bool
    is_moving: bool
    cells: bytes
    rest: str = ""
    is_settling: bool = False

    @property
    def body(self) -> bytes:
        return self.cells

    def header(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "time_ms": self.time_ms,
            "share": self.share,
            "blobs": [blob.as_dict() for blob in self.blobs],
            "zones": self.zones,
            "alert_zones": self.alert_zones,
            "is_reset": self.is_reset,
            "is_moving": self.is_moving,
            "rest": self.rest,
            "is_settling": self.is_settling,
        }

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Watched:
        return cls(
            fields.text("key"),
            fields.time_ms("time_ms"),
            fields.number("share", 0, 1),
            fields.list_of("blobs", Blob.read, MOST_BLOBS),
            fields.wholes("zones", MOST_ZONES),
            fields.wholes("alert_zones", MOST_ZONES),
            fields.flag("is_reset"),
            fields.flag("is_moving"),
            cells_of(body),
            fields.choice("rest", RESTS),
            fields.flag("is_settling"),
        )


@dataclass(frozen=True, slots=True)
class Began:
    """The first moving picture of a `look_back`; None if nothing moves there. `hit_ms` is its `start_ms`."""

    type: ClassVar[str] = "began"
    key: str
    start_ms: int | None
    hit_ms: int

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {"key": self.key, "start_ms": self.start_ms, "hit_ms": self.hit_ms}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Began:
        no_body(body)
        return cls(fields.text("key"), fields.time_ms_or_none("start_ms"), fields.time_ms("hit_ms"))


@dataclass(frozen=True, slots=True)
class StillPicture:
    """The newest watched picture, at most 640 pixels wide, as JPEG, with its moving cells."""

    type: ClassVar[str] = "still"
    key: str
    time_ms: int
    cells: bytes
    body: bytes

    def header(self) -> dict[str, Any]:
        return {"key": self.key, "time_ms": self.time_ms, "cells": self.cells.hex()}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> StillPicture:
        try:
            cells = bytes.fromhex(fields.text("cells", 2 * CELL_BYTES))
        except ValueError as error:
            raise BadMessage("cells of still are not hexadecimal digits") from error
        return cls(fields.text("key"), fields.time_ms("time_ms"), cells_of(cells), some_body(body))


@dataclass(frozen=True, slots=True)
class Region:
    """The judgement of one picture of a search.

    `share` is the changed part of the polygon, `contrast` the mean difference of the changed part in grey levels.
    `thumb` is a JPEG picture if `share` is over the bar, otherwise empty. `cells` are those of the whole picture.
    """

    type: ClassVar[str] = "region"
    id: str
    time_ms: int
    share: float
    contrast: float
    is_reset: bool
    cells: bytes
    thumb: bytes = b""

    @property
    def body(self) -> bytes:
        return self.cells + self.thumb

    def header(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "time_ms": self.time_ms,
            "share": self.share,
            "contrast": self.contrast,
            "is_reset": self.is_reset,
        }

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Region:
        share, contrast = fields.number("share", 0, 1), fields.number("contrast", 0, 255)
        cells, thumb = cells_of(body[:CELL_BYTES]), body[CELL_BYTES:]
        return cls(fields.text("id"), fields.time_ms("time_ms"), share, contrast, fields.flag("is_reset"), cells, thumb)


@dataclass(frozen=True, slots=True)
class RegionPair:
    """The difference of two probes inside the polygon: 0 for the same scene in any light, 1 for another scene."""

    type: ClassVar[str] = "region_pair"
    id: str
    a_ms: int
    b_ms: int
    difference: float

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {"id": self.id, "a_ms": self.a_ms, "b_ms": self.b_ms, "difference": self.difference}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> RegionPair:
        no_body(body)
        difference = fields.number("difference", 0, 1)
        return cls(fields.text("id"), fields.time_ms("a_ms"), fields.time_ms("b_ms"), difference)


@dataclass(frozen=True, slots=True)
class Cost:
    """The child's use of the machine since it started, every 10 s.

    `skips`: it leaves out every second key frame, since it is over its share of the processor.
    """

    type: ClassVar[str] = "cost"
    cpu_s: float
    wall_s: float
    pictures: int
    rss_bytes: int
    skips: bool = False

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {
            "cpu_s": self.cpu_s,
            "wall_s": self.wall_s,
            "pictures": self.pictures,
            "rss_bytes": self.rss_bytes,
            "skips": self.skips,
        }

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Cost:
        no_body(body)
        cpu_s, wall_s, pictures = fields.number("cpu_s"), fields.number("wall_s"), fields.whole("pictures", 0, 2**53)
        return cls(cpu_s, wall_s, pictures, fields.whole("rss_bytes", 0, 2**53), fields.flag("skips"))


@dataclass(frozen=True, slots=True)
class Failed:
    """The child could not do what a message with this `key` or `id` asked for. It goes on with other messages."""

    type: ClassVar[str] = "failed"
    reason: str
    key: str | None = None
    id: str | None = None
    time_ms: int | None = None

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {"reason": self.reason, "key": self.key, "id": self.id, "time_ms": self.time_ms}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Failed:
        no_body(body)
        key, id_ = fields.text_or_none("key"), fields.text_or_none("id")
        return cls(fields.choice("reason", FAILURES), key, id_, fields.time_ms_or_none("time_ms"))
