"""A thread with an asyncio event loop, which parts of the app may share.

The gateway and the sockets share one: a frame goes from the device's socket to the viewers' sockets without a change of
threads. Two threads cost a third more CPU, because each frame woke the other one and both waited for the interpreter.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import suppress
from typing import Any

_STOP_S = 4.0


class LoopThread:
    """Runs from the first start() until each part that called start() has called stop(). May be started again then."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._users = 0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    @property
    def loop(self) -> asyncio.AbstractEventLoop | None:
        """The running loop; None before start() and after the last stop()."""
        return self._loop

    def start(self) -> None:
        """Start the thread unless it runs."""
        with self._lock:
            self._users += 1
            if self._thread is None:
                loop = self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_run, args=(loop,), name=self._name, daemon=True)
                self._thread.start()

    def run(self, work: Coroutine[Any, Any, None], timeout_s: float) -> None:
        """Run a coroutine in the thread and wait for its end. Raises its exception, or TimeoutError."""
        if self._loop is None:
            work.close()
            raise RuntimeError("the thread is not running")
        asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout_s)

    def stop(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run the coroutine of `last`, for a few seconds at most. Then end the thread if no other part uses it.

        One call for each start(). Not in the thread itself.
        """
        with self._lock:
            loop, thread = self._loop, self._thread
            if loop is None or thread is None:
                return
            self._users -= 1
            is_last = self._users == 0
            if is_last:
                self._loop = self._thread = None
        with suppress(FutureTimeout):
            asyncio.run_coroutine_threadsafe(last(), loop).result(_STOP_S)
        if is_last:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_STOP_S)

    def call(self, work: Callable[..., None], *arguments: object) -> None:
        """Call a function in the thread soon; without effect after the last stop(). From any thread.

        A call from the thread itself costs little, because the loop needs no wake-up.
        """
        with self._lock:
            if self._loop is None:
                return
            if threading.current_thread() is self._thread:
                self._loop.call_soon(work, *arguments)
            else:
                self._loop.call_soon_threadsafe(work, *arguments)


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
