"""Accounts: creation, login, limits and the end of logins; over SQLite."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from sqlalchemy import text

from account_manager import TOKEN_PREFIX, AccountManager
from accounts.audit import AUDIT_FILE, AuditLog
from accounts.passwords import Passwords, check_password
from accounts.records import TokenDraft, UserChange, UserDraft, Visitor
from core.access import EVERYTHING, Permission, Role, Scope
from core.errors import AppError, Conflict, InvalidRequest, LimitReached, NotFound, NotLoggedIn
from core.secrets import Secret
from core.settings import Settings
from database import Database
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S
from tests.project_files import ROOT

GOOD = Secret("correct-horse-battery")
OTHER = Secret("another-horse-stapled")
HERE = Visitor("192.168.1.7", "Firefox")


@pytest.fixture
def admin(accounts: AccountManager) -> int:
    return accounts.create_first("Anna", GOOD).id


def test_the_choice_to_postpone_accounts_is_stored(accounts: AccountManager) -> None:
    assert not accounts.has_accounts()
    assert not accounts.is_postponed()
    accounts.postpone()
    accounts.postpone()
    assert accounts.is_postponed()


def test_the_first_account_is_an_admin_and_is_created_only_once(accounts: AccountManager) -> None:
    outcomes: list[object] = []

    def make(name: str) -> None:
        try:
            outcomes.append(accounts.create_first(name, GOOD).role)
        except Conflict as error:
            outcomes.append(error.code)

    threads = [threading.Thread(target=make, args=(f"user{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(map(str, outcomes)) == ["accounts_exist", "accounts_exist", "accounts_exist", "admin"]


@pytest.mark.parametrize(
    "password",
    [
        "short",
        "elevenchars",
        "password1234",
        "123456789012",
        "qwertyuiop12",
        "aaaaaaaaaaaaaa",
        "AnnaAnnaAnna",
        "x" * 257,
    ],
)
def test_a_common_password_is_refused(accounts: AccountManager, password: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        accounts.create_first("Anna", Secret(password))
    assert [item.field for item in refused.value.errors] == ["password"]
    assert password not in str(refused.value)
    assert not accounts.has_accounts()


@pytest.mark.parametrize(
    "password", ["correct horse battery", "überlange Straßenbahn", "канарейка поёт утром", "kH7$gq2!vbN4"]
)
def test_a_good_password_is_accepted(password: str) -> None:
    check_password(Secret(password))


def test_word_lists_are_read_for_new_passwords_only() -> None:
    program = "import sys, accounts.passwords; print('zxcvbn' in sys.modules)"
    command = [sys.executable, "-c", program]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=LIMIT_S, check=True)
    assert run.stdout.strip() == "False"


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "nul\x00", "\u202eanna", "two\nlines"])
def test_a_bad_name_is_refused(accounts: AccountManager, name: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        accounts.create_first(name, GOOD)
    assert [item.field for item in refused.value.errors] == ["name"]


def test_names_that_look_the_same_are_the_same(accounts: AccountManager, admin: int) -> None:
    for name in ("anna", "ANNA ", "\uff21nna"):
        with pytest.raises(Conflict) as refused:
            accounts.add_user(UserDraft(name, GOOD, Role.VIEWER))
        assert refused.value.code == "name_taken"


def test_a_login_gives_a_new_session_and_ends_at_logout(accounts: AccountManager, admin: int) -> None:
    first, principal = accounts.log_in("anna", GOOD, HERE)
    second, _ = accounts.log_in("Anna", GOOD, HERE)
    assert first != second
    assert principal.may(Permission.MANAGE)
    assert accounts.principal_of_session(first) == principal
    ended: list[frozenset[str]] = []
    accounts.on_ended(ended.append)
    accounts.log_out(principal)
    assert ended == [frozenset({principal.key})]
    assert accounts.principal_of_session(first) is None
    assert accounts.principal_of_session(second) is not None
    assert [item.address for item in accounts.sessions()] == ["192.168.1.7"]


def test_all_failed_logins_raise_the_same_error(accounts: AccountManager, admin: int) -> None:
    user = accounts.add_user(UserDraft("Ben", OTHER, Role.VIEWER))
    accounts.change_user(user.id, UserChange(disabled=True))
    told = set()
    for name, password in (("Anna", OTHER), ("Nobody", GOOD), ("Ben", OTHER)):
        with pytest.raises(NotLoggedIn) as refused:
            accounts.log_in(name, password, HERE)
        told.add((refused.value.code, refused.value.detail))
    assert len(told) == 1


def test_an_address_that_guesses_has_to_wait_and_its_neighbour_does_not(accounts: AccountManager, admin: int) -> None:
    for _ in range(5):
        with pytest.raises(NotLoggedIn):
            accounts.log_in("Anna", OTHER, HERE)
    with pytest.raises(LimitReached) as refused:
        accounts.log_in("Anna", GOOD, HERE)
    assert refused.value.code == "too_many_logins"
    assert 1 <= refused.value.retry_after_s <= 300
    accounts.log_in("Anna", GOOD, Visitor("192.168.1.8"))


def test_an_address_that_tries_many_names_has_to_wait(accounts: AccountManager, admin: int) -> None:
    for number in range(20):
        with pytest.raises(NotLoggedIn):
            accounts.log_in(f"name{number}", OTHER, HERE)
    with pytest.raises(LimitReached):
        accounts.log_in("Anna", GOOD, HERE)


def test_many_addresses_that_try_one_name_are_stopped(accounts: AccountManager, admin: int) -> None:
    for number in range(50):
        with pytest.raises(NotLoggedIn):
            accounts.log_in("Anna", OTHER, Visitor(f"10.1.{number}.1"))
    with pytest.raises(LimitReached):
        accounts.log_in("Anna", OTHER, Visitor("10.9.9.9"))


def test_only_two_hashes_run_at_a_time() -> None:
    running, most, lock = 0, 0, threading.Lock()

    class Slow:
        def verify(self, kept: str, password: str) -> bool:
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.05)
            with lock:
                running -= 1
            return True

    passwords = Passwords(Slow())  # type: ignore[arg-type]  # verify() is all that Passwords calls here
    threads = [threading.Thread(target=passwords.verify, args=("kept", GOOD)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2


@pytest.mark.parametrize(
    "change",
    [
        UserChange(password=OTHER),
        UserChange(role=Role.REVIEWER),
        UserChange(disabled=True),
        UserChange(scope=Scope({1: None})),
    ],
    ids=["password", "role", "disabled", "cameras"],
)
def test_a_change_of_rights_or_password_ends_the_logins_immediately(
    accounts: AccountManager, admin: int, change: UserChange
) -> None:
    user = accounts.add_user(UserDraft("Ben", GOOD, Role.VIEWER))
    token, principal = accounts.log_in("Ben", GOOD, HERE)
    own, _ = accounts.log_in("Anna", GOOD, HERE)
    assert accounts.principal_of_session(token) is not None
    ended: list[frozenset[str]] = []
    accounts.on_ended(ended.append)
    accounts.change_user(user.id, change)
    assert accounts.principal_of_session(token) is None
    assert any(principal.key in keys for keys in ended)
    assert accounts.principal_of_session(own) is not None


def test_a_changed_name_keeps_the_login(accounts: AccountManager, admin: int) -> None:
    token, _ = accounts.log_in("Anna", GOOD, HERE)
    accounts.change_user(admin, UserChange(name="Anne"))
    principal = accounts.principal_of_session(token)
    assert principal is not None
    assert principal.name == "Anne"


def test_a_password_change_needs_the_old_one_and_ends_other_logins(accounts: AccountManager, admin: int) -> None:
    elsewhere, _ = accounts.log_in("Anna", GOOD, HERE)
    here, principal = accounts.log_in("Anna", GOOD, HERE)
    with pytest.raises(InvalidRequest) as refused:
        accounts.change_own_password(principal, OTHER, OTHER, HERE)
    assert refused.value.errors[0].field == "current_password"
    new, _ = accounts.change_own_password(principal, GOOD, OTHER, HERE)
    assert accounts.principal_of_session(elsewhere) is None
    assert accounts.principal_of_session(here) is None
    assert accounts.principal_of_session(new) is not None
    accounts.log_in("Anna", OTHER, HERE)


def test_the_last_admin_cannot_be_removed_or_limited(accounts: AccountManager, admin: int) -> None:
    accounts.add_user(UserDraft("Ben", GOOD, Role.OPERATOR))
    for change in (UserChange(role=Role.OPERATOR), UserChange(disabled=True)):
        with pytest.raises(Conflict) as refused:
            accounts.change_user(admin, change)
        assert refused.value.code == "last_admin"
    with pytest.raises(Conflict):
        accounts.remove_user(admin)
    with pytest.raises(InvalidRequest):
        accounts.change_user(admin, UserChange(scope=Scope({1: None})))
    second = accounts.add_user(UserDraft("Cleo", GOOD, Role.ADMIN))
    accounts.remove_user(admin)
    assert [user.name for user in accounts.users()] == ["Ben", second.name]


def test_a_login_ends_if_unused_and_always_after_a_month(
    accounts: AccountManager, admin: int, clock: HandClock
) -> None:
    unused, _ = accounts.log_in("Anna", GOOD, HERE)
    used, _ = accounts.log_in("Anna", GOOD, HERE)
    for _ in range(29):
        clock.move(days=1)
        assert accounts.principal_of_session(used) is not None
    assert accounts.principal_of_session(unused) is None
    clock.move(days=2)
    assert accounts.principal_of_session(used) is None
    assert accounts.sessions() == []


def test_a_user_disabled_by_another_process_is_out_within_a_second(
    accounts: AccountManager, admin: int, clock: HandClock, database: Database, settings: Settings
) -> None:
    ben = accounts.add_user(UserDraft("Ben", GOOD, Role.VIEWER))
    token, _ = accounts.log_in("Ben", GOOD, HERE)
    assert accounts.principal_of_session(token) is not None
    outside = AccountManager(database, settings, clock)
    outside.start()
    outside.change_user(ben.id, UserChange(disabled=True))
    outside.stop()
    clock.move(seconds=1)
    assert accounts.principal_of_session(token) is None


def test_a_token_expires_and_has_at_most_the_rights_of_its_owner(
    accounts: AccountManager, admin: int, clock: HandClock
) -> None:
    second = accounts.add_user(UserDraft("Ben", GOOD, Role.ADMIN))
    _, principal = accounts.log_in("Ben", GOOD, HERE)
    expires_at = clock.now.replace(day=26)
    token, kept = accounts.add_token(
        principal, TokenDraft("backup", Role.OPERATOR, Scope({1: frozenset({1, 2})}), expires_at)
    )
    assert token.startswith(TOKEN_PREFIX)
    assert token not in repr((kept, accounts.tokens()))
    found = accounts.principal_of_token(token)
    assert found is not None
    assert (found.role, found.kind, found.name) == (Role.OPERATOR, "token", "Ben/backup")
    assert found.scope.has_channel(1, 2)
    assert not found.scope.has_channel(1, 3)
    assert not found.scope.has_camera(2)
    accounts.change_user(second.id, UserChange(role=Role.REVIEWER, scope=Scope({1: frozenset({2, 3}), 4: None})))
    found = accounts.principal_of_token(token)
    assert found is not None
    assert (found.role, found.scope) == (Role.REVIEWER, Scope({1: frozenset({2})}))
    accounts.change_user(second.id, UserChange(disabled=True))
    assert accounts.principal_of_token(token) is None
    accounts.change_user(second.id, UserChange(disabled=False))
    assert accounts.principal_of_token(token) is not None
    clock.move(days=2)
    assert accounts.principal_of_token(token) is None


def test_removed_tokens_and_users_lose_access_immediately(accounts: AccountManager, admin: int) -> None:
    second = accounts.add_user(UserDraft("Ben", GOOD, Role.ADMIN))
    session, principal = accounts.log_in("Ben", GOOD, HERE)
    token, kept = accounts.add_token(principal, TokenDraft("one", Role.VIEWER, EVERYTHING, None))
    other, _ = accounts.add_token(principal, TokenDraft("two", Role.VIEWER, EVERYTHING, None))
    assert accounts.principal_of_token(token) is not None
    accounts.remove_token(kept.id)
    assert accounts.principal_of_token(token) is None
    ended: list[frozenset[str]] = []
    accounts.on_ended(ended.append)
    accounts.remove_user(second.id)
    assert accounts.principal_of_token(other) is None
    assert accounts.principal_of_session(session) is None
    assert principal.key in ended[0]
    assert len(ended[0]) == 2
    with pytest.raises(NotFound):
        accounts.remove_user(second.id)


@pytest.mark.parametrize(
    "token", ["", "x" * 43, TOKEN_PREFIX, TOKEN_PREFIX + "y" * 43, "x" * 5000, "ü" * 43, "\x00" * 43]
)
def test_an_invented_token_has_no_principal(accounts: AccountManager, admin: int, token: str) -> None:
    assert accounts.principal_of_session(token) is None
    assert accounts.principal_of_token(token) is None


@pytest.mark.sqlite
def test_the_database_holds_no_usable_credential(
    accounts: AccountManager, admin: int, settings: Settings, database: Database
) -> None:
    session, principal = accounts.log_in("Anna", GOOD, HERE)
    token, _ = accounts.add_token(principal, TokenDraft("one", Role.VIEWER, EVERYTHING, None))
    files = [file.read_bytes() for file in settings.data_dir.rglob("*") if file.is_file()]
    assert files
    for secret in (session, token, token.removeprefix(TOKEN_PREFIX), GOOD.reveal()):
        assert not any(secret.encode() in content for content in files)
    assert any(b"$argon2id$" in content for content in files)


def test_an_unreadable_scope_allows_nothing(accounts: AccountManager, admin: int, database: Database) -> None:
    ben = accounts.add_user(UserDraft("Ben", GOOD, Role.VIEWER, Scope({1: None})))
    for broken in ("[]", "{", '{"a": 1}', "7", "null", ""):
        with database.write() as session:
            session.execute(text("UPDATE users SET scope = :scope WHERE id = :id"), {"scope": broken, "id": ben.id})
        scope = accounts.users()[1].scope
        assert scope.is_limited
        assert not scope.has_camera(1)


def test_the_audit_log_is_one_json_object_per_line_for_any_text(tmp_path: Path, clock: HandClock) -> None:
    audit = AuditLog(tmp_path / "logs", clock)
    audit.write("before it is open", who="x", kind="local", address="::1")
    audit.start()
    audit.write(
        "log_in",
        who='a"\n{"who": "admin"}\u2028',
        kind="session",
        address="::1",
        outcome="login_failed",
        camera_id=None,
    )
    audit.write("watch", who="b", kind="token", address="10.0.0.1", camera_id=3)
    audit.stop()
    audit.stop()
    lines = (tmp_path / "logs" / AUDIT_FILE).read_text().splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["log_in", "watch"]
    assert json.loads(lines[1]) == {
        "time": "2026-11-24T12:00:00.000Z",
        "who": "b",
        "kind": "token",
        "from": "10.0.0.1",
        "action": "watch",
        "outcome": "ok",
        "camera_id": 3,
    }


def test_a_failing_listener_does_not_keep_a_login_alive(accounts: AccountManager, admin: int) -> None:
    def fail(_: frozenset[str]) -> None:
        raise AppError("no")

    accounts.on_ended(fail)
    token, principal = accounts.log_in("Anna", GOOD, HERE)
    accounts.log_out(principal)
    assert accounts.principal_of_session(token) is None
