"""Measures how fast a socket's reader takes bytes.

A rate counts as throughput only while messages wait: without a backlog, it is the rate of the streams, and the link
may carry more. Intervals of one backlog are added until they are long enough for a rate.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

_SMOOTHED_OVER_S = 3.0
# A page acknowledges bytes in lumps: half a second of a slow link may show none, or twice as many as the link carries.
_LEAST_BUSY_S = 0.5


@dataclass(frozen=True, slots=True)
class Pace:
    """One interval of a socket.

    `busy_s`: the part of the interval with a backlog; `busy_bytes`: the bytes that the page acknowledged in it.
    """

    interval_s: float
    taken_bytes: int
    busy_s: float
    busy_bytes: int

    def __add__(self, later: Pace) -> Pace:
        """Return the pace of both intervals."""
        return Pace(
            self.interval_s + later.interval_s,
            self.taken_bytes + later.taken_bytes,
            self.busy_s + later.busy_s,
            self.busy_bytes + later.busy_bytes,
        )


class PaceMeter:
    """Counts the bytes that the kernel takes from one socket. Times are those of one monotonic clock, in seconds."""

    def __init__(self, now_s: float) -> None:
        self._began_s = now_s
        self._busy_since_s: float | None = None
        self._held_bytes = 0
        self._taken_bytes = 0
        self._busy_s = 0.0
        self._busy_bytes = 0
        self._pending_s = 0.0  # of the backlog that has begun, without a rate so far
        self._pending_bytes = 0
        self._average: float | None = None  # bytes per second
        self._latest: float | None = None

    @property
    def bytes_per_s(self) -> float | None:
        """Throughput of the link; None before the first backlog.

        The average over the last seconds with a backlog, or the last such interval if that was slower: the average of
        a link that has become thin is too high for some ten seconds.
        """
        if self._average is None or self._latest is None:
            return None
        return min(self._average, self._latest)

    def note_taken(self, taken_bytes: int) -> None:
        self._taken_bytes += taken_bytes
        if self._busy_since_s is not None:
            self._busy_bytes += taken_bytes

    def note_backlog(self, has_backlog: bool, now_s: float, held_bytes: int) -> None:
        """`held_bytes`: taken bytes that the kernel still holds, because the page has not acknowledged them.

        The kernel takes bytes in lumps of 64 kB and more. On a thin link, it takes none for seconds, although the link
        carries what the kernel holds.
        """
        if self._busy_since_s is not None:
            self._busy_s += now_s - self._busy_since_s
            self._busy_bytes += self._held_bytes - held_bytes
        self._busy_since_s = now_s if has_backlog else None
        self._held_bytes = held_bytes

    def measure(self, now_s: float, held_bytes: int) -> Pace:
        """Return the pace since the last call, and begin a new interval."""
        self.note_backlog(self._busy_since_s is not None, now_s, held_bytes)
        pace = Pace(now_s - self._began_s, self._taken_bytes, self._busy_s, max(0, self._busy_bytes))
        self._began_s = now_s
        self._taken_bytes = self._busy_bytes = 0
        self._busy_s = 0.0
        self._note(pace)
        return pace

    def _note(self, pace: Pace) -> None:
        self._pending_s += pace.busy_s
        self._pending_bytes += pace.busy_bytes
        has_backlog = self._busy_since_s is not None
        if self._pending_s >= _LEAST_BUSY_S:
            self._latest = rate = self._pending_bytes / self._pending_s
            weight = 1 - math.exp(-self._pending_s / _SMOOTHED_OVER_S)
            self._average = rate if self._average is None else self._average + weight * (rate - self._average)
        elif not has_backlog and self._average is not None and self._latest is not None and pace.interval_s > 0:
            # Without a backlog, the link carries at least this much.
            rate = pace.taken_bytes / pace.interval_s
            self._average, self._latest = max(self._average, rate), max(self._latest, rate)
        if self._pending_s >= _LEAST_BUSY_S or not has_backlog:
            self._pending_s, self._pending_bytes = 0.0, 0
