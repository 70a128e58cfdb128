"""`flask --app app users ...`: manages accounts from the command line, also while the app runs.

A running app sees the changes within a second.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from flask.cli import AppGroup

from account_manager import AccountManager
from accounts.records import User, UserChange, UserDraft
from core.access import EVERYTHING, Role
from core.errors import AppError, InvalidRequest, StartRefused
from core.secrets import Secret
from database import Database


def users_commands(accounts: AccountManager, database: Database) -> AppGroup:
    """Return the command group `users`. Each command opens the database and closes it again."""
    group = AppGroup("users", help="Manage the accounts of the app.")

    @group.command("add", help="Create an account. The password is prompted for, or read from standard input.")
    @click.argument("name")
    @click.option(
        "--role", type=click.Choice([role.value for role in Role]), default=Role.ADMIN.value, show_default=True
    )
    def add(name: str, role: str) -> None:
        with _reported(), _opened(accounts, database) as manager:
            user = manager.add_user(UserDraft(name, _ask_password(), Role(role), EVERYTHING))
            _audit(manager, "add_user", user.name)
            click.echo(f"{user.name} is {user.role.value}.")

    @group.command("list", help="List all accounts.")
    def show() -> None:
        with _reported(), _opened(accounts, database) as manager:
            for user in manager.users():
                state = ", disabled" if user.disabled else ""
                limit = ", limited to some cameras" if user.scope.is_limited else ""
                click.echo(f"{user.name}: {user.role.value}{limit}{state}")

    @group.command("password", help="Set a new password. All logins of the account end.")
    @click.argument("name")
    def password(name: str) -> None:
        with _reported(), _opened(accounts, database) as manager:
            user = _find(manager, name)
            manager.change_user(user.id, UserChange(password=_ask_password()))
            _audit(manager, "change_user", user.name)
            click.echo(f"The password of {user.name} is changed; its logins have ended.")

    @group.command("disable", help="Disable an account and end its logins. It can be enabled again.")
    @click.argument("name")
    def disable(name: str) -> None:
        with _reported(), _opened(accounts, database) as manager:
            user = _find(manager, name)
            manager.change_user(user.id, UserChange(disabled=True))
            _audit(manager, "change_user", user.name)
            click.echo(f"{user.name} is disabled.")

    @group.command("enable", help="Enable a disabled account.")
    @click.argument("name")
    def enable(name: str) -> None:
        with _reported(), _opened(accounts, database) as manager:
            user = _find(manager, name)
            manager.change_user(user.id, UserChange(disabled=False))
            _audit(manager, "change_user", user.name)
            click.echo(f"{user.name} is enabled.")

    @group.command("remove", help="Remove an account, its logins and its tokens.")
    @click.argument("name")
    def remove(name: str) -> None:
        with _reported(), _opened(accounts, database) as manager:
            user = _find(manager, name)
            manager.remove_user(user.id)
            _audit(manager, "remove_user", user.name)
            click.echo(f"{user.name} is removed.")

    return group


@contextmanager
def _opened(accounts: AccountManager, database: Database) -> Iterator[AccountManager]:
    accounts.start()
    try:
        yield accounts
    finally:
        accounts.stop()
        database.close()


def _find(manager: AccountManager, name: str) -> User:
    user = manager.find_user(name)
    if user is None:
        raise click.ClickException(f"There is no user {name!r}.")
    return user


def _ask_password() -> Secret:
    if not sys.stdin.isatty():
        return Secret(sys.stdin.readline().rstrip("\r\n"))
    return Secret(click.prompt("Password (12 characters or more)", hide_input=True, confirmation_prompt=True))


def _audit(manager: AccountManager, action: str, user: str) -> None:
    manager.audit.write(action, who="command line", kind="local", address="", user=user)


@contextmanager
def _reported() -> Iterator[None]:
    """Turn the app's errors into a message of one line and exit code 1."""
    try:
        yield
    except InvalidRequest as error:
        raise click.ClickException("; ".join(f"{item.field}: {item.message}" for item in error.errors)) from None
    except AppError as error:
        raise click.ClickException(error.detail) from None
    except StartRefused as error:
        raise click.ClickException(str(error)) from None
