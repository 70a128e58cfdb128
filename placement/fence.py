"""The end of this node's right to its cameras, by the monotonic clock of this machine, suspended or not (BootClock).

Other nodes take the cameras when the lease ends by the database's clock. This node lets go at 0.8 of that time, counted
from the moment before it sent its last renewal. So it is earlier, whatever the network and the wall clocks do. Wall
clocks do not close the fence: a step by NTP would let go of all cameras.
"""

from __future__ import annotations

from core.clock import Clock
from placement.records import FENCE_SHARE


class Fence:
    """Open while this node may use its cameras. Safe between threads: one number is written."""

    def __init__(self, clock: Clock, lease_s: float) -> None:
        self._clock = clock
        self._lasts_s = FENCE_SHARE * lease_s
        self._until_s = float("-inf")

    def renew(self, began_s: float) -> None:
        """Note that the lease was renewed by a request that began at `began_s`."""
        self._until_s = began_s + self._lasts_s

    def close(self) -> None:
        self._until_s = float("-inf")

    def is_open(self) -> bool:
        return self.left_s() > 0

    def left_s(self) -> float:
        """Return the seconds until the fence closes, 0 if it is closed."""
        return max(0.0, self._until_s - self._clock.monotonic_s())
