"""SQLite, the default: a file of the app's own.

It uses WAL, so that readers do not wait for the writer, and BEGIN IMMEDIATE for every transaction that writes: a
deferred transaction that reads first and writes later fails with "database is locked" as soon as two threads do it.
"""

from __future__ import annotations

import errno
import logging
import os
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event, exc, text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session
from sqlalchemy.types import String

from core.errors import AppError, StartRefused, StorageFull, Unavailable
from database_dialects.clean_text import CleanText
from database_dialects.dialect import USE, Listener, Use

log = logging.getLogger(__name__)

_BUSY_TIMEOUT_MS = 5000


class _Dialect(SQLiteDialect_pysqlite):
    """SQLAlchemy's dialect, which also takes texts that UTF-8 cannot hold."""

    supports_statement_cache = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.colspecs = {**self.colspecs, String: CleanText}


registry.register("sqlite.viewer", __name__, "_Dialect")


class SqliteDialect:
    """A SQLite file: folder 0700 and file 0600, made if missing."""

    def __init__(self, file: Path, *, patience_s: float | None = None) -> None:
        self._file = file
        self._patience_s = patience_s

    @property
    def clock_s(self) -> None:
        """Return None: the processes of a file share the clocks of their machine."""

    @property
    def can_notify(self) -> bool:
        return False

    def listening(self, engine: Engine, channel: str) -> AbstractContextManager[Listener]:
        raise Unavailable(f"{self.name} has no messages: {engine.dialect.name} cannot send {channel}.")

    def apart(self, patience_s: float) -> SqliteDialect:
        """Return the same file. SQLite has one writer in any case; the wait for it is shorter."""
        return SqliteDialect(self._file, patience_s=patience_s)

    @property
    def name(self) -> str:
        return str(self._file)

    def give_up_when(self, is_lost: Callable[[], bool], connect_s: float) -> None:
        """Do nothing: SQLite does not wait when it opens a file."""

    def end_connections(self) -> None:
        """Do nothing: a file has no server."""

    def make_engine(self) -> Engine:
        try:
            _make_file(self._file)
            _refuse_damaged(self._file)
        except (OSError, sqlite3.Error) as error:
            raise StartRefused(self._cannot_open(error)) from error
        return _make_engine(self._file, self._patience_s)

    def connect(self, engine: Engine, use: Use) -> Connection:
        return engine.connect().execution_options(**{USE: use})

    def translated(self, error: exc.DBAPIError) -> AppError:
        text_of_error = str(error.orig).lower()
        if "full" in text_of_error or "disk i/o" in text_of_error:
            return StorageFull("The disk that holds the database is full; nothing was saved.")
        if "locked" in text_of_error or "busy" in text_of_error:
            return Unavailable("The database was locked for too long.", code="database_locked")
        log.error("the database refused a statement: %s", error.orig)
        return Unavailable(
            "The database cannot be used; the log has the reason.", code="database_failed", retry_after_s=30
        )

    def cannot_open(self, error: exc.SQLAlchemyError) -> str:
        return self._cannot_open(error)

    def last_ids(self, session: Session) -> dict[str, int]:
        return {str(name): int(last) for name, last in session.execute(text("SELECT name, seq FROM sqlite_sequence"))}

    def set_last_ids(self, session: Session, last_ids: Mapping[str, int]) -> None:
        for name, last in last_ids.items():
            session.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": name})
            row = {"name": name, "last": last}
            session.execute(text("INSERT INTO sqlite_sequence (name, seq) VALUES (:name, :last)"), row)

    def purge_deleted(self, session: Session) -> None:
        """Copy the WAL, which has old pages, into the file, and empty it."""
        session.execute(text("PRAGMA wal_checkpoint(TRUNCATE)"))

    def _cannot_open(self, error: Exception) -> str:
        original = getattr(error, "orig", None) or error
        if "locked" in str(original):
            return f"{self._file} is in use by another program ({original}). Nothing was changed."
        if isinstance(original, sqlite3.DatabaseError) and not isinstance(original, sqlite3.OperationalError):
            return (
                f"{self._file} is damaged or is not a database ({original}). It was not changed: restore a backup of "
                "it, or move it away to start with an empty one."
            )
        return f"{self._file} cannot be used as the database: {original}. Nothing was changed."


def _make_file(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    # SQLite would create it with the umask's mode. It gives the -wal and -shm files the mode of this file. An existing
    # file is not opened here: to close it would release the locks that other connections of this process hold (POSIX),
    # and then another process deletes their write-ahead log.
    try:
        os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    except FileExistsError:
        if not os.access(file, os.R_OK | os.W_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(file)) from None
    file.chmod(0o600)


def _refuse_damaged(file: Path) -> None:
    with closing(sqlite3.connect(file, timeout=_BUSY_TIMEOUT_MS / 1000)) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"quick_check: {verdict}")


def _make_engine(file: Path, patience_s: float | None = None) -> Engine:
    engine = create_engine(
        f"sqlite+viewer:///{file}",
        pool_size=4,
        max_overflow=28,
        connect_args={"timeout": patience_s or _BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def _prepare(connection: sqlite3.Connection, _record: Any) -> None:
        # The driver must not begin transactions itself: it would begin deferred ones and commit them before DDL, so
        # that a killed migration would be half done.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode=WAL").close()
        connection.execute("PRAGMA synchronous=NORMAL").close()
        connection.execute("PRAGMA foreign_keys=ON").close()
        connection.execute("PRAGMA secure_delete=ON").close()

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reads = connection.get_execution_options().get(USE) is Use.READ
        connection.exec_driver_sql("BEGIN DEFERRED" if reads else "BEGIN IMMEDIATE")

    return engine
