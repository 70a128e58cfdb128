"""The messages from the app to the child. `read` raises BadMessage if fields or body are invalid."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from vision.fields import BadMessage, Fields
from vision.message_parts import (
    CODECS,
    MOST_BODY_BYTES,
    MOST_UNITS,
    MOST_ZONES,
    REGION_MODES,
    Point,
    Zone,
    no_body,
    polygon_of,
    some_body,
)


@dataclass(frozen=True, slots=True)
class Open:
    """Watch a channel, or change its settings. The background begins anew only if the codec changes."""

    type: ClassVar[str] = "open"
    key: str
    codec: str
    sensitivity: float  # the least blob as a share of the picture
    zones: tuple[Zone, ...] = ()
    every_picture: bool = False

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {
            "key": self.key,
            "codec": self.codec,
            "sensitivity": self.sensitivity,
            "zones": [zone.as_dict() for zone in self.zones],
            "every_picture": self.every_picture,
        }

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Open:
        no_body(body)
        zones = fields.list_of("zones", Zone.read, MOST_ZONES)
        sensitivity = fields.number("sensitivity", 1e-5, 1)
        every_picture = fields.flag("every_picture")
        return cls(fields.text("key"), fields.choice("codec", CODECS), sensitivity, zones, every_picture)


@dataclass(frozen=True, slots=True)
class Unit:
    """An access unit as Annex B, a key frame with its parameter sets in front. The answer is `watched` or `failed`.

    Without `every_picture` the child ignores units that are no key frames.
    """

    type: ClassVar[str] = "unit"
    key: str
    time_ms: int
    is_key: bool
    body: bytes

    def header(self) -> dict[str, Any]:
        return {"key": self.key, "time_ms": self.time_ms, "is_key": self.is_key}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Unit:
        return cls(fields.text("key"), fields.time_ms("time_ms"), fields.flag("is_key"), some_body(body))


@dataclass(frozen=True, slots=True)
class BufferedUnit:
    """A part of the body of `look_back`: one access unit."""

    time_ms: int
    is_key: bool
    size: int

    @classmethod
    def read(cls, item: object) -> BufferedUnit:
        if not isinstance(item, list) or len(item) != 3:
            raise BadMessage("a unit of look_back is not [time_ms, is_key, size]")
        fields = Fields({"time_ms": item[0], "is_key": item[1], "size": item[2]}, "unit of look_back")
        return cls(fields.time_ms("time_ms"), fields.flag("is_key"), fields.whole("size", 1, MOST_BODY_BYTES))


@dataclass(frozen=True, slots=True)
class LookBack:
    """Find the start of a movement. `units` begin with the key frame before the hit; `start_ms` is the hit's time.

    The answer is `began`, or `failed`.
    """

    type: ClassVar[str] = "look_back"
    key: str
    start_ms: int
    units: tuple[BufferedUnit, ...]
    body: bytes

    def header(self) -> dict[str, Any]:
        units = [[unit.time_ms, unit.is_key, unit.size] for unit in self.units]
        return {"key": self.key, "start_ms": self.start_ms, "units": units}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> LookBack:
        units = fields.list_of("units", BufferedUnit.read, MOST_UNITS)
        if not units or sum(unit.size for unit in units) != len(body):
            raise BadMessage("the sizes of the units of look_back are not the size of its body")
        return cls(fields.text("key"), fields.time_ms("start_ms"), units, body)


@dataclass(frozen=True, slots=True)
class _OfChannel:
    key: str

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {"key": self.key}


@dataclass(frozen=True, slots=True)
class Forget(_OfChannel):
    """Stop watching a channel. The child does not answer."""

    type: ClassVar[str] = "forget"

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Forget:
        no_body(body)
        return cls(fields.text("key"))


@dataclass(frozen=True, slots=True)
class Still(_OfChannel):
    """Ask for the newest watched picture. The answer is `still`, or `failed` with `no_picture`."""

    type: ClassVar[str] = "still"

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> Still:
        no_body(body)
        return cls(fields.text("key"))


@dataclass(frozen=True, slots=True)
class RegionOpen:
    """Begin a search in a polygon: for movements, or for a lasting change. An open search with this id begins anew."""

    type: ClassVar[str] = "region_open"
    id: str
    codec: str
    points: tuple[Point, ...]
    mode: str

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {"id": self.id, "codec": self.codec, "points": self.points, "mode": self.mode}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> RegionOpen:
        no_body(body)
        points, mode = polygon_of(fields, "points"), fields.choice("mode", REGION_MODES)
        return cls(fields.text("id"), fields.choice("codec", CODECS), points, mode)


@dataclass(frozen=True, slots=True)
class RegionPicture:
    """A key frame of a search. The answer is `region`, or `failed` with this time.

    Mode `moved`: send pictures in the order of their times, and set `is_after_gap` where the background is to begin
    anew. Mode `changed`: pictures with the same `probe_ms` (of the sender's choice) become one probe.
    """

    type: ClassVar[str] = "region_picture"
    id: str
    time_ms: int
    body: bytes
    is_after_gap: bool = False
    probe_ms: int | None = None

    def header(self) -> dict[str, Any]:
        return {"id": self.id, "time_ms": self.time_ms, "is_after_gap": self.is_after_gap, "probe_ms": self.probe_ms}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> RegionPicture:
        is_after_gap, probe_ms = fields.flag("is_after_gap"), fields.time_ms_or_none("probe_ms")
        return cls(fields.text("id"), fields.time_ms("time_ms"), some_body(body), is_after_gap, probe_ms)


@dataclass(frozen=True, slots=True)
class RegionCompare:
    """Compare two probes of a search of mode `changed`. The answer is `region_pair`, or `failed`."""

    type: ClassVar[str] = "region_compare"
    id: str
    a_ms: int
    b_ms: int

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {"id": self.id, "a_ms": self.a_ms, "b_ms": self.b_ms}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> RegionCompare:
        no_body(body)
        return cls(fields.text("id"), fields.time_ms("a_ms"), fields.time_ms("b_ms"))


@dataclass(frozen=True, slots=True)
class RegionClose:
    """End a search. The child does not answer."""

    type: ClassVar[str] = "region_close"
    id: str

    body: ClassVar[bytes] = b""

    def header(self) -> dict[str, Any]:
        return {"id": self.id}

    @classmethod
    def read(cls, fields: Fields, body: bytes) -> RegionClose:
        no_body(body)
        return cls(fields.text("id"))
