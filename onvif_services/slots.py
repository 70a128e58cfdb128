"""The limit of calls at a time to one device."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from onvif_services.faults import NotSent

CALLS_AT_ONCE = 4


class CallSlots:
    """At most four calls at a time; one at a time after `serialize`. Thread-safe.

    The web servers of cheap cameras serve one connection at a time, and reset, refuse or ignore the others.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._limit = CALLS_AT_ONCE
        self._taken = 0

    @property
    def is_serial(self) -> bool:
        return self._limit == 1

    @property
    def is_shared(self) -> bool:
        """True while more than one call is under way."""
        return self._taken > 1

    def serialize(self) -> None:
        """Allow only one call at a time from now on."""
        with self._changed:
            self._limit = 1

    @contextmanager
    def taking(self, deadline_s: float) -> Iterator[None]:
        """Wait for a slot and hold it during the block. Raise NotSent at the deadline (time.monotonic())."""
        with self._changed:
            while self._taken >= self._limit:
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
