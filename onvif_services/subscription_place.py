"""The place at a device for the one subscription of the app, which successive connections to the device share."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict

from core.events import SubscriptionAddress

_MOST_DEVICES = 1000


class SubscriptionPlace:
    """The subscriptions that may still be open at a device. Safe between threads.

    `making`: held while one is made. `is_used`: a connection listens to the long subscription. `left`: a short one
    whose end the device did not confirm.
    """

    def __init__(self) -> None:
        self.making = threading.Lock()
        self.left: SubscriptionAddress | None = None
        self.is_used = False
        self.is_known = False
        """True once the subscription that an earlier run of the app may have left is held."""
        self.held: SubscriptionAddress | None = None
        """The address of the long subscription, also after its life."""
        self._held_until_s = 0.0
        self._lost_until_s = 0.0

    @property
    def is_held(self) -> bool:
        return self.held_for_s > 0

    @property
    def held_for_s(self) -> float:
        """The seconds until the long subscription ends at the latest, unless it is extended; 0 for none."""
        return max(0.0, self._held_until_s - time.monotonic())

    @property
    def lost_for_s(self) -> float:
        """The seconds until a subscription ends whose address was lost with the device's answer; 0 for none."""
        return max(0.0, self._lost_until_s - time.monotonic())

    def hold(self, life_s: float, address: SubscriptionAddress) -> None:
        self.held, self._held_until_s = address, time.monotonic() + life_s

    def give_back(self, address: SubscriptionAddress) -> None:
        """The subscription with this address has ended. Without effect while another one is held."""
        if address == self.held:
            self._held_until_s = 0.0
            self.is_used = False

    def lose(self, life_s: float) -> None:
        self._lost_until_s = time.monotonic() + life_s


class SubscriptionPlaces:
    """The places of all devices. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._places: OrderedDict[tuple[str, int], SubscriptionPlace] = OrderedDict()

    def of(self, host: str, port: int) -> SubscriptionPlace:
        """Return the place at a device, which stays the same for all connections to it.

        The address is the key: a camera that was removed and added again is the same device.
        """
        with self._lock:
            place = self._places.setdefault((host, port), SubscriptionPlace())
            self._places.move_to_end((host, port))
            while len(self._places) > _MOST_DEVICES:
                self._places.popitem(last=False)
            return place
