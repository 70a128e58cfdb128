"""Runs the searches: a thread for each running one, one a device, two in all.

A search ends if the page of its user has not looked at it for a minute. One that waits for its user keeps no session.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta

from core.clock import Clock
from core.errors import AppError, Conflict, NotFound
from core.records import Problem
from searches.records import Interrupted, Search, SearchState, WaitsFor
from searches.run import SearchContext, SearchRun
from searches.store import SearchStore

log = logging.getLogger(__name__)

MOST_RUNNING = 2
UNWATCHED_END_S = 60.0
KEPT = timedelta(days=1)
NOBODY_LOOKS = Problem("nobody_looks", "The search ended because no page has looked at it for a minute.")
APP_ENDED = Problem("app_ended", "The app was stopped while this search ran.")
FAULT = Problem("internal_error", "This search failed by a fault of the app; the log has the reason.")

_LOOK_EVERY_S = 1.0
_CLEAN_EVERY_S = 600.0
_STOP_S = 3.0
_UNFINISHED = tuple(state for state in SearchState if state.is_unfinished)


class _Job:
    """An unfinished search in memory."""

    def __init__(self, search: Search, run: SearchRun, now_s: float) -> None:
        self.search = search
        self.run = run
        self.looked_at_s = now_s
        self.thread: threading.Thread | None = None
        self.is_due = True  # waits for a thread
        self.is_unsaved = False  # the database has refused its newest state
        self.lost: Problem | None = None  # why the run was interrupted, if another node connects the camera now
        self.saving = threading.RLock()  # of a change of state in the database, which may be away


class SearchWorker:
    """start() and stop() may be called twice. Thread-safe."""

    def __init__(self, context: SearchContext, store: SearchStore) -> None:
        self._context = context
        self._store = store
        self._clock: Clock = context.clock
        self._lock = threading.RLock()
        self._jobs: dict[int, _Job] = {}
        self._ended: dict[int, _Job] = {}  # whose end the database has refused so far
        self._left_of: Collection[int] = ()
        self._left_before: datetime | None = None  # searches of an earlier run are to fail; None once they have
        self._wake = threading.Event()
        self._is_stopping = False
        self._thread: threading.Thread | None = None
        self._cleaned_s = float("-inf")

    def start(self, camera_ids: Collection[int]) -> None:
        """Let the searches of these cameras fail, which are those of an earlier run of the app, once the disk allows
        it, and start the thread."""
        if self._thread is None:
            self._left_of = camera_ids
            self._is_stopping = False
            self._fail_left()
            self._thread = threading.Thread(target=self._serve, name="searches", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End all searches, within 3 s."""
        self._is_stopping = True
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)
        with self._lock:
            jobs = list(self._jobs.values())
        for job in jobs:
            self.end(job.search.id, SearchState.FAILED, APP_ENDED)
        ends_s = self._clock.monotonic_s() + _STOP_S
        for job in jobs:
            if job.thread is not None:
                job.thread.join(max(0.0, ends_s - self._clock.monotonic_s()))
        self._context.judges.stop()

    # ---- any thread ------------------------------------------------------------------------------

    def add(self, search: Search) -> Search:
        """Run a search as soon as it is its turn."""
        with self._lock:
            self._jobs[search.id] = _Job(search, SearchRun(self._context, search), self._clock.monotonic_s())
            self._begin_due()
        return self.view(search)

    def go_on(self, search: Search) -> Search:
        """Go on with the exhaustive step. Raise Conflict (search_state) unless the search waits for its user."""
        with self._lock:
            job = self._jobs.get(search.id)
        if job is None:
            raise _wrong_state(search)
        with job.saving:
            if job.search.state is not SearchState.WAITING or job.is_due:
                raise _wrong_state(search)
            job.looked_at_s = self._clock.monotonic_s()
            job.search = self._store.move(
                job.run.view(job.search), SearchState.RUNNING, of=_UNFINISHED, now=self._clock.now_utc()
            )
            with self._lock:
                job.is_due, job.is_unsaved = True, False
                self._begin_due()
        return self.view(search)

    def end(self, search_id: int, state: SearchState, problem: Problem | None = None) -> None:
        """End an unfinished search, even if the database fails. The recorder gets its session back immediately."""
        with self._lock:
            job = self._jobs.pop(search_id, None)
        if job is None:
            return
        job.run.interrupt()
        self._settle(job, state, problem)
        self._wake.set()

    def end_camera(self, camera_id: int, problem: Problem) -> None:
        """End the searches of a camera that was removed, or is another device now."""
        with self._lock:
            jobs = [job for job in self._jobs.values() if job.run.camera_id == camera_id]
        for job in jobs:  # first, because the database may be away
            job.run.interrupt()
        for job in jobs:
            self.end(job.search.id, SearchState.FAILED, problem)

    def release_camera(self, camera_id: int, problem: Problem) -> None:
        """Interrupt the searches of a camera that another node connects. The thread of the searches stores their end.

        This takes no lock: other threads hold it while they write to a database that may be away.
        """
        for job in list(self._jobs.values()):
            if job.run.camera_id == camera_id:
                job.lost = problem
                job.run.interrupt()
        self._wake.set()

    def adopt_camera(self, camera_id: int) -> None:
        """Let the searches fail that the last owner of a camera has left unfinished."""
        self._store.fail_unfinished(APP_ENDED, self._clock.now_utc(), [camera_id])

    def note_look(self, search_id: int) -> None:
        """The page of the search's user has looked at it."""
        with self._lock:
            job = self._jobs.get(search_id)
            if job is not None:
                job.looked_at_s = self._clock.monotonic_s()

    def view(self, search: Search) -> Search:
        """Return the search with its progress as of now."""
        with self._lock:
            job = self._jobs.get(search.id)
            if job is None:
                ended = self._ended.get(search.id)
                return search if ended is None else ended.search
            found = job.run.view(job.search)
            if job.is_due:
                return replace(found, waits_for=WaitsFor.TURN)
            return replace(found, waits_for=WaitsFor.USER) if found.state is SearchState.WAITING else found

    # ---- the thread that begins and ends searches ------------------------------------------------

    def _serve(self) -> None:
        while not self._is_stopping:
            try:
                self._end_lost()
                self._save()
                self._end_unwatched()
                with self._lock:
                    self._begin_due()
                self._clean()
            except AppError as error:
                log.warning("searches wait: %s", error.detail)
            except Exception:  # the top of a thread
                log.exception("searches failed")
            self._wake.wait(_LOOK_EVERY_S)
            self._wake.clear()

    def _end_lost(self) -> None:
        with self._lock:
            lost = [(job.search.id, job.lost) for job in self._jobs.values() if job.lost is not None]
        for search_id, problem in lost:
            self.end(search_id, SearchState.FAILED, problem)

    def _end_unwatched(self) -> None:
        oldest_s = self._clock.monotonic_s() - UNWATCHED_END_S
        with self._lock:
            ids = [job.search.id for job in self._jobs.values() if job.looked_at_s < oldest_s]
        for search_id in ids:
            self.end(search_id, SearchState.CANCELLED, NOBODY_LOOKS)

    def _save(self) -> None:
        """Store what the database has refused so far."""
        with self._lock:
            unsaved = [job for job in (*self._jobs.values(), *self._ended.values()) if job.is_unsaved]
        for job in unsaved:
            with job.saving:
                if job.is_unsaved:
                    self._settle(job, job.search.state, job.search.problem)
        if self._left_before is not None:
            self._fail_left()

    def _fail_left(self) -> None:
        """Let the searches of an earlier run fail: all at the start, later those from before the start."""
        now = self._clock.now_utc()
        try:
            self._store.fail_unfinished(APP_ENDED, now, self._left_of, before=self._left_before)
            self._left_before = None
        except AppError as error:
            log.warning("the searches of the last run cannot be ended yet: %s", error.detail)
            self._left_before = self._left_before or now

    def _clean(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._cleaned_s >= _CLEAN_EVERY_S:
            self._cleaned_s = now_s
            self._store.remove_ended(self._clock.now_utc() - KEPT)

    def _begin_due(self) -> None:
        """Begin the searches whose turn it is, the oldest first. With the lock."""
        if self._is_stopping:
            return
        running = [job for job in self._jobs.values() if job.thread is not None]
        busy = {job.run.camera_id for job in running}
        for job in sorted(self._jobs.values(), key=lambda job: job.search.id):
            if len(busy) >= MOST_RUNNING:
                return
            if job.is_due and job.thread is None and job.lost is None and job.run.camera_id not in busy:
                busy.add(job.run.camera_id)
                job.is_due = False
                name = f"search-{job.search.id}"
                job.thread = threading.Thread(target=self._run, args=(job,), name=name, daemon=True)
                try:
                    job.thread.start()
                except RuntimeError as error:  # the system has no more threads: tried again a second later
                    job.thread, job.is_due = None, True
                    log.warning("search %d waits: %s", job.search.id, error)
                    return

    # ---- the thread of a search ------------------------------------------------------------------

    def _run(self, job: _Job) -> None:
        try:
            with job.saving:
                self._move(job, SearchState.RUNNING, None)
            state, problem = job.run.step()
        except Interrupted:
            state, problem = SearchState.CANCELLED, None
        except AppError as error:
            log.info("search %d failed: %s (%s)", job.search.id, error.detail, error.code)
            state, problem = SearchState.FAILED, Problem(error.code, error.detail)
        except Exception:  # the top of a thread
            log.exception("search %d failed", job.search.id)
            state, problem = SearchState.FAILED, FAULT
        if job.lost is not None:
            state, problem = SearchState.FAILED, job.lost
        with job.saving:
            if self._is_known(job):
                self._settle(job, state, problem)  # before it leaves the memory, so that its results stay visible
        with self._lock:
            job.thread = None
            if not state.is_unfinished and self._jobs.get(job.search.id) is job:
                del self._jobs[job.search.id]
        self._wake.set()

    def _is_known(self, job: _Job) -> bool:
        """False for a search that another thread has ended."""
        with self._lock:
            return self._jobs.get(job.search.id) is job

    def _settle(self, job: _Job, state: SearchState, problem: Problem | None) -> None:
        """Give a search a new state now. If the database fails, the thread of the searches stores it later."""
        with job.saving:
            try:
                self._move(job, state, problem)
                job.is_unsaved = False
            except AppError as error:
                log.warning("the state of search %d cannot be stored yet: %s", job.search.id, error.detail)
                ended_at = None if state.is_unfinished else job.search.ended_at or self._clock.now_utc()
                job.search = replace(job.run.view(job.search), state=state, ended_at=ended_at, problem=problem)
                job.is_unsaved = True
        with self._lock:
            if job.is_unsaved and not state.is_unfinished:
                self._ended[job.search.id] = job
            else:
                self._ended.pop(job.search.id, None)

    def _move(self, job: _Job, state: SearchState, problem: Problem | None) -> None:
        """Store a new state. Without effect for a search that has ended, or was deleted with its camera or user."""
        now = job.search.ended_at or self._clock.now_utc()
        try:
            job.search = self._store.move(job.run.view(job.search), state, of=_UNFINISHED, now=now, problem=problem)
        except (Conflict, NotFound):
            job.run.interrupt()


def _wrong_state(search: Search) -> Conflict:
    return Conflict(f"This search is {search.state.value}.", code="search_state")
