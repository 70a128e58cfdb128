"""Backfill from the pretend recorder: its result, its pace, and interruptions by viewers, users and crashes."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from backfill import run, worker
from backfill.fetching import Fetched
from backfill.records import AUTOMATIC, BackfillState, Stretch
from backfill.targets import Target
from cameras.records import CameraChange
from core.access import LOCAL
from core.archive import GapReason, Origin, RecordingMode, RecordingRule, WeekSpan
from core.clock import SystemClock
from core.errors import Conflict, InvalidRequest, NotFound
from core.recordings import SpanState
from core.secrets import Secret
from media.rtsp.replay.interface import ReplayRank
from tests.backfill.filling import Filling, filling, gap_of, recorded
from tests.media.rtsp.replay.listening import Listener
from tests.patience import LIMIT_S, promised, until
from tests.simulator.process import PASSWORD, ROOT, Simulator

pytestmark = pytest.mark.slow
SECOND = timedelta(seconds=1)
_SOON = datetime.now(UTC) + timedelta(days=3)
NEVER = WeekSpan(_SOON.weekday(), 0, 30)  # not today, in any time zone


@pytest.fixture(scope="module")
def recorder(cache_dir: Path) -> Iterator[Simulator]:
    simulator = Simulator(cache_dir, "--channels", "2", "--make", "conformant")
    yield simulator
    simulator.stop()


@pytest.fixture
def app(tmp_path: Path, recorder: Simulator) -> Iterator[Filling]:
    with filling(tmp_path) as made:
        made.add(recorder.onvif_port)
        yield made


def sessions(recorder: Simulator) -> int:
    return len(recorder.get("/replay")["sessions"])


def token(app: Filling) -> str:
    """Return the token of the recorder's own recording of channel 1."""
    recordings = app.recordings.summary(1).recordings
    return next(item.recording_token for item in recordings if item.source is Origin.DEVICE and item.channel == 1)


def plan(app: Filling) -> None:
    app.backfills._worker._planner.plan(lambda: False)


@dataclass
class Later(SystemClock):
    """A clock that stands at a time of the past."""

    now: datetime

    def now_utc(self) -> datetime:
        return self.now


def _done_s(folder: Path) -> float:
    """Return the seconds that all jobs have fetched; 0 while the other process still makes the tables."""
    file = folder / "data" / "cameras.sqlite3"
    if not file.exists():
        return 0.0
    with closing(sqlite3.connect(file)) as database:
        if not database.execute("SELECT 1 FROM sqlite_master WHERE name = 'backfills'").fetchone():
            return 0.0
        return float(database.execute("SELECT coalesce(sum(done_s), 0) FROM backfills").fetchone()[0])


def test_a_range_is_fetched_completely_and_plays_from_the_archive(app: Filling, recorder: Simulator) -> None:
    start, end = recorded(recorder, 11)
    estimate = app.backfills.estimate(1, 1, start, end)
    assert (estimate.seconds, estimate.is_certain, estimate.missing_s) == (660.0, True, 0.0)
    job = app.backfills.add(1, 1, start, end, "anna")
    assert len(job.pieces) == 2
    done = app.ended(job.id)
    assert (done.state, done.problem, done.done_s) == (BackfillState.DONE, None, 660.0)
    assert done.size_bytes > 0
    budget = app.backfills._store.bytes_of(datetime.now().astimezone().date())
    assert budget >= done.size_bytes, "all that the recorder has sent counts"
    stretches = app.stretches(start, end)
    assert {it.origin for it in stretches} == {Origin.DEVICE}
    assert 655 < app.archived_s(start, end) <= 660.05
    for one, other in pairwise(stretches):
        assert timedelta(0) <= other.start - one.end < SECOND, "no second is doubled or missing between two pieces"
    (row,) = app.recordings.coverage(1, start + 5 * SECOND, end - 5 * SECOND, channel=1).channels
    from_server = [span for span in row.spans if span.source is Origin.SERVER]
    assert sum((span.end - span.start).total_seconds() for span in from_server) > 645
    assert all(span.state is SpanState.RECORDED for span in row.spans)
    with pytest.raises(NotFound, match="nothing in this range"):
        app.backfills.add(1, 1, start, end, "anna")


def test_frames_that_are_lost_on_the_way_are_fetched_again(
    app: Filling, recorder: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, end = recorded(recorder, 2)
    fetch_again = run.BackfillRun._fetch_again
    lossy: list[Stretch] = []

    def fetch_whole(self: run.BackfillRun, wanted: Sequence[Stretch], targets: Sequence[Target]) -> Fetched:
        lossy.extend(wanted)
        recorder.clear()
        return fetch_again(self, wanted, targets)

    monkeypatch.setattr(run.BackfillRun, "_fetch_again", fetch_whole)
    recorder.fault("packet_loss", 0.1, channel=1)
    done = app.ended(app.backfills.add(1, 1, start, end, "anna").id)
    assert lossy, "one packet of a thousand is lost"
    assert (done.state, done.problem, done.frames_lost) == (BackfillState.DONE, None, 0)
    stretches = app.stretches(start, end)
    assert len(stretches) > len(lossy), f"{len(lossy)} holes were filled"
    assert 115 < app.archived_s(start, end) <= 120.05
    for one, other in pairwise(stretches):
        assert abs(other.start - one.end) < SECOND / 10, "no second is doubled or missing"


def test_a_gap_of_the_recorder_is_told_and_not_requested_again(app: Filling, recorder: Simulator) -> None:
    gap_start, gap_end = gap_of(recorder)
    start, end = gap_start - timedelta(minutes=1), gap_end + timedelta(minutes=1)
    estimate = app.backfills.estimate(1, 1, start, end)
    assert abs(estimate.missing_s - (gap_end - gap_start).total_seconds()) < 3
    done = app.ended(app.backfills.add(1, 1, start, end, "anna").id)
    assert done.state is BackfillState.DONE
    assert app.archived_s(gap_start + SECOND, gap_end - SECOND) == 0
    (row,) = app.recordings.coverage(1, gap_start + SECOND, gap_end - SECOND, channel=1).channels
    assert {span.state for span in row.spans} == {SpanState.NOT_RECORDED}
    with pytest.raises(NotFound):
        app.backfills.add(1, 1, gap_start, gap_end, "anna")


def test_own_footage_is_never_fetched_again(app: Filling, recorder: Simulator) -> None:
    start, end = recorded(recorder, 3)
    middle = start + timedelta(minutes=1), start + timedelta(minutes=2)
    app.ended(app.backfills.add(1, 1, *middle, "anna").id)
    own = app.stretches(start, end)
    job = app.ended(app.backfills.add(1, 1, start, end, "anna").id)
    assert job.state is BackfillState.DONE
    assert 115 <= job.total_s <= 125, "two minutes of three, and less than a GOP more"
    stretches = app.stretches(start, end)
    assert set(own) <= set(stretches)
    for one, other in pairwise(stretches):
        assert one.end <= other.start + timedelta(milliseconds=50), "no second is doubled"


def test_a_viewer_gets_the_recorders_place_and_the_job_goes_on(tmp_path: Path, recorder: Simulator) -> None:
    start, end = recorded(recorder, 10)
    with (
        filling(tmp_path, device_replay_sessions=1, backfill_max_mbps=8.0) as app,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(worker, "_BUSY_WAIT_S", 0.2)
        app.add(recorder.onvif_port)
        source, _ = app.recordings.replay_source(1, token(app))
        job = app.backfills.add(1, 1, start, end, "anna")
        until(lambda: sessions(recorder) == 1, what="the backfill's session")
        viewer, made = app.gateway.open_replay(source, ReplayRank.WATCHED), Listener()
        with promised(2.0):
            viewer.play(start.timestamp(), made)
            until(lambda: made.units, what="the viewer's first frame")
        until(lambda: app.state(job.id) is BackfillState.QUEUED, what="the job waits")
        assert sessions(recorder) <= 1
        viewer.close(2.0)
        until(lambda: app.state(job.id) is BackfillState.RUNNING, what="the job goes on")


def test_a_killed_backfill_repeats_no_finished_piece(tmp_path: Path, recorder: Simulator) -> None:
    start, end = recorded(recorder, 12)
    argv = [sys.executable, "-m", "tests.backfill.filling", str(tmp_path), str(recorder.onvif_port)]
    log = tmp_path / "killed.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*argv, start.isoformat(), end.isoformat()], cwd=ROOT, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        # A piece of ten minutes takes half a minute on a quiet machine.
        until(lambda: process.poll() is not None or _done_s(tmp_path) >= 600, 3 * LIMIT_S, "a finished piece")
        assert process.poll() is None, f"the process ended with {process.returncode}"
    except AssertionError as error:
        error.add_note(f"output of the process:\n{log.read_text()[-4000:]}")
        raise
    finally:
        process.kill()
        process.wait()
    done_s = _done_s(tmp_path)
    until(lambda: sessions(recorder) == 0, what="the end of the killed app's session")
    with filling(tmp_path) as app:
        app.add(recorder.onvif_port)
        first = app.stretches(start, start + timedelta(seconds=done_s))
        (job,) = app.backfills.jobs()
        assert job.done_s >= done_s
        done = app.ended(job.id)
        assert (done.state, done.problem) == (BackfillState.DONE, None)
        assert set(first) <= set(app.stretches(start, end))
        assert 705 < app.archived_s(start, end) <= 720.1
        for one, other in pairwise(app.stretches(start, end)):
            assert one.end <= other.start + timedelta(milliseconds=50)


def test_a_job_pauses_resumes_and_is_cancelled(tmp_path: Path, recorder: Simulator) -> None:
    start, end = recorded(recorder, 20)
    with filling(tmp_path, backfill_max_mbps=4.0) as app:
        app.add(recorder.onvif_port)
        job = app.backfills.add(1, 1, start, end, "anna")
        until(lambda: sessions(recorder) == 1, what="the session")
        with promised(3.0):
            app.backfills.pause(job.id)
            until(lambda: sessions(recorder) == 0, what="the end of the session")
        app.backfills.resume(job.id)
        until(lambda: app.archived_s(start, end) > 0, what="the first fetched seconds")
        fetched_s = app.archived_s(start, end)
        app.backfills.cancel(job.id)
        until(lambda: sessions(recorder) == 0, what="the end of the session")
        assert app.state(job.id) is BackfillState.CANCELLED
        with pytest.raises(Conflict):
            app.backfills.pause(job.id)
        app.backfills.remove(job.id)
        assert app.backfills.jobs() == []
        assert app.archived_s(start, end) >= fetched_s, "what was fetched stays"


def test_a_rule_fills_a_gap_by_itself_and_once(app: Filling, recorder: Simulator) -> None:
    start, end = recorded(recorder, 2)
    app.archive.set_rule(1, 1, RecordingRule(RecordingMode.SCHEDULE, schedule=(NEVER,), backfills=True))
    app.archive.gap_store.begin(1, 1, start, GapReason.SERVER_OFF, end=end)
    app.archive.gap_store.begin(1, 1, end, GapReason.PAUSED, end=end + timedelta(minutes=2), by="anna")
    plan(app)
    (job,) = until(app.backfills.jobs, what="the job")
    assert (job.by, job.start, job.end) == (AUTOMATIC, start, end)
    assert app.ended(job.id).state is BackfillState.DONE
    assert app.archived_s(start, end) > 110
    plan(app)
    assert len(app.backfills.jobs()) == 1
    assert app.archived_s(end + SECOND, end + timedelta(minutes=2)) == 0, "a pause is not filled"


def test_footage_that_the_retention_would_delete_is_not_fetched(app: Filling, recorder: Simulator) -> None:
    start, end = recorded(recorder, 2)
    age = datetime.now(UTC) - start
    rule = RecordingRule(RecordingMode.SCHEDULE, schedule=(NEVER,), backfills=True, keep_days=age / timedelta(days=2))
    app.archive.set_rule(1, 1, rule)
    app.archive.gap_store.begin(1, 1, start, GapReason.SERVER_OFF, end=end)
    plan(app)
    assert app.backfills.jobs() == []
    with pytest.raises(InvalidRequest, match="keep the range first"):
        app.backfills.add(1, 1, start, end, "anna")
    app.archive.keep(1, 1, start, end, reason="", until=None, by=LOCAL)
    assert app.backfills.estimate(1, 1, start, end).seconds > 100
    app.archive.set_rule(1, 1, replace(rule, limit_days=rule.keep_days))
    with pytest.raises(InvalidRequest):
        app.backfills.add(1, 1, start, end, "anna")


def test_the_gaps_of_a_recorder_are_alerts_once(app: Filling, recorder: Simulator) -> None:
    gap_start, gap_end = gap_of(recorder)
    app.archive.set_rule(1, 1, RecordingRule(RecordingMode.SCHEDULE, schedule=(NEVER,)))
    planner = app.backfills._worker._planner
    for minutes in (60, 81, 102):
        planner._clock = planner._checks._clock = Later(gap_end + timedelta(minutes=minutes))
        planner._checks._checked_at.clear()
        planner._checks._due_at.clear()
        planner.plan(lambda: False)
    alerts = [gap for gap in app.archive.alerts() if gap.origin is Origin.DEVICE]
    own = [gap for gap in alerts if abs(gap.start - gap_start) < SECOND]
    assert len(own) == 1
    assert own[0].end is not None
    assert abs(own[0].end - gap_end) < SECOND


def test_a_changed_camera_ends_its_backfill(tmp_path: Path, recorder: Simulator) -> None:
    """It may be another device now, and the archive must not mix two."""
    start, end = recorded(recorder, 10)
    with filling(tmp_path, backfill_max_mbps=2.0) as app:
        app.add(recorder.onvif_port)
        app.cameras.on_change(app.backfills.forget_camera)
        app.cameras.on_delete(app.backfills.forget_camera)
        job = app.backfills.add(1, 1, start, end, "anna")
        until(lambda: sessions(recorder) == 1, what="the session")
        app.cameras.update_camera(1, CameraChange(password=Secret(PASSWORD)))
        failed = app.ended(job.id)
        assert failed.problem is not None
        assert (failed.state, failed.problem.code) == (BackfillState.FAILED, "camera_changed")
        until(lambda: sessions(recorder) == 0, what="the end of the session")
        app.cameras.delete_camera(1)
        assert app.backfills.jobs() == []


def test_a_recorder_without_times_of_frames_is_refused(app: Filling, recorder: Simulator) -> None:
    """Footage with a wrong time would be worse than a gap."""
    recorder.fault("replay_stamps", "zero")
    start, end = recorded(recorder, 1)
    failed = app.ended(app.backfills.add(1, 1, start, end, "anna").id)
    recorder.clear()
    assert failed.problem is not None
    assert (failed.state, failed.problem.code) == (BackfillState.FAILED, "camera_bad_answer")
    assert app.archived_s(start, end) == 0
