"""Time, passed in as an object so that tests can move it by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol

_BOOT_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)  # only Linux has the first one


class Clock(Protocol):
    """Source of the current time."""

    def now_utc(self) -> datetime:
        """Return the wall-clock time as an aware datetime in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Return seconds on a clock that never jumps; only differences are meaningful."""
        ...


class SystemClock(Clock):
    """The clocks of this machine."""

    def now_utc(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()


class BootClock(SystemClock):
    """As SystemClock, but `monotonic_s` also counts the time for which Linux has suspended the machine.

    Waits do not count it: Python measures them by another clock.
    """

    def monotonic_s(self) -> float:
        return time.clock_gettime(_BOOT_CLOCK)


def rfc3339(moment_utc: datetime) -> str:
    """Format a time for the API: RFC 3339, UTC, milliseconds (`2026-11-22T10:00:00.000Z`)."""
    moment_utc = moment_utc if moment_utc.tzinfo is UTC else moment_utc.astimezone(UTC)
    return moment_utc.isoformat(timespec="milliseconds")[: -len("+00:00")] + "Z"
