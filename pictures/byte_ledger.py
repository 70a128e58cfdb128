"""Counts the bytes that a recorder sends for pictures: at most 100 MB for an hour of a channel's time line.

Recorders with large key frames get a coarser grid near that limit. All bytes of the connection count, so that a
recorder that ignores requests cannot use up the network.
"""

from __future__ import annotations

from collections import OrderedDict

from core.clock import Clock
from pictures.grid import HOUR_S

HOUR_BYTES = 100_000_000
_COARSE_BYTES = 30_000_000  # with less left, only every minute gets a picture
_COARSE_STEP_S = 60
_RENEWED_S = 3600.0  # after the first byte
_REMEMBERED = 1000


class ByteLedger:
    """For one thread."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._spent: OrderedDict[tuple[int, int], tuple[int, float]] = OrderedDict()  # with the time of the first byte

    def left(self, channel: int, time_s: int) -> int:
        """Return the number of bytes that the hour of this time may still cost."""
        return max(0, HOUR_BYTES - self._entry(channel, time_s)[0])

    def allows(self, channel: int, time_s: int) -> bool:
        """True if the recorder may be asked for the picture of this time."""
        left = self.left(channel, time_s)
        return left > _COARSE_BYTES or (left > 0 and time_s % _COARSE_STEP_S == 0)

    def note(self, channel: int, time_s: int, received_bytes: int) -> None:
        """Count bytes for the hour of this time."""
        spent, since_s = self._entry(channel, time_s)
        self._spent[channel, time_s // HOUR_S] = spent + received_bytes, since_s
        while len(self._spent) > _REMEMBERED:
            self._spent.popitem(last=False)

    def _entry(self, channel: int, time_s: int) -> tuple[int, float]:
        now_s = self._clock.monotonic_s()
        spent, since_s = self._spent.get((channel, time_s // HOUR_S), (0, now_s))
        return (spent, since_s) if now_s - since_s < _RENEWED_S else (0, now_s)
