"""The SQLite file of the archive's index: its tables, its connections, and errors as those of core.errors.

The index is not in the app's database: it is written every few seconds, and can be made again from the archive's files.
A damaged index is moved away and does not keep the app from starting.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from core.errors import AppError, StartRefused, StorageFull, Unavailable

log = logging.getLogger(__name__)

SCHEMA_VERSION = 3
_BUSY_TIMEOUT_S = 5.0
_MOST_IDLE = 8

# `file` has no rowid and no second index: its primary key answers all questions, and 64 cameras for 30 days take 10 MB.
# Triggers keep `total` up to date, because a sum over all files takes 0.1 s.
_SCHEMA = """
CREATE TABLE volume (id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, folder TEXT NOT NULL);
CREATE TABLE stream (
    id INTEGER PRIMARY KEY,
    camera_id INTEGER NOT NULL, channel INTEGER NOT NULL, quality TEXT NOT NULL,
    UNIQUE (camera_id, channel, quality)
);
CREATE TABLE stretch (
    id INTEGER PRIMARY KEY,
    stream_id INTEGER NOT NULL REFERENCES stream (id),
    start_ms INTEGER NOT NULL, end_ms INTEGER NOT NULL,
    origin TEXT NOT NULL, end_reason TEXT, clock_correction_s REAL NOT NULL
);
CREATE INDEX stretch_of_stream ON stretch (stream_id, start_ms);
CREATE INDEX stretch_unfinished ON stretch (id) WHERE end_reason IS NULL;
CREATE TABLE file (
    stream_id INTEGER NOT NULL, volume_id INTEGER NOT NULL, start_ms INTEGER NOT NULL, suffix INTEGER NOT NULL,
    length_ms INTEGER NOT NULL, size_bytes INTEGER NOT NULL, stretch_id INTEGER NOT NULL, state INTEGER NOT NULL,
    epoch INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (stream_id, volume_id, start_ms, suffix)
) WITHOUT ROWID;
CREATE INDEX file_open ON file (volume_id) WHERE state = 0;
CREATE INDEX file_damaged ON file (volume_id) WHERE state = 3;
CREATE TABLE total (
    stream_id INTEGER NOT NULL, volume_id INTEGER NOT NULL, size_bytes INTEGER NOT NULL, files INTEGER NOT NULL,
    PRIMARY KEY (stream_id, volume_id)
) WITHOUT ROWID;
CREATE TRIGGER file_added AFTER INSERT ON file BEGIN
    INSERT INTO total VALUES (new.stream_id, new.volume_id, new.size_bytes, 1)
    ON CONFLICT DO UPDATE SET size_bytes = size_bytes + excluded.size_bytes, files = files + 1;
END;
CREATE TRIGGER file_grown AFTER UPDATE OF size_bytes ON file WHEN new.size_bytes <> old.size_bytes BEGIN
    UPDATE total SET size_bytes = size_bytes + new.size_bytes - old.size_bytes
    WHERE stream_id = new.stream_id AND volume_id = new.volume_id;
END;
CREATE TRIGGER file_deleted AFTER DELETE ON file BEGIN
    UPDATE total SET size_bytes = size_bytes - old.size_bytes, files = files - 1
    WHERE stream_id = old.stream_id AND volume_id = old.volume_id;
END;
CREATE TABLE trash (
    id INTEGER PRIMARY KEY, volume_id INTEGER NOT NULL, path TEXT NOT NULL, size_bytes INTEGER NOT NULL
);
CREATE INDEX trash_of_path ON trash (volume_id, path);
CREATE TABLE installation (id INTEGER PRIMARY KEY CHECK (id = 1), uuid TEXT NOT NULL);
CREATE TABLE heartbeat (id INTEGER PRIMARY KEY CHECK (id = 1), at_ms INTEGER NOT NULL);
"""

_UPGRADES = {
    1: "CREATE INDEX file_damaged ON file (volume_id) WHERE state = 3;",
    2: "ALTER TABLE file ADD COLUMN epoch INTEGER NOT NULL DEFAULT 0;",
}
"""The statements that lead from a version to the next one."""


class IndexFile:
    """The database file. `read()` and `write()` are thread-safe; one thread writes at a time."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._writing = threading.Lock()
        self._writer: sqlite3.Connection | None = None
        self._idle: list[sqlite3.Connection] = []  # append and pop are atomic

    def open(self) -> bool:
        """Open the file; make it if it is missing or damaged. Return True if it is new, so that files must be adopted.

        Raise StartRefused if a newer version of the app made it, or if it cannot be used at all.
        """
        if self._writer is not None:
            return False
        try:
            is_new = _prepare(self._file)
            self._writer = _connect(self._file)
        except (OSError, sqlite3.Error) as error:
            raise StartRefused(f"{self._file} cannot be used as the index of recordings: {error}.") from error
        return is_new

    def close(self) -> None:
        """Close every connection; SQLite then copies the WAL into the file. May be called twice."""
        with self._writing:
            writer, self._writer = self._writer, None
            while self._idle:
                self._idle.pop().close()
            if writer is not None:
                writer.close()

    def move_away(self) -> None:
        """Keep the closed file under another name. Raise StartRefused if that fails."""
        try:
            aside = _move_away(self._file, "other")
        except OSError as error:
            raise StartRefused(f"{self._file} cannot be moved away: {error}.") from error
        log.warning("renamed %s to %s", self._file, aside.name)

    @contextmanager
    def read(self) -> Iterator[sqlite3.Connection]:
        """Lend a connection that sees one consistent state. Raise Unavailable if the index cannot be read."""
        if self._writer is None:
            raise Unavailable("The app is starting or stopping.")
        with _translated():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = _connect(self._file)
            try:
                connection.execute("BEGIN DEFERRED")
                yield connection
            finally:
                connection.rollback()
                if len(self._idle) < _MOST_IDLE and self._writer is not None:
                    self._idle.append(connection)
                else:
                    connection.close()

    @contextmanager
    def write(self) -> Iterator[sqlite3.Connection]:
        """Lend the connection that writes; commit at the end, or roll back if the block raises.

        Raise StorageFull if the disk of the index is full, and Unavailable if the index cannot be used.
        """
        with self._writing, _translated():
            if self._writer is None:
                raise Unavailable("The app is starting or stopping.")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                self._writer.rollback()
                raise


def _connect(file: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(file, timeout=_BUSY_TIMEOUT_S, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode=WAL").close()
        # A power cut may lose the last transactions, but each row that stays has its file's bytes: those are on the
        # disk before the transaction begins.
        connection.execute("PRAGMA synchronous=NORMAL").close()
    except BaseException:
        connection.close()
        raise
    return connection


def _prepare(file: Path) -> bool:
    """Make the tables, in a new file if the old one is damaged. Return True if there are no rows yet."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    try:
        return _made_tables(file)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, or an I/O error: not the content of the file
            raise
        aside = _move_away(file, "damaged")
        log.error("%s is damaged (%s): the app renames it to %s and makes a new one", file, error, aside.name)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
    return _made_tables(file)


def _made_tables(file: Path) -> bool:
    with closing(_connect(file)) as connection:
        (verdict,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise sqlite3.DatabaseError(f"quick_check: {verdict}")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            raise StartRefused(
                f"{file} was made by a newer version of this app. Start that version, or move the file away: "
                "the app then makes the index again from the recordings. Nothing was changed."
            )
        if version == SCHEMA_VERSION:
            return False
        if version in _UPGRADES:
            steps = " ".join(_UPGRADES[step] for step in range(version, SCHEMA_VERSION))
            connection.executescript(f"BEGIN IMMEDIATE; {steps} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
            return False
        connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version={SCHEMA_VERSION}; COMMIT;")
        return True


def _move_away(file: Path, ending: str) -> Path:
    aside = file.with_name(f"{file.name}.{ending}")
    for suffix in ("", "-wal", "-shm"):
        part = file.with_name(file.name + suffix)
        if part.exists():
            part.replace(aside.with_name(aside.name + suffix))
    return aside


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except AppError:
        raise
    except sqlite3.Error as error:
        text = str(error).lower()
        if "full" in text or "disk i/o" in text:
            raise StorageFull("The disk that holds the index of recordings is full; nothing was saved.") from error
        if "locked" in text or "busy" in text:
            raise Unavailable("The index of recordings was locked for too long.", code="database_locked") from error
        log.error("the index of recordings refused a statement: %s", error)
        raise Unavailable(
            "The index of recordings cannot be used; the log has the reason.", code="database_failed", retry_after_s=30
        ) from error
