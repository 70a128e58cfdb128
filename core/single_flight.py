"""Let concurrent callers share one running call and its result."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

_T = TypeVar("_T")


class SingleFlight(Generic[_T]):
    """Runs at most one call per key at a time. Thread-safe. Results are not kept: a later call runs again."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[Hashable, Future[_T]] = {}
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """Number of callers that wait for another caller's call."""
        return self._waiting

    def run(self, key: Hashable, call: Callable[[], _T], *, wait_s: float) -> _T:
        """Return the result of `call`, or that of the running call with this key; raise its exception.

        `call` runs in the thread of the first caller. The others raise TimeoutError after `wait_s`.
        """
        with self._lock:
            running = self._running.get(key)
            if running is None:
                mine = self._running[key] = Future[_T]()
            else:
                self._waiting += 1
        return self._call(key, mine, call) if running is None else self._wait(running, wait_s)

    def _call(self, key: Hashable, future: Future[_T], call: Callable[[], _T]) -> _T:
        try:
            result = call()
        except BaseException as error:
            self._end(key)
            future.set_exception(error)
            raise
        self._end(key)
        future.set_result(result)
        return result

    def _end(self, key: Hashable) -> None:
        # Before the waiting callers get the result: a caller that comes after them must not get an old one.
        with self._lock:
            del self._running[key]

    def _wait(self, future: Future[_T], wait_s: float) -> _T:
        try:
            return future.result(wait_s)
        finally:
            with self._lock:
                self._waiting -= 1
