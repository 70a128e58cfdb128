"""Notes in the database which heads move, in a separate thread: a move does not wait for the disk."""

from __future__ import annotations

import logging
import threading

from core.errors import AppError
from core.ptz import HeadPlace
from ptz.store import HeadKey, PtzStore

log = logging.getLogger(__name__)

_RETRY_S = 2.0
_STOP_S = 1.0


class MotionMarks:
    """start() and stop() may be called twice. Thread-safe."""

    def __init__(self, store: PtzStore) -> None:
        self._store = store
        self._changed = threading.Condition()
        self._unsaved: dict[HeadKey, HeadPlace | None] = {}
        self._is_running = False
        self._is_writing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        with self._changed:
            if self._thread is None:
                self._is_running = True
                self._thread = threading.Thread(target=self._serve, name="ptz-marks", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Save the latest notes, within a second."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._is_running = False
            self._changed.notify_all()
        if thread is not None:
            thread.join(_STOP_S)

    def note(self, key: HeadKey, place: HeadPlace | None) -> None:
        """Note that a head moves, or with None that it stands. Return immediately."""
        with self._changed:
            self._unsaved[key] = place
            self._changed.notify_all()

    def wait_saved(self, timeout_s: float) -> bool:
        """Wait until everything is saved. False after `timeout_s`."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._unsaved and not self._is_writing, timeout_s)

    def _serve(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._unsaved or not self._is_running)
                if not self._unsaved:
                    return
                unsaved, self._unsaved = self._unsaved, {}
                self._is_writing = True
            failed = {key: place for key, place in unsaved.items() if not self._save(key, place)}
            with self._changed:
                self._unsaved = {**failed, **self._unsaved}
                self._is_writing = False
                self._changed.notify_all()
                if failed:
                    if not self._is_running:
                        return
                    self._changed.wait_for(lambda: not self._is_running, _RETRY_S)

    def _save(self, key: HeadKey, place: HeadPlace | None) -> bool:
        try:
            if place is None:
                self._store.note_standing(key)
            else:
                self._store.note_moving(key.camera_id, place)
        except AppError as error:
            log.warning("camera %d: the state of its head could not be saved (%s)", key.camera_id, error.detail)
            return False
        return True
