"""How many sessions a device may be asked for at once."""

from __future__ import annotations

from core.clock import Clock

_ASKED_AGAIN_AFTER_S = 10.0


class SessionBudget:
    """Counted per device key. Used in the gateway's thread only.

    A device that refuses a session has shown its limit. It is asked for one more than it gave only
    every ten seconds, however many wait: others who watch it may have left.
    """

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._taken: dict[str, int] = {}
        self._lowered: dict[str, tuple[int, float]] = {}  # the limit shown, when it may be tried again

    def limit(self, device_key: str) -> int:
        return min(self._limit, self._lowered.get(device_key, (self._limit, 0.0))[0])

    def capacity(self, device_key: str) -> int:
        """How many may be taken now, counted with the one more that is due. From any thread."""
        limit, again_s = self._lowered.get(device_key, (self._limit, 0.0))
        return min(self._limit, limit + (self._clock.monotonic_s() >= again_s))

    def try_take(self, device_key: str) -> bool:
        taken = self._taken.get(device_key, 0)
        if taken >= self._limit:
            return False
        if taken >= self.limit(device_key):
            now_s = self._clock.monotonic_s()
            if now_s < self._lowered[device_key][1]:
                return False
            self._lowered[device_key] = (taken + 1, now_s + _ASKED_AGAIN_AFTER_S)
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
        self._lowered[device_key] = (limit, self._clock.monotonic_s() + _ASKED_AGAIN_AFTER_S)
