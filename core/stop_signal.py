"""Ends a thread that is started and stopped again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable


class StopSignal:
    """An event for each start. Thread-safe.

    A thread that outlives stop(), because a disk or a database hangs, therefore still ends after the next start().
    """

    def __init__(self) -> None:
        self._latest = threading.Event()
        self._of_thread = threading.local()

    def begin(self) -> None:
        """Begin anew: threads of before do not see it."""
        self._latest = threading.Event()

    def bound(self, work: Callable[[], None]) -> Callable[[], None]:
        """Return `work` for a thread that the next set() ends."""
        signal = self._latest

        def run() -> None:
            self._of_thread.signal = signal
            work()

        return run

    def set(self) -> None:
        """End the threads of the last begin()."""
        self._latest.set()

    def is_set(self) -> bool:
        """True if the thread that asks must end; for other threads, if the latest one must."""
        return self._own().is_set()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end. Return is_set()."""
        return self._own().wait(timeout_s)

    def _own(self) -> threading.Event:
        found: threading.Event = getattr(self._of_thread, "signal", self._latest)
        return found
