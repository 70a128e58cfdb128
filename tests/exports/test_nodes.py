"""Exports of several nodes on one database: each node keeps the files of its own jobs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from core.clock import SystemClock
from core.records import Problem
from database import Database
from exports.records import ExportFile, ExportJob, ExportProgress, ExportState
from exports.store import ExportStore
from tests.exports.exporting import Exporting, draft, moment, recorder_of
from tests.patience import until
from tests.prepared_database import prepared_database

NOW = SystemClock().now_utc()


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "app.sqlite3")
    made.open()
    yield made
    made.close()


def add(store: ExportStore) -> ExportJob:
    return store.add(None, "", draft(10, 20), 10.0, NOW, devices=[], most=9, most_own=9)


def with_file(store: ExportStore, job: ExportJob) -> ExportJob:
    file = ExportFile("a.mp4", 5, "00", 1, 1, moment(10), moment(20), "h264")
    store.note_progress(job.id, ExportProgress(10.0, 10.0, 5), (file,))
    return store.get(job.id)


def test_a_job_belongs_to_the_node_that_made_it(database: Database) -> None:
    job = add(ExportStore(database, "a"))
    assert ExportStore(database, "b").get(job.id).node == "a"
    assert add(ExportStore(database)).node == ""


def test_another_node_makes_a_job_that_has_no_files_yet(database: Database) -> None:
    first, second = ExportStore(database, "a"), ExportStore(database, "b")
    job = add(first)
    assert [one.id for one in second.waiting()] == [job.id]
    assert second.is_possible_here(job)
    assert second.take_over(replace(job)).node == "b"
    assert first.get(job.id).node == "b"


def test_a_job_with_files_stays_at_its_node(database: Database) -> None:
    first, second = ExportStore(database, "a"), ExportStore(database, "b")
    job = with_file(first, add(first))
    assert first.is_possible_here(job)
    assert not second.is_possible_here(job)
    assert first.take_over(job).files == job.files


def test_a_node_deletes_only_its_own_files(database: Database) -> None:
    first, second = ExportStore(database, "a"), ExportStore(database, "b")
    done, cancelled = (with_file(first, add(first)) for _ in range(2))
    for job, state in ((done, ExportState.DONE), (cancelled, ExportState.CANCELLED)):
        first.move(job.id, state, of=(ExportState.QUEUED,), now=NOW, expires_at=NOW)
    later = NOW + timedelta(seconds=1)
    assert second.remove_expired(later) == []
    assert second.cancelled_with_files() == []
    assert [job.id for job in first.cancelled_with_files()] == [cancelled.id]
    assert first.remove_expired(later) == [done.id, cancelled.id]
    assert first.jobs() == []


def test_a_single_process_that_becomes_a_node_keeps_its_jobs(database: Database) -> None:
    here, elsewhere = (add(ExportStore(database)) for _ in range(2))
    store = ExportStore(database, "a")
    store.adopt({here.id})
    assert [store.get(job.id).node for job in (here, elsewhere)] == ["a", ""]


def test_a_single_process_goes_on_with_the_jobs_of_any_node(database: Database) -> None:
    store = ExportStore(database)
    job = with_file(ExportStore(database, "a"), add(ExportStore(database, "a")))
    assert store.is_possible_here(job)
    store.move(
        job.id, ExportState.DONE, of=(ExportState.QUEUED,), now=NOW, expires_at=NOW, problem=Problem("incomplete", "")
    )
    assert store.remove_expired(NOW + timedelta(seconds=1)) == [job.id]


@pytest.fixture
def south(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Exporting]:
    monkeypatch.setattr("exports.worker._LOOK_EVERY_S", 0.02)
    made = Exporting(tmp_path, recorder_of([(0, 60)]), settings={"node_name": "south"})  # type: ignore[dict-item]
    yield made
    made.close()


def problem_code(app: Exporting, job: ExportJob) -> str:
    problem = app.job(job.id).problem
    return problem.code if problem is not None else ""


def test_an_export_whose_camera_stays_away_from_its_files_begins_anew(
    south: Exporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(south.cameras, "owns", lambda _: False)  # the camera is at the node north
    store = ExportStore(south.database, "north")
    job = with_file(store, add(store))
    monkeypatch.setattr(south.cameras, "owns", lambda _: True)
    south.manager._worker.wake()
    until(lambda: problem_code(south, job) == "files_elsewhere", what="the reason of the wait")
    assert south.job(job.id).node == "north"
    assert south.job(job.id).files
    monkeypatch.setattr("exports.worker._ANEW_AFTER_S", 0.0)
    south.manager._worker.wake()
    assert south.done(job.id).node == "south"
    assert south.path(job.id).is_file()


def test_a_retry_whose_camera_stays_away_from_its_files_ends_keeping_them(
    south: Exporting, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exports.worker._ANEW_AFTER_S", 0.0)
    monkeypatch.setattr(south.cameras, "owns", lambda _: False)
    store = ExportStore(south.database, "north")
    job = with_file(store, add(store))
    for state, of in ((ExportState.FAILED, ExportState.QUEUED), (ExportState.QUEUED, ExportState.DONE)):
        store.move(job.id, state, of=(of,), now=NOW, problem=Problem("camera_unreachable", "No answer."))
    monkeypatch.setattr(south.cameras, "owns", lambda _: True)
    south.manager._worker.wake()
    ended = south.ended(job.id)
    assert (ended.state, ended.node, len(ended.files)) == (ExportState.DONE, "north", 1)


def test_an_export_whose_camera_left_shows_the_reason(south: Exporting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(south.cameras, "owns", lambda _: False)
    job = add(ExportStore(south.database, "south"))
    south.manager._worker.wake()
    until(lambda: problem_code(south, job) == "not_owner", what="the reason of the wait")
