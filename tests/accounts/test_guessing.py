"""Limits on password guesses: counted before the slow hash, per network, and without a lock-out of the owner."""

from __future__ import annotations

import threading
import time
from collections import Counter
from typing import Literal

import pytest
from argon2 import PasswordHasher

from account_manager import AccountManager
from accounts.failures import network_of
from accounts.passwords import Passwords
from accounts.records import Visitor
from core.errors import AppError, InvalidRequest, LimitReached, NotLoggedIn
from core.secrets import Secret
from core.settings import Settings
from database import Database
from tests.accounts.hashing import CHEAP
from tests.hand_clock import HandClock

pytestmark = pytest.mark.sqlite  # is about limits in memory and the time of hashes

GOOD = Secret("correct-horse-battery")
OTHER = Secret("another-horse-stapled")
HERE = Visitor("192.168.1.7", "Firefox")


@pytest.fixture
def admin(accounts: AccountManager) -> int:
    return accounts.create_first("Anna", GOOD).id


class CountingHasher(PasswordHasher):
    """A cheap hasher that counts hashes and verifications, each delayed by `takes_s`."""

    def __init__(self, takes_s: float = 0.0) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.takes_s = takes_s
        self.made = 0

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self.made += 1
        time.sleep(self.takes_s)
        return super().hash(password, salt=salt)

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's own name
        self.made += 1
        time.sleep(self.takes_s)
        return super().verify(hash, password)


def _concurrently(count: int, ask: object) -> Counter[str]:
    """Make `count` concurrent calls and count their error codes; "" stands for success."""
    codes: list[str] = []
    begin = threading.Barrier(count)

    def call(number: int) -> None:
        begin.wait()
        try:
            ask(number)  # type: ignore[operator] # a function of the test
            codes.append("")
        except AppError as error:
            codes.append(error.code)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return Counter(codes)


@pytest.mark.slow
def test_concurrent_guesses_have_the_same_limit_as_sequential_ones(
    database: Database, settings: Settings, clock: HandClock
) -> None:
    hasher = CountingHasher(takes_s=0.02)
    manager = AccountManager(database, settings, clock, passwords=Passwords(hasher))
    manager.start()
    manager.create_first("Anna", GOOD)
    hasher.made = 0
    codes = _concurrently(40, lambda _: manager.log_in("Anna", OTHER, HERE))
    assert codes == {"login_failed": 5, "too_many_logins": 35}
    assert hasher.made == 5
    many_names = _concurrently(40, lambda number: manager.log_in(f"name{number}", OTHER, Visitor("10.0.0.1")))
    assert many_names["login_failed"] == 20
    many_places = _concurrently(80, lambda number: manager.log_in("Ben", OTHER, Visitor(f"10.1.{number}.1")))
    assert many_places["login_failed"] == 50
    manager.stop()


def test_concurrent_guesses_at_the_old_password_are_limited_too(accounts: AccountManager, admin: int) -> None:
    _, who = accounts.log_in("Anna", GOOD, HERE)
    codes = _concurrently(20, lambda _: accounts.change_own_password(who, OTHER, OTHER, HERE))
    assert codes == {"invalid_request": 5, "too_many_logins": 15}


def test_successful_logins_never_count(accounts: AccountManager, admin: int) -> None:
    for _ in range(60):
        accounts.log_in("Anna", GOOD, HERE)
    assert _concurrently(5, lambda _: accounts.log_in("Anna", GOOD, HERE)) == {"": 5}
    _, who = accounts.log_in("Anna", GOOD, HERE)
    for _ in range(4):
        with pytest.raises(InvalidRequest):
            accounts.change_own_password(who, OTHER, OTHER, HERE)
    accounts.change_own_password(who, GOOD, OTHER, HERE)


def test_addresses_of_one_ipv6_network_share_a_limit(accounts: AccountManager, admin: int) -> None:
    for number in range(5):
        with pytest.raises(NotLoggedIn):
            accounts.log_in("Anna", OTHER, Visitor(f"2001:db8:1:2:{number}::1"))
    with pytest.raises(LimitReached):
        accounts.log_in("Anna", OTHER, Visitor("2001:db8:1:2:ffff:ffff:ffff:ffff"))
    accounts.log_in("Anna", GOOD, Visitor("2001:db8:1:3::1"))


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.168.1.7", "192.168.1.7"),
        ("::ffff:192.168.1.7", "192.168.1.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", ""),
        ("nonsense", "nonsense"),
    ],
)
def test_an_address_counts_as_its_network(address: str, network: str) -> None:
    assert network_of(address) == network


def test_guesses_from_elsewhere_do_not_lock_the_owner_out(
    accounts: AccountManager, admin: int, database: Database, settings: Settings, clock: HandClock
) -> None:
    accounts.log_in("Anna", GOOD, HERE)

    def guess(manager: AccountManager) -> None:
        for number in range(50):
            with pytest.raises(NotLoggedIn):
                manager.log_in("Anna", OTHER, Visitor(f"10.1.{number}.1"))
        with pytest.raises(LimitReached):
            manager.log_in("Anna", GOOD, Visitor("10.9.9.9"))

    guess(accounts)
    accounts.log_in("Anna", GOOD, HERE)
    restarted = AccountManager(database, settings, clock, passwords=Passwords(CHEAP))
    restarted.start()
    guess(restarted)
    restarted.log_in("Anna", GOOD, HERE)
    for _ in range(5):  # the limit of address and account together holds for the owner too
        with pytest.raises(NotLoggedIn):
            restarted.log_in("Anna", OTHER, HERE)
    with pytest.raises(LimitReached):
        restarted.log_in("Anna", GOOD, HERE)
    restarted.stop()


def test_an_unknown_name_costs_one_hash_from_the_first_try_on(
    database: Database, settings: Settings, clock: HandClock
) -> None:
    hasher = CountingHasher()
    manager = AccountManager(database, settings, clock, passwords=Passwords(hasher))
    manager.start()
    manager.create_first("Anna", GOOD)
    for number, name in enumerate(("Nobody", "Anna", "Nobody", "x" * 200, "Anna")):
        hasher.made = 0
        with pytest.raises(NotLoggedIn):
            manager.log_in(name, OTHER, Visitor(f"10.0.0.{number}"))
        assert hasher.made == 1, name
    manager.stop()


@pytest.mark.slow
def test_an_unknown_name_takes_as_long_as_a_wrong_password(
    database: Database, settings: Settings, clock: HandClock
) -> None:
    manager = AccountManager(database, settings, clock)  # with hashes of the real cost
    manager.start()
    manager.create_first("Anna", GOOD)

    def took_s(name: str, number: int) -> float:
        """Return the processor time, which other load on the machine does not change."""
        began_s = time.process_time()
        with pytest.raises(NotLoggedIn):
            manager.log_in(name, OTHER, Visitor(f"10.0.{number}.1"))
        return time.process_time() - began_s

    took = [(took_s("Nobody", number), took_s("Anna", number)) for number in range(5)]
    manager.stop()
    unknown, known = (min(each) for each in zip(*took, strict=True))  # other threads and cold caches only add time
    assert 0.6 < unknown / known < 1.6
