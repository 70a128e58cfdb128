"""A clock that tests move by hand."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta


@dataclass
class HandClock:
    """Time stands still until the test calls `move`."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    passed_s: float = 1000.0

    def now_utc(self) -> datetime:
        return self.now

    def monotonic_s(self) -> float:
        return self.passed_s

    def move(self, **by: float) -> None:
        step = timedelta(**by)
        self.now += step
        self.passed_s += step.total_seconds()
