"""Runs the export jobs: a thread for each running job, and one that begins them in turn (exports/turns.py).

A job whose recorder is busy or away goes back into the queue for a while, so that it does not hold others up. Its whole
pieces stay, and it goes on behind them.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta

from core.clock import Clock
from core.errors import AppError, CameraBadAnswer, CameraBusy, CameraNoSignal, CameraUnreachable, NotFound, Unavailable
from core.placement import NotOwner
from core.records import Problem
from exports.devices import deletion_problem
from exports.folders import ExportFolders
from exports.formats.plan import with_encoding
from exports.records import ExportJob, ExportState, GaveWay, Interrupted
from exports.run import JobRun, RunContext
from exports.store import ExportStore
from exports.turns import RunningJob, Turns
from exports.waiting import WaitingJobs

log = logging.getLogger(__name__)

_PASSING = (CameraBusy, CameraUnreachable, CameraBadAnswer, CameraNoSignal, Unavailable)
_LOOK_EVERY_S = 2.0
_EXPIRE_EVERY_S = 30.0
_STOP_S = 4.0
_RELEASED_S = 3.0
_ANEW_AFTER_S = 60.0  # the camera may go back soon
_WAITING = (ExportState.QUEUED, ExportState.RUNNING)
FILES_ELSEWHERE = Problem(
    "files_elsewhere",
    "Another server has finished files of this export, and this one has the camera now. If the camera stays here for a "
    "minute, the export begins anew.",
)
CAMERA_ELSEWHERE = Problem("files_elsewhere", "Another server than the one with the files has the camera now.")


class ExportWorker:
    """start() and stop() may be called twice."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._store: ExportStore = context.store
        self._folders: ExportFolders = context.folders
        self._clock: Clock = context.reading.clock
        self._keep = timedelta(seconds=context.reading.settings.export_keep_s)
        self._wake = threading.Event()
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._runs: dict[int, JobRun] = {}
        self._held: set[int] = set()  # jobs that begin, or whose files are being deleted
        self._queue = WaitingJobs(self._clock)
        self._turns = Turns()
        self._apart_since_s: dict[int, float] = {}  # jobs whose cameras are here, and whose files are not
        self._expired_s = -_EXPIRE_EVERY_S

    def start(self) -> None:
        if self._thread is None:
            self._folders.create()
            self._store.adopt(self._folders.ids())
            self._is_stopping = False
            self._thread = threading.Thread(target=self._serve, name="exports", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the running jobs at whole pieces, within 4 s; they go on after the next start."""
        self._is_stopping = True
        self._wake.set()
        ends_s = self._clock.monotonic_s() + _STOP_S
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)
        with self._lock:
            for run in self._runs.values():
                run.interrupt()
            self._lock.wait_for(lambda: not self._runs, max(0.0, ends_s - self._clock.monotonic_s()))

    def wake(self) -> None:
        """A job was added."""
        self._wake.set()

    def retry_now(self, export_id: int) -> None:
        """Let a job run now that was resumed, or that waits for its recorder."""
        self._queue.forget(export_id)
        self._wake.set()

    def interrupt(self, export_id: int) -> None:
        """End this job if it runs: its state has changed. Wait until its place at the recorder is free."""
        self._queue.forget(export_id)
        with self._lock:
            if export_id in self._runs:
                self._runs[export_id].interrupt()
                self._lock.wait_for(lambda: export_id not in self._runs, _RELEASED_S)

    def interrupt_camera(self, camera_id: int) -> None:
        """End the running jobs of a camera. Those that are unfinished begin again soon."""
        with self._lock:
            for run in self._runs.values():
                if camera_id in run.job.cameras:
                    run.interrupt()

    def with_progress(self, job: ExportJob) -> ExportJob:
        """Return the job with its progress as of now."""
        run = self._runs.get(job.id)
        progress = run.progress if run is not None else None
        if progress is not None and job.state.is_unfinished:
            job = replace(job, progress=progress)
        return with_encoding(replace(job, posters=self._folders.posters(job.id, len(job.draft.ranges))))

    # ---- the thread that begins jobs -------------------------------------------------------------

    def _serve(self) -> None:
        while not self._is_stopping:
            wait_s = _LOOK_EVERY_S
            try:
                self._expire()
                if not self._begin_due():
                    wait_s = _EXPIRE_EVERY_S
            except AppError as error:
                log.warning("exports wait: %s", error.detail)
            except Exception:  # the top of a thread
                log.exception("exports failed")
            self._wake.wait(wait_s)
            self._wake.clear()

    def _begin_due(self) -> bool:
        """Begin the jobs whose turn it is. Return False if none waits."""
        waiting = self._store.waiting()
        due = [job for job in waiting if self._may_begin(job)]
        while (job := self._choose(due)) is not None:
            due.remove(job)
            with self._hold(job.id) as is_alone, suppress(NotFound):
                if is_alone:
                    job = self._store.take_over(job)  # without the lock: interrupt_camera() may not wait for it
                    with self._lock:
                        self._begin(job)
        with self._lock:
            now_s = self._clock.monotonic_s()
            running = [RunningJob(run.job, now_s - run.began_s) for run in self._reading_runs()]
            if due and (late := self._turns.choose_to_end(due, running)) is not None:
                self._runs[late.id].give_way()
        return bool(waiting)

    def _choose(self, due: list[ExportJob]) -> ExportJob | None:
        """Return the job that begins now. Remove those that run from `due`."""
        with self._lock:
            due[:] = [job for job in due if job.id not in self._runs]
            return self._turns.choose(due, [run.job for run in self._reading_runs()])

    def _may_begin(self, job: ExportJob) -> bool:
        """True if it is time for the job, and no other node connects one of its cameras or has files of it."""
        if job.id in self._runs:
            return False
        moved = next((one for one in job.cameras if not self._context.reading.cameras.owns(one)), None)
        if moved is None and not self._store.is_possible_here(job):
            return self._begins_anew(job)
        self._apart_since_s.pop(job.id, None)
        if moved is not None and job.problem is None and self._store.has(job):
            self._note_reason(job, Problem(NotOwner.code, NotOwner(moved).detail))
        return moved is None and self._queue.is_due(job.id)

    def _begins_anew(self, job: ExportJob) -> bool:
        """True if this node has had the cameras for a minute, and another one has files. Note the reason of the wait.

        The retry of a finished export ends instead, because its files would be lost.
        """
        now_s = self._clock.monotonic_s()
        if job.problem is None or job.problem.code != FILES_ELSEWHERE.code:
            self._note_reason(job, FILES_ELSEWHERE)
        if now_s - self._apart_since_s.setdefault(job.id, now_s) < _ANEW_AFTER_S:
            return False
        del self._apart_since_s[job.id]
        if self._store.is_retry(job.id):
            with suppress(Interrupted):
                self._move(job, ExportState.FAILED, of=_WAITING, problem=CAMERA_ELSEWHERE)
            return False
        self._folders.remove(job.id)  # pieces of an earlier stay of the camera
        return True

    def _note_reason(self, job: ExportJob, problem: Problem) -> None:
        with suppress(Interrupted):
            self._move(job, ExportState.QUEUED, of=_WAITING, problem=problem)

    def _reading_runs(self) -> list[JobRun]:
        """Return the runs that count for the turns. Those that encode take turns in CopyMaker."""
        return [run for run in self._runs.values() if not run.is_encoding]

    def _begin(self, job: ExportJob) -> None:
        run = self._runs[job.id] = JobRun(self._context, job)
        self._turns.began(job)
        threading.Thread(target=self._run, args=(run,), name=f"export{job.id}", daemon=True).start()

    @contextmanager
    def _hold(self, export_id: int) -> Iterator[bool]:
        """Keep other threads from the files of a job. False if it runs, or if another thread holds it."""
        with self._lock:
            is_alone = export_id not in self._runs and export_id not in self._held
            if is_alone:
                self._held.add(export_id)
        try:
            yield is_alone
        finally:
            if is_alone:
                with self._lock:
                    self._held.discard(export_id)

    def clear(self, job: ExportJob) -> ExportJob:
        """Delete the files of a cancelled job, or the pieces of an incomplete one. Return the job as it is then.

        A run that has not ended yet does so at its end. A job that was queued again meanwhile keeps its files.
        """
        with self._hold(job.id) as is_alone:
            cleared = self._clear(job.id) if is_alone else None
        self._wake.set()  # a job that was queued again meanwhile waits for this
        return cleared or job

    def _clear(self, export_id: int) -> ExportJob | None:
        """Delete files as clear() does. Return None if the job needs all of its files.

        The caller holds the job, or is its run. An incomplete job keeps its files. Its next run needs no pieces: it
        reads the missing parts again.
        """
        try:
            job = self._store.get(export_id)
        except NotFound:
            self._folders.remove(export_id)
            return None
        if job.state is ExportState.CANCELLED:
            self._folders.remove(export_id)
            return self._note(replace(job, progress=replace(job.progress, done_s=0.0, size_bytes=0), files=()))
        if job.is_incomplete:
            self._folders.remove_ranges(export_id)
            done_s = sum(file.length_s for file in job.files if file.is_recording)
            size_bytes = sum(file.size_bytes for file in job.files)
            return self._note(replace(job, progress=replace(job.progress, done_s=done_s, size_bytes=size_bytes)))
        return None

    def _note(self, job: ExportJob) -> ExportJob:
        self._store.note_progress(job.id, job.progress, job.files)
        return job

    def _expire(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._expired_s < _EXPIRE_EVERY_S:
            return
        self._expired_s = now_s
        for export_id in self._store.remove_expired(self._clock.now_utc()):
            log.info("export %d has expired", export_id)
            self._folders.remove(export_id)
        for job in self._store.cancelled_with_files():
            self.clear(job)
        self._folders.remove_others({job.id for job in self._store.jobs()})

    # ---- the thread of a job ---------------------------------------------------------------------

    def _run(self, run: JobRun) -> None:
        try:
            self._export(run)
        except AppError as error:
            log.warning("the state of export %d is not stored: %s", run.job.id, error.detail)
            self._queue.hold(run.job.id)
        except Exception:  # the top of a thread
            log.exception("the state of export %d is not stored", run.job.id)
            self._queue.hold(run.job.id)
        finally:
            self._clean(run)
            with self._lock:
                self._runs.pop(run.job.id, None)
                self._lock.notify_all()
            self._wake.set()

    def _export(self, run: JobRun) -> None:
        """Raise an AppError if the state of the job cannot be stored."""
        job = run.job
        try:
            self._move(job, ExportState.RUNNING, of=(ExportState.QUEUED, ExportState.RUNNING))
            missing = run.export()
            self._move(job, ExportState.DONE, of=(ExportState.RUNNING,), problem=missing)
            self._queue.forget(job.id)
        except GaveWay:
            self._move_if_running(job, ExportState.QUEUED)
        except Interrupted:
            moved = next((one for one in job.cameras if not self._context.reading.cameras.owns(one)), None)
            if moved is not None:
                error = NotOwner(moved)
                self._move_if_running(job, ExportState.QUEUED, Problem(error.code, error.detail))
        except _PASSING as error:
            self._wait_or_fail(run, error)
        except NotFound as error:  # a run may notice a deletion first
            problem = deletion_problem(self._context.reading.cameras, job) or Problem(error.code, error.detail)
            self._fail(job, problem.code, problem.detail)
        except AppError as error:
            self._fail(job, error.code, error.detail)
        except OSError as error:
            log.warning("export %d: %s", job.id, error)
            self._fail(job, "storage_full", "The files of this export cannot be written.")
        except Exception:  # the job must not run again and again
            log.exception("export %d failed", job.id)
            self._fail(job, "internal_error", "This export failed; the log has the reason.")

    def _clean(self, run: JobRun) -> None:
        """Store the progress of a job that is to go on. Delete the files that an ended job does not need."""
        export_id = run.job.id
        try:
            if self._clear(export_id) is not None:
                return
            job = self._store.get(export_id)
            if job.state is not ExportState.DONE and run.progress is not None:
                self._store.note_progress(export_id, run.progress, job.files)
        except NotFound:
            pass
        except AppError as error:
            log.warning("the progress of export %d is not stored: %s", export_id, error.detail)

    def _move(
        self, job: ExportJob, state: ExportState, *, of: tuple[ExportState, ...], problem: Problem | None = None
    ) -> None:
        """Raise Interrupted if the job has another state by now."""
        now = self._clock.now_utc()
        try:
            self._store.move(job.id, state, of=of, now=now, expires_at=now + self._keep, problem=problem)
        except AppError as error:
            if error.code in {"export_state", NotFound.code}:
                raise Interrupted from error
            raise

    def _fail(self, job: ExportJob, code: str, detail: str) -> None:
        log.info("export %d failed: %s (%s)", job.id, detail, code)
        self._move_if_running(job, ExportState.FAILED, Problem(code, detail))

    def _wait_or_fail(self, run: JobRun, error: AppError) -> None:
        """Queue the job again. A recorder that is away for an hour ends it; a busy one does not."""
        job = run.job
        wait_s = self._queue.failed(job.id, (run.progress or job.progress).done_s, error)
        if wait_s is None:
            self._fail(job, error.code, error.detail)
            return
        log.info("export %d waits for %.0f s: %s (%s)", job.id, wait_s, error.detail, error.code)
        self._move_if_running(job, ExportState.QUEUED, Problem(error.code, error.detail))

    def _move_if_running(self, job: ExportJob, state: ExportState, problem: Problem | None = None) -> None:
        with suppress(Interrupted):
            self._move(job, state, of=(ExportState.RUNNING,), problem=problem)
