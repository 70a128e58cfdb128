"""PostgreSQL, for installations that set DATABASE_URL. Its driver, psycopg, is an optional package.

A transaction that writes first takes a lock of the whole database: the stores rely on one writer at a time, as SQLite
has it. The server itself ends a transaction whose app hangs, so that the lock does not block other apps for long.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Engine, column, create_engine, event, exc, func, select, table, text
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.types import BigInteger, Integer, SmallInteger, String

from core.errors import AppError, StartRefused, StorageFull, Unavailable
from database_dialects.clean_text import CleanText
from database_dialects.dialect import USE, Listener, TransactionConflict, Use
from database_dialects.open_connections import OpenConnections

if TYPE_CHECKING:
    import psycopg

log = logging.getLogger(__name__)

_WRITER_LOCK = 0x4F4E564946  # the same number for every app of a database
_POOL_TIMEOUT_S = 5
_UPGRADE_WAIT_MS = 600_000  # of a node for the upgrade that another one makes

_FULL = {"53100", "58030"}  # no space on the disk, an error of the disk
_LOCKED = {"55P03", "57014", "25P03"}
_CONFLICT = {"40001", "40P01"}  # it read rows that another transaction has changed; a deadlock
_UNREACHABLE = {"57P01", "57P02", "57P03", "53300", "57P05"}  # it stops, crashes, starts; it has no free connection


class _Text(CleanText):
    render_bind_cast = True


class _Dialect(PGDialect_psycopg):
    """SQLAlchemy's dialect, which also takes texts and whole numbers that a column cannot hold."""

    supports_statement_cache = True

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)  # type: ignore[no-untyped-call]
        # Without the cast to the column's type, an id that the column cannot hold matches no row, as it does on SQLite.
        uncast = {kind: kind for kind in (Integer, SmallInteger, BigInteger)}
        self.colspecs = {**self.colspecs, **uncast, String: _Text}


registry.register("postgresql.viewer", __name__, "_Dialect")


@compiles(String, "postgresql")
def _no_length(_element: String, _compiler: Any, **_options: Any) -> str:
    """Make every text column one without a limit, as SQLite has them: one place checks lengths, where a text enters."""
    return "VARCHAR"


class PostgresDialect:
    """A PostgreSQL database. `url`: postgresql://user:password@host:port/name, and libpq's options."""

    def __init__(self, url: str, *, patience_s: float | None = None) -> None:
        try:
            parsed = make_url(url.replace("postgres://", "postgresql://", 1))
        except (exc.ArgumentError, ValueError):
            raise StartRefused(
                "DATABASE_URL cannot be read. Write postgresql://user:password@host:5432/name, with the special "
                "characters of the password percent-encoded."
            ) from None
        self._url: URL = parsed.set(drivername="postgresql+viewer")
        self._patience_s = patience_s
        self._is_lost = False
        self._connections = OpenConnections()
        self._gives_up: Callable[[], bool] = lambda: False
        self._connect_s: float | None = None

    @property
    def clock_s(self) -> str:
        return "extract(epoch FROM clock_timestamp())::double precision"

    @property
    def can_notify(self) -> bool:
        return True

    @contextmanager
    def listening(self, engine: Engine, channel: str) -> Iterator[Listener]:
        try:
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql(f"LISTEN {channel}")
                listener = _Listener(connection)
                connection.detach()  # it ends with this block, and nobody else gets it
                yield listener
        except exc.DBAPIError as error:
            raise self.translated(error) from error

    def apart(self, patience_s: float) -> PostgresDialect:
        """Return the same database with a pool of its own, and without the lock of the writer."""
        return PostgresDialect(self._url.render_as_string(hide_password=False), patience_s=patience_s)

    def give_up_when(self, is_lost: Callable[[], bool], connect_s: float) -> None:
        self._gives_up, self._connect_s = is_lost, connect_s

    def end_connections(self) -> None:
        self._connections.end_all()

    @property
    def name(self) -> str:
        host = self._url.host or self._url.query.get("host") or "this machine"
        port = f", port {self._url.port}" if self._url.port else ""
        return f"the PostgreSQL database {self._url.database!r} ({host}{port})"

    def make_engine(self) -> Engine:
        try:
            import psycopg  # noqa: F401, PLC0415 - an optional package
        except ImportError:
            raise StartRefused(
                "DATABASE_URL names a PostgreSQL database, and its driver is not installed. Run:  make postgresql"
            ) from None
        engine = self._make_engine()
        try:
            with engine.connect() as connection:
                encoding = connection.exec_driver_sql("SHOW server_encoding").scalar_one()
                is_read_only = connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() == "on"
        except (exc.SQLAlchemyError, UnicodeError) as error:
            engine.dispose()
            raise StartRefused(self._cannot_open(error)) from None
        if encoding == "UTF8" and not is_read_only:
            return engine
        engine.dispose()
        if is_read_only:
            raise StartRefused(f"Nothing can be written into {self.name}: it is a standby, or set to read-only.")
        raise StartRefused(
            f"{self.name} stores texts as {encoding}, which lacks most characters. Make one in UTF-8:\n"
            f"CREATE DATABASE name TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8'"
        )

    def connect(self, engine: Engine, use: Use) -> Connection:
        options: dict[str, Any] = {USE: use}
        if use is Use.READ:
            options |= {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
        return engine.connect().execution_options(**options)

    def translated(self, error: exc.DBAPIError) -> AppError:
        state = _state_of(error)
        if state in _FULL:
            log.error("the database cannot write to its disk: %s", self._message_of(error))
            return StorageFull("The disk that holds the database is full; nothing was saved.")
        if state in _CONFLICT:
            return TransactionConflict("Another request stood in the way of this one. Send it again.")
        if state in _LOCKED:
            return Unavailable("The database was locked for too long.", code="database_locked")
        if error.connection_invalidated or state in _UNREACHABLE or state.startswith("08") or self._is_no_answer(error):
            if not self._is_lost:  # once, not for each of many requests
                log.error("the database cannot be reached: %s", self._message_of(error))
            self._is_lost = True
            return Unavailable("The database cannot be reached.", code="database_unreachable", retry_after_s=5)
        log.error("the database refused a statement: %s", self._message_of(error))
        return Unavailable(
            "The database cannot be used; the log has the reason.", code="database_failed", retry_after_s=30
        )

    def cannot_open(self, error: exc.SQLAlchemyError) -> str:
        return self._cannot_open(error)

    def last_ids(self, session: Session) -> dict[str, int]:
        last_ids = {
            name: session.scalar(text("SELECT pg_sequence_last_value(CAST(:name AS regclass))"), {"name": sequence})
            for name, sequence in self._sequences(session).items()
        }
        return {name: last for name, last in last_ids.items() if last is not None}  # None: it never gave one

    def set_last_ids(self, session: Session, last_ids: Mapping[str, int]) -> None:
        """SQLite has a last id for few tables, and a sequence knows nothing of copied rows: look at these, too."""
        for name, sequence in self._sequences(session).items():
            highest = session.scalar(select(func.max(column("id"))).select_from(table(name))) or 0
            if last := max(last_ids.get(name, 0), highest):
                session.execute(
                    text("SELECT setval(CAST(:sequence AS regclass), :last)"), {"sequence": sequence, "last": last}
                )

    @staticmethod
    def _sequences(session: Session) -> dict[str, str]:
        """Return the quoted name of the sequence of each table that has one, for the column `id`."""
        found = session.execute(
            text(
                "SELECT table_name, pg_get_serial_sequence(quote_ident(table_name), 'id') AS sequence "
                "FROM information_schema.columns WHERE table_schema = current_schema() AND column_name = 'id'"
            )
        )
        return {str(name): str(sequence) for name, sequence in found if sequence is not None}

    def purge_deleted(self, session: Session) -> None:
        """Do nothing: VACUUM removes old rows, and backups of the server keep them as long as its owner has set."""

    def _make_engine(self) -> Engine:
        import psycopg  # noqa: PLC0415 - an optional package

        timeouts = _timeouts(self._patience_s, self._connect_s)
        given = self._url.query.get("options", "")
        options = f"{timeouts.server} {given if isinstance(given, str) else ' '.join(given)}".strip()
        engine = create_engine(
            self._url,
            pool_size=8 if self._patience_s is None else 1,
            max_overflow=12 if self._patience_s is None else 3,
            pool_timeout=self._patience_s or _POOL_TIMEOUT_S,
            pool_pre_ping=True,
            hide_parameters=True,
            connect_args={
                **{name: value for name, value in timeouts.connection.items() if name not in self._url.query},
                "application_name": "onvif-web-viewer",
                "client_encoding": "utf8",
                "options": options,
            },
        )

        @event.listens_for(engine, "do_connect")
        def _check(*_: Any) -> None:
            if self._gives_up():
                raise psycopg.OperationalError("this node has lost the database")

        @event.listens_for(engine, "connect")
        def _prepare(connection: psycopg.Connection[Any], _record: Any) -> None:
            self._connections.add(connection)
            _pass_whole_numbers(connection)
            if self._is_lost:
                log.info("the database answers again")
            self._is_lost = False

        @event.listens_for(engine, "begin")
        def _begin(connection: Connection) -> None:
            use = connection.get_execution_options().get(USE)
            if use is Use.UPGRADE:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = {_UPGRADE_WAIT_MS}")
                connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
                connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
            if use is Use.UPGRADE or (use is Use.WRITE and self._patience_s is None):
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_WRITER_LOCK})")

        return engine

    @staticmethod
    def _is_no_answer(error: exc.DBAPIError) -> bool:
        """True for an error of the driver itself, which no server sent: it could not connect."""
        return isinstance(error, exc.OperationalError) and not _state_of(error)

    def _cannot_open(self, error: Exception) -> str:
        return f"{self.name} cannot be used: {self._message_of(error)}\nCheck DATABASE_URL. Nothing was changed."

    def _message_of(self, error: Exception) -> str:
        """Return what the server or the driver says, in one line, without the password."""
        original = getattr(error, "orig", None) or error
        primary = getattr(getattr(original, "diag", None), "message_primary", None)
        message = " ".join(str(primary or original).split())
        return message.replace(self._url.password, "***") if self._url.password else message


class _Listener:
    """A connection that hears messages. The driver's errors are not those of SQLAlchemy."""

    def __init__(self, connection: Connection) -> None:
        self._driver: psycopg.Connection[Any] = connection.connection.driver_connection  # type: ignore[assignment]

    def heard(self, timeout_s: float) -> set[str]:
        try:
            first = {notice.payload for notice in self._driver.notifies(timeout=timeout_s, stop_after=1)}
            return first | {notice.payload for notice in self._driver.notifies(timeout=0)} if first else first
        except _driver_error() as error:
            raise Unavailable("The connection for messages was lost.", code="database_unreachable") from error


def _driver_error() -> type[Exception]:
    import psycopg  # noqa: PLC0415 - an optional package

    return psycopg.Error


@dataclass(frozen=True, slots=True)
class _Timeouts:
    """Options of a connection, and settings that the server has for it."""

    connection: Mapping[str, int]
    server: str


def _timeouts(patience_s: float | None, longest_connect_s: float | None) -> _Timeouts:
    """Return the usual ones, or those of a connection that never waits longer than `patience_s`."""
    connect_s = max(2, int(patience_s or longest_connect_s or 5))  # libpq takes whole seconds, 2 or more
    lock_ms, statement_ms, silence_ms, more = 5_000, 30_000, 10_000, ""
    if patience_s is not None:
        lock_ms = statement_ms = silence_ms = int(1000 * patience_s)
        more = " -c synchronous_commit=on"  # an epoch that a crash takes back would be given twice
    # The system ends a connection whose packets get no acknowledgement, or whose server stays silent.
    keepalives = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
    return _Timeouts(
        {"connect_timeout": connect_s, "tcp_user_timeout": silence_ms, **keepalives},
        f"-c lock_timeout={lock_ms} -c statement_timeout={statement_ms} "
        f"-c idle_in_transaction_session_timeout={statement_ms}{more}",
    )


def _pass_whole_numbers(connection: psycopg.Connection[Any]) -> None:
    """Pass whole numbers as INTEGER or, where they need it, as BIGINT. The driver's SMALLINT overflows in products."""
    from psycopg.types.numeric import Int4, Int4Dumper, IntDumper  # noqa: PLC0415 - an optional package

    class WideIntDumper(IntDumper):
        _int2_dumper = Int4Dumper(Int4)  # type: ignore[assignment]  # for the numbers of both

    connection.adapters.register_dumper(int, WideIntDumper)


def _state_of(error: exc.DBAPIError) -> str:
    """Return the SQLSTATE of the server's answer, or an empty text."""
    return getattr(error.orig, "sqlstate", None) or ""
