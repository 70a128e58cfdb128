"""A looker and a prober over the pictures of a synthetic day, with the comparison of the vision process itself.

The pretend recorder's pictures move everywhere and all the time, so they cannot show recall.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from searches.changed import Probe, Prober
from searches.hits import Look
from searches.moved import Looker
from searches.records import Point
from searches.time_line import RecordedStretch, RecordedTime
from tests.vision.region_day import REGION, Luma, RegionDay
from vision.regions import RegionComparison

START_S = 1_790_000_000


class RecordedDay(Looker, Prober):
    """`fetched`: the number of key frames that a recorder would have sent."""

    def __init__(self, day: RegionDay, pictures: Sequence[Luma], points: Sequence[Point] = REGION) -> None:
        self.day = day
        self._pictures = pictures
        self._moved = RegionComparison(points, "moved")
        self._changed = RegionComparison(points, "changed")
        self.fetched = 0

    @property
    def recorded(self) -> RecordedTime:
        return RecordedTime([RecordedStretch(START_S, START_S + self.length_s, "Rec1")])

    @property
    def length_s(self) -> int:
        return self.day.count * self.day.step_s

    def index_at(self, time_s: float) -> int:
        """Return the number of the key frame at or before a time."""
        return min(max(0, int(time_s - START_S) // self.day.step_s), self.day.count - 1)

    def time_of(self, index: int) -> float:
        return float(START_S + index * self.day.step_s)

    # ---- Looker ----------------------------------------------------------------------------------

    def look(self, stretch: RecordedStretch, step_s: int, *, is_after_gap: bool) -> Iterator[Look]:
        last = -1
        for time_s in range(int(stretch.start_s), int(stretch.end_s), step_s):
            index = self.index_at(time_s)
            if index == last:
                continue
            last = index
            self.fetched += 1
            judged = self._moved.moved(self._pictures[index], is_after_gap=is_after_gap)
            is_after_gap = False
            yield Look(round(1000 * self.time_of(index)), judged.share, judged.contrast, judged.is_reset)

    # ---- Prober ----------------------------------------------------------------------------------

    def probe(self, times_s: Sequence[float]) -> Probe | None:
        probe_ms = self.fetched
        for time_s in times_s:
            self.fetched += 1
            self._changed.keep(self._pictures[self.index_at(time_s)], probe_ms)
        return Probe(probe_ms, self.time_of(self.index_at(times_s[len(times_s) // 2])))

    def difference(self, a: Probe, b: Probe) -> float:
        return self._changed.difference(a.probe_ms, b.probe_ms)
