"""The command `flask --app app recordings reindex`, which makes the index of the app's own recordings again."""

from __future__ import annotations

import click
from flask.cli import AppGroup

from archive_manager import ArchiveManager
from core.errors import AppError, StartRefused
from core.settings import Settings, SettingsError
from web.instance_lock import InstanceLock


def recordings_commands(settings: Settings, archive: ArchiveManager) -> AppGroup:
    """Return the command group `recordings`."""
    group = AppGroup("recordings", help="The recordings that the app writes itself.")

    @group.command(
        "reindex",
        help="Make the index again from the files, and take over disks of ARCHIVE_DIRS from another installation."
        " The app must not run.",
    )
    def reindex() -> None:
        try:
            lock = InstanceLock(settings.data_dir)
            lock.acquire()
            try:
                result = archive.reindex()
            finally:
                lock.release()
        except AppError as error:
            raise click.ClickException(error.detail) from None
        except (StartRefused, SettingsError) as error:
            raise click.ClickException(str(error)) from None
        except OSError as error:
            raise click.ClickException(f"A disk cannot be read: {error.strerror}.") from None
        click.echo(f"{result.files} files with {result.size_bytes / 1e9:.1f} GB are in the index.")
        for volume in result.missing_volumes:
            click.echo(f"Left out: {volume}", err=True)

    return group
