"""Messages to the watching process whose bytes are put together only when they are sent."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, ClassVar

from media.codecs.access_unit import AccessUnit
from vision.messages import MOST_UNITS, BufferedUnit, LookBack, Unit

_START_CODE = b"\0\0\0\1"


def annex_b(unit: AccessUnit, parameter_sets: tuple[bytes, ...]) -> bytes:
    """Return a frame as a byte stream (H.264 Annex B, H.265 Annex B), a key frame with its parameter sets."""
    sets = (unit.parameter_sets or parameter_sets) if unit.is_key else ()
    return b"".join(_START_CODE + nal for nal in (*sets, *unit.parts))


def size_of(unit: AccessUnit) -> int:
    """Return the memory that a frame holds."""
    return sum(map(len, unit.parts)) + 200


class HeldUnit:
    """A frame for the process (vision.messages.Unit)."""

    type: ClassVar[str] = Unit.type

    def __init__(self, key: str, time_ms: int, unit: AccessUnit, parameter_sets: tuple[bytes, ...]) -> None:
        self._key = key
        self._time_ms = time_ms
        self._unit = unit
        self._sets = parameter_sets

    @cached_property
    def body(self) -> bytes:
        return annex_b(self._unit, self._sets)

    def header(self) -> dict[str, Any]:
        return {"key": self._key, "time_ms": self._time_ms, "is_key": self._unit.is_key}


class HeldLookBack:
    """The frames since the key frame before a hit (vision.messages.LookBack)."""

    type: ClassVar[str] = LookBack.type

    def __init__(
        self, key: str, hit_ms: int, frames: Sequence[tuple[int, AccessUnit]], parameter_sets: tuple[bytes, ...]
    ) -> None:
        self._key = key
        self._hit_ms = hit_ms
        self._frames = tuple(frames[:MOST_UNITS])
        self._sets = parameter_sets

    @cached_property
    def _message(self) -> LookBack:
        bodies = [annex_b(unit, self._sets) for _, unit in self._frames]
        units = tuple(
            BufferedUnit(time_ms, unit.is_key, len(body))
            for (time_ms, unit), body in zip(self._frames, bodies, strict=True)
        )
        return LookBack(self._key, self._hit_ms, units, b"".join(bodies))

    @property
    def body(self) -> bytes:
        return self._message.body

    def header(self) -> dict[str, Any]:
        return self._message.header()
