"""Limits of failed logins: per address, per account, and per pair of both.

They are kept in memory, or with several nodes in the database, over moving windows. An attempt counts from before the
check of its password: the check takes a tenth of a second, in which a hundred other attempts could start. The pair has
the narrowest limit. The limit of the account is wide, and does not apply to addresses from which the account was logged
in before: attackers with many addresses lock out each other, but not the owner of the account.
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

from accounts.shared_failures import SharedFailures
from core.errors import LimitReached

_PAIR = RateLimitItemPerMinute(5, 5, namespace="pair")
_ADDRESS = RateLimitItemPerMinute(20, 5, namespace="address")
_ACCOUNT = RateLimitItemPerMinute(50, 15, namespace="account")
_MAX_KNOWN = 10_000

_Limit = tuple[RateLimitItem, tuple[str, ...]]


def network_of(address: str) -> str:
    """Return the network that is limited: an IPv4 address, or the first 64 bits of an IPv6 address.

    The owner of one IPv6 address usually has all 2^64 addresses of its network.
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(ipaddress.IPv6Network((parsed, 64), strict=False))


class Attempt:
    """One attempt to log in. It counts only after failed() or succeeded(), so not if the password was not checked."""

    def __init__(self) -> None:
        self.is_right: bool | None = None

    def failed(self) -> None:
        self.is_right = False

    def succeeded(self) -> None:
        self.is_right = True


class LoginLimits:
    """Counts failed logins. Create it when the app starts, because its storage starts a thread. Safe between threads.

    `known`: (address, account) pairs of earlier logins. `shared`: counts the failures of all nodes.
    """

    def __init__(self, known: Iterable[tuple[str, str]] = (), shared: SharedFailures | None = None) -> None:
        self._limiter = shared or MovingWindowRateLimiter(MemoryStorage())
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        for address, account in known:
            self._remember(network_of(address), account)

    @contextmanager
    def attempt(self, address: str, account: str) -> Iterator[Attempt]:
        """Enter this context to check a password. Raise LimitReached (too_many_logins, with a time to wait)."""
        network = network_of(address)
        with self._lock:
            limits = self._limits_of(network, account)
            for limit in limits:
                self._check(*limit)
            self._running.update(_key(limit) for limit in limits)
        attempt = Attempt()
        try:
            yield attempt
        finally:
            with self._lock:
                self._running -= Counter(_key(limit) for limit in limits)
                if attempt.is_right is False:
                    for item, keys in limits:
                        self._limiter.hit(item, *keys)
                elif attempt.is_right:  # earlier failures were typing errors, not guesses
                    self._limiter.clear(_PAIR, network, account)
                    self._remember(network, account)

    def _check(self, item: RateLimitItem, keys: tuple[str, ...]) -> None:
        reset_s, remaining = self._limiter.get_window_stats(item, *keys)
        if remaining > self._running[_key((item, keys))]:
            return
        wait_s = reset_s - time.time() if remaining <= 0 else 1.0  # the running attempts will have ended
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
        if len(self._known) > _MAX_KNOWN:
            self._known.popitem(last=False)


def _key(limit: _Limit) -> str:
    item, keys = limit
    return item.key_for(*keys)
