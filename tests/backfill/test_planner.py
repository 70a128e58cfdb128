"""Which jobs the planner makes, and when it asks a recorder again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from backfill import store
from backfill.planning import pieces_of, united
from backfill.records import AUTOMATIC, BackfillState, Stretch
from backfill.run import BackfillRun
from core.errors import CameraBadAnswer, CameraUnreachable, LimitReached, Unavailable
from tests.backfill.planned import PlannerBench

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PlannerBench]:
    made = PlannerBench(tmp_path)
    yield made
    made.database.close()


def test_no_backfill_gets_a_pause_outside_of_the_schedule(bench: PlannerBench) -> None:
    """No gap has the reason "paused" then: the rule did not ask for recording at that time."""
    start = bench.clock.now
    bench.archive._pauses.pause(1, 1, None, "Anna")
    bench.clock.move(hours=1)
    bench.archive._pauses.resume(1, 1)
    bench.clock.move(hours=1)
    bench.recordings.listed = [Stretch(start - HOUR, bench.clock.now)]
    found = bench.targets.find(1, 1, Stretch(start - HOUR, bench.clock.now), resumes=False)
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
    searches = bench.recordings.searches.count((1, 1))
    assert 6 <= searches <= 10, "one of them is the daily check of the recorder"


def test_a_run_waits_for_the_list_of_the_recorder(bench: PlannerBench) -> None:
    """A piece that counts as lacking would never be requested again."""
    wanted = Stretch(bench.clock.now - HOUR, bench.clock.now - HOUR / 2)
    job = bench.store.add(1, 1, wanted, pieces_of([wanted]), by="anna", now=bench.clock.now)
    bench.recordings.complete = False
    with pytest.raises(Unavailable, match="not listed"):
        BackfillRun(bench.context(), job, lambda: None).fetch()
    assert all(not piece.is_done for piece in bench.store.get(job.id).pieces)


def test_a_channel_that_fails_does_not_stop_the_others(bench: PlannerBench) -> None:
    gap = Stretch(bench.clock.now - HOUR, bench.clock.now - HOUR / 2)
    bench.set_rule(1, 2)
    bench.gap(gap.start, gap.end, channel=1)
    bench.gap(gap.start, gap.end, channel=2)
    bench.recordings.listed = [gap]
    bench.recordings.errors[1, 1] = CameraBadAnswer("not this one")
    bench.plan()
    assert [(job.camera_id, job.channel) for job in bench.store.jobs()] == [(1, 2)]
    bench.plan()
    assert bench.recordings.searches.count((1, 1)) == 1, "the failed channel waits"


def test_a_camera_without_an_answer_is_asked_for_one_channel_only(bench: PlannerBench) -> None:
    bench.set_rule(1, 2)
    for channel in (1, 2):
        bench.gap(bench.clock.now - HOUR, bench.clock.now - HOUR / 2, channel)
        bench.recordings.errors[1, channel] = CameraUnreachable("away")
    bench.plan()
    assert [it for it in bench.recordings.searches if it[0] == 1] == [(1, 1)]


def test_a_camera_that_flaps_has_one_job_a_day(bench: PlannerBench) -> None:
    """Each gap is planned on its own, once it is over; the job may have ended meanwhile."""
    start = bench.clock.now
    gaps = []
    for number in range(12):
        bench.clock.move(minutes=5)
        gaps.append(Stretch(bench.clock.now - MINUTE, bench.clock.now))
        bench.gap(gaps[-1].start, gaps[-1].end)
        bench.recordings.listed = [Stretch(start, bench.clock.now)]
        bench.clock.move(minutes=5)
        bench.plan()
        if number == 6:
            (job,) = bench.store.jobs()
            bench.store.move(job.id, BackfillState.DONE, of=(BackfillState.QUEUED,), now=bench.clock.now)
            bench.store.note_pieces(job.id, [replace(piece, is_done=True) for piece in job.pieces])
    (job,) = bench.store.jobs()
    assert (job.state, job.ended_at, job.is_automatic) == (BackfillState.QUEUED, None, True)
    assert (job.start, job.end) == (gaps[0].start, gaps[-1].end)
    assert united(bench.fetched()) == gaps
    assert [piece.is_done for piece in job.pieces].count(True) == len(pieces_of(gaps[:7]))


def test_gaps_of_a_day_wait_with_its_failed_job(bench: PlannerBench) -> None:
    start = bench.clock.now
    first, second = (Stretch(start - HOUR / minutes, start - HOUR / minutes + MINUTE) for minutes in (2, 3))
    bench.recordings.listed = [Stretch(start - HOUR, start)]
    bench.gap(first.start, first.end)
    bench.plan()
    (job,) = bench.store.jobs()
    bench.store.move(job.id, BackfillState.FAILED, of=(BackfillState.QUEUED,), now=bench.clock.now)
    bench.gap(second.start, second.end)
    bench.clock.move(hours=23)
    bench.plan()
    assert [it.state for it in bench.store.jobs()] == [BackfillState.FAILED]
    bench.clock.move(hours=2)
    bench.plan()
    (again,) = bench.store.jobs()
    assert again.state is BackfillState.QUEUED
    assert united(bench.fetched()) == [first, second]


def test_a_cancelled_job_gets_no_gaps(bench: PlannerBench) -> None:
    start = bench.clock.now
    bench.recordings.listed = [Stretch(start - HOUR, start)]
    bench.gap(start - HOUR, start - HOUR + MINUTE)
    bench.plan()
    (job,) = bench.store.jobs()
    bench.store.move(job.id, BackfillState.CANCELLED, of=(BackfillState.QUEUED,), now=start)
    bench.gap(start - HOUR / 2, start - HOUR / 2 + MINUTE)
    bench.plan()
    assert [it.state for it in bench.store.jobs()] == [BackfillState.QUEUED, BackfillState.CANCELLED]
    assert bench.store.get(job.id).pieces == job.pieces


def test_the_limit_counts_the_jobs_of_users(bench: PlannerBench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "MAX_BACKFILLS", 2)
    now = bench.clock.now
    wanted = Stretch(now - HOUR, now)
    for by in (AUTOMATIC, AUTOMATIC, AUTOMATIC, "anna", "anna", AUTOMATIC):
        bench.store.add(1, 1, wanted, (), by=by, now=now)
    with pytest.raises(LimitReached):
        bench.store.add(1, 1, wanted, (), by="anna", now=now)


def test_no_backfill_of_a_rule_overrules_a_stopped_indexing(bench: PlannerBench) -> None:
    gap = Stretch(bench.clock.now - HOUR, bench.clock.now - HOUR / 2)
    bench.gap(gap.start, gap.end)
    bench.recordings.listed = [gap]
    bench.plan()
    (job,) = bench.store.jobs()
    bench.recordings.complete, bench.recordings.listed = False, []
    with pytest.raises(Unavailable):
        BackfillRun(bench.context(), job, lambda: None).fetch()
    assert not any(bench.recordings.resumes), "for the gap, the checks of recorders, and the run"
