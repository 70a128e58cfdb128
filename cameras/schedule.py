"""Which camera is worked on next. Workers take from it; each camera is with one worker at a time."""

from __future__ import annotations

import threading
from dataclasses import dataclass

from core.clock import Clock


@dataclass(slots=True)
class _Job:
    due_s: float
    patient: bool


class Schedule:
    """Jobs by camera id, with the time they are due.

    A job of somebody who waits comes before those that are merely due; patient ones (another try
    with a device that did not answer, which may take its whole time limit) never take more than
    `patient_places` workers, so that dead devices do not keep live ones waiting.
    """

    def __init__(self, clock: Clock, *, patient_places: int) -> None:
        self._clock = clock
        self._patient_places = patient_places
        self._changed = threading.Condition()
        self._jobs: dict[int, _Job] = {}
        self._running: dict[int, bool] = {}  # id -> patient
        self._doubted: set[int] = set()
        self._closed = False
        self._waiting = 0

    def open(self) -> None:
        with self._changed:
            self._closed = False

    def close(self) -> None:
        """Nothing is due any more; all who wait in take() get None."""
        with self._changed:
            self._closed = True
            self._jobs.clear()
            self._changed.notify_all()

    def put_now(self, camera_id: int) -> None:
        """Work on it at once; if it is being worked on, once more after that."""
        self.put(camera_id, 0.0, patient=False)

    def put(self, camera_id: int, delay_s: float, *, patient: bool) -> None:
        with self._changed:
            if not self._closed:
                self._jobs[camera_id] = _Job(self._clock.monotonic_s() + delay_s, patient)
                self._changed.notify()

    def put_if_idle(self, camera_id: int) -> None:
        """Work on it at once, unless somebody does or a prompt job is due already."""
        with self._changed:
            job = self._jobs.get(camera_id)
            is_due = job is not None and not job.patient and job.due_s <= self._clock.monotonic_s()
            if camera_id not in self._running and not is_due:
                self.put_now(camera_id)

    def look(self, camera_id: int) -> None:
        """Something looks wrong: work on it at once; if somebody does and finds nothing, once more after that."""
        with self._changed:
            if camera_id in self._running:
                self._doubted.add(camera_id)
            else:
                self.put_if_idle(camera_id)

    def needs_worker(self) -> bool:
        """Whether something is due and nobody waits for it; also while nobody waits at all."""
        with self._changed:
            now_s = self._clock.monotonic_s()
            due = sum(job.due_s <= now_s for _, job in self._takeable())
            return due > self._waiting or (self._waiting == 0 and bool(self._jobs))

    def remove(self, camera_id: int) -> None:
        with self._changed:
            self._jobs.pop(camera_id, None)

    def take(self) -> int | None:
        """The next camera, after waiting until one is due; None when closed. done() must follow."""
        with self._changed:
            while not self._closed:
                now_s = self._clock.monotonic_s()
                ready = [
                    (job.patient, job.due_s, camera_id) for camera_id, job in self._takeable() if job.due_s <= now_s
                ]
                if ready:
                    patient, _, camera_id = min(ready)
                    del self._jobs[camera_id]
                    self._running[camera_id] = patient
                    return camera_id
                due_s = min((job.due_s for _, job in self._takeable()), default=None)
                self._waiting += 1
                self._changed.wait(None if due_s is None else due_s - now_s)
                self._waiting -= 1
            return None

    def done(self, camera_id: int, next_in_s: float | None, *, patient: bool = False) -> None:
        """Gives the camera back; what was put meanwhile comes before the next turn given here. patient: it fails."""
        with self._changed:
            self._running.pop(camera_id, None)
            if camera_id in self._doubted:
                self._doubted.discard(camera_id)
                if not patient and next_in_s is not None:
                    next_in_s = 0.0
            if next_in_s is not None and camera_id not in self._jobs:
                self.put(camera_id, next_in_s, patient=patient)
            self._changed.notify_all()

    def _takeable(self) -> list[tuple[int, _Job]]:
        is_full = sum(self._running.values()) >= self._patient_places
        return [
            (camera_id, job)
            for camera_id, job in self._jobs.items()
            if camera_id not in self._running and not (job.patient and is_full)
        ]
