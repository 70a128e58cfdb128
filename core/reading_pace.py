"""The limit of the speed at which exports and backfills read from a recorder, and at which copies are uploaded."""

from __future__ import annotations

from core.clock import Clock

_MOST_CREDIT_S = 2.0  # a pause of the recorder does not allow more than that later


class ReadingPace:
    """Counts the read bytes. `mbps`: the most Mbit/s on average; 0: no limit."""

    def __init__(self, clock: Clock, mbps: float) -> None:
        self._clock = clock
        self._bytes_s = mbps * 125_000
        self._free_at_s = clock.monotonic_s()

    def took(self, size: int) -> None:
        if self._bytes_s:
            self._free_at_s = max(self._free_at_s, self._clock.monotonic_s() - _MOST_CREDIT_S) + size / self._bytes_s

    def wait_s(self) -> float:
        """Return the seconds until more may be read."""
        return max(0.0, self._free_at_s - self._clock.monotonic_s()) if self._bytes_s else 0.0
