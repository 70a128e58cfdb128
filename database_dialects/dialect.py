"""The interface of a database engine, for `database.Database`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from enum import StrEnum
from typing import Protocol

from sqlalchemy import Engine, exc
from sqlalchemy.engine import Connection
from sqlalchemy.orm import Session

from core.errors import AppError, Unavailable

USE = "use_of_transaction"  # the execution option that holds a Use


class Use(StrEnum):
    """The purpose of a transaction. One transaction at a time may write or upgrade."""

    READ = "read"
    WRITE = "write"
    UPGRADE = "upgrade"


class TransactionConflict(Unavailable):
    """The database has ended the transaction in favour of another one. The same transaction may work at once."""

    code = "database_locked"


class Listener(Protocol):
    """A connection that hears messages."""

    def heard(self, timeout_s: float) -> set[str]:
        """Wait for messages, at most `timeout_s`, and return their texts. Raise Unavailable if the connection ends."""


class DatabaseDialect(Protocol):
    """One database: how to connect to it, to begin a transaction, and to explain its errors."""

    @property
    def name(self) -> str:
        """Return the name of the database for messages; it has no password."""

    @property
    def clock_s(self) -> str | None:
        """Return the SQL expression for the seconds of the server's own clock; None if there is no server."""

    @property
    def can_notify(self) -> bool:
        """True if other connections can wait for a message (LISTEN, NOTIFY)."""

    def listening(self, engine: Engine, channel: str) -> AbstractContextManager[Listener]:
        """Open a connection of its own that hears the messages of a channel. Raise Unavailable if it cannot."""

    def apart(self, patience_s: float) -> DatabaseDialect:
        """Return the same database for few short transactions: none waits longer, and none waits for the writer."""

    def give_up_when(self, is_lost: Callable[[], bool], connect_s: float) -> None:
        """Open no connection while `is_lost()`, and wait at most `connect_s` for one. Call it before make_engine()."""

    def end_connections(self) -> None:
        """End all connections to a server, so that statements that wait for it fail. A file has none."""

    def make_engine(self) -> Engine:
        """Return the engine. Raise StartRefused, which tells the remedy, if the database cannot be used."""

    def connect(self, engine: Engine, use: Use) -> Connection:
        """Return a connection whose transaction begins with the first statement. `READ` sees one consistent state."""

    def translated(self, error: exc.DBAPIError) -> AppError:
        """Return the error for users, and write its details into the log."""

    def cannot_open(self, error: exc.SQLAlchemyError) -> str:
        """Return the reason, and the remedy, why the schema could not be read or upgraded."""

    def last_ids(self, session: Session) -> dict[str, int]:
        """Return the last id that each table has given; no later row gets it again, also if its row is deleted."""

    def set_last_ids(self, session: Session, last_ids: Mapping[str, int]) -> None:
        """Let the next row of each table get the next id: after the ids given here, and after those of its rows."""

    def purge_deleted(self, session: Session) -> None:
        """Remove old values of rows from the files of the database, where the engine keeps some."""
