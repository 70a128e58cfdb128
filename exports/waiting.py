"""When a job whose recorder is busy or away may try again, and the progress of the job that runs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass

from core.backoff import growing_wait_s
from core.clock import Clock
from core.errors import AppError, CameraBusy
from exports.records import ExportFile, ExportJob, ExportProgress

BUSY_WAIT_S = 5.0
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 60.0
_GIVE_UP_S = 3600.0  # without progress
_HELD_S = 30.0


@dataclass(slots=True)
class _Waiting:
    """Monotonic times: when the job is due, and since when it makes no progress beyond `done_s`."""

    until_s: float
    since_s: float
    done_s: float
    failures: int = 0


class WaitingJobs:
    """Safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: dict[int, _Waiting] = {}

    def is_due(self, export_id: int) -> bool:
        with self._lock:
            waiting = self._waiting.get(export_id)
            return waiting is None or self._clock.monotonic_s() >= waiting.until_s

    def forget(self, export_id: int) -> None:
        """Let the job run now."""
        with self._lock:
            self._waiting.pop(export_id, None)

    def hold(self, export_id: int) -> None:
        """Let the job wait for a while: the database does not work, for example because the disk is full."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            self._waiting[export_id] = _Waiting(now_s + _HELD_S, now_s, 0.0)

    def failed(self, export_id: int, done_s: float, error: AppError) -> float | None:
        """Return the seconds until the next try. None: the recorder has been away for an hour, so give up.

        A job waits for a busy recorder without limit: its viewers come first.
        """
        now_s = self._clock.monotonic_s()
        with self._lock:
            waiting = self._waiting.get(export_id)
            if waiting is None or done_s > waiting.done_s + 1.0 or isinstance(error, CameraBusy):
                waiting = self._waiting[export_id] = _Waiting(now_s, now_s, done_s)
            if now_s - waiting.since_s > _GIVE_UP_S:
                del self._waiting[export_id]
                return None
            waiting.failures += 1
            is_busy = isinstance(error, CameraBusy)
            wait_s = BUSY_WAIT_S if is_busy else growing_wait_s(waiting.failures, _FIRST_WAIT_S, _LONGEST_WAIT_S)
            waiting.until_s = now_s + wait_s
            return wait_s


class ProgressMeter:
    """Progress of a job. The pieces of earlier runs of the app count as done, but not for the speed."""

    def __init__(self, clock: Clock, job: ExportJob) -> None:
        self._clock = clock
        self._total_s = job.progress.total_s or sum(wanted.length_s for wanted in job.draft.ranges)
        self._began: tuple[float, float] | None = None  # monotonic clock and seconds done

    def progress(self, files: Sequence[ExportFile], read_s: float = 0.0, read_bytes: int = 0) -> ExportProgress:
        """`files`: those of the job so far. `read_s`, `read_bytes`: read and in no file yet."""
        done_s = min(self._total_s, sum(file.length_s for file in files if file.is_recording) + read_s)
        now_s = self._clock.monotonic_s()
        if self._began is None:
            self._began = (now_s, done_s)
        began_s, done_before_s = self._began
        elapsed_s = now_s - began_s
        speed = (done_s - done_before_s) / elapsed_s if elapsed_s > 1.0 and done_s > done_before_s else None
        return ExportProgress(done_s, self._total_s, sum(file.size_bytes for file in files) + read_bytes, speed)
