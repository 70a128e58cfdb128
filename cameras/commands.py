"""The command `flask --app app secrets rotate`, which replaces the encryption key of the camera passwords."""

from __future__ import annotations

from collections.abc import Callable

import click
from flask.cli import AppGroup

from core.errors import AppError, StartRefused
from core.settings import SettingsError


def secrets_commands(rotate: Callable[[], int]) -> AppGroup:
    """Return the command group `secrets`. `rotate` replaces the key and returns the number of passwords."""
    group = AppGroup("secrets", help="The key that encrypts camera passwords.")

    @group.command("rotate", help="Make a new key and encrypt all camera passwords with it. The app must not run.")
    def rotate_key() -> None:
        try:
            count = rotate()
        except AppError as error:
            raise click.ClickException(error.detail) from None
        except (StartRefused, SettingsError) as error:
            raise click.ClickException(str(error)) from None
        click.echo(f"{count} passwords are encrypted with a new key. Copies of the old key file open only old backups.")

    return group
