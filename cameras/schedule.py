"""The queue of cameras to work on. Each camera is given to one worker at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from core.clock import Clock


@dataclass(slots=True)
class _Job:
    due_s: float
    patient: bool


class Schedule:
    """One job per camera id, with the time at which it is due.

    Prompt jobs come before patient ones. A patient job is a retry with a device that failed, and may take the whole
    time limit; at most `patient_workers` of them run at the same time, so that dead devices do not delay live ones.
    """

    def __init__(self, clock: Clock, *, patient_workers: int) -> None:
        self._clock = clock
        self._patient_workers = patient_workers
        self._changed = threading.Condition()
        self._jobs: dict[int, _Job] = {}
        self._running: dict[int, bool] = {}  # id -> patient
        self._check_again: set[int] = set()
        self._closed = False
        self._waiting = 0

    def open(self) -> None:
        with self._changed:
            self._closed = False

    def close(self) -> None:
        """Drop all jobs. Every waiting take() returns None."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()

    def put_now(self, camera_id: int) -> None:
        """Make the camera due now. If a worker has it, it is due again right after that."""
        self.put(camera_id, 0.0, patient=False)

    def put(self, camera_id: int, delay_s: float, *, patient: bool) -> None:
        with self._changed:
            if not self._closed:
                self._jobs[camera_id] = _Job(self._clock.monotonic_s() + delay_s, patient)
                self._changed.notify()

    def put_if_idle(self, camera_id: int) -> None:
        """Make the camera due now, unless a worker has it or a prompt job of it is due already."""
        with self._changed:
            job = self._jobs.get(camera_id)
            is_due = job is not None and not job.patient and job.due_s <= self._clock.monotonic_s()
            if camera_id not in self._running and not is_due:
                self.put_now(camera_id)

    def put_after_failure(self, camera_id: int) -> None:
        """Make the camera due now, because a call failed. If a worker has it and succeeds, it is due once more."""
        with self._changed:
            if camera_id in self._running:
                self._check_again.add(camera_id)
            else:
                self.put_if_idle(camera_id)

    def needs_worker(self) -> bool:
        """True if more jobs are due than workers wait, or if there are jobs and no worker waits."""
        with self._changed:
            now_s = self._clock.monotonic_s()
            due = sum(job.due_s <= now_s for _, job in self._available_jobs())
            return due > self._waiting or (self._waiting == 0 and bool(self._jobs))

    def remove(self, camera_id: int) -> None:
        with self._changed:
            self._jobs.pop(camera_id, None)

    def wait_idle(self, camera_id: int, timeout_s: float) -> bool:
        """Wait until no worker has the camera. Return False if that takes longer."""
        with self._changed:
            return self._changed.wait_for(lambda: camera_id not in self._running, timeout_s)

    def take(self) -> int | None:
        """Wait until a camera is due and return its id; None once closed. The worker must call done() afterwards."""
        with self._changed:
            while not self._closed:
                now_s = self._clock.monotonic_s()
                ready = [
                    (job.patient, job.due_s, camera_id)
                    for camera_id, job in self._available_jobs()
                    if job.due_s <= now_s
                ]
                if ready:
                    patient, _, camera_id = min(ready)
                    del self._jobs[camera_id]
                    self._running[camera_id] = patient
                    return camera_id
                due_s = min((job.due_s for _, job in self._available_jobs()), default=None)
                self._waiting += 1
                self._changed.wait(None if due_s is None else due_s - now_s)
                self._waiting -= 1
            return None

    def done(self, camera_id: int, next_in_s: float | None, *, patient: bool = False) -> None:
        """Give a camera back. It is due in `next_in_s` (None: never), unless another job was put in the meantime.

        `patient`: the camera fails, so the next job is a patient one.
        """
        with self._changed:
            self._running.pop(camera_id, None)
            if camera_id in self._check_again:
                self._check_again.discard(camera_id)
                if not patient and next_in_s is not None:
                    next_in_s = 0.0
            if next_in_s is not None and camera_id not in self._jobs:
                self.put(camera_id, next_in_s, patient=patient)
            self._changed.notify_all()

    def _available_jobs(self) -> list[tuple[int, _Job]]:
        is_full = sum(self._running.values()) >= self._patient_workers
        return [
            (camera_id, job)
            for camera_id, job in self._jobs.items()
            if camera_id not in self._running and not (job.patient and is_full)
        ]
