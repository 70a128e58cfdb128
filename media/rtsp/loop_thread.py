"""The gateway's thread: one asyncio event loop that owns all sockets."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any

_STOP_S = 4.0


class LoopThread:
    """An event loop in a thread of its own. stop() may be called twice, and start() again after it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The running loop; None before start() and after stop()."""
        return self._loop

    def start(self) -> None:
        """Start the thread unless it runs."""
        with self._lock:
            if self._thread is None:
                loop = self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(loop,), name=self._name, daemon=True)
                self._thread.start()

    def run(self, work: Coroutine[Any, Any, None], timeout_s: float) -> None:
        """Run a coroutine in the thread and wait for its end. Raises its exception, or TimeoutError."""
        if self._loop is None:
            raise RuntimeError("the thread is not running")
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def stop(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run the coroutine of `last`, for a few seconds at most, then end the thread."""
        with self._lock:
            loop, self._loop = self._loop, None
            thread, self._thread = self._thread, None
        if loop is None or thread is None:
            return
        with suppress(FutureTimeout):
            asyncio.run_coroutine_threadsafe(last(), loop).result(_STOP_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(_STOP_S)

    def call(self, work: Callable[..., None], *arguments: object) -> None:
        """Call a function in the thread soon; without effect after stop(). From any thread."""
        with self._lock:
            if self._loop is not None:
                self._loop.call_soon_threadsafe(work, *arguments)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
