"""Steps the tours of presets: a thread that sends each head to its next preset when it is due."""

from __future__ import annotations

import logging
import threading

from ptz_manager import PtzManager

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.5


class TourWorker:
    """start() and stop() may be called twice."""

    def __init__(self, ptz: PtzManager) -> None:
        self._ptz = ptz
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._is_stopping.clear()
            self._thread = threading.Thread(target=self._serve, name="tours", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._is_stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(1.0)

    def _serve(self) -> None:
        while not self._is_stopping.wait(_LOOK_EVERY_S):
            try:
                self._ptz.step_tours()
            except Exception:  # the top of a thread
                log.exception("stepping the tours failed")
