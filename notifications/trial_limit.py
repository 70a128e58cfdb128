"""Limits the tests that users send: push services and mail servers block an app that floods them."""

from __future__ import annotations

import math
import threading
from collections import deque

from core.clock import Clock
from core.errors import LimitReached

WITHIN_S = 60.0
MOST_OF_A_USER = 12
MOST_OF_A_TARGET = 4  # a rule, a sink or a browser


class TrialLimit:
    """Safe between threads."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._times_s: dict[str, deque[float]] = {}

    def take(self, user_id: int | None, target: str) -> None:
        """Count a test of this rule, sink or browser. Raise LimitReached (test_limit) if there were too many."""
        limits = {f"user {user_id}": MOST_OF_A_USER, target: MOST_OF_A_TARGET}
        with self._lock:
            now_s = self._clock.monotonic_s()
            self._forget_old(now_s)
            waits_s = [
                times[0] + WITHIN_S - now_s
                for name, most in limits.items()
                if len(times := self._times_s.get(name, deque())) >= most
            ]
            if waits_s:
                wait_s = math.ceil(max(waits_s))
                detail = f"Too many tests within a minute: try again in {wait_s} s."
                raise LimitReached(detail, code="test_limit", retry_after_s=wait_s)
            for name in limits:
                self._times_s.setdefault(name, deque()).append(now_s)

    def _forget_old(self, now_s: float) -> None:
        for times in self._times_s.values():
            while times and times[0] + WITHIN_S <= now_s:
                times.popleft()
        self._times_s = {name: times for name, times in self._times_s.items() if times}
