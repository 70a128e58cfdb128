"""Changes between the check of a password and the action that follows; no change is half done."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Literal

import pytest
from argon2 import PasswordHasher

from account_manager import AccountManager
from accounts import passwords as passwords_module
from accounts.passwords import Passwords
from accounts.records import TokenDraft, UserChange, UserDraft, Visitor
from core.access import EVERYTHING, Role, Scope
from core.errors import InvalidRequest, NotLoggedIn, Unavailable
from core.secrets import Secret
from core.settings import Settings
from database import Database
from tests.accounts.hashing import CHEAP
from tests.hand_clock import HandClock

GOOD = Secret("correct-horse-battery")
OTHER = Secret("another-horse-stapled")
HERE = Visitor("192.168.1.7", "Firefox")


class InterruptedHasher(PasswordHasher):
    """A hasher that calls `meanwhile` once, during the next verification or hash."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=8, parallelism=1)
        self.meanwhile: Callable[[], object] | None = None
        self.is_outdated = False

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002 - argon2's own name
        is_right = super().verify(hash, password)
        self._interrupt()
        return is_right

    def hash(self, password: str | bytes, *, salt: bytes | None = None) -> str:
        self._interrupt()
        return super().hash(password, salt=salt)

    def _interrupt(self) -> None:
        meanwhile, self.meanwhile = self.meanwhile, None
        if meanwhile is not None:
            meanwhile()

    def check_needs_rehash(self, hash: str | bytes) -> bool:  # noqa: A002 - argon2's own name
        return self.is_outdated


@pytest.fixture
def hasher() -> InterruptedHasher:
    return InterruptedHasher()


@pytest.fixture
def slow(
    accounts: AccountManager, database: Database, settings: Settings, clock: HandClock, hasher: InterruptedHasher
) -> Iterator[AccountManager]:
    """A second manager over the same database, like that of the command line."""
    accounts.create_first("Anna", GOOD)
    accounts.add_user(UserDraft("Ben", GOOD, Role.REVIEWER))
    manager = AccountManager(database, settings, clock, passwords=Passwords(hasher))
    manager.start()
    yield manager
    manager.stop()


@pytest.mark.parametrize("is_outdated", [False, True], ids=["hash of today", "hash of yesterday"])
@pytest.mark.parametrize(
    "change", [UserChange(password=OTHER), UserChange(disabled=True)], ids=["another password", "disabled"]
)
def test_a_login_with_the_old_password_does_not_outlive_its_change(
    accounts: AccountManager, slow: AccountManager, hasher: InterruptedHasher, change: UserChange, is_outdated: bool
) -> None:
    hasher.is_outdated = is_outdated
    hasher.meanwhile = lambda: accounts.change_user(2, change)
    with pytest.raises(NotLoggedIn):
        slow.log_in("Ben", GOOD, HERE)
    assert accounts.sessions() == []
    accounts.change_user(2, UserChange(disabled=False))
    if change.password is not None:
        accounts.log_in("Ben", OTHER, HERE)
        with pytest.raises(NotLoggedIn):
            accounts.log_in("Ben", GOOD, HERE)


def test_two_concurrent_logins_that_renew_the_hash_both_succeed(
    accounts: AccountManager, slow: AccountManager, hasher: InterruptedHasher
) -> None:
    hasher.is_outdated = True
    hasher.meanwhile = lambda: slow.log_in("Ben", GOOD, HERE)
    slow.log_in("Ben", GOOD, HERE)
    assert len(accounts.sessions()) == 2


def test_the_second_of_two_password_changes_has_a_wrong_old_password(
    accounts: AccountManager, slow: AccountManager, hasher: InterruptedHasher
) -> None:
    _, who = slow.log_in("Ben", GOOD, HERE)
    hasher.meanwhile = lambda: accounts.change_user(2, UserChange(password=OTHER))
    with pytest.raises(InvalidRequest) as refused:
        slow.change_own_password(who, GOOD, Secret("third-horse-galloping"), HERE)
    assert refused.value.errors[0].field == "current_password"
    assert accounts.sessions() == []
    accounts.log_in("Ben", OTHER, HERE)


def test_a_change_without_a_free_slot_for_its_hash_changes_nothing(
    accounts: AccountManager, slow: AccountManager, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, _ = accounts.log_in("Ben", GOOD, HERE)
    busy = Passwords(CHEAP)
    monkeypatch.setattr(passwords_module, "_WAIT_S", 0.01)
    monkeypatch.setattr(accounts, "_passwords", busy)
    for _ in range(2):
        busy._slots.acquire()
    with pytest.raises(Unavailable):
        accounts.change_user(2, UserChange(role=Role.VIEWER, disabled=True, password=OTHER))
    kept = accounts.find_user("Ben")
    assert kept is not None
    assert (kept.role, kept.disabled) == (Role.REVIEWER, False)
    assert accounts.principal_of_session(token) is not None
    for _ in range(2):
        busy._slots.release()
    accounts.change_user(2, UserChange(role=Role.VIEWER, password=OTHER))
    assert accounts.principal_of_session(token) is None


def test_concurrent_changes_do_not_make_a_limited_admin(
    accounts: AccountManager, slow: AccountManager, hasher: InterruptedHasher
) -> None:
    hasher.meanwhile = lambda: accounts.change_user(2, UserChange(role=Role.ADMIN))
    with pytest.raises(InvalidRequest) as refused:
        slow.change_user(2, UserChange(scope=Scope({1: None}), password=OTHER))
    assert refused.value.errors[0].field == "cameras"
    ben = accounts.find_user("Ben")
    assert ben is not None
    assert (ben.role, ben.scope) == (Role.ADMIN, EVERYTHING)


@pytest.mark.parametrize("what", ["disable", "password", "remove", "expire"])
def test_logins_ended_elsewhere_or_expired_are_reported_to_listeners(
    accounts: AccountManager, slow: AccountManager, clock: HandClock, what: str
) -> None:
    admin, _ = accounts.log_in("Anna", GOOD, HERE)
    session, who = accounts.log_in("Ben", GOOD, HERE)
    expires_at = clock.now + timedelta(minutes=1)
    token, kept = accounts.add_token(who, TokenDraft("script", Role.VIEWER, EVERYTHING, expires_at))
    for principal in (accounts.principal_of_session(admin), accounts.principal_of_session(session)):
        assert principal is not None
    assert accounts.principal_of_token(token) is not None
    ended: list[frozenset[str]] = []
    accounts.on_ended(ended.append)
    accounts.report_ended_elsewhere()
    assert ended == []
    if what == "expire":
        clock.move(minutes=2)
    elif what == "remove":
        slow.remove_user(2)
    else:
        slow.change_user(2, UserChange(disabled=True) if what == "disable" else UserChange(password=OTHER))
    accounts.report_ended_elsewhere()
    expected = {
        "disable": {who.key, f"token:{kept.id}"},
        "password": {who.key},
        "remove": {who.key, f"token:{kept.id}"},
        "expire": {f"token:{kept.id}"},
    }
    assert ended == [frozenset(expected[what])]
    accounts.report_ended_elsewhere()
    assert len(ended) == 1
