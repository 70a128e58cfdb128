"""The budget of a day counts all bytes, and ends a piece in its middle."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backfill import run
from backfill.budget import BackfillBudget, OverBudget
from backfill.planning import pieces_of
from backfill.records import AUTOMATIC, Backfill, Stretch
from backfill.run import BackfillRun
from core.errors import CameraUnreachable
from core.settings import Settings
from tests.backfill.planned import PlannerBench

SETTINGS = Settings(backfill_day_bytes=1000)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PlannerBench]:
    made = PlannerBench(tmp_path)
    yield made
    made.database.close()


def add(bench: PlannerBench) -> Backfill:
    """Add an automatic job of half an hour, which the recorder has."""
    wanted = Stretch(bench.clock.now - timedelta(hours=1), bench.clock.now - timedelta(minutes=30))
    bench.recordings.listed = [wanted]
    return bench.store.add(1, 1, wanted, pieces_of([wanted]), by=AUTOMATIC, now=bench.clock.now)


class _Reading:
    """A fetcher that reads 400 bytes a second, in place of one with a connection."""

    def __init__(self, bench: PlannerBench, made: BackfillRun, fails_after: int | None = None) -> None:
        self._bench = bench
        self._run = made
        self._fails_after = fails_after
        self.read_bytes = 0

    def fetch(self, stretch: Stretch, *, goes_on: bool) -> None:
        while self._fails_after is None or self.read_bytes < self._fails_after:
            self._run._check_all()
            self.read_bytes += 400
            self._bench.clock.move(seconds=1)
        raise CameraUnreachable("it went away")


class _Closed:
    def close(self, wait_s: float) -> None:
        pass

    def finish(self, reason: object) -> None:
        pass


def fetch(bench: PlannerBench, job: Backfill, fails_after: int | None = None) -> None:
    made = BackfillRun(bench.context(SETTINGS), job, lambda: None)
    reading = _Reading(bench, made, fails_after)

    def fetcher(target: object) -> _Reading:
        made._open = run._OpenRecording(("R", None), _Closed(), _Closed(), reading)  # type: ignore[arg-type] # doubles
        return reading

    made._fetcher = fetcher  # type: ignore[method-assign, assignment] # see _Reading
    made.fetch()


def test_the_budget_of_a_day_and_of_hours_is_kept(bench: PlannerBench) -> None:
    local = bench.clock.now.astimezone()
    budget = BackfillBudget(SETTINGS, bench.clock, bench.store)
    budget.note(999)
    budget.require()
    budget.note(1)
    with pytest.raises(OverBudget) as refused:
        budget.require()
    midnight = local.replace(hour=0, minute=0) + timedelta(days=1)
    assert bench.clock.now + timedelta(seconds=refused.value.retry_after_s) == midnight
    bench.clock.move(days=1)
    budget.require()
    budget.note(10)
    assert bench.store.bytes_of(local.date()) == 0, "earlier days are forgotten"
    other_hour = f"{(local.hour + 1) % 24}-{(local.hour + 2) % 24}"
    with pytest.raises(OverBudget):
        BackfillBudget(Settings(backfill_hours=other_hour), bench.clock, bench.store).require()


def test_a_piece_over_the_budget_ends_in_its_middle(bench: PlannerBench) -> None:
    job = add(bench)
    with pytest.raises(OverBudget):
        fetch(bench, job)
    assert 1000 <= bench.store.bytes_of(bench.clock.now.astimezone().date()) <= 1000 + 400 * (run._COUNT_EVERY_S + 1)


def test_bytes_of_failed_and_deleted_jobs_count(bench: PlannerBench) -> None:
    job = add(bench)
    with pytest.raises(CameraUnreachable):
        fetch(bench, job, fails_after=1200)
    bench.store.remove(job.id)
    assert bench.store.bytes_of(bench.clock.now.astimezone().date()) == 1200
    with pytest.raises(OverBudget):
        fetch(bench, add(bench))
