"""Retries of jobs: only the missing parts are read again, and the limits hold as for new jobs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from core.access import LOCAL
from core.errors import CameraUnreachable, LimitReached, NotFound, StorageFull
from exports.folders import ExportFolders
from exports.formats.copies import CopyFailed, CopyMaker
from exports.gaps import Gap, range_gaps
from exports.origin import read_range_origins, stored_range_origin
from exports.records import ExportFile, ExportJob, ExportRange, ExportState, FileKind, WorkingCopy
from exports.store import ExportStore
from exports.stretches import missing_stretches
from tests.exports.exporting import Exporting, Make, decodable_recorder, draft, moment, recorder_of
from tests.patience import promised, until


def incomplete(exporting: Exporting, start: float, end: float) -> int:
    """Export a range whose recordings are listed as whole, while the recorder lacks a part. Return the id."""
    exporting.recordings.listed = [(0.0, 600.0)]
    job = exporting.done(exporting.add(start, end))
    assert job.is_incomplete, job.problem
    return job.id


@pytest.mark.slow
def test_a_retry_of_an_incomplete_job_reads_only_what_is_missing(make: Make) -> None:
    exporting = make(recorder_of([(0, 100), (160, 600)]))
    export_id = incomplete(exporting, 10, 300)
    before = exporting.job(export_id)
    assert [(file.start, file.end) for file in before.files] == [
        (moment(10), moment(100)),
        (moment(160), moment(300)),
    ]
    plays = len(exporting.recorder.plays)
    exporting.recorder.spans[:] = recorder_of([(0, 600)]).spans
    exporting.manager.retry(LOCAL, export_id)
    job = exporting.done(export_id)
    assert job.problem is None
    assert [(file.start, file.end) for file in job.files] == [
        (moment(10), moment(100)),
        (moment(100), moment(160)),
        (moment(160), moment(300)),
    ]
    assert (job.files[0], job.files[2]) == before.files
    assert job.progress.done_s == pytest.approx(290.0)
    assert exporting.recorder.plays[plays:] == [pytest.approx(moment(100).timestamp(), abs=6.0)]
    assert all(exporting.path(export_id, number).is_file() for number in range(3))


def test_a_retry_that_finds_nothing_more_keeps_the_files(make: Make) -> None:
    exporting = make(recorder_of([(0, 100)]))
    export_id = incomplete(exporting, 10, 300)
    files = exporting.job(export_id).files
    exporting.manager.retry(LOCAL, export_id)
    job = exporting.done(export_id)
    assert job.is_incomplete
    assert job.files == files
    assert exporting.path(export_id).is_file()


def test_time_that_nobody_recorded_leaves_a_job_complete(make: Make) -> None:
    exporting = make(recorder_of([(0, 15), (35, 60)]))
    exporting.recordings.listed = [(0.0, 60.0)]  # as far as is known before the recorder lists this range
    exporting.recordings.listed_later = [(0.0, 15.0), (35.0, 60.0)]
    job = exporting.done(exporting.add(5, 55))
    assert job.problem is None
    assert len(job.files) == 2
    assert job.progress.total_s == job.progress.done_s == pytest.approx(30.0)


def test_a_job_says_if_nobody_knows_whether_its_gap_was_recorded(make: Make) -> None:
    exporting = make(recorder_of([(0, 15), (35, 60)]))
    exporting.recordings.listed, exporting.recordings.is_list_vague = [(0.0, 60.0)], True
    job = exporting.done(exporting.add(5, 55))
    assert job.is_incomplete
    assert job.problem is not None
    assert job.problem.detail == (
        "The recorder did not send 20 of 50 seconds. It does not list whether it has recorded them."
    )


def test_a_gap_names_the_server_that_has_it_and_is_away(make: Make) -> None:
    exporting = make(recorder_of([(0, 15)]))
    exporting.recordings.away = "north"
    job = exporting.done(exporting.add(5, 55))
    assert range_gaps(job, 0) == [Gap(moment(15), moment(55), "away", "north")]
    stored = stored_range_origin(job.origins[0])
    stored["reasons"] = [reason[:3] for reason in stored["reasons"]]  # of an older version of the app
    assert range_gaps(replace(job, origins=read_range_origins({"0": stored})), 0) == [
        Gap(moment(15), moment(55), "away")
    ]


@pytest.mark.slow
def test_a_retry_goes_on_after_a_restart(make: Make, tmp_path: Path) -> None:
    recorder = recorder_of([(0, 100), (160, 600)])
    exporting = make(recorder, tmp_path / "same")
    export_id = incomplete(exporting, 10, 300)
    recorder.spans[:] = recorder_of([(0, 600)]).spans
    recorder.holds_at = sum(line.sent for line in recorder.lines) + 100
    exporting.manager.retry(LOCAL, export_id)
    exporting.until_held()
    exporting.close()
    again = make(recorder_of([(0, 600)]), tmp_path / "same")
    job = again.done(export_id)
    assert job.problem is None
    assert [file.start for file in job.files] == [moment(10), moment(100), moment(160)]


def test_a_retry_makes_the_copies_that_failed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> NoReturn:
        raise CopyFailed("The working copy could not be made.")

    exporting = make(decodable_recorder([(0, 60)]))
    with monkeypatch.context() as patched:
        patched.setattr(CopyMaker, "make", fail)
        job = exporting.done(exporting.add(0, 10, copies=(WorkingCopy(height=90),)))
    assert job.problem is not None
    assert (job.problem.code, len(job.files)) == ("copy_failed", 1)
    exporting.manager.retry(LOCAL, job.id)
    again = exporting.done(job.id)
    assert again.problem is None
    assert [file.kind for file in again.files] == [FileKind.MASTER, FileKind.WORKING_COPY]
    assert len(exporting.recorder.plays) == 1


def test_missing_stretches_are_the_rest_of_the_range() -> None:
    wanted = ExportRange(1, 1, moment(0), moment(100))

    def file(start: float, end: float, name: str = "a.mp4") -> ExportFile:
        return ExportFile(name, 1, "", 1, 1, moment(start), moment(end), "h264")

    def missing(*files: ExportFile) -> list[tuple[float, float]]:
        found = missing_stretches(wanted, files)
        return [
            (round((one.start - moment(0)).total_seconds(), 1), round((one.end - moment(0)).total_seconds(), 1))
            for one in found
        ]

    assert missing() == [(0, 100)]
    assert missing(file(0.1, 99.5)) == []
    assert missing(file(60, 80), file(10, 30)) == [(0, 10), (30, 60), (80, 100)]
    assert missing(file(0, 60), file(0, 60, "a.srt")) == [(60, 100)]


@pytest.mark.parametrize("state", ["cancelled", "failed", "paused"])
def test_limits_of_space_hold_when_a_job_goes_on(make: Make, state: str) -> None:
    recorder = recorder_of([(0, 600)], holds_at=100)
    exporting = make(recorder, settings={"export_bytes": 400_000_000})
    export_id = exporting.add(0, 500)  # about 250 MB
    exporting.until_held()
    if state == "failed":
        exporting.manager.camera_deleted(1)
    else:
        (exporting.manager.pause if state == "paused" else exporting.manager.cancel)(LOCAL, export_id)
    until(lambda: exporting.recorder.open_lines() == 0)
    if state == "paused":  # it counts, so that the limit must shrink
        exporting.settings["export_bytes"] = 1_000_000
        object.__setattr__(exporting.manager._settings, "export_bytes", 1_000_000)
    else:
        exporting.add(0, 500)
    call = exporting.manager.resume if state == "paused" else exporting.manager.retry
    with pytest.raises(LimitReached) as refusal:
        call(LOCAL, export_id)
    assert refusal.value.code == "export_space"
    assert exporting.job(export_id).state == state


def test_a_recorder_that_is_away_gives_its_error_and_not_an_empty_range(make: Make) -> None:
    exporting = make(recorder_of([(0, 600)]))
    exporting.recordings.listed = []
    with pytest.raises(NotFound) as nothing:
        exporting.add(0, 500)
    assert nothing.value.code == "nothing_recorded"
    exporting.recordings.problem = CameraUnreachable("The recorder does not answer.")
    for call in (exporting.manager.estimate, lambda wanted: exporting.manager.add(LOCAL, wanted)):
        with pytest.raises(CameraUnreachable):
            call(draft(0, 500))


@pytest.mark.parametrize("call", ["pause", "cancel"])
def test_a_job_that_is_stopped_frees_its_place_within_two_seconds(make: Make, call: str) -> None:
    exporting = make(recorder_of([(0, 600)], holds_at=100))
    export_id = exporting.add(0, 600)
    exporting.until_held()
    with promised(2.0):
        getattr(exporting.manager, call)(LOCAL, export_id)
        assert exporting.recorder.open_lines() == 0
    assert (exporting.folder / "exports" / str(export_id)).exists() == (call == "pause")
    assert exporting.job(export_id).state is (ExportState.PAUSED if call == "pause" else ExportState.CANCELLED)


@pytest.mark.slow
@pytest.mark.parametrize("end", ["cancel", "fail"])
def test_a_retry_that_ends_early_keeps_the_finished_files(make: Make, end: str) -> None:
    recorder = recorder_of([(0, 100), (160, 600)])
    exporting = make(recorder)
    export_id = incomplete(exporting, 10, 300)
    before = exporting.job(export_id)
    recorder.spans[:] = recorder_of([(0, 600)]).spans
    recorder.holds_at = sum(line.sent for line in recorder.lines) + 100
    exporting.manager.retry(LOCAL, export_id)
    exporting.until_held()
    if end == "cancel":
        exporting.manager.cancel(LOCAL, export_id)
    else:
        exporting.manager.camera_deleted(1)
    until(lambda: exporting.recorder.open_lines() == 0)
    until(lambda: exporting.job(export_id).is_incomplete)
    job = exporting.job(export_id)
    assert job.files == before.files
    assert all(exporting.path(export_id, number).is_file() for number in range(2))
    assert (job.progress.done_s, job.progress.size_bytes) == (before.progress.done_s, before.progress.size_bytes)
    assert job.problem is not None
    assert before.problem is not None
    assert job.problem.code == before.problem.code
    assert before.problem.detail in job.problem.detail
    assert ("camera" in job.problem.detail) == (end == "fail")
    until(lambda: not list((exporting.folder / "exports" / str(export_id)).glob("range*")))


def test_a_full_disk_costs_a_working_copy_and_not_the_master(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    def fill(*_: object) -> NoReturn:
        raise StorageFull("The disk is full.")

    exporting = make(decodable_recorder([(0, 60)]))
    monkeypatch.setattr(CopyMaker, "make", fill)
    job = exporting.done(exporting.add(0, 10, copies=(WorkingCopy(height=90),)))
    assert job.problem is not None
    assert (job.problem.code, job.problem.detail, len(job.files)) == ("copy_failed", "The disk is full.", 1)


def test_files_of_a_cancelled_job_go_after_a_restart(make: Make, tmp_path: Path) -> None:
    exporting = make(recorder_of([(0, 100)]), tmp_path / "same")
    job = exporting.done(exporting.add(10, 60))
    exporting.manager._store.move(job.id, ExportState.CANCELLED, of=(ExportState.DONE,), now=moment(0))
    exporting.close()
    again = make(recorder_of([(0, 100)]), tmp_path / "same")
    until(lambda: not (again.folder / "exports" / str(job.id)).exists())
    until(lambda: again.job(job.id).progress.size_bytes == 0)
    assert again.job(job.id).files == ()


@pytest.mark.slow
def test_what_the_recorder_lists_is_noted_after_a_restart(make: Make, tmp_path: Path) -> None:
    exporting = make(recorder_of([(0, 100), (160, 600)]), tmp_path / "same")
    job = exporting.done(exporting.add(10, 300))
    assert job.origins[0].not_recorded
    store = exporting.manager._store
    store.note_origin(job.id, 0, replace(job.origins[0], recorded=(), not_recorded=()))  # as if it had ended before
    store.move(job.id, ExportState.RUNNING, of=(ExportState.DONE,), now=moment(0))
    plays = len(exporting.recorder.plays)
    exporting.close()
    again = make(exporting.recorder, tmp_path / "same")
    assert again.done(job.id).origins[0].not_recorded == job.origins[0].not_recorded
    assert len(exporting.recorder.plays) == plays


def finished_after_looks(exporting: Exporting, export_id: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Let the worker look at its queue until the job is done, or ten times. Return True if the job is done."""
    looks: list[int] = []
    waiting = ExportStore.waiting

    def look(store: ExportStore) -> list[ExportJob]:
        looks.append(1)
        return waiting(store)

    monkeypatch.setattr(ExportStore, "waiting", look)

    def is_over() -> bool:
        exporting.manager._worker.wake()
        return exporting.job(export_id).state is ExportState.DONE or len(looks) > 10

    until(is_over)
    return exporting.job(export_id).state is ExportState.DONE


@pytest.mark.slow
def test_a_retry_keeps_its_files_while_a_cancel_still_deletes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = recorder_of([(0, 600)], holds_at=100)
    exporting = make(recorder)
    export_id = exporting.add(0, 60)
    exporting.until_held()
    exporting.manager.pause(LOCAL, export_id)
    recorder.holds_at = 10**9
    delete, done_early = ExportFolders.remove, []

    def delete_late(folders: ExportFolders, deleted_id: int) -> None:
        monkeypatch.setattr(ExportFolders, "remove", delete)
        until(lambda: exporting.job(export_id).state is ExportState.CANCELLED)
        exporting.manager.retry(LOCAL, export_id)
        done_early.append(finished_after_looks(exporting, export_id, monkeypatch))
        delete(folders, deleted_id)

    monkeypatch.setattr(ExportFolders, "remove", delete_late)
    exporting.manager.cancel(LOCAL, export_id)
    until(lambda: bool(done_early))
    job = exporting.done(export_id)
    assert exporting.path(job.id).stat().st_size == job.files[0].size_bytes
    assert done_early == [False]


@pytest.mark.slow
def test_a_retry_keeps_its_pieces_while_a_cancel_still_deletes(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    recorder = recorder_of([(0, 100), (160, 600)])
    exporting = make(recorder)
    export_id = incomplete(exporting, 10, 300)
    recorder.spans[:] = recorder_of([(0, 600)]).spans
    recorder.holds_at = sum(line.sent for line in recorder.lines) + 100
    exporting.manager.retry(LOCAL, export_id)
    exporting.until_held()
    exporting.manager.pause(LOCAL, export_id)
    recorder.holds_at = 10**9
    delete, done_early = ExportFolders.remove_ranges, []

    def delete_late(folders: ExportFolders, deleted_id: int) -> None:
        monkeypatch.setattr(ExportFolders, "remove_ranges", delete)
        until(lambda: exporting.job(export_id).is_incomplete)
        exporting.manager.retry(LOCAL, export_id)
        done_early.append(finished_after_looks(exporting, export_id, monkeypatch))
        delete(folders, deleted_id)

    monkeypatch.setattr(ExportFolders, "remove_ranges", delete_late)
    exporting.manager.cancel(LOCAL, export_id)
    until(lambda: bool(done_early))
    assert exporting.done(export_id).problem is None
    assert done_early == [False]


def test_a_retry_knows_that_its_files_are_deleted(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker has read the job before a cancel deletes the files, and begins it after the retry."""
    exporting = make(recorder_of([(0, 600)]))
    export_id = exporting.done(exporting.add(0, 60)).id
    exporting.manager._store.move(export_id, ExportState.PAUSED, of=(ExportState.DONE,), now=moment(0))
    waiting = ExportStore.waiting
    retries: list[int] = []

    def read_early(store: ExportStore) -> list[ExportJob]:
        found = waiting(store)
        if found and not retries:
            exporting.manager.cancel(LOCAL, export_id)
            exporting.manager.retry(LOCAL, export_id)
            retries.append(export_id)
        return found

    monkeypatch.setattr(ExportStore, "waiting", read_early)
    exporting.manager.resume(LOCAL, export_id)
    until(lambda: bool(retries))
    job = exporting.done(export_id)
    assert exporting.path(job.id).stat().st_size == job.files[0].size_bytes
