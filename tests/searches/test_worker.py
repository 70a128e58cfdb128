"""Searches whose database fails: each one ends for its user now, and in the database as soon as that works again.

The steps of a search are scripted, because these tests need no recorder.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from core.clock import SystemClock
from core.errors import StorageFull
from core.records import Problem
from database import Database
from searches.judge import Judges
from searches.records import Interrupted, Search, SearchDraft, SearchKind, SearchState
from searches.run import SearchContext, SearchRun
from searches.store import SearchStore
from searches.worker import APP_ENDED, SearchWorker
from tests.events.logged import stored_camera
from tests.lost_database import LostDatabase
from tests.patience import LIMIT_S, promised, until
from tests.prepared_database import prepared

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DRAFT = SearchDraft(1, 1, NOW - timedelta(hours=1), NOW, ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9)), SearchKind.MOVED)


class FullStore(SearchStore):
    """A store whose disk is full when a test says so."""

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        self.is_full = False

    def move(self, *args: Any, **kwargs: Any) -> Search:
        self._check()
        return super().move(*args, **kwargs)

    def fail_unfinished(self, *args: Any, **kwargs: Any) -> None:
        self._check()
        super().fail_unfinished(*args, **kwargs)

    def _check(self) -> None:
        if self.is_full:
            raise StorageFull("The disk is full.")


class ScriptedRun(SearchRun):
    """Ends with `ending` when the test opens `gate`."""

    gate = threading.Event()
    ending: tuple[SearchState, Problem | None] = (SearchState.DONE, None)
    steps = 0

    def __init__(self, context: SearchContext, search: Search) -> None:
        self._draft = search.draft
        self._is_interrupted = threading.Event()

    def interrupt(self) -> None:
        self._is_interrupted.set()
        self.gate.set()

    def view(self, search: Search) -> Search:
        return search

    def step(self) -> tuple[SearchState, Problem | None]:
        ScriptedRun.steps += 1
        self.gate.wait(LIMIT_S)
        if self._is_interrupted.is_set():
            raise Interrupted
        return self.ending


class OnlyClock:
    """The parts of a SearchContext that the worker itself uses."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.judges = Judges(self.clock)


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(prepared(tmp_path / "searches.sqlite3"))
    database.open()
    with database.write() as session:
        session.add(stored_camera(1))
    yield database
    database.close()


@pytest.fixture
def store(database: Database) -> FullStore:
    return FullStore(database)


@pytest.fixture
def worker(store: FullStore, monkeypatch: pytest.MonkeyPatch) -> Iterator[SearchWorker]:
    monkeypatch.setattr("searches.worker._LOOK_EVERY_S", 0.02)
    monkeypatch.setattr("searches.worker.SearchRun", ScriptedRun)
    monkeypatch.setattr(ScriptedRun, "gate", threading.Event())
    monkeypatch.setattr(ScriptedRun, "steps", 0)
    made = SearchWorker(cast(SearchContext, OnlyClock()), store)
    made.start([1])
    yield made
    made.stop()


def added(store: FullStore) -> Search:
    return store.add(None, "Anna", DRAFT, datetime.now(UTC), is_small=False)


def begun(worker: SearchWorker, store: FullStore) -> Search:
    search = worker.add(added(store))
    until(lambda: ScriptedRun.steps)
    return search


def stored(store: FullStore, search: Search, state: SearchState) -> Search:
    until(lambda: store.get(search.id).state is state, what=f"the stored state {state}")
    return store.get(search.id)


def test_an_end_that_the_database_refuses_is_stored_later(worker: SearchWorker, store: FullStore) -> None:
    search = begun(worker, store)
    store.is_full = True
    ScriptedRun.gate.set()
    until(lambda: worker.view(store.get(search.id)).state is SearchState.DONE, what="the end in memory")
    assert store.get(search.id).state is SearchState.RUNNING
    assert worker.view(store.get(search.id)).ended_at is not None
    store.is_full = False
    stored(store, search, SearchState.DONE)


def test_a_cancelled_search_ends_although_the_disk_is_full(worker: SearchWorker, store: FullStore) -> None:
    search = begun(worker, store)
    store.is_full = True
    worker.end(search.id, SearchState.CANCELLED)
    assert worker.view(store.get(search.id)).state is SearchState.CANCELLED
    store.is_full = False
    stored(store, search, SearchState.CANCELLED)


def test_a_search_that_waits_for_its_user_goes_on_after_a_full_disk(
    worker: SearchWorker, store: FullStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ScriptedRun, "ending", (SearchState.WAITING, None))
    search = begun(worker, store)
    store.is_full = True
    ScriptedRun.gate.set()
    until(lambda: worker.view(search).state is SearchState.WAITING, what="the decision of the user")
    with pytest.raises(StorageFull):
        worker.go_on(worker.view(search))
    assert ScriptedRun.steps == 1
    store.is_full = False
    monkeypatch.setattr(ScriptedRun, "ending", (SearchState.DONE, None))
    worker.go_on(worker.view(search))
    stored(store, search, SearchState.DONE)


def test_a_full_disk_at_the_start_leaves_no_search_running(
    worker: SearchWorker, store: FullStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    worker.stop()
    killed = added(store)
    store.is_full = True
    worker.start([1, 2])
    assert store.get(killed.id).state is SearchState.ESTIMATING
    search = worker.add(added(store))
    store.is_full = False
    assert stored(store, killed, SearchState.FAILED).problem == APP_ENDED
    until(lambda: not worker.view(store.get(search.id)).state.is_unfinished or ScriptedRun.steps)
    assert store.get(search.id).problem != APP_ENDED


def test_the_stop_ends_all_searches_although_the_disk_is_full(worker: SearchWorker, store: FullStore) -> None:
    search = begun(worker, store)
    store.is_full = True
    worker.stop()
    assert worker.view(store.get(search.id)).state is SearchState.FAILED
    store.is_full = False
    worker.start([1, 2])
    assert stored(store, search, SearchState.FAILED).problem == APP_ENDED


def test_a_system_without_threads_delays_a_search(
    worker: SearchWorker, store: FullStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    refusals = [RuntimeError("can't start new thread")] * 2

    def refused(thread: threading.Thread) -> None:
        if thread.name.startswith("search-") and refusals:
            raise refusals.pop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refused)
    search = added(store)
    ScriptedRun.gate.set()
    worker.add(search)
    assert not ScriptedRun.steps
    stored(store, search, SearchState.DONE)


def test_a_camera_is_released_while_a_write_to_the_database_hangs(
    worker: SearchWorker, store: FullStore, database: Database
) -> None:
    lost, moved = LostDatabase(database), Problem("camera_moved", "Another server connects this camera now.")
    search = begun(worker, store)
    lost.lose()
    releasing = threading.Thread(target=worker.release_camera, args=(1, moved))
    with worker._lock, promised(0.5):  # as a thread does that writes to the database
        releasing.start()
        releasing.join(LIMIT_S)
    assert ScriptedRun.gate.is_set(), "the run goes on"
    lost.wait_hanging()
    lost.find()
    assert stored(store, search, SearchState.FAILED).problem == moved


def test_a_write_to_the_database_that_hangs_keeps_no_page_waiting(
    worker: SearchWorker, store: FullStore, database: Database
) -> None:
    search = begun(worker, store)
    lost = LostDatabase(database)
    lost.lose()
    ScriptedRun.gate.set()
    lost.wait_hanging()  # the end of the search
    with promised(0.5):
        assert worker.view(search).state.is_unfinished
        worker.note_look(search.id)
    lost.find()
    stored(store, search, SearchState.DONE)
