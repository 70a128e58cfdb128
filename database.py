"""The SQLite database: engine, transactions, tables, and the upgrade to the newest schema.

SQL stays portable (SQLAlchemy 2, Alembic); only this file depends on SQLite. It uses WAL, so that readers do not wait
for the writer, and BEGIN IMMEDIATE for every transaction that writes: a deferred transaction that reads first and
writes later fails with "database is locked" as soon as two threads do it.
"""

from __future__ import annotations

import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import (
    Boolean,
    DateTime,
    Dialect,
    Engine,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Text,
    create_engine,
    event,
    exc,
)
from sqlalchemy.engine import Connection
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.types import TypeDecorator

from core.errors import AppError, StartRefused, StorageFull, Unavailable

log = logging.getLogger(__name__)

MIGRATIONS = Path(__file__).resolve().parent / "migrations"
_BUSY_TIMEOUT_MS = 5000
_UPGRADING = threading.Lock()  # Alembic's `context` and `op` are global variables


class UtcDateTime(TypeDecorator[datetime]):
    """Stores aware datetimes as UTC, and returns aware UTC. SQLite stores no zone, so naive datetimes are refused."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without an offset")
        return value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        del dialect
        return None if value is None else value.replace(tzinfo=UTC)


class Json(TypeDecorator[Any]):
    """Stores a JSON value as text, None as NULL. The text `null` and invalid JSON are read as an empty object."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        del dialect
        return None if value is None else json.dumps(value, separators=(",", ":"))

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        del dialect
        if value is None:
            return None
        try:
            read = json.loads(value)
        except ValueError:
            read = None
        return {} if read is None else read


class Base(DeclarativeBase):
    """Base of all tables. Constraint names follow fixed rules, so that later migrations can name them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


class CameraRow(Base):
    """A camera: the user's fields, and the data that the device reported last.

    `password_box` is the password, encrypted for this id, host and user name. `port` is NULL until the user gives one
    or it is found; `port_found`: it was found by probing, so it may be probed again.
    """

    __tablename__ = "cameras"
    # Two cameras cannot have the same host and port, but several may have no port yet.
    __table_args__ = (Index("ix_cameras_host_port", "host", "port", unique=True), {"sqlite_autoincrement": True})

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(100))
    host: Mapped[str] = mapped_column(String(255))
    port: Mapped[int | None] = mapped_column(Integer)
    port_found: Mapped[bool] = mapped_column(Boolean)
    username: Mapped[str] = mapped_column(String(255))
    password_box: Mapped[bytes] = mapped_column(LargeBinary)
    pretend: Mapped[bool] = mapped_column(Boolean)
    added_at: Mapped[datetime] = mapped_column(UtcDateTime)
    manufacturer: Mapped[str] = mapped_column(String(128), default="")
    model: Mapped[str] = mapped_column(String(128), default="")
    firmware: Mapped[str] = mapped_column(String(128), default="")
    serial: Mapped[str] = mapped_column(String(128), default="")
    hardware: Mapped[str] = mapped_column(String(128), default="")
    services: Mapped[str] = mapped_column(Text, default="")  # short names, separated by spaces
    clock_offset_s: Mapped[float | None] = mapped_column(Float)
    clock_measured_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class ChannelRow(Base):
    """A channel of a camera: the device's fields (number, name, media profiles) and the user's.

    The row stays when the device no longer has the channel (`present` false), so that the user's name and order are
    there again when the channel comes back.
    """

    __tablename__ = "channels"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    video_source_token: Mapped[str] = mapped_column(String(255), primary_key=True)
    number: Mapped[int] = mapped_column(Integer)
    present: Mapped[bool] = mapped_column(Boolean)
    device_name: Mapped[str] = mapped_column(String(128))
    profiles: Mapped[Any] = mapped_column(Json)  # a list; see cameras/store.py
    problem_code: Mapped[str | None] = mapped_column(String(64))
    problem_detail: Mapped[str | None] = mapped_column(Text)
    custom_name: Mapped[str] = mapped_column(String(100), default="")
    hidden: Mapped[bool] = mapped_column(Boolean, default=False)
    position: Mapped[int | None] = mapped_column(Integer)  # NULL: never ordered by the user, shown after the others


class RecordingRow(Base):
    """A recording in the last list of its device. Times are by the device's clock. `position`: the device's order."""

    __tablename__ = "recordings"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    recording_token: Mapped[str] = mapped_column(String(255), primary_key=True)
    position: Mapped[int] = mapped_column(Integer)
    source_id: Mapped[str] = mapped_column(String(255))
    source_name: Mapped[str] = mapped_column(String(128))
    job_source: Mapped[str] = mapped_column(String(255))
    earliest: Mapped[datetime | None] = mapped_column(UtcDateTime)
    latest: Mapped[datetime | None] = mapped_column(UtcDateTime)
    tracks: Mapped[Any] = mapped_column(Json)  # a list; see recordings/store.py


class RecordingAskedRow(Base):
    """An interval for which the device was asked for a recording's events: RecordingEventRow has all of them."""

    __tablename__ = "recording_asked"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    recording_token: Mapped[str] = mapped_column(String(255), primary_key=True)
    start: Mapped[datetime] = mapped_column(UtcDateTime, primary_key=True)
    end: Mapped[datetime] = mapped_column(UtcDateTime)


class RecordingEventRow(Base):
    """An event of a recording, by the device's clock.

    `is_history`: recording began or ended (RecordingHistory); otherwise a detection, such as motion.
    """

    __tablename__ = "recording_events"
    __table_args__ = (
        Index("ix_recording_events_place", "camera_id", "recording_token", "is_history", "time"),
        Index("ix_recording_events_time", "camera_id", "time"),
    )

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"))
    recording_token: Mapped[str] = mapped_column(String(255))
    time: Mapped[datetime] = mapped_column(UtcDateTime)
    topic: Mapped[str] = mapped_column(String(255))
    track_token: Mapped[str] = mapped_column(String(255))
    active: Mapped[bool | None] = mapped_column(Boolean)
    is_history: Mapped[bool] = mapped_column(Boolean)
    is_start_state: Mapped[bool] = mapped_column(Boolean)


class ReplayAbilitiesRow(Base):
    """Replay abilities that a device has shown, as in core.recordings.ReplayAbilities. NULL: not shown yet."""

    __tablename__ = "replay_abilities"

    camera_id: Mapped[int] = mapped_column(ForeignKey("cameras.id", ondelete="CASCADE"), primary_key=True)
    way: Mapped[str] = mapped_column(String(16))
    seeks_in_session: Mapped[bool | None] = mapped_column(Boolean)
    has_times: Mapped[bool | None] = mapped_column(Boolean)
    beats_real_time: Mapped[bool | None] = mapped_column(Boolean)


class UserRow(Base):
    """An account. `name_key`: the name as it is compared. `scope`: see accounts/store.py; NULL means everything."""

    __tablename__ = "users"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    name: Mapped[str] = mapped_column(String(64))
    name_key: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    role: Mapped[str] = mapped_column(String(16))
    scope: Mapped[Any] = mapped_column(Json, nullable=True)
    disabled: Mapped[bool] = mapped_column(Boolean, default=False)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    password_changed_at: Mapped[datetime] = mapped_column(UtcDateTime)


class LoginSessionRow(Base):
    """A login in a browser. Only the SHA-256 of the cookie's value is stored."""

    __tablename__ = "login_sessions"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcDateTime)
    address: Mapped[str] = mapped_column(String(64))
    agent: Mapped[str] = mapped_column(String(200))


class ApiTokenRow(Base):
    """A token for a script. Only the SHA-256 of its value is stored. It has at most the rights of its owner."""

    __tablename__ = "api_tokens"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    token_hash: Mapped[bytes] = mapped_column(LargeBinary, unique=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(80))
    role: Mapped[str] = mapped_column(String(16))
    scope: Mapped[Any] = mapped_column(Json, nullable=True)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    expires_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class WallRow(Base):
    """A layout of the wall. `user_id` is NULL if it was made while there were no accounts."""

    __tablename__ = "walls"
    __table_args__ = ({"sqlite_autoincrement": True},)

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    user_id: Mapped[int | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    name: Mapped[str] = mapped_column(String(80))
    layout: Mapped[int] = mapped_column(Integer)  # number of tiles
    tiles: Mapped[Any] = mapped_column(Json)  # a list; see walls/walls.py


class ChoiceRow(Base):
    """A choice of the user that the app remembers, for example to create accounts later."""

    __tablename__ = "choices"

    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str] = mapped_column(Text)


class VaultRow(Base):
    """One row: a known text encrypted with the key, so that a wrong key is noticed before anything is written."""

    __tablename__ = "vault"

    id: Mapped[int] = mapped_column(Integer, primary_key=True)
    key_check: Mapped[bytes] = mapped_column(LargeBinary)


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
        config = Config()
        config.set_main_option("script_location", str(self._migrations).replace("%", "%%"))
        scripts = ScriptDirectory.from_config(config)
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
            config.attributes["connection"] = connection
            logging.getLogger("alembic").setLevel(logging.WARNING)  # its INFO lines repeat ours
            command.upgrade(config, "head")


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
