"""Several nodes on one database: failed logins count together, and a login that ends at one node ends at all."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

import pytest
from sqlalchemy import func, select, update

from account_manager import AccountManager
from accounts.login_limits import LoginLimits
from accounts.passwords import Passwords
from accounts.records import Visitor
from accounts.shared_failures import SharedFailures
from core.errors import LimitReached, NotLoggedIn
from core.secrets import Secret
from core.settings import Settings
from database import Database
from tables import FailedLoginRow
from tests.accounts.hashing import CHEAP
from tests.hand_clock import HandClock
from tests.patience import promised, until

GOOD, WRONG = Secret("correct-horse-battery"), Secret("another-horse-stapled")
HERE = Visitor("192.168.1.7", "Firefox")


@contextmanager
def node(name: str, database: Database, settings: Settings, *, checks_logins: bool = False) -> Iterator[AccountManager]:
    """`name` "": a single process. Each node has a clock of its own."""
    own = replace(settings, node_name=name, data_dir=settings.data_dir / name)
    made = AccountManager(database, own, HandClock(), passwords=Passwords(CHEAP))
    made.start(checks_logins=checks_logins)
    try:
        yield made
    finally:
        made.stop()


@pytest.fixture
def nodes(database: Database, settings: Settings) -> Iterator[list[AccountManager]]:
    with node("a", database, settings) as first, node("b", database, settings) as second:
        first.create_first("Anna", GOOD)
        yield [first, second]


def fail(accounts: AccountManager, visitor: Visitor = HERE) -> None:
    with pytest.raises(NotLoggedIn):
        accounts.log_in("Anna", WRONG, visitor)


def test_failed_logins_at_all_nodes_count_together(nodes: list[AccountManager]) -> None:
    for number in range(5):
        fail(nodes[number % 2])
    for accounts in nodes:
        with pytest.raises(LimitReached) as refused:
            accounts.log_in("Anna", GOOD, HERE)
        assert refused.value.code == "too_many_logins"
        assert refused.value.retry_after_s is not None
        assert 0 < refused.value.retry_after_s <= 301
        accounts.log_in("Anna", GOOD, Visitor("192.168.1.8"))


def test_a_login_at_one_node_forgets_the_typing_errors_at_all(nodes: list[AccountManager]) -> None:
    for _ in range(4):
        fail(nodes[0])
    nodes[1].log_in("Anna", GOOD, HERE)
    for _ in range(4):
        fail(nodes[1])
    nodes[0].log_in("Anna", GOOD, HERE)


def test_attempts_that_run_at_several_nodes_count_together(database: Database) -> None:
    """An attempt counts from before the check of its password; otherwise each node would check five."""
    database.open()
    limits = [LoginLimits(shared=SharedFailures(database)) for _ in range(2)]
    with ExitStack() as running:
        for number in range(5):
            running.enter_context(limits[number % 2].attempt("192.168.1.7", "anna"))
        for one in limits:
            with pytest.raises(LimitReached), one.attempt("192.168.1.7", "anna"):
                pass
    with limits[0].attempt("192.168.1.7", "anna"):  # no password was checked, so none of the five counts
        pass


def test_a_login_beyond_its_limit_waits_for_no_writer(database: Database) -> None:
    database.open()
    limits = LoginLimits(shared=SharedFailures(database))
    with ExitStack() as running:
        for _ in range(5):
            running.enter_context(limits.attempt("192.168.1.7", "anna"))
        with database.write(), pytest.raises(LimitReached) as refused, limits.attempt("192.168.1.7", "anna"):
            pass
    assert refused.value.retry_after_s == 1, "the running attempts may be right"


def test_attackers_lock_no_owner_out_who_is_logged_in_at_another_node(nodes: list[AccountManager]) -> None:
    nodes[0].log_in("Anna", GOOD, HERE)
    for number in range(50):
        fail(nodes[0], Visitor(f"203.0.{number}.1"))
    with pytest.raises(LimitReached):
        nodes[1].log_in("Anna", GOOD, Visitor("203.0.113.9"))
    nodes[1].log_in("Anna", GOOD, HERE)


def test_old_failures_count_no_more_and_are_deleted(nodes: list[AccountManager], database: Database) -> None:
    for _ in range(5):
        fail(nodes[0])
    with database.write() as session:
        session.execute(update(FailedLoginRow).values(at_s=FailedLoginRow.at_s - 1000))
    fail(nodes[1])
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(FailedLoginRow)) == 3, "the pair, address and account"


def test_no_name_that_a_stranger_entered_is_stored(nodes: list[AccountManager], database: Database) -> None:
    with pytest.raises(NotLoggedIn):
        nodes[0].log_in("my-password-by-mistake", WRONG, HERE)
    with database.read() as session:
        keys = list(session.scalars(select(FailedLoginRow.key)))
    assert {len(key) for key in keys} == {64}


def test_a_single_process_counts_in_memory(database: Database, settings: Settings) -> None:
    with node("", database, settings) as accounts:
        accounts.create_first("Anna", GOOD)
        fail(accounts)
    with database.read() as session:
        assert session.scalar(select(func.count()).select_from(FailedLoginRow)) == 0


@pytest.mark.parametrize("end", ["log_out", "password", "ended_by_an_admin"])
def test_a_login_that_ends_at_one_node_ends_at_all_in_two_seconds(
    database: Database, settings: Settings, end: str
) -> None:
    with (
        node("a", database, settings) as first,
        node("b", database, settings, checks_logins=True) as second,
    ):
        first.create_first("Boss", GOOD)
        user = first.users()[0]
        token, who = first.log_in(user.name, GOOD, HERE)
        ended: list[frozenset[str]] = []
        second.on_ended(ended.append)
        assert second.principal_of_session(token) is not None
        with promised(2.0):
            if end == "log_out":
                first.log_out(who)
            elif end == "password":
                first.change_own_password(who, GOOD, WRONG, HERE)
            else:
                first.end_session(int(who.key.partition(":")[2]))
            until(lambda: ended == [frozenset({who.key})])
        assert second.principal_of_session(token) is None
