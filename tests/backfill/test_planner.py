"""Which jobs the planner makes, and when it asks a recorder again."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backfill.records import Stretch
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
    assert [it.stretch for it in found] == [Stretch(start - HOUR, start), Stretch(start + HOUR, bench.clock.now)]
