"""Failed logins of one process, in memory, and the interface that it shares with the count of several nodes."""

from __future__ import annotations

import ipaddress
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Protocol

from limits import RateLimitItem
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from core.errors import LimitReached


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit, and what it counts: an address, an account, or a pair of both."""

    item: RateLimitItem
    keys: tuple[str, ...]

    @property
    def key(self) -> str:
        return self.item.key_for(*self.keys)


@dataclass(frozen=True, slots=True)
class Running:
    """An attempt that counts already. `rows`: its rows in the database, if several nodes count."""

    pair: Limit
    others: tuple[Limit, ...]
    rows: tuple[int, ...] = ()

    @property
    def limits(self) -> tuple[Limit, ...]:
        return (self.pair, *self.others)


class Failures(Protocol):
    """Counts failed and running attempts. Safe between threads."""

    def begin(self, pair: Limit, others: tuple[Limit, ...]) -> Running:
        """Count an attempt in all its limits. Raise LimitReached (too_many_logins), with a time to wait."""

    def end(self, running: Running, *, is_right: bool | None) -> None:
        """Keep the count of a wrong password. A right one forgets the pair's failures; None: nothing was checked."""

    def knows(self, network: str, account: str) -> bool:
        """True if the account has a login from this network at any node."""


class LocalFailures:
    """The count of a single process. Create it when the app starts, because its storage starts a thread."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._lock = threading.Lock()
        self._running: Counter[str] = Counter()

    def begin(self, pair: Limit, others: tuple[Limit, ...]) -> Running:
        running = Running(pair, others)
        with self._lock:
            for limit in running.limits:
                self._check(limit)
            self._running.update(limit.key for limit in running.limits)
        return running

    def end(self, running: Running, *, is_right: bool | None) -> None:
        with self._lock:
            self._running -= Counter(limit.key for limit in running.limits)
            if is_right is False:
                for limit in running.limits:
                    self._limiter.hit(limit.item, *limit.keys)
            elif is_right:
                self._limiter.clear(running.pair.item, *running.pair.keys)

    def knows(self, network: str, account: str) -> bool:
        """Return False: LoginLimits remembers the logins of its process."""
        del network, account
        return False

    def _check(self, limit: Limit) -> None:
        reset_s, remaining = self._limiter.get_window_stats(limit.item, *limit.keys)
        if remaining <= self._running[limit.key]:
            raise too_many_logins(reset_s - time.time() if remaining <= 0 else 0.0)


def too_many_logins(wait_s: float) -> LimitReached:
    """Return the refusal. `wait_s`: 0 if attempts run that will have ended by then."""
    return LimitReached(
        "Too many failed logins. Wait a few minutes.",
        code="too_many_logins",
        retry_after_s=max(1, min(900, int(wait_s) + 1)),
    )


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
