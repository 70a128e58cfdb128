"""The limit of calls at a time to one device."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.clock import Clock
from onvif_services.faults import NotSent

CALLS_AT_ONCE = 4
_FEW_AT_ONCE = 2
_SERIAL_FOR_S = 600.0
_SERIAL_AT_MOST_S = 6 * 3600.0


class CallSlots:
    """At most four calls at a time; one at a time for ten minutes after `serialize`, then two, then four. Thread-safe.

    The web servers of cheap cameras serve one connection at a time, and reset, refuse or ignore the others. Others
    are short of breath for a while. Each time lasts twice as long as the one before, up to six hours.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changed = threading.Condition()
        self._limit = CALLS_AT_ONCE
        self._grows_at_s = 0.0
        self._serial_for_s = _SERIAL_FOR_S
        self._taken = 0

    @property
    def is_serial(self) -> bool:
        with self._changed:
            return self._present_limit() == 1

    @property
    def is_shared(self) -> bool:
        """True while more than one call is under way."""
        return self._taken > 1

    def serialize(self) -> None:
        """Allow only one call at a time for a while."""
        with self._changed:
            if self._present_limit() > 1:
                self._grows_at_s = self._clock.monotonic_s() + self._serial_for_s
                self._serial_for_s = min(2 * self._serial_for_s, _SERIAL_AT_MOST_S)
            self._limit = 1

    def _present_limit(self) -> int:
        now_s = self._clock.monotonic_s()
        if self._limit < CALLS_AT_ONCE and now_s >= self._grows_at_s:
            self._limit = _FEW_AT_ONCE if self._limit == 1 else CALLS_AT_ONCE
            self._grows_at_s = now_s + _SERIAL_FOR_S
        return self._limit

    @contextmanager
    def taking(self, deadline_s: float) -> Iterator[None]:
        """Wait for a slot and hold it during the block. Raise NotSent at the deadline (time.monotonic())."""
        with self._changed:
            while self._taken >= self._present_limit():
                left_s = deadline_s - time.monotonic()
                if left_s <= 0:
                    raise NotSent("The device is busy with earlier requests and did not answer in time.")
                self._changed.wait(left_s)
            self._taken += 1
        try:
            yield
        finally:
            with self._changed:
                self._taken -= 1
                self._changed.notify()
