"""A thread that does its work again and again, with a pause before each time."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

from core.errors import AppError
from core.stop_signal import StopSignal

log = logging.getLogger(__name__)


class RepeatedWork(ABC):
    """start() and stop() may be called twice. An error does not end the thread."""

    def __init__(self, name: str, every_s: float, *, stop_s: float = 1.0) -> None:
        """`stop_s`: the longest time that stop() waits for the work."""
        self._name = name
        self._every_s = every_s
        self._stop_s = stop_s
        self._is_stopping = StopSignal()
        self._thread: threading.Thread | None = None

    @abstractmethod
    def look(self) -> None:
        """Do the work once. The first time comes after the first pause."""

    def start(self) -> None:
        if self._thread is None:
            self._is_stopping.begin()
            serve = self._is_stopping.bound(self._serve)
            self._thread = threading.Thread(target=serve, name=self._name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._is_stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._stop_s)

    def _serve(self) -> None:
        while not self._is_stopping.wait(self._every_s):
            try:
                self.look()
            except AppError as error:
                log.warning("%s: %s (%s)", self._name, error.detail, error.code)
            except Exception:  # the top of a thread
                log.exception("the work of the thread %s failed", self._name)
