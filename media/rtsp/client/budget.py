"""How many sessions a device is asked for at a time."""

from __future__ import annotations

from core.clock import Clock

_RETRY_AFTER_S = 10.0


class SessionBudget:
    """Counts sessions per device key. In the gateway's thread only, except capacity().

    A device that refuses a session has shown its limit. Every ten seconds one session more than that is
    requested, however many wait: other clients of the device may have left.
    """

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._taken: dict[str, int] = {}
        self._lowered: dict[str, tuple[int, float]] = {}  # the limit shown, and when to try one more

    def limit(self, device_key: str) -> int:
        """Return the setting, or the limit that the device has shown if that is lower."""
        return min(self._limit, self._lowered.get(device_key, (self._limit, 0.0))[0])

    def capacity(self, device_key: str) -> int:
        """Return how many sessions may be open now, including the one more that may be tried. From any thread."""
        limit, retry_s = self._lowered.get(device_key, (self._limit, 0.0))
        return min(self._limit, limit + (self._clock.monotonic_s() >= retry_s))

    def is_last_taken(self, device_key: str) -> bool:
        """True if all slots of a device with several are taken."""
        return self._taken.get(device_key, 0) >= self.limit(device_key) > 1

    def try_take(self, device_key: str, *, leaves_one: bool = False) -> bool:
        """Take a slot. False if all are taken. `leaves_one`: not the last one of a device with several."""
        taken = self._taken.get(device_key, 0)
        if taken >= self._limit:
            return False
        if leaves_one and taken > 0 and taken >= self.limit(device_key) - 1:
            return False
        if taken >= self.limit(device_key):
            now_s = self._clock.monotonic_s()
            if now_s < self._lowered[device_key][1]:
                return False
            self._lowered[device_key] = (taken + 1, now_s + _RETRY_AFTER_S)
        self._taken[device_key] = taken + 1
        return True

    def give_back(self, device_key: str) -> None:
        """Give a slot back."""
        left = self._taken.get(device_key, 0) - 1
        if left > 0:
            self._taken[device_key] = left
        else:
            self._taken.pop(device_key, None)

    def refused_by_device(self, device_key: str) -> None:
        """Lower the limit after a 453. Call this before give_back() of the refused session."""
        limit = max(1, self._taken.get(device_key, 1) - 1)
        self._lowered[device_key] = (limit, self._clock.monotonic_s() + _RETRY_AFTER_S)


class SessionSlot:
    """One session's place in a budget. try_take() and give_back() may be repeated."""

    def __init__(self, budget: SessionBudget, device_key: str) -> None:
        self._budget = budget
        self._device_key = device_key
        self.is_taken = False

    @property
    def limit(self) -> int:
        """The number of sessions that the device is asked for at most."""
        return self._budget.limit(self._device_key)

    @property
    def is_last(self) -> bool:
        """True if the device has several slots, and all are taken."""
        return self._budget.is_last_taken(self._device_key)

    def try_take(self, *, leaves_one: bool = False) -> bool:
        """Take the slot. False if all slots of the device are taken. `leaves_one`: see SessionBudget.try_take()."""
        self.is_taken = self.is_taken or self._budget.try_take(self._device_key, leaves_one=leaves_one)
        return self.is_taken

    def give_back(self) -> None:
        if self.is_taken:
            self.is_taken = False
            self._budget.give_back(self._device_key)

    def refused_by_device(self) -> None:
        """The device answered 453 to the session in this slot."""
        if self.is_taken:
            self._budget.refused_by_device(self._device_key)
