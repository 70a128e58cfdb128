"""Measures the delay of due work in the event loop of the sockets.

On a starved machine messages wait for the loop. To the page this looks like a slow link.
"""

from __future__ import annotations

import asyncio
from collections import deque

_EVERY_S = 0.25
_KEPT_S = 2.0


class LoopLag:
    """Used in the loop only, from start() to stop()."""

    def __init__(self) -> None:
        self._beats: deque[tuple[float, float]] = deque()  # time and lag, in seconds
        self._next: asyncio.TimerHandle | None = None

    def start(self) -> None:
        loop = asyncio.get_running_loop()
        self._next = loop.call_later(_EVERY_S, self._beat, loop.time() + _EVERY_S)

    def stop(self) -> None:
        if self._next is not None:
            self._next.cancel()

    @property
    def worst_s(self) -> float:
        """The largest lag of the last two seconds."""
        return max((lag_s for _, lag_s in self._beats), default=0.0)

    def _beat(self, due_s: float) -> None:
        now_s = asyncio.get_running_loop().time()
        self._beats.append((now_s, max(0.0, now_s - due_s)))
        while self._beats[0][0] < now_s - _KEPT_S:
            self._beats.popleft()
        self.start()
