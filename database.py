"""The SQLite database: engine, transactions, and the upgrade to the newest schema. `tables` defines the tables.

SQL stays portable (SQLAlchemy 2, Alembic); only this file depends on SQLite. It uses WAL, so that readers do not wait
for the writer, and BEGIN IMMEDIATE for every transaction that writes: a deferred transaction that reads first and
writes later fails with "database is locked" as soon as two threads do it.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, event, exc
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from core.errors import AppError, StartRefused, StorageFull, Unavailable

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_BUSY_TIMEOUT_MS = 5000
_UPGRADING = threading.Lock()  # Alembic's `context` and `op` are global variables


class Database:
    """The SQLite file. `open()` creates or upgrades it; `read()` and `write()` are thread-safe."""

    def __init__(self, file: Path, *, migrations: Path = MIGRATIONS) -> None:
        self._file = file
        self._migrations = migrations
        self._engine: Engine | None = None

    @property
    def file(self) -> Path:
        return self._file

    def open(self) -> None:
        """Create folder (0700) and file (0600) if missing, and upgrade the schema. Do nothing if it is open already.

        Raise StartRefused, which tells the user the remedy, if that is impossible; the file is then unchanged.
        """
        if self._engine is not None:
            return
        try:
            _make_file(self._file)
            _refuse_damaged(self._file)
            engine = _make_engine(self._file)
        except (OSError, sqlite3.Error) as error:
            raise StartRefused(_cannot_open(self._file, error)) from error
        try:
            with _UPGRADING:
                self._upgrade(engine)
        except exc.SQLAlchemyError as error:
            engine.dispose()
            raise StartRefused(_cannot_open(self._file, error)) from error
        except BaseException:
            engine.dispose()
            raise
        self._engine = engine

    def close(self) -> None:
        """Close every connection; SQLite then copies the WAL into the file. May be called twice."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that reads a consistent state of the database. Raise Unavailable if it cannot be used."""
        with self._session("BEGIN DEFERRED") as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that commits at the end, or rolls back if the block raises.

        Raise StorageFull if the disk is full, and Unavailable if the database stays locked or cannot be used.
        """
        with self._session("BEGIN IMMEDIATE") as session:
            session.connection()  # begin the transaction now, not with the first statement
            yield session
            session.commit()

    @contextmanager
    def _session(self, begin: str) -> Iterator[Session]:
        if self._engine is None:
            raise Unavailable("The app is starting or stopping.")
        try:
            with (
                self._engine.connect().execution_options(sqlite_begin=begin) as connection,
                Session(connection) as session,
            ):
                yield session
        except exc.IntegrityError:
            raise  # the caller knows which constraint it may violate
        except exc.DBAPIError as error:
            raise _translated(error) from error

    def _upgrade(self, engine: Engine) -> None:
        """Run all migrations in one transaction, so that a kill in the middle leaves the old schema unchanged."""
        scripts = _scripts_in(self._migrations)
        newest = scripts.get_current_head()
        with engine.connect().execution_options(sqlite_begin="BEGIN IMMEDIATE") as connection, connection.begin():
            current = MigrationContext.configure(connection).get_current_revision()
            if current == newest:
                return
            if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
                raise StartRefused(
                    f"{self._file} was made by a newer version of this app (schema {current!r}). "
                    "Start that version, or set DATA_DIR to another folder. Nothing was changed."
                )
            if current is not None:
                log.info("upgrading %s from schema %s to %s", self._file, current, newest)
            config = _config_of(self._migrations)
            config.attributes["connection"] = connection
            logging.getLogger("alembic").setLevel(logging.WARNING)  # its INFO lines repeat ours
            command.upgrade(config, "head")


def _config_of(migrations: Path) -> Config:
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    return config


@cache
def _scripts_in(migrations: Path) -> ScriptDirectory:
    """Return the scripts of a folder. Reading them takes half the time of `open()`; tests open hundreds of files."""
    return ScriptDirectory.from_config(_config_of(migrations))


def _make_file(file: Path) -> None:
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file.parent.chmod(0o700)
    # SQLite would create it with the umask's mode. It gives the -wal and -shm files the mode of this file.
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    file.chmod(0o600)


def _refuse_damaged(file: Path) -> None:
    with closing(sqlite3.connect(file, timeout=_BUSY_TIMEOUT_MS / 1000)) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        raise sqlite3.DatabaseError(f"quick_check: {verdict}")


def _make_engine(file: Path) -> Engine:
    engine = create_engine(
        f"sqlite:///{file}",
        pool_size=4,
        max_overflow=28,
        connect_args={"timeout": _BUSY_TIMEOUT_MS / 1000, "check_same_thread": False},
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
        connection.exec_driver_sql(connection.get_execution_options().get("sqlite_begin", "BEGIN IMMEDIATE"))

    return engine


def _translated(error: exc.DBAPIError) -> AppError:
    text = str(error.orig).lower()
    if "full" in text or "disk i/o" in text:
        return StorageFull("The disk that holds the database is full; nothing was saved.")
    if "locked" in text or "busy" in text:
        return Unavailable("The database was locked for too long.", code="database_locked")
    log.error("the database refused a statement: %s", error.orig)
    return Unavailable("The database cannot be used; the log has the reason.", code="database_failed", retry_after_s=30)


def _cannot_open(file: Path, error: Exception) -> str:
    original = getattr(error, "orig", None) or error
    if "locked" in str(original):
        return f"{file} is in use by another program ({original}). Nothing was changed."
    if isinstance(original, sqlite3.DatabaseError) and not isinstance(original, sqlite3.OperationalError):
        return (
            f"{file} is damaged or is not a database ({original}). It was not changed: restore a backup of it, "
            "or move it away to start with an empty one."
        )
    return f"{file} cannot be used as the database: {original}. Nothing was changed."
