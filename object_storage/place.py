"""The place of the copies: the bucket of the settings must be the one that has the objects of the database."""

from __future__ import annotations

from collections.abc import Callable

import click
from flask.cli import AppGroup
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from core.clock import Clock
from core.errors import AppError, StartRefused
from core.settings import Settings
from database import Database
from tables import ArchiveFileRow, ChoiceRow, ObjectLeftoverRow
from tables.living_nodes import refuse_living_nodes

_CHOICE = "place of copies"
_REMEDY = (
    "The copies of the recordings are at {before}, and the settings name {now}. Set OBJECT_STORAGE_URL and "
    "OBJECT_STORAGE_ENDPOINT back. If you have moved all objects to the new place, run 'flask --app app copies moved'. "
    "To give up the old copies and to upload again what the disks have, run 'flask --app app copies forget'. "
    "Nothing was changed."
)


class CopiesPlace:
    """Needs an open database. Thread-safe. Each method raises Unavailable or StorageFull."""

    def __init__(self, database: Database, settings: Settings) -> None:
        self._database = database
        self._now = _place_of(settings)

    def check(self) -> None:
        """Remember the bucket of the settings. Raise StartRefused if the copies of the database are in another one."""
        with self._database.write() as session:
            row = session.get(ChoiceRow, _CHOICE)
            if row is not None and row.value != self._now and _has_objects(session):
                raise StartRefused(_REMEDY.format(before=row.value, now=self._now))
            self._remember(session)

    def note_moved(self, clock: Clock) -> None:
        """Note that all objects are in the bucket of the settings now. Raise AppError while a node lives."""
        with self._database.write() as session:
            refuse_living_nodes(session, self._database.dialect.clock_s, clock)
            self._remember(session)

    def forget_copies(self, clock: Clock) -> None:
        """Forget all copies: files on disks wait for new ones. Raise AppError while a node lives."""
        with self._database.write() as session:
            refuse_living_nodes(session, self._database.dialect.clock_s, clock)
            has_copy = ArchiveFileRow.object_key.is_not(None)
            session.execute(delete(ArchiveFileRow).where(has_copy, ArchiveFileRow.is_on_disk.is_(False)))
            session.execute(update(ArchiveFileRow).where(has_copy).values(object_key=None))
            session.execute(delete(ObjectLeftoverRow))
            self._remember(session)

    def _remember(self, session: Session) -> None:
        session.merge(ChoiceRow(name=_CHOICE, value=self._now))


def copies_commands(database: Database, settings: Settings, clock: Clock) -> AppGroup:
    """Return the command group `copies`. Each command opens the database and closes it again."""
    group = AppGroup("copies", help="The copies of recordings in the object storage, after a change of the bucket.")
    place = CopiesPlace(database, settings)

    @group.command("moved", help="All objects are in the bucket of the settings now. The app must not run.")
    def moved() -> None:
        _run(database, lambda: place.note_moved(clock))
        click.echo("The copies are expected in the bucket of the settings.")

    @group.command("forget", help="Give up all copies, and upload again what the disks have. The app must not run.")
    def forget() -> None:
        _run(database, lambda: place.forget_copies(clock))
        click.echo("All copies are forgotten. The objects in the old bucket stay there until you delete them.")

    return group


def _run(database: Database, change: Callable[[], None]) -> None:
    try:
        database.open()
        try:
            change()
        finally:
            database.close()
    except AppError as error:
        raise click.ClickException(error.detail) from None
    except StartRefused as error:
        raise click.ClickException(str(error)) from None


def _place_of(settings: Settings) -> str:
    url, endpoint = settings.object_storage_url.strip("/"), settings.object_storage_endpoint.rstrip("/").lower()
    return f"{url} at {endpoint}" if endpoint else url


def _has_objects(session: Session) -> bool:
    """True if the database knows an object."""
    return any(
        session.scalar(wanted.limit(1)) is not None
        for wanted in (
            select(ArchiveFileRow.id).where(ArchiveFileRow.object_key.is_not(None)),
            select(ObjectLeftoverRow.object_key),
        )
    )
