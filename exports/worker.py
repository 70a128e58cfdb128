"""Runs the export jobs one after the other, in one thread.

A job whose recorder is busy or away goes back into the queue for a while, so that it does not hold others up. Its whole
pieces stay, and it goes on behind them.
"""

from __future__ import annotations

import logging
import shutil
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from core.clock import Clock
from core.errors import AppError, CameraBadAnswer, CameraBusy, CameraNoSignal, CameraUnreachable, NotFound, Unavailable
from core.records import Problem
from core.settings import Settings
from exports.finish import RangeFiles, remove_range
from exports.formats.copies import CopyFailed, CopyMaker
from exports.formats.ffmpeg_run import FinishingContext
from exports.formats.plan import PlannedCopy, planned_copies, with_encoding
from exports.formats.poster import make_poster
from exports.origin_notes import RangeOrigins
from exports.reader import RangeReader, ReadingContext, require_free_space
from exports.records import ExportFile, ExportJob, ExportProgress, ExportRange, ExportState, Interrupted
from exports.store import ExportStore
from exports.waiting import ProgressMeter, WaitingJobs

log = logging.getLogger(__name__)

_PASSING = (CameraBusy, CameraUnreachable, CameraBadAnswer, CameraNoSignal, Unavailable)
_LOOK_EVERY_S = 2.0
_EXPIRE_EVERY_S = 30.0
_STORE_EVERY_S = 10.0
_STOP_S = 4.0
_MAY_LACK_S, _MAY_LACK = 5.0, 0.02  # of the expected time, which is a report of the recorder
_RELEASED_S = 3.0


class ExportWorker:
    """start() and stop() may be called twice. `names` returns the names of camera and channel of a range."""

    def __init__(
        self,
        store: ExportStore,
        reading: ReadingContext,
        finishing: FinishingContext,
        folder: Path,
        names: Callable[[ExportRange], tuple[str, str]],
        origins: RangeOrigins,
    ) -> None:
        self._store = store
        self._reading = reading
        self._finishing = finishing
        self._folder = folder
        self._names = names
        self._origins = origins
        self._clock: Clock = reading.clock
        self._settings: Settings = reading.settings
        self._wake = threading.Event()
        self._lock = threading.Condition()
        self._thread: threading.Thread | None = None
        self._is_stopping = False
        self._running_id: int | None = None
        self._is_interrupted = False
        self._progress: dict[int, ExportProgress] = {}
        self._queue = WaitingJobs(self._clock)
        self._expired_s = -_EXPIRE_EVERY_S

    def start(self) -> None:
        if self._thread is None:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._is_stopping = False
            self._thread = threading.Thread(target=self._serve, name="exports", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the running job at a whole piece, within 4 s; it goes on after the next start."""
        self._is_stopping = True
        self._wake.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)

    def wake(self) -> None:
        """A job was added or resumed."""
        self._wake.set()

    def retry_now(self, export_id: int) -> None:
        """Let a job that waits for its recorder try again."""
        self._queue.forget(export_id)
        self._wake.set()

    def interrupt(self, export_id: int) -> None:
        """End this job if it runs: its state has changed. Wait until its place at the recorder is free."""
        self._queue.forget(export_id)
        with self._lock:
            if self._running_id != export_id:
                return
            self._is_interrupted = True
            self._wake.set()
            self._lock.wait_for(lambda: self._running_id != export_id, _RELEASED_S)

    def with_progress(self, job: ExportJob) -> ExportJob:
        """Return the job with its progress as of now."""
        progress = self._progress.get(job.id)
        indexes = range(len(job.draft.ranges))
        posters = frozenset(index for index in indexes if self.poster_path(job.id, index).is_file())
        if progress is not None and job.state.is_unfinished:
            job = replace(job, progress=progress)
        return with_encoding(replace(job, posters=posters))

    def folder_of(self, export_id: int) -> Path:
        return self._folder / str(export_id)

    def poster_path(self, export_id: int, index: int) -> Path:
        return self.folder_of(export_id) / f"poster{index}.jpg"

    def remove_files(self, export_id: int) -> None:
        """Delete everything of a job that does not run."""
        shutil.rmtree(self.folder_of(export_id), ignore_errors=True)

    # ---- the thread ------------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._is_stopping:
            wait_s = _LOOK_EVERY_S
            try:
                self._expire()
                waiting = self._store.waiting()
                job = next((job for job in waiting if self._queue.is_due(job.id)), None)
                if job is not None:
                    self._run(job)
                    continue
                wait_s = _LOOK_EVERY_S if waiting else _EXPIRE_EVERY_S
            except AppError as error:
                log.warning("exports wait: %s", error.detail)
            except Exception:  # the top of a thread
                log.exception("exports failed")
            self._wake.wait(wait_s)
            self._wake.clear()

    def _run(self, job: ExportJob) -> None:
        with self._lock:
            self._running_id, self._is_interrupted = job.id, False
        unfinished = (ExportState.QUEUED, ExportState.RUNNING)
        try:
            try:
                self._move(job, ExportState.RUNNING, of=unfinished)
                missing = self._export(job)
                self._move(job, ExportState.DONE, of=(ExportState.RUNNING,), problem=missing)
                self._queue.forget(job.id)
            except Interrupted:
                pass
            except _PASSING as error:
                self._wait_or_fail(job, error)
            except AppError as error:
                self._fail(job, error.code, error.detail)
            except OSError as error:
                log.warning("export %d: %s", job.id, error)
                self._fail(job, "storage_full", "The files of this export cannot be written.")
            except Exception:  # the job must not run again and again
                log.exception("export %d failed", job.id)
                self._fail(job, "internal_error", "This export failed; the log has the reason.")
        finally:
            self._clean(job.id)
            with self._lock:
                self._running_id = None
                self._lock.notify_all()

    def _clean(self, export_id: int) -> None:
        """Store the progress of a job that is to go on. Delete the files of one that was cancelled or deleted."""
        progress = self._progress.pop(export_id, None)
        try:
            job = self._store.get(export_id)
            if job.state is ExportState.CANCELLED:
                self.remove_files(export_id)
            elif job.state.is_unfinished and progress is not None:
                self._store.note_progress(export_id, progress, job.files)
        except NotFound:
            self.remove_files(export_id)
        except AppError as error:
            log.warning("the progress of export %d is not stored: %s", export_id, error.detail)

    def _move(
        self, job: ExportJob, state: ExportState, *, of: tuple[ExportState, ...], problem: Problem | None = None
    ) -> None:
        """Raise Interrupted if the job has another state by now."""
        try:
            self._store.move(
                job.id,
                state,
                of=of,
                now=self._clock.now_utc(),
                expires_at=self._clock.now_utc() + timedelta(seconds=self._settings.export_keep_s),
                problem=problem,
            )
        except AppError as error:
            if error.code in {"export_state", NotFound.code}:
                raise Interrupted from error
            raise

    def _fail(self, job: ExportJob, code: str, detail: str) -> None:
        log.info("export %d failed: %s (%s)", job.id, detail, code)
        self._move_if_running(job, ExportState.FAILED, Problem(code, detail))

    def _wait_or_fail(self, job: ExportJob, error: AppError) -> None:
        """Queue the job again. A recorder that is away for an hour ends it; a busy one does not."""
        wait_s = self._queue.failed(job.id, self._progress.get(job.id, job.progress).done_s, error)
        if wait_s is None:
            self._fail(job, error.code, error.detail)
            return
        log.info("export %d waits for %.0f s: %s (%s)", job.id, wait_s, error.detail, error.code)
        self._move_if_running(job, ExportState.QUEUED, Problem(error.code, error.detail))

    def _move_if_running(self, job: ExportJob, state: ExportState, problem: Problem) -> None:
        with suppress(Interrupted):
            self._move(job, state, of=(ExportState.RUNNING,), problem=problem)

    # ---- one job ---------------------------------------------------------------------------------

    def _export(self, job: ExportJob) -> Problem | None:
        """Read and finish the ranges one after the other. Return a Problem if the files lack recorded time."""
        meter = ProgressMeter(self._clock, job)
        files = list(job.files)
        stored_s = self._clock.monotonic_s()

        def report(range_s: float, range_bytes: int) -> None:
            nonlocal stored_s
            self._progress[job.id] = meter.progress(files, index, range_s, range_bytes)
            if self._clock.monotonic_s() - stored_s > _STORE_EVERY_S:
                stored_s = self._clock.monotonic_s()
                self._store.note_progress(job.id, self._progress[job.id], files)

        for index, wanted in enumerate(job.draft.ranges):
            self._check()
            folder = self.folder_of(job.id) / f"range{index}"
            if index not in job.origins:
                self._store.note_origin(job.id, index, self._origins.of(wanted))
            reader = RangeReader(self._reading, wanted, folder, wake=self._wake, check=self._check, on_progress=report)
            reader.read()
            if not reader.pieces:
                continue
            require_free_space(folder, self._settings.export_min_free_bytes // 2 + reader.size_bytes)
            others = [file for file in files if file.range_index != index]
            maker = RangeFiles(
                self._finishing, job.draft, index, self._names(wanted), self.files_folder(job.id), self._check
            )
            files = [*others, *maker.make(reader.pieces, [file.name for file in others])]
            self._progress[job.id] = meter.progress(files, -1, 0.0, 0)
            self._store.note_progress(job.id, self._progress[job.id], files)
            remove_range(folder)
            self._make_poster(job.id, index, files)
        self._check()
        if not files:
            raise NotFound("Nothing is recorded in this range.", code="nothing_recorded")
        copy_problem = self._make_copies(job, files)
        done = meter.progress(files, -1, 0.0, 0)
        missing_s = done.total_s - done.done_s
        if missing_s <= max(_MAY_LACK_S, _MAY_LACK * done.total_s):
            self._store.note_progress(job.id, replace(done, total_s=done.done_s), files)
            return copy_problem
        self._store.note_progress(job.id, done, files)
        log.warning("export %d lacks %.0f of %.0f recorded seconds", job.id, missing_s, done.total_s)
        lacks = f"{missing_s:.0f} of {done.total_s:.0f} recorded seconds"
        return Problem("incomplete", f"The recorder did not send {lacks}.")

    def _make_poster(self, export_id: int, index: int, files: Sequence[ExportFile]) -> None:
        first = next((file for file in files if file.range_index == index and file.is_recording), None)
        if first is not None:
            target = self.poster_path(export_id, index)
            make_poster(self._finishing, first, self.files_folder(export_id), target, self._check)

    def _make_copies(self, job: ExportJob, files: list[ExportFile]) -> Problem | None:
        """Make the missing working copies and add them to `files`. Return a Problem if one cannot be made."""
        problem = None
        for planned in planned_copies(job.draft, tuple(files)):
            if any(file.name == planned.name for file in files):
                continue
            recorded = self._progress[job.id]
            try:
                files.append(self._make_copy(job, planned))
            except CopyFailed as error:
                problem = Problem(error.code, error.detail)
                self._progress[job.id] = recorded
                continue
            size_bytes = recorded.size_bytes + files[-1].size_bytes
            self._progress[job.id] = replace(recorded, size_bytes=size_bytes)
            self._store.note_progress(job.id, self._progress[job.id], files)
        return problem

    def _make_copy(self, job: ExportJob, planned: PlannedCopy) -> ExportFile:
        """Raise CopyFailed, StorageFull, or another AppError."""
        recorded = self._progress[job.id]
        began_s = self._clock.monotonic_s()

        def report(encoded_s: float) -> None:
            require_free_space(self._folder, self._settings.export_min_free_bytes // 2)
            speed = encoded_s / max(1.0, self._clock.monotonic_s() - began_s)
            self._progress[job.id] = replace(recorded, encoded_s=encoded_s, encoding_speed=speed or None)

        maker = CopyMaker(self._finishing, self.files_folder(job.id), self._check)
        return maker.make(planned, self._names(job.draft.ranges[planned.source.range_index]), report)

    def files_folder(self, export_id: int) -> Path:
        return self.folder_of(export_id) / "files"

    def _check(self) -> None:
        if self._is_stopping or self._is_interrupted:
            raise Interrupted

    def _expire(self) -> None:
        now_s = self._clock.monotonic_s()
        if now_s - self._expired_s < _EXPIRE_EVERY_S:
            return
        self._expired_s = now_s
        for job in self._store.expired(self._clock.now_utc()):
            log.info("export %d has expired", job.id)
            self._store.remove(job.id)
            self.remove_files(job.id)
        known = {job.id for job in self._store.jobs()}
        for path in self._folder.iterdir():
            if path.name.isdecimal() and int(path.name) not in known:  # the app ended before it had deleted them
                shutil.rmtree(path, ignore_errors=True)
