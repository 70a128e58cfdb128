"""Stops heads whose moves are not renewed: a thread that looks at each head when its time is over."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterable

from core.clock import Clock
from ptz.head import Head

log = logging.getLogger(__name__)

_LONGEST_WAIT_S = 1.0


class DeadMan:
    """start() and stop() may be called twice. `heads` returns the heads to look at."""

    def __init__(self, heads: Callable[[], Iterable[Head]], clock: Clock) -> None:
        self._heads = heads
        self._clock = clock
        self._changed = threading.Condition()
        self._is_woken = False
        self._is_running = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None:
            self._is_running = True
            self._thread = threading.Thread(target=self._serve, name="ptz-dead-man", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        thread, self._thread = self._thread, None
        with self._changed:
            self._is_running = False
            self._changed.notify_all()
        if thread is not None:
            thread.join(1.0)

    def wake(self) -> None:
        """Look at the heads now: a move began, or was renewed."""
        with self._changed:
            self._is_woken = True
            self._changed.notify_all()

    def _serve(self) -> None:
        while True:
            next_s = min((self._look(head) for head in self._heads()), default=math.inf)
            with self._changed:
                wait_s = max(0.0, next_s - self._clock.monotonic_s())
                if not self._is_woken and self._is_running:
                    self._changed.wait(None if math.isinf(wait_s) else min(wait_s, _LONGEST_WAIT_S))
                self._is_woken = False
                if not self._is_running:
                    return

    def _look(self, head: Head) -> float:
        """Return the time of the next look at a head. A head that fails does not keep the others from theirs."""
        try:
            return head.look()
        except Exception:  # at the top of a thread
            log.exception("looking at a head failed")
            return self._clock.monotonic_s() + _LONGEST_WAIT_S
