"""How often somebody may guess: failed logins per address, per account, and both together.

In memory, over moving windows. A try counts from before its password is looked at until it has failed or not:
looking takes a tenth of a second, in which a hundred others would begin. The narrow limit counts the pair. The
account's own is wide, and does not hold where the account has been logged in from: strangers who guess at it from
many addresses lock each other out, not its owner.
"""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from core.errors import LimitReached

_PAIR = RateLimitItemPerMinute(5, 5, namespace="pair")
_ADDRESS = RateLimitItemPerMinute(20, 5, namespace="address")
_ACCOUNT = RateLimitItemPerMinute(50, 15, namespace="account")
_MOST_KNOWN = 10_000

_Limit = tuple[RateLimitItem, tuple[str, ...]]


def network_of(address: str) -> str:
    """What an address counts as: of IPv6 the first 64 bits, for whoever has one has 2^64 of them."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


class Try:
    """One try at a password. What is neither `failed` nor `succeeded` (no place to look at it) counts as nothing."""

    def __init__(self) -> None:
        self.is_right: bool | None = None

    def failed(self) -> None:
        self.is_right = False

    def succeeded(self) -> None:
        self.is_right = True


class LoginLimits:
    """Counts failures. Made when the app starts: its storage has a thread of its own.

    `known`: addresses and accounts that were logged in there before. Safe between threads.
    """

    def __init__(self, known: Iterable[tuple[str, str]] = ()) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._lock = threading.Lock()
        self._under_way: Counter[str] = Counter()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        for address, account in known:
            self._remember(network_of(address), account)

    @contextmanager
    def one_try(self, address: str, account: str) -> Iterator[Try]:
        """Around the look at a password. LimitReached (too_many_logins, with Retry-After) before it."""
        network = network_of(address)
        with self._lock:
            limits = self._limits_of(network, account)
            for limit in limits:
                self._check(*limit)
            self._under_way.update(_key(limit) for limit in limits)
        attempt = Try()
        try:
            yield attempt
        finally:
            with self._lock:
                self._under_way -= Counter(_key(limit) for limit in limits)
                if attempt.is_right is False:
                    for item, keys in limits:
                        self._limiter.hit(item, *keys)
                elif attempt.is_right:  # who knows the password has not been guessing
                    self._limiter.clear(_PAIR, network, account)
                    self._remember(network, account)

    def _check(self, item: RateLimitItem, keys: tuple[str, ...]) -> None:
        reset_s, remaining = self._limiter.get_window_stats(item, *keys)
        if remaining > self._under_way[_key((item, keys))]:
            return
        wait_s = reset_s - time.time() if remaining <= 0 else 1.0  # the others will have been looked at
        raise LimitReached(
            "Too many failed logins. Wait a few minutes.",
            code="too_many_logins",
            retry_after_s=max(1, min(900, int(wait_s) + 1)),
        )

    def _limits_of(self, network: str, account: str) -> tuple[_Limit, ...]:
        pair: tuple[_Limit, ...] = ((_PAIR, (network, account)), (_ADDRESS, (network,)))
        return pair if (network, account) in self._known else (*pair, (_ACCOUNT, (account,)))

    def _remember(self, network: str, account: str) -> None:
        self._known[(network, account)] = None
        self._known.move_to_end((network, account))
        if len(self._known) > _MOST_KNOWN:
            self._known.popitem(last=False)


def _key(limit: _Limit) -> str:
    item, keys = limit
    return item.key_for(*keys)
