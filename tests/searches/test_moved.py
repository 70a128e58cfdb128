"""The quick steps of a search for movements, with a judge that knows when something moves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from searches.hits import Hits, Look
from searches.moved import QUICK_KEY_FRAMES, Looker, MovedSearch
from searches.time_line import LookedAt, RecordedStretch, RecordedTime, Stretch

HOURS_S = 2 * 3600
DAY_S = 24 * 3600
LASTS_S = 8


class PeriodicMovements(Looker):
    """Something moves for eight seconds, once in each period."""

    def __init__(self, period_s: int, phase_s: int) -> None:
        self.period_s = period_s
        self.phase_s = phase_s
        self.key_frames = 0

    def look(self, stretch: RecordedStretch, step_s: int, *, is_after_gap: bool) -> Iterator[Look]:
        del is_after_gap
        for at_s in range(int(stretch.start_s), int(stretch.end_s), step_s):
            self.key_frames += 1
            is_moved = (at_s - self.phase_s) % self.period_s < LASTS_S
            yield Look(1000 * at_s, 0.2 if is_moved else 0.0, 50.0)


@pytest.mark.parametrize("period_s", [20, 30, 60, 120])
@pytest.mark.parametrize("phase_s", [1, 9, 11])
def test_movements_of_a_clock_are_seen_by_the_quick_step(period_s: int, phase_s: int) -> None:
    recorded, hits = RecordedTime([RecordedStretch(0, HOURS_S, "Rec1")]), Hits()
    search = MovedSearch(recorded, PeriodicMovements(period_s, phase_s), LookedAt(), hits)
    search.quick([])
    assert hits.results()


@pytest.mark.parametrize("candidates", [[], [Stretch(0, DAY_S)]], ids=["no event", "an event of a day"])
def test_a_restless_day_is_not_fetched_without_the_users_consent(candidates: list[Stretch]) -> None:
    recorded, hits = RecordedTime([RecordedStretch(0, DAY_S, "Rec1")]), Hits()
    looker = PeriodicMovements(LASTS_S, 0)
    search = MovedSearch(recorded, looker, LookedAt(), hits)
    search.quick(candidates)
    assert hits.results()
    assert looker.key_frames <= 2.1 * QUICK_KEY_FRAMES
    assert search.key_frames_left() > DAY_S / 4 - 1.1 * QUICK_KEY_FRAMES
    assert not search.is_whole
