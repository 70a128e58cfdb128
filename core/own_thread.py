"""A part with a thread, which works until stop()."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod

from core.stop_signal import StopSignal

_STOP_S = 5.0  # the longest wait for the end of the thread


class OwnThread(ABC):
    """Runs `_work` between start() and stop(). `_work` returns soon after `_is_stopping` is set."""

    def __init__(self, name: str, stop_s: float = _STOP_S) -> None:
        """`stop_s`: seconds that stop() waits for the end of the thread, at most."""
        self._thread_name = name
        self._stop_s = stop_s
        self._is_stopping = StopSignal()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. May be called twice."""
        if self._thread is None:
            self._is_stopping.begin()
            work = self._is_stopping.bound(self._work)
            self._thread = threading.Thread(target=work, name=self._thread_name, daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread. May be called twice."""
        self._is_stopping.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join(self._stop_s)

    @abstractmethod
    def _work(self) -> None: ...
