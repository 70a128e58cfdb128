"""Disk calls with a time limit, so that a disk that hangs holds up neither other volumes nor a page."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from archive.volume import Volume

T = TypeVar("T")


class DiskHangs(Exception):
    """The volume does not answer in time."""


class DiskCalls:
    """Runs each call in its own thread. A volume whose last call still runs gets no other. Thread-safe."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._running: dict[Volume, threading.Thread] = {}

    def run(self, volume: Volume, call: Callable[[], T]) -> T:
        """Return the result of the call. Raise DiskHangs, or the error of the call."""
        outcome: _Outcome[T] = _Outcome(call)
        with self._lock:
            running = self._running.get(volume)
            if running is not None and running.is_alive():
                raise DiskHangs
            thread = self._running[volume] = outcome.start(f"disk-{volume.name}")
        return outcome.wait(thread, self._timeout_s)


def in_time(call: Callable[[], T], timeout_s: float) -> T:
    """Return the result of a call that runs in its own thread. Raise DiskHangs, or the error of the call."""
    outcome: _Outcome[T] = _Outcome(call)
    return outcome.wait(outcome.start("disk-read"), timeout_s)


class _Outcome(Generic[T]):
    """The result or the error of a call."""

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._values: list[T] = []
        self._error: BaseException | None = None

    def start(self, name: str) -> threading.Thread:
        """Start the call in a daemon: a thread that hangs in the disk's driver must not keep the app from ending."""
        thread = threading.Thread(target=self._run, name=name, daemon=True)
        thread.start()
        return thread

    def wait(self, thread: threading.Thread, timeout_s: float) -> T:
        thread.join(timeout_s)
        if thread.is_alive():
            raise DiskHangs
        if self._error is not None:
            raise self._error
        return self._values[0]

    def _run(self) -> None:
        try:
            self._values.append(self._call())
        except BaseException as error:  # noqa: BLE001 # wait() raises it in the other thread
            self._error = error
