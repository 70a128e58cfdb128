"""The tours that run: which preset of which channel is due. workers/tours.py steps them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Container
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from core.clock import Clock
from core.errors import AppError, CameraBusy, CameraUnreachable, Unavailable
from ptz.store import HeadKey, PtzStore
from ptz.views import Tour

log = logging.getLogger(__name__)

_PASSING = (CameraUnreachable, CameraBusy, Unavailable)
"""Failures that may pass: the device has not refused the preset."""


@dataclass(slots=True)
class _Round:
    """A tour that runs. `step` is the result of the last command, `failures` counts refused presets in a row."""

    tour: Tour
    next_s: float
    index: int = 0
    failures: int = 0
    step: Future[Any] | None = None


class Tours:
    """The tours that run, at most one for each head. Thread-safe."""

    def __init__(self, store: PtzStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._lock = threading.Lock()
        self._saving = threading.Lock()  # the end of a tour must not overwrite the begin of the next one
        self._rounds: dict[HeadKey, _Round] = {}

    def load(self, camera_ids: Container[int]) -> None:
        """Continue the tours of these cameras that ran when the app ended."""
        now_s = self._clock.monotonic_s()
        found = {key: _Round(tour, now_s) for key, tour in self._store.running_tours() if tour.stops}
        with self._lock:
            self._rounds = {key: item for key, item in found.items() if key.camera_id in camera_ids}

    def adopt(self, camera_id: int) -> None:
        """Continue the tours of a camera that ran at its last owner."""
        now_s = self._clock.monotonic_s()
        found = {key: _Round(tour, now_s) for key, tour in self._store.running_tours() if tour.stops}
        with self._lock:
            self._rounds |= {key: item for key, item in found.items() if key.camera_id == camera_id}

    def release(self, camera_id: int) -> None:
        """Step the tours of a camera no more, because another node continues them."""
        with self._lock:
            self._rounds = {key: item for key, item in self._rounds.items() if key.camera_id != camera_id}

    def begin(self, key: HeadKey, tour: Tour) -> None:
        """Begin a tour, in place of another one of the head. Wait for the disk."""
        with self._saving:
            self._store.set_running_tour(key, tour.id)
            with self._lock:
                self._rounds[key] = _Round(tour, self._clock.monotonic_s())

    def end(self, key: HeadKey) -> bool:
        """End the tour of a head. Return False if none ran; otherwise call save_end(), which waits for the disk."""
        with self._lock:
            return self._rounds.pop(key, None) is not None

    def save_end(self, key: HeadKey) -> None:
        """Save that no tour of this head runs, unless the next one has begun."""
        try:
            with self._saving:
                if self.running(key) is None:
                    self._store.set_running_tour(key, None)
        except AppError as error:
            log.warning("camera %d: the end of a tour could not be saved (%s)", key.camera_id, error.detail)

    def go_on(self, camera_id: int) -> None:
        """Make the next presets of a camera due, without the commands under way: the camera was changed."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            for key, item in self._rounds.items():
                if key.camera_id == camera_id:
                    item.step, item.next_s = None, now_s

    def running(self, key: HeadKey) -> int | None:
        """Return the id of the tour that runs, None if none does."""
        with self._lock:
            found = self._rounds.get(key)
            return None if found is None else found.tour.id

    def due(self) -> list[tuple[HeadKey, str]]:
        """Return the heads whose next preset is due, with its token. Report the command with stepped() or failed().

        Wait for the disk if a tour has ended because the device refuses all its presets.
        """
        now_s = self._clock.monotonic_s()
        with self._lock:
            ended = [key for key, item in list(self._rounds.items()) if not self._goes_on(key, item)]
            due = [
                (key, item.tour.stops[item.index].preset)
                for key, item in self._rounds.items()
                if item.step is None and now_s >= item.next_s
            ]
        for key in ended:
            self.save_end(key)
        return due

    def stepped(self, key: HeadKey, step: Future[Any]) -> None:
        """Note the command that goes to the next preset of a tour."""
        with self._lock:
            item = self._rounds.get(key)
            if item is not None:
                item.step = step
                item.next_s = self._clock.monotonic_s() + item.tour.stops[item.index].stay_s

    def failed(self, key: HeadKey, error: AppError) -> None:
        """Note that the command to a preset could not be sent. The next one follows after the time at this preset."""
        step: Future[Any] = Future()
        step.set_exception(error)
        self.stepped(key, step)

    def _goes_on(self, key: HeadKey, item: _Round) -> bool:
        """Go on to the next preset once the device has answered. End a tour whose presets are all refused.

        The time at a preset counts from the answer: some devices answer when the head has arrived.
        """
        if item.step is None or not item.step.done():
            return True
        step, item.step = item.step, None
        error = step.exception()
        item.failures = item.failures + 1 if error is not None and not isinstance(error, _PASSING) else 0
        if item.failures >= len(item.tour.stops):
            log.warning("camera %d: the device refuses all presets of a tour, which ends", key.camera_id)
            del self._rounds[key]
            return False
        if error is None:
            item.next_s = max(item.next_s, self._clock.monotonic_s() + item.tour.stops[item.index].stay_s)
        item.index = (item.index + 1) % len(item.tour.stops)
        return True
