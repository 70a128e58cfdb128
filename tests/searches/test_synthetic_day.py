"""Searches over a synthetic day of 1,000 key frames with known movements and one removal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from searches.changed import ChangedSearch
from searches.hits import Hits
from searches.moved import AROUND_EVENTS_S, MovedSearch
from searches.records import SearchResult
from searches.time_line import LookedAt, Stretch
from tests.searches.synthetic import RecordedDay
from tests.vision.region_day import Luma, RegionDay, Walk

pytestmark = pytest.mark.slow

_GHOST_S = 16.0  # after a movement, until the background has learned it


@pytest.fixture(scope="module")
def day() -> RegionDay:
    return RegionDay()


@pytest.fixture(scope="module")
def pictures(day: RegionDay) -> Sequence[Luma]:
    return [day.picture(index) for index in range(day.count)]


@pytest.fixture
def recorded(day: RegionDay, pictures: Sequence[Luma]) -> RecordedDay:
    return RecordedDay(day, pictures)


def _overlaps(result: SearchResult, recorded: RecordedDay, first: int, last: int) -> bool:
    begin_s, end_s = recorded.time_of(first), recorded.time_of(last + 1)
    return result.start.timestamp() < end_s and result.end.timestamp() > begin_s


def _judge(recorded: RecordedDay, results: Sequence[SearchResult]) -> tuple[list[Walk], list[SearchResult]]:
    """Return the walks that were found, and the results without a movement."""
    day = recorded.day
    found = [walk for walk in day.inside if any(_overlaps(it, recorded, walk.first, walk.last) for it in results)]
    ghost = round(_GHOST_S / day.step_s)
    true = [(walk.first, walk.last + ghost) for walk in day.inside] + [(day.removed_at, day.removed_at + ghost)]
    return found, [it for it in results if not any(_overlaps(it, recorded, *span) for span in true)]


def _events(recorded: RecordedDay, walks: Sequence[Walk]) -> list[Stretch]:
    """Return what a device with motion detection of the whole picture tells, with the time around it."""
    return [
        Stretch(recorded.time_of(walk.first) - AROUND_EVENTS_S, recorded.time_of(walk.last) + AROUND_EVENTS_S)
        for walk in walks
    ]


def test_the_exhaustive_step_finds_the_movements_and_no_others(recorded: RecordedDay) -> None:
    hits, looked = Hits(), LookedAt()
    search = MovedSearch(recorded.recorded, recorded, looked, hits)
    search.quick([])
    search.exhaustive()
    found, false = _judge(recorded, hits.results())
    assert len(recorded.day.inside) >= 20
    assert len(found) >= 0.95 * len(recorded.day.inside)
    assert false == []
    assert search.key_frames_left() == 0
    assert looked.length_s() == pytest.approx(recorded.length_s)


def test_events_lead_to_the_movements_with_few_key_frames(recorded: RecordedDay) -> None:
    hits = Hits()
    search = MovedSearch(recorded.recorded, recorded, LookedAt(), hits)
    search.quick(_events(recorded, recorded.day.walks))
    found, false = _judge(recorded, hits.results())
    assert len(found) >= 0.95 * len(recorded.day.inside)
    assert false == []


def test_an_index_of_cells_leaves_nothing_to_fetch(recorded: RecordedDay) -> None:
    looked = LookedAt()
    looked.add(recorded.recorded.whole())
    search = MovedSearch(recorded.recorded, recorded, looked, Hits())
    search.quick(_events(recorded, recorded.day.walks))
    assert recorded.fetched == 0
    assert search.key_frames_left() == 0


def test_the_strongest_results_are_true(recorded: RecordedDay) -> None:
    hits = Hits()
    search = MovedSearch(recorded.recorded, recorded, LookedAt(), hits)
    search.exhaustive()
    top = hits.results()[:10]
    assert _judge(recorded, top)[1] == []
    assert [it.score for it in top] == sorted((it.score for it in top), reverse=True)


def test_bisection_finds_the_removal_to_the_key_frame(recorded: RecordedDay) -> None:
    search = ChangedSearch(recorded.recorded, recorded)
    search.run()
    assert len(search.results) == 1
    found = search.results[0]
    removed_s = recorded.time_of(recorded.day.removed_at)
    assert found.end == datetime.fromtimestamp(removed_s, UTC)
    assert found.start == datetime.fromtimestamp(removed_s - recorded.day.step_s, UTC)
    assert found.before_at == found.start
    assert recorded.fetched <= 60
    assert search.done == 1.0


@pytest.mark.parametrize("removed_at", [60, 333, 430, 590, 900])
def test_bisection_works_at_any_time_of_the_day(removed_at: int) -> None:
    """By day, by night, and close to the switches between both."""
    day = RegionDay(removed_at=removed_at, seed=removed_at)
    recorded = RecordedDay(day, _Lazy(day))
    search = ChangedSearch(recorded.recorded, recorded)
    search.run()
    assert [it.end.timestamp() for it in search.results] == [recorded.time_of(removed_at)]
    assert recorded.fetched <= 60


def test_a_day_without_a_lasting_change_has_no_result() -> None:
    day = RegionDay(removed_at=5000)
    recorded = RecordedDay(day, _Lazy(day))
    search = ChangedSearch(recorded.recorded, recorded)
    search.run()
    assert search.results == []
    assert recorded.fetched <= 6


class _Lazy(Sequence[Luma]):
    """Draws only the pictures that are looked at."""

    def __init__(self, day: RegionDay) -> None:
        self._day = day

    def __len__(self) -> int:
        return self._day.count

    def __getitem__(self, index: int) -> Luma:  # type: ignore[override]
        return self._day.picture(index)
