"""From objects of pictures to objects that come and go, for one channel. No threads, no clock.

An object counts after two of three pictures show it, or one picture surely. It has gone when the movement has ended, or
after ten seconds without it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeAlias

from objects.records import Look
from vision.objects_messages import KINDS, Recognized

SURE = 0.6
GONE_AFTER = timedelta(seconds=10)
_PICTURES, _ENOUGH = 3, 2
_BETTER = 1.1  # a picture replaces the best one if its score is better by this factor
_MOST_PICTURES = 3


@dataclass(frozen=True, slots=True)
class Came:
    """An object has come: seen first at `start`, best in `look`."""

    kind: str
    start: datetime
    found: Recognized
    look: Look
    zone: str


@dataclass(frozen=True, slots=True)
class Better:
    """A later picture shows the object better."""

    kind: str
    found: Recognized
    look: Look


@dataclass(frozen=True, slots=True)
class Gone:
    kind: str
    end: datetime


Step: TypeAlias = Came | Better | Gone


@dataclass(slots=True)
class _Present:
    last: datetime
    score: float
    pictures: int = 1


@dataclass(frozen=True, slots=True)
class _Sight:
    found: Recognized
    look: Look
    zone: str


class ObjectJudge:
    """The objects of one channel, one of each kind."""

    def __init__(self) -> None:
        self._recent: deque[dict[str, _Sight]] = deque(maxlen=_PICTURES)
        self._present: dict[str, _Present] = {}

    @property
    def is_empty(self) -> bool:
        """True if no object is present."""
        return not self._present

    def take(self, look: Look, objects: Sequence[Recognized]) -> list[Step]:
        """Take the objects of a picture."""
        sights = {kind: sight for kind in KINDS if (sight := _best(kind, look, objects)) is not None}
        self._recent.append(sights)
        steps: list[Step] = [*self._leave(look.at)]
        for kind, sight in sights.items():
            present = self._present.get(kind)
            if present is None:
                steps += self._come(kind, sight)
                continue
            present.last = look.at
            if sight.found.score > _BETTER * present.score and present.pictures < _MOST_PICTURES:
                present.score, present.pictures = sight.found.score, present.pictures + 1
                steps.append(Better(kind, sight.found, look))
        return steps

    def end(self) -> list[Step]:
        """The movement has ended: all objects have gone since they were seen last."""
        self._recent.clear()
        gone: list[Step] = [Gone(kind, present.last) for kind, present in self._present.items()]
        self._present.clear()
        return gone

    # ---- inside ----------------------------------------------------------------------------------

    def _come(self, kind: str, sight: _Sight) -> list[Step]:
        seen = [sights[kind] for sights in self._recent if kind in sights]
        if sight.found.score < SURE and len(seen) < _ENOUGH:
            return []
        best = max(seen, key=lambda one: one.found.score)
        self._present[kind] = _Present(sight.look.at, best.found.score)
        return [Came(kind, seen[0].look.at, best.found, best.look, best.zone)]

    def _leave(self, now: datetime) -> list[Step]:
        gone = [kind for kind, present in self._present.items() if now - present.last > GONE_AFTER]
        return [Gone(kind, self._present.pop(kind).last) for kind in gone]


def _best(kind: str, look: Look, objects: Sequence[Recognized]) -> _Sight | None:
    """Return the surest object of a kind that stands in a zone; in the whole picture if there are no zones."""
    for found in sorted(objects, key=lambda one: -one.score):
        if found.kind != kind:
            continue
        if not look.zones:
            return _Sight(found, look, "")
        x, y, width, height = found.box
        for point in ((x + width / 2, y + height), (x + width / 2, y + height / 2)):
            for zone in look.zones:
                if is_inside(point, zone.points):
                    return _Sight(found, look, zone.name)
    return None


def is_inside(point: tuple[float, float], polygon: Sequence[tuple[float, float]]) -> bool:
    """True if a ray from the point to the right crosses the polygon an odd number of times."""
    x, y = point
    crossings = 0
    for (x0, y0), (x1, y1) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y0 > y) != (y1 > y) and x < x0 + (y - y0) / (y1 - y0) * (x1 - x0):
            crossings += 1
    return crossings % 2 == 1
