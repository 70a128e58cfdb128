"""Time, passed in as an object so that tests move it by hand."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What a room may ask about time."""

    def now_utc(self) -> datetime:
        """The wall clock, aware, in UTC."""
        ...

    def monotonic_s(self) -> float:
        """Seconds that never jump; only differences mean something."""
        ...


class SystemClock:
    """The machine's own clocks."""

    def now_utc(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_s(self) -> float:
        return time.monotonic()


def rfc3339(moment_utc: datetime) -> str:
    """`2026-11-22T10:00:00.000Z`: how every time leaves the API (RFC 3339, UTC, milliseconds)."""
    return moment_utc.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
