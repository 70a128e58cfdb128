"""Runs the backfill jobs, one at a time, and makes those of the rules.

A job whose recorder is busy or away waits for a while, and others come first. Its finished pieces stay.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress

from backfill.budget import OverBudget
from backfill.planner import BackfillPlanner
from backfill.records import Backfill, BackfillState
from backfill.run import BackfillContext, BackfillRun
from core.backoff import growing_wait_s
from core.errors import AppError, CameraBusy, CameraUnreachable, NotFound, StorageFull, Unavailable
from core.records import Problem

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 2.0
_PLAN_EVERY_S = 60.0
_STOP_S = 4.0
_ENDED_S = 3.0
_BUSY_WAIT_S = 20.0
_FIRST_WAIT_S = 10.0
_LONGEST_WAIT_S = 600.0
_PASSING = (CameraBusy, CameraUnreachable, Unavailable, StorageFull)


class Interrupted(Exception):
    """The job has another state, or the app stops."""


class BackfillWorker:
    """start() and stop() may be called twice."""

    def __init__(self, context: BackfillContext, planner: BackfillPlanner) -> None:
        self._context = context
        self._store = context.store
        self._clock = context.clock
        self._planner = planner
        self._wake = threading.Event()
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._running: Backfill | None = None
        self._is_interrupted = False
        self._not_before_s: dict[int, float] = {}
        self._failures: dict[int, int] = {}
        self._planned_s = float("-inf")
        self._began: tuple[float, float] | None = None  # monotonic time of the run, and the seconds done before it

    def start(self) -> None:
        if self._thread is None:
            self._is_stopping = False
            self._thread = threading.Thread(target=self._serve, name="backfills", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the running job, within 4 s. It goes on with its piece after the next start."""
        self._is_stopping = True
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)

    def wake(self) -> None:
        """A job was added or resumed."""
        self._wake.set()

    def retry_now(self, backfill_id: int) -> None:
        with self._lock:
            self._not_before_s.pop(backfill_id, None)
            self._failures.pop(backfill_id, None)
        self._wake.set()

    def eta_s(self, job: Backfill) -> float | None:
        """Return the seconds that a job still takes, by the speed of its present run; None if that is not known."""
        with self._lock:
            if self._running is None or self._running.id != job.id or self._began is None:
                return None
            began_s, done_before_s = self._began
        done_s, took_s = job.done_s - done_before_s, self._clock.monotonic_s() - began_s
        return (job.total_s - job.done_s) * took_s / done_s if done_s > 0 else None

    def interrupt(self, backfill_id: int) -> None:
        """End this job if it runs, because its state has changed. Wait until its place at the recorder is free."""
        with self._lock:
            running = self._running
            if running is not None and running.id == backfill_id:
                self._is_interrupted = True
                self._lock.wait_for(lambda: self._running is not running, _ENDED_S)

    def interrupt_camera(self, camera_id: int) -> None:
        """End the running job of a camera that was changed or removed. It begins again soon if the camera exists."""
        with self._lock:
            running = self._running
        if running is not None and running.camera_id == camera_id:
            self.interrupt(running.id)

    def release_camera(self, camera_id: int) -> None:
        """End the running job of a camera that another node connects. Do not wait for its end."""
        with self._lock:
            if self._running is not None and self._running.camera_id == camera_id:
                self._is_interrupted = True

    # ---- the thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._is_stopping:
            try:
                self._plan_if_due()
                if (job := self._next_due()) is not None:
                    self._run(job)
                    continue
            except AppError as error:
                log.warning("backfills wait: %s", error.detail)
            except Exception:  # the top of a thread
                log.exception("backfills failed")
            self._wake.wait(_LOOK_EVERY_S)
            self._wake.clear()

    def _plan_if_due(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._planned_s >= _PLAN_EVERY_S:
            self._planned_s = now_s
            self._planner.plan(lambda: self._is_stopping)

    def _next_due(self) -> Backfill | None:
        """Return the next job; those of users come before those of rules."""
        now_s = self._clock.monotonic_s()
        waiting = self._store.waiting()  # without the lock, because release_camera() may not wait for the database
        with self._lock:
            due = [
                job
                for job in waiting
                if self._not_before_s.get(job.id, 0.0) <= now_s and self._planner.owns(job.camera_id)
            ]
        return min(due, key=lambda job: (job.is_automatic, job.id), default=None)

    def _check(self) -> None:
        if self._is_stopping or self._is_interrupted:
            raise Interrupted

    def _run(self, job: Backfill) -> None:
        with self._lock:
            self._running, self._is_interrupted = job, False
            self._began = (self._clock.monotonic_s(), job.done_s)
        try:
            self._fetch(job)
        finally:
            with self._lock:
                self._running = None
                self._lock.notify_all()

    def _fetch(self, job: Backfill) -> None:
        try:
            self._move(job, BackfillState.RUNNING, of=(BackfillState.QUEUED, BackfillState.RUNNING))
            BackfillRun(self._context, job, self._check).fetch()
            lacking_s = self._store.get(job.id).lacking_s
            problem = (
                Problem("not_on_recorder", f"The recorder does not have {lacking_s:.0f} s of it either.")
                if lacking_s
                else None
            )
            self._move(job, BackfillState.DONE, of=(BackfillState.RUNNING,), problem=problem)
            self._failures.pop(job.id, None)
        except Interrupted:
            pass
        except _PASSING as error:
            self._let_wait(job, error)
        except AppError as error:
            self._fail(job, Problem(error.code, error.detail))
        except Exception:  # the job must not run again and again
            log.exception("backfill %d failed", job.id)
            self._fail(job, Problem("internal_error", "This backfill failed; the log has the reason."))

    def _let_wait(self, job: Backfill, error: AppError) -> None:
        failures = self._failures[job.id] = self._failures.get(job.id, 0) + 1
        if isinstance(error, OverBudget):
            wait_s = float(error.retry_after_s)
        elif isinstance(error, CameraBusy):
            wait_s = _BUSY_WAIT_S
        else:
            wait_s = growing_wait_s(failures, _FIRST_WAIT_S, _LONGEST_WAIT_S)
        log.info("backfill %d waits for %.0f s: %s (%s)", job.id, wait_s, error.detail, error.code)
        with self._lock:
            self._not_before_s[job.id] = self._clock.monotonic_s() + wait_s
        with suppress(Interrupted):
            self._move(
                job, BackfillState.QUEUED, of=(BackfillState.RUNNING,), problem=Problem(error.code, error.detail)
            )

    def _fail(self, job: Backfill, problem: Problem) -> None:
        log.info("backfill %d failed: %s (%s)", job.id, problem.detail, problem.code)
        with suppress(Interrupted):
            self._move(job, BackfillState.FAILED, of=(BackfillState.RUNNING,), problem=problem)

    def _move(
        self, job: Backfill, state: BackfillState, *, of: tuple[BackfillState, ...], problem: Problem | None = None
    ) -> None:
        """Raise Interrupted if the job has another state by now, or is gone."""
        try:
            self._store.move(job.id, state, of=of, now=self._clock.now_utc(), problem=problem)
        except AppError as error:
            if error.code in {"backfill_state", NotFound.code}:
                raise Interrupted from error
            raise
