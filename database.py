"""The database: transactions, and the upgrade to the newest schema. `tables` defines the tables.

It is a SQLite file, or a PostgreSQL database if DATABASE_URL names one. SQL stays portable (SQLAlchemy 2, Alembic):
only `database_dialects` depends on the engine. One transaction writes at a time, in all processes together.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, exc
from sqlalchemy.orm import Session

from core.errors import StartRefused, Unavailable
from database_dialects.dialect import DatabaseDialect, Listener, TransactionConflict, Use
from database_dialects.sqlite import SqliteDialect

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_UPGRADING = threading.Lock()  # Alembic's `context` and `op` are global variables
_Given = ParamSpec("_Given")
_Result = TypeVar("_Result")


def repeated(transaction: Callable[_Given, _Result]) -> Callable[_Given, _Result]:
    """Let a function run once more if the database ends its transaction in favour of another one.

    Only for functions of one transaction that change nothing else: of the first run nothing is left.
    """

    @wraps(transaction)
    def run(*args: _Given.args, **kwargs: _Given.kwargs) -> _Result:
        try:
            return transaction(*args, **kwargs)
        except TransactionConflict:
            log.info("%s runs once more: another transaction stood in its way", transaction.__qualname__)
            return transaction(*args, **kwargs)

    return run


class Database:
    """A database. `open()` creates or upgrades its tables; `read()` and `write()` are thread-safe."""

    def __init__(self, place: Path | str, *, migrations: Path = MIGRATIONS) -> None:
        """`place`: a SQLite file, or the URL of a PostgreSQL database."""
        self._place = place
        self._migrations = migrations
        self._engine: Engine | None = None
        self._dialect: DatabaseDialect | None = None
        self._upgrades = True
        self._patience_s: float | None = None
        self._is_lost: Callable[[], bool] = lambda: False
        self._connect_s: float | None = None
        self._began_s: dict[object, float] = {}  # of the open sessions

    @property
    def name(self) -> str:
        """Return the name of the database for messages; it has no password."""
        return self.dialect.name

    @property
    def dialect(self) -> DatabaseDialect:
        """Return what depends on the engine. Raise StartRefused if the URL cannot be read."""
        if self._dialect is None:
            dialect = _dialect_of(self._place)
            self._dialect = dialect if self._patience_s is None else dialect.apart(self._patience_s)
        return self._dialect

    def apart(self, patience_s: float) -> Database:
        """Return the same database for few short transactions that wait at most `patience_s`; open() upgrades nothing.

        On PostgreSQL its write() does not keep other writers out: it locks only the rows that it changes.
        """
        other = Database(self._place, migrations=self._migrations)
        other._patience_s = patience_s
        other._upgrades = False
        return other

    def open(self) -> None:
        """Make or upgrade the tables; for SQLite make the file. Do nothing if it is open already.

        Raise StartRefused, which tells the user the remedy, if that is impossible; the database is then unchanged.
        """
        if self._engine is not None:
            return
        if self._connect_s is not None:
            self.dialect.give_up_when(self._is_lost, self._connect_s)
        engine = self.dialect.make_engine()
        try:
            if self._upgrades:
                with _UPGRADING:
                    self._upgrade(engine)
        except exc.SQLAlchemyError as error:
            engine.dispose()
            raise StartRefused(self.dialect.cannot_open(error)) from error
        except BaseException:
            engine.dispose()
            raise
        self._engine = engine

    def close(self) -> None:
        """Close every connection; SQLite then copies its WAL into the file. May be called twice."""
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def give_up_when(self, is_lost: Callable[[], bool], connect_s: float) -> None:
        """Let read() and write() raise Unavailable immediately while `is_lost()`. Call it before open().

        `connect_s`: the longest wait for a new connection.
        """
        self._is_lost, self._connect_s = is_lost, connect_s

    def longest_s(self) -> float:
        """Return the seconds for which the oldest open session has been open; 0 if there is none."""
        return time.monotonic() - min(list(self._began_s.values()), default=time.monotonic())

    def end_connections(self) -> None:
        """End all connections to the server of the database, so that threads that wait for it get Unavailable."""
        self.dialect.end_connections()

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Open a session that reads a consistent state of the database. Raise Unavailable if it cannot be used."""
        with self._session(Use.READ) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Open a session that commits at the end, or rolls back if the block raises.

        Raise StorageFull if the disk is full, TransactionConflict if the database ended the transaction in favour of
        another one (see `repeated`), and Unavailable if the database stays locked or cannot be used.
        """
        with self._session(Use.WRITE) as session:
            session.connection()  # begin the transaction now, not with the first statement
            yield session
            session.commit()

    @contextmanager
    def _session(self, use: Use) -> Iterator[Session]:
        if self._engine is None:
            raise Unavailable("The app is starting or stopping.")
        if self._is_lost():
            raise Unavailable("The database cannot be reached.", code="database_unreachable", retry_after_s=5)
        key = object()
        self._began_s[key] = time.monotonic()
        try:
            with self.dialect.connect(self._engine, use) as connection, Session(connection) as session:
                yield session
        except exc.IntegrityError:
            raise  # the caller knows which constraint it may violate
        except exc.TimeoutError as error:  # all connections of the pool are in use
            raise Unavailable("The database was busy for too long.", code="database_locked") from error
        except exc.DBAPIError as error:
            raise self.dialect.translated(error) from error
        finally:
            del self._began_s[key]

    @contextmanager
    def listening(self, channel: str) -> Iterator[Listener]:
        """Hear the messages of a channel, if `dialect.can_notify`. Raise Unavailable if the database is lost."""
        if self._engine is None:
            raise Unavailable("The app is starting or stopping.")
        with self.dialect.listening(self._engine, channel) as listener:
            yield listener

    def _upgrade(self, engine: Engine) -> None:
        """Run all migrations in one transaction, so that a kill in the middle leaves the old schema unchanged."""
        scripts = _scripts_in(self._migrations)
        newest = scripts.get_current_head()
        with self.dialect.connect(engine, Use.UPGRADE) as connection, connection.begin():
            current = MigrationContext.configure(connection).get_current_revision()
            if current == newest:
                return
            if current is not None and current not in {script.revision for script in scripts.walk_revisions()}:
                raise StartRefused(
                    f"{self.name} was made by a newer version of this app (schema {current!r}). "
                    "Start that version, or set DATA_DIR or DATABASE_URL to another one. Nothing was changed."
                )
            if current is not None:
                log.info("upgrading %s from schema %s to %s", self.name, current, newest)
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


def _dialect_of(place: Path | str) -> DatabaseDialect:
    """Return the dialect for a file or a URL. The code for PostgreSQL is loaded only for its URLs."""
    if isinstance(place, Path):
        return SqliteDialect(place)
    from database_dialects.postgresql import PostgresDialect  # noqa: PLC0415 - 2 MB that SQLite does not need

    return PostgresDialect(place)
