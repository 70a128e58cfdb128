"""Doubt about the server's clock: one that has stepped may be wrong, and its footage would seem to be old."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta

from core.clock import Clock

log = logging.getLogger(__name__)

_STEP = timedelta(minutes=10)
_LONG_OFF = timedelta(days=1)
_DOUBT_S = 900.0
"""A clock that is set right after a start or a step has this long. Footage by its age is deleted later, by no more."""


class ClockDoubt:
    """Compares the wall clock with one that never jumps. For one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last: tuple[datetime, float] | None = None
        self._until_s = float("-inf")

    def note_off(self, was_off: tuple[datetime, datetime] | None) -> None:
        """Note the time in which the app did not run: after a long one, the clock may have been set wrongly."""
        if was_off is not None and was_off[1] - was_off[0] > _LONG_OFF:
            self._begin("the app was off for more than a day")

    def holds(self) -> bool:
        """True if the clock may be wrong. Call it regularly."""
        now, now_s = self._clock.now_utc(), self._clock.monotonic_s()
        if self._last is not None:
            last, last_s = self._last
            if abs((now - last).total_seconds() - (now_s - last_s)) > _STEP.total_seconds():
                self._begin("the server's clock has stepped")
        self._last = now, now_s
        return now_s < self._until_s

    def _begin(self, reason: str) -> None:
        self._until_s = self._clock.monotonic_s() + _DOUBT_S
        log.warning("%s: for %.0f minutes no recording is deleted because of its age", reason, _DOUBT_S / 60)
