"""The command `flask --app app secrets rotate`, which replaces the encryption key of the camera passwords."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from account_manager import AccountManager
from core.errors import AppError, StartRefused
from core.settings import Settings, SettingsError
from onvif_manager import OnvifManager
from web.instance_lock import InstanceLock


def secrets_commands(settings: Settings, cameras: OnvifManager, accounts: AccountManager) -> AppGroup:
    """Return the command group `secrets`."""
    group = AppGroup("secrets", help="The key that encrypts camera passwords.")

    @group.command(
        "rotate", help="Make a new key and encrypt all camera passwords with it. Neither the app nor any node may run."
    )
    def rotate() -> None:
        try:
            count = _rotate_key(settings, cameras, accounts)
        except AppError as error:
            raise click.ClickException(error.detail) from None
        except (StartRefused, SettingsError) as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"{count} passwords are encrypted with a new key. Copies of the old key file open only old backups.")
        if settings.node_name:
            click.echo(f"Copy {settings.key_file} to all other nodes before you start them.")

    return group


def _rotate_key(settings: Settings, cameras: OnvifManager, accounts: AccountManager) -> int:
    """Replace the key, and write a line to the audit log. Return the number of passwords.

    Raise SettingsError if the app runs, and StartRefused if another node runs or the old key is missing or wrong.
    """
    lock = InstanceLock(settings.data_dir)
    lock.acquire()
    try:
        count = cameras.rotate_key()
        accounts.audit.start()
        accounts.audit.write("rotate_secrets", who="command line", kind="local", address="", count=count)
        return count
    finally:
        accounts.audit.stop()
        lock.release()
