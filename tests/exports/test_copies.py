"""Working copies in export jobs: progress, interruptions, failures. The recorder is a stand-in."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.access import LOCAL
from core.errors import LimitReached, StorageFull
from exports.records import ExportState, FileKind, Rectangle, WorkingCopy
from tests.exports.exporting import Exporting, decodable_recorder, draft, recorder_of
from tests.patience import promised, until
from tests.sessions.replay.thin_recorder import ThinRecorder

BURNT = WorkingCopy(has_burnt_time=True)
BLURRED = WorkingCopy(blurred=(Rectangle(0.1, 0.1, 0.3, 0.3),))
Make = Callable[..., Exporting]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Exporting] = []

    def of(recorder: ThinRecorder, **fields: object) -> Exporting:
        made.append(Exporting(tmp_path / f"data{len(made)}", recorder, **fields))  # type: ignore[arg-type]
        return made[-1]

    yield of
    for exporting in made:
        exporting.close()


def add(exporting: Exporting, start: float, end: float, *copies: WorkingCopy) -> int:
    return exporting.manager.add(LOCAL, draft(start, end, copies=copies)).id


def encoding(exporting: Exporting, export_id: int) -> bool:
    progress = exporting.job(export_id).progress
    return progress.encoded_s > 0 and progress.done_s == progress.total_s


@pytest.mark.slow
def test_a_job_makes_its_copies_beside_the_master(make: Make) -> None:
    exporting = make(decodable_recorder([(0, 60)]))
    export_id = add(exporting, 10.4, 20.4, BURNT, BLURRED)
    queued = exporting.job(export_id).progress
    assert queued.total_s + queued.to_encode_s == pytest.approx(30.0)
    job = exporting.done(export_id)
    assert job.problem is None
    assert [file.kind for file in job.files] == [FileKind.MASTER, FileKind.WORKING_COPY, FileKind.WORKING_COPY]
    assert all(exporting.path(export_id, index).stat().st_size == job.files[index].size_bytes for index in range(3))
    assert job.progress.size_bytes == sum(file.size_bytes for file in job.files)
    assert job.progress.encoded_s == job.progress.to_encode_s == pytest.approx(20.0)
    assert job.posters == {0}
    assert exporting.manager.poster(LOCAL, export_id, 0).read_bytes().startswith(b"\xff\xd8")


@pytest.mark.slow
def test_cancel_ends_the_encoder_and_frees_the_disk(make: Make) -> None:
    exporting = make(decodable_recorder([(0, 3600)]))
    export_id = add(exporting, 0, 3600, BURNT)
    until(lambda: encoding(exporting, export_id), what="the encoding")
    with promised(2.0):
        exporting.manager.cancel(LOCAL, export_id)
        assert not (exporting.folder / "exports" / str(export_id)).exists()
        assert exporting.spawner.running() == ()
    assert exporting.job(export_id).state is ExportState.CANCELLED


@pytest.mark.slow
def test_a_paused_copy_is_made_again_without_the_recorder(make: Make) -> None:
    whole = make(decodable_recorder([(0, 500)]))
    expected = [file.sha256 for file in whole.done(add(whole, 0, 500, BURNT)).files]
    exporting = make(decodable_recorder([(0, 500)]))
    export_id = add(exporting, 0, 500, BURNT)
    until(lambda: encoding(exporting, export_id), what="the encoding")
    with promised(2.0):
        exporting.manager.pause(LOCAL, export_id)
        assert exporting.spawner.running() == ()
    assert exporting.job(export_id).state is ExportState.PAUSED
    plays = len(exporting.recorder.plays)
    exporting.manager.resume(LOCAL, export_id)
    assert [file.sha256 for file in exporting.done(export_id).files] == expected
    assert len(exporting.recorder.plays) == plays == 1


def test_a_failed_copy_leaves_the_master_and_a_reason(make: Make) -> None:
    """No decoder finds a frame in the invented video of this recorder."""
    exporting = make(recorder_of([(0, 60)]))
    job = exporting.done(add(exporting, 0, 10, BURNT))
    assert [file.kind for file in job.files] == [FileKind.MASTER]
    assert job.problem is not None
    assert job.problem.code == "copy_failed"
    assert job.posters == frozenset()
    assert job.progress.to_encode_s == 0.0


@pytest.mark.slow
def test_a_full_disk_costs_the_copy_and_says_so(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(folder: Path, least_bytes: int) -> None:
        if not any(folder.rglob("*.video")):
            raise StorageFull("Only 1 MB is free.")

    monkeypatch.setattr("exports.run.require_free_space", full)
    exporting = make(decodable_recorder([(0, 600)]))
    job = exporting.done(add(exporting, 0, 600, BURNT))
    assert job.problem is not None
    assert (job.problem.code, job.problem.detail) == ("copy_failed", "Only 1 MB is free.")
    assert [file.kind for file in job.files] == [FileKind.MASTER]


@pytest.mark.slow
def test_a_job_that_encodes_keeps_no_other_one_from_the_recorder(make: Make) -> None:
    exporting = make(decodable_recorder([(0, 60)]))
    with exporting.manager._worker._context.finishing.encoding:  # as another job's encoding holds it
        first = add(exporting, 0, 10, BURNT)
        until(lambda: exporting.job(first).files, what="the master")
        for _ in range(2):
            exporting.done(add(exporting, 0, 10))
        assert exporting.job(first).state is ExportState.RUNNING
    assert len(exporting.done(first).files) == 2


def test_copies_are_refused_where_the_server_must_not_encode(make: Make) -> None:
    exporting = make(recorder_of([(0, 60)]), settings={"max_transcodes": 0})
    for fields in ({"copies": (BURNT,)}, {"format": "h264"}):
        with pytest.raises(LimitReached) as refused:
            exporting.manager.estimate(draft(0, 10, **fields))
        assert refused.value.code == "transcode_limit"
    assert exporting.manager.estimate(draft(0, 10, format="original")).size_bytes > 0


def test_estimates_count_the_copies(make: Make) -> None:
    exporting = make(recorder_of([(0, 60)]))
    alone = exporting.manager.estimate(draft(0, 10)).size_bytes
    assert exporting.manager.estimate(draft(0, 10, copies=(BURNT, BLURRED))).size_bytes == 3 * alone
