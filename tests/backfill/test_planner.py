"""Which jobs the planner makes, and when it asks a recorder again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backfill.planning import pieces_of
from backfill.records import Stretch
from backfill.run import BackfillRun
from core.errors import Unavailable
from tests.backfill.planned import PlannerBench

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PlannerBench]:
    made = PlannerBench(tmp_path)
    yield made
    made.database.close()


def test_no_backfill_gets_a_pause_outside_of_the_schedule(bench: PlannerBench) -> None:
    """No gap has the reason "paused" then: the rule did not wish to record at that time."""
    start = bench.clock.now
    bench.archive._pauses.pause(1, 1, None, "Anna")
    bench.clock.move(hours=1)
    bench.archive._pauses.resume(1, 1)
    bench.clock.move(hours=1)
    bench.recordings.listed = [Stretch(start - HOUR, bench.clock.now)]
    found = bench.targets.find(1, 1, Stretch(start - HOUR, bench.clock.now))
    assert list(found.stretches) == [Stretch(start - HOUR, start), Stretch(start + HOUR, bench.clock.now)]


@pytest.mark.parametrize("is_complete", [True, False])
def test_a_gap_that_the_recorder_lists_late_is_filled(bench: PlannerBench, is_complete: bool) -> None:
    gap = Stretch(bench.clock.now - HOUR, bench.clock.now - HOUR / 2)
    bench.gap(gap.start, gap.end)
    bench.recordings.complete = is_complete
    bench.plan()
    assert bench.fetched() == []
    bench.recordings.complete, bench.recordings.listed = True, [gap]
    bench.clock.move(minutes=11)
    bench.plan()
    assert bench.fetched()[0].start == gap.start
    assert bench.fetched()[-1].end == gap.end


def test_a_recorder_without_a_gap_is_asked_once_an_hour_at_most(bench: PlannerBench) -> None:
    bench.gap(bench.clock.now - HOUR, bench.clock.now - HOUR / 2)
    for _ in range(6 * 12):
        bench.clock.move(minutes=5)
        bench.plan()
    searches = len(bench.recordings.searches)
    assert 6 <= searches <= 10, "one of them is the daily check of the recorder"


def test_a_run_waits_for_the_list_of_the_recorder(bench: PlannerBench) -> None:
    """A piece that counts as lacking would never be requested again."""
    wanted = Stretch(bench.clock.now - HOUR, bench.clock.now - HOUR / 2)
    job = bench.store.add(1, 1, wanted, pieces_of([wanted]), by="anna", now=bench.clock.now)
    bench.recordings.complete = False
    with pytest.raises(Unavailable, match="not listed"):
        BackfillRun(bench.context(), job, lambda: None).fetch()
    assert all(not piece.is_done for piece in bench.store.get(job.id).pieces)
