"""Limits of failed logins: per address, per account, and per pair of both.

The counts are in memory, or with several nodes in the database, over moving windows. An attempt counts before the
check of its password: the check takes a tenth of a second, in which a hundred other attempts could start. The pair has
the narrowest limit. The limit of the account is wide, and does not apply to addresses from which the account was logged
in before: attackers with many addresses lock out each other, but not the owner of the account.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from limits import RateLimitItemPerMinute

from accounts.failures import Failures, Limit, LocalFailures, network_of

_PAIR = RateLimitItemPerMinute(5, 5, namespace="pair")
_ADDRESS = RateLimitItemPerMinute(20, 5, namespace="address")
_ACCOUNT = RateLimitItemPerMinute(50, 15, namespace="account")
_MAX_KNOWN = 10_000


class Attempt:
    """One attempt to log in. It counts only after failed() or succeeded(), so not if the password was not checked."""

    def __init__(self) -> None:
        self.is_right: bool | None = None

    def failed(self) -> None:
        self.is_right = False

    def succeeded(self) -> None:
        self.is_right = True


class LoginLimits:
    """Counts failed logins. Create it when the app starts. Safe between threads.

    `known`: (address, account) pairs of earlier logins. `shared`: counts the failures of all nodes.
    """

    def __init__(self, known: Iterable[tuple[str, str]] = (), shared: Failures | None = None) -> None:
        self._failures: Failures = shared or LocalFailures()
        self._lock = threading.Lock()
        self._known: OrderedDict[tuple[str, str], None] = OrderedDict()
        for address, account in known:
            self._remember(network_of(address), account)

    @contextmanager
    def attempt(self, address: str, account: str) -> Iterator[Attempt]:
        """Enter this context to check a password. Raise LimitReached (too_many_logins, with a time to wait)."""
        network = network_of(address)
        others = [Limit(_ADDRESS, (network,))]
        if not self._is_known(network, account):
            others.append(Limit(_ACCOUNT, (account,)))
        running = self._failures.begin(Limit(_PAIR, (network, account)), tuple(others))
        attempt = Attempt()
        try:
            yield attempt
        finally:
            if attempt.is_right:  # earlier failures were typing errors, not guesses
                self._remember(network, account)
            self._failures.end(running, is_right=attempt.is_right)

    def _is_known(self, network: str, account: str) -> bool:
        with self._lock:
            if (network, account) in self._known:
                return True
        return self._failures.knows(network, account)

    def _remember(self, network: str, account: str) -> None:
        with self._lock:
            self._known[(network, account)] = None
            self._known.move_to_end((network, account))
            if len(self._known) > _MAX_KNOWN:
                self._known.popitem(last=False)
