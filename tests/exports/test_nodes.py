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
from tests.exports.exporting import draft, moment
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
    assert second.expired(later) == second.cancelled_with_files() == []
    assert [job.id for job in first.expired(later)] == [done.id, cancelled.id]
    assert [job.id for job in first.cancelled_with_files()] == [cancelled.id]


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
    assert [one.id for one in store.expired(NOW + timedelta(seconds=1))] == [job.id]
