"""How often somebody may guess: failed logins per address, per account, and both together.

In memory, over moving windows. The account's own limit is wide, so that a stranger who guesses at it does not
lock its owner out at once; the narrow one counts the pair.
"""

from __future__ import annotations

import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from core.errors import LimitReached

_PAIR = RateLimitItemPerMinute(5, 5, namespace="pair")
_ADDRESS = RateLimitItemPerMinute(20, 5, namespace="address")
_ACCOUNT = RateLimitItemPerMinute(50, 15, namespace="account")


class LoginLimits:
    """Counts failures. Made when the app starts: its storage has a thread of its own."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def check(self, address: str, account: str) -> None:
        """LimitReached (too_many_logins, with Retry-After) when there were too many failures."""
        for item, keys in self._items(address, account):
            if not self._limiter.test(item, *keys):
                wait_s = self._limiter.get_window_stats(item, *keys).reset_time - time.time()
                raise LimitReached(
                    "Too many failed logins. Wait a few minutes.",
                    code="too_many_logins",
                    retry_after_s=max(1, min(900, int(wait_s) + 1)),
                )

    def failed(self, address: str, account: str) -> None:
        for item, keys in self._items(address, account):
            self._limiter.hit(item, *keys)

    def succeeded(self, address: str, account: str) -> None:
        """Who knows the password has not been guessing."""
        self._limiter.clear(_PAIR, address, account)

    @staticmethod
    def _items(address: str, account: str) -> tuple[tuple[RateLimitItem, tuple[str, ...]], ...]:
        return ((_PAIR, (address, account)), (_ADDRESS, (address,)), (_ACCOUNT, (account,)))
