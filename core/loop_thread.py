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
_WAITS_FOR_ITSELF = "the thread would wait for itself"


class LoopThread:
    """Runs from the first start() until each part that called start() has called stop(). May be started again then."""

    def __init__(self, name: str, stop_s: float = _STOP_S) -> None:
        """`stop_s`: limit of the coroutine of stop(), in seconds."""
        self._name = name
        self._stop_s = stop_s
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
        """Run a coroutine in the thread and wait for its end. Raises its exception, or TimeoutError, which cancels it.

        Raises RuntimeError in the thread itself and while the thread does not run.
        """
        loop, thread = self._loop, self._thread
        if loop is None or thread is threading.current_thread():
            work.close()
            raise RuntimeError("the thread is not running" if loop is None else _WAITS_FOR_ITSELF)
        _finish(work, loop, timeout_s)

    def stop(self, last: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run the coroutine of `last`, for a few seconds at most. Then end the thread if no other part uses it.

        One call for each start(). Raises RuntimeError in the thread itself. Raises the exception of the coroutine
        after the end of the thread.
        """
        with self._lock:
            loop, thread = self._loop, self._thread
            if thread is threading.current_thread():
                raise RuntimeError(_WAITS_FOR_ITSELF)
            if loop is None or thread is None:
                return
            self._users -= 1
            is_last = self._users == 0
            if is_last:
                self._loop = self._thread = None
        try:
            with suppress(FutureTimeout):
                _finish(last(), loop, self._stop_s)
        finally:
            if is_last:
                loop.call_soon_threadsafe(loop.stop)
                thread.join(self._stop_s)

    def is_current(self) -> bool:
        """True in the thread itself."""
        return threading.current_thread() is self._thread

    def call(self, work: Callable[..., None], *arguments: object) -> None:
        """Call a function in the thread soon; without effect after the last stop(). From any thread.

        A call from the thread itself costs little, because the loop needs no wake-up.
        """
        with self._lock:
            if self._loop is None:
                return
            if self.is_current():
                self._loop.call_soon(work, *arguments)
            else:
                self._loop.call_soon_threadsafe(work, *arguments)


def _finish(work: Coroutine[Any, Any, None], loop: asyncio.AbstractEventLoop, timeout_s: float) -> None:
    """Wait for a coroutine in the loop. Cancel it after the timeout: the loop may go on for other parts."""
    future = asyncio.run_coroutine_threadsafe(work, loop)
    try:
        future.result(timeout_s)
    except FutureTimeout:
        future.cancel()
        raise


def _run(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
