"""How many sessions a device may be asked for at once."""

from __future__ import annotations

from core.clock import Clock

_LOWERED_FOR_S = 300.0


class SessionBudget:
    """Counted per device key. Used in the gateway's thread only.

    A device that refuses a session has shown its limit: for five minutes it is not asked for more
    than it gave. After that it is tried again, since other viewers of it may have left.
    """

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._taken: dict[str, int] = {}
        self._lowered: dict[str, tuple[int, float]] = {}

    def limit_of(self, device_key: str) -> int:
        limit, until_s = self._lowered.get(device_key, (self._limit, 0.0))
        if until_s <= self._clock.monotonic_s():
            self._lowered.pop(device_key, None)
            return self._limit
        return limit

    def try_take(self, device_key: str) -> bool:
        taken = self._taken.get(device_key, 0)
        if taken >= self.limit_of(device_key):
            return False
        self._taken[device_key] = taken + 1
        return True

    def give_back(self, device_key: str) -> None:
        left = self._taken.get(device_key, 0) - 1
        if left > 0:
            self._taken[device_key] = left
        else:
            self._taken.pop(device_key, None)

    def refused_by_device(self, device_key: str) -> None:
        """Call it while the refused session still holds its place."""
        limit = max(1, self._taken.get(device_key, 1) - 1)
        self._lowered[device_key] = (limit, self._clock.monotonic_s() + _LOWERED_FOR_S)
