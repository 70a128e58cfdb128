"""The recorded time of a search, in seconds since 1970 (true UTC), and the parts of it that were looked at."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise


@dataclass(frozen=True, slots=True, order=True)
class Stretch:
    """[start_s, end_s)."""

    start_s: float
    end_s: float

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class RecordedStretch:
    """A stretch of one recording, without a gap."""

    start_s: float
    end_s: float
    recording_token: str

    @property
    def length_s(self) -> float:
        return self.end_s - self.start_s


def united(stretches: Iterable[Stretch]) -> list[Stretch]:
    """Return the union, in order. Empty stretches are left out."""
    found: list[Stretch] = []
    for one in sorted(stretch for stretch in stretches if stretch.length_s > 0):
        if found and one.start_s <= found[-1].end_s:
            found[-1] = Stretch(found[-1].start_s, max(found[-1].end_s, one.end_s))
        else:
            found.append(one)
    return found


def without(stretches: Iterable[Stretch], taken: Sequence[Stretch]) -> list[Stretch]:
    """Return the parts outside of `taken`, which is a union."""
    found: list[Stretch] = []
    for one in stretches:
        at_s = one.start_s
        for other in taken:
            if other.end_s <= at_s:
                continue
            if other.start_s >= one.end_s:
                break
            if other.start_s > at_s:
                found.append(Stretch(at_s, other.start_s))
            at_s = max(at_s, other.end_s)
        if at_s < one.end_s:
            found.append(Stretch(at_s, one.end_s))
    return found


class RecordedTime:
    """The recorded stretches of a search, in order. A position counts recorded seconds from the first one on."""

    def __init__(self, stretches: Sequence[RecordedStretch]) -> None:
        self.stretches = tuple(sorted(stretches, key=lambda one: one.start_s))
        self._starts = [one.start_s for one in self.stretches]
        self._ends = list(accumulate((one.end_s for one in self.stretches), max))
        self._positions: list[float] = []
        self.total_s = 0.0
        for one in self.stretches:
            self._positions.append(self.total_s)
            self.total_s += one.length_s

    def moment(self, position_s: float) -> tuple[float, RecordedStretch]:
        """Return the time at a position, and its stretch. Raise ValueError without any recorded time."""
        if not self.stretches:
            raise ValueError("nothing is recorded")
        index = max(0, bisect_right(self._positions, position_s) - 1)
        one = self.stretches[index]
        return min(max(one.start_s, one.start_s + position_s - self._positions[index]), one.end_s), one

    def token_at(self, time_s: float) -> str | None:
        """Return the recording that has a time, or begins within a second after it."""
        near = (one for one in self.stretches if one.start_s - 1.0 <= time_s <= one.end_s)
        return next((one.recording_token for one in near), None)

    def inside(self, wanted: Iterable[Stretch]) -> list[RecordedStretch]:
        """Return the recorded parts of these stretches, which are a union."""
        found = []
        for stretch in wanted:
            first, last = bisect_right(self._ends, stretch.start_s), bisect_left(self._starts, stretch.end_s)
            for one in self.stretches[first:last]:
                start_s, end_s = max(stretch.start_s, one.start_s), min(stretch.end_s, one.end_s)
                if start_s < end_s:
                    found.append(RecordedStretch(start_s, end_s, one.recording_token))
        return found

    def whole(self) -> list[Stretch]:
        """Return the recorded time as stretches that may join several recordings."""
        return united(Stretch(one.start_s, one.end_s) for one in self.stretches)


class LookedAt:
    """The time that was looked at finely: between its key frames lies at most the fine step."""

    def __init__(self) -> None:
        self._stretches: list[Stretch] = []

    def add(self, stretches: Iterable[Stretch]) -> None:
        self._stretches = united([*self._stretches, *stretches])

    def left(self, stretches: Iterable[Stretch]) -> list[Stretch]:
        """Return the parts that were not looked at yet."""
        return without(stretches, self._stretches)

    def length_s(self) -> float:
        return sum(one.length_s for one in self._stretches)

    @staticmethod
    def between(times_ms: Sequence[int], longest_s: float) -> list[Stretch]:
        """Return the stretches between sorted times that are at most `longest_s` apart."""
        pairs = pairwise(times_ms)
        near = [(a, b) for a, b in pairs if b - a <= 1000 * longest_s]
        return united(Stretch(a / 1000, b / 1000) for a, b in near)
