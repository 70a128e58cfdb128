"""A thread that repeats its work, with a wait that the work itself names."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

from core.errors import AppError

log = logging.getLogger(__name__)

_AFTER_ERROR_S = 30.0
_STOP_S = 2.0


class BackgroundWork(ABC):
    """start() and stop() may be called twice. An error does not end the thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._is_stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def work(self) -> float:
        """Do a part of the work. Return the seconds to wait before the next one."""

    def start(self) -> None:
        if self._thread is None:
            self._is_stopping.clear()
            self._thread = threading.Thread(target=self._serve, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Return within 2 s, also if a disk or the storage does not answer."""
        self._is_stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(_STOP_S)

    def _serve(self) -> None:
        wait_s = 0.0
        while not self._is_stopping.wait(wait_s):
            try:
                wait_s = self.work()
            except AppError as error:
                log.warning("%s: %s (%s)", self._name, error.detail, error.code)
                wait_s = _AFTER_ERROR_S
            except Exception:  # the top of a thread
                log.exception("the work of the thread %s failed", self._name)
                wait_s = _AFTER_ERROR_S
