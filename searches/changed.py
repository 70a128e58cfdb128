"""When has this changed for good? Bisection: a probe in the middle of a stretch looks like its begin or like its end.

A probe is the median of three key frames, so that an object that passes is not in it. The last steps take single key
frames, down to two neighbours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from searches.records import SearchResult
from searches.time_line import RecordedTime

MOST_CHANGES = 8
DIFFERS = 0.05
"""The part of the region whose structure differs, from which on a change counts."""

_APART_S = 60.0  # between the key frames of a probe
_FINE_S = 32.0  # a shorter stretch gets single key frames
_RESOLUTION_S = 1.1
_SAME_FRAME_S = 0.05
_PLACES = (0.5, 0.35, 0.65, 0.2, 0.8)


@dataclass(frozen=True, slots=True)
class Probe:
    """`probe_ms` names it. `at_s`: the time of its middle key frame."""

    probe_ms: int
    at_s: float


class Prober(Protocol):
    """Fetches and compares probes. searches.looking.FrameLooker implements it; tests have one over pictures."""

    def probe(self, times_s: Sequence[float]) -> Probe | None:
        """Make a probe of the key frames at or before these times. None if the recorder has none of them.

        Raises an AppError, or Interrupted.
        """
        ...

    def difference(self, a: Probe, b: Probe) -> float:
        """Return the part of the region that differs, 0 to 1."""
        ...


@dataclass(frozen=True, slots=True)
class _Side:
    """A border of a stretch: its position in the recorded time, its probe, and the key frame that is surely there."""

    position_s: float
    probe: Probe
    at_s: float


@dataclass(frozen=True, slots=True)
class _Stretch:
    begin: _Side
    end: _Side
    difference: float

    @property
    def length_s(self) -> float:
        return self.end.position_s - self.begin.position_s


class ChangedSearch:
    """For one thread. `results` grows while run() works, and `done` goes from 0 to 1."""

    def __init__(self, recorded: RecordedTime, prober: Prober) -> None:
        self._recorded = recorded
        self._prober = prober
        self.results: list[SearchResult] = []
        self.done = 0.0

    def run(self) -> None:
        """Find the lasting changes between the begin and the end, the largest first."""
        total_s = self._recorded.total_s
        apart_s = min(_APART_S, total_s / 12)
        begin, end = self._side(apart_s, apart_s), self._side(total_s - apart_s, apart_s)
        if begin is None or end is None or begin.probe.at_s >= end.probe.at_s:
            return
        waiting = [_Stretch(begin, end, self._prober.difference(begin.probe, end.probe))]
        while waiting and len(self.results) < MOST_CHANGES:
            largest = max(waiting, key=lambda one: one.difference)
            waiting.remove(largest)
            if largest.difference < DIFFERS:
                break
            waiting += self._narrow(largest)
        self.done = 1.0

    def _narrow(self, stretch: _Stretch) -> list[_Stretch]:
        """Narrow a stretch down to a result. Return the other parts that differ, too."""
        others: list[_Stretch] = []
        first_s = max(stretch.length_s, 1.0)
        while stretch.length_s > _FINE_S:
            self._note_step(first_s, stretch.length_s)
            middle = self._middle(stretch)
            if middle is None:
                break
            before = _Stretch(stretch.begin, middle, self._prober.difference(stretch.begin.probe, middle.probe))
            after = _Stretch(middle, stretch.end, self._prober.difference(middle.probe, stretch.end.probe))
            less, more = sorted((before, after), key=lambda one: one.difference)
            if less.difference >= DIFFERS:
                others.append(less)
            if more.difference < DIFFERS / 2:  # it changes slowly: no moment is the one
                return others
            stretch = more
        self._add(self._narrow_finely(stretch), stretch.difference)
        return others

    def _narrow_finely(self, stretch: _Stretch) -> _Stretch:
        """Compare single key frames with both sides, down to two neighbours."""
        begin, end = stretch.begin, stretch.end
        while end.position_s - begin.position_s > _RESOLUTION_S:
            position_s = (begin.position_s + end.position_s) / 2
            at_s, _ = self._recorded.moment(position_s)
            probe = self._prober.probe([at_s])
            if probe is None or probe.at_s >= end.at_s - _SAME_FRAME_S:
                end = _Side(position_s, end.probe, end.at_s)
            elif probe.at_s <= begin.at_s + _SAME_FRAME_S:  # no other key frame until here
                begin = _Side(position_s, begin.probe, begin.at_s)
            elif self._is_before(stretch, probe):
                begin = _Side(position_s, begin.probe, probe.at_s)
            else:
                end = _Side(position_s, end.probe, probe.at_s)
        return _Stretch(begin, end, stretch.difference)

    def _is_before(self, stretch: _Stretch, probe: Probe) -> bool:
        from_begin = self._prober.difference(stretch.begin.probe, probe)
        return from_begin <= self._prober.difference(probe, stretch.end.probe)

    def _middle(self, stretch: _Stretch) -> _Side | None:
        """Return a probe inside a stretch, in its middle if the recorder has key frames there."""
        for place in _PLACES:
            position_s = stretch.begin.position_s + place * stretch.length_s
            side = self._side(position_s, min(_APART_S, stretch.length_s / 10))
            if side is not None and stretch.begin.at_s < side.at_s < stretch.end.at_s:
                return side
        return None

    def _side(self, position_s: float, apart_s: float) -> _Side | None:
        times = [self._recorded.moment(position_s + shift_s)[0] for shift_s in (-apart_s, 0.0, apart_s)]
        probe = self._prober.probe(times)
        return None if probe is None else _Side(position_s, probe, probe.at_s)

    def _note_step(self, first_s: float, length_s: float) -> None:
        share = 1.0 - length_s / first_s
        self.done = max(self.done, min(0.95, (len(self.results) + share) / (len(self.results) + 1)))

    def _add(self, stretch: _Stretch, difference: float) -> None:
        begin_s, end_s = stretch.begin.at_s, stretch.end.at_s
        score = round(min(1.0, difference), 4)
        self.results.append(SearchResult(_utc(begin_s), _utc(end_s), score, _utc(end_s), before_at=_utc(begin_s)))
        self.results.sort(key=lambda one: -one.score)


def _utc(time_s: float) -> datetime:
    return datetime.fromtimestamp(time_s, UTC)
