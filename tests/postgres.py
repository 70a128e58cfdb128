"""A PostgreSQL server of the tests' own, from Debian's package; it listens on loopback and in its folder only."""

from __future__ import annotations

import fcntl
import os
import pwd
import shlex
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import RowMapping, Table, insert, select, text

from database import Database
from tables import Base
from tests.patience import until

PASSWORD = "pässword of the tests/@"
TEMPLATE = "viewer_template"
_QUICK = ("fsync=off", "full_page_writes=off", "synchronous_commit=off", "autovacuum=off", "max_connections=100")


class PostgresMissing(Exception):
    """This machine has no PostgreSQL server."""


def binaries() -> Path:
    """Return the folder of the newest server's programs. Raise PostgresMissing if there is none."""
    found = [path for path in Path("/usr/lib/postgresql").glob("*/bin") if (path / "initdb").exists()]
    if found:
        return max(found, key=lambda path: float(path.parent.name))
    if program := shutil.which("initdb"):
        return Path(program).resolve().parent
    raise PostgresMissing("PostgreSQL is not installed (Debian: postgresql-15)")


class PostgresServer:
    """A server with an empty database in `TEMPLATE`, which has the newest schema. Other databases are copies of it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port

    @classmethod
    def made(cls) -> PostgresServer:
        """Make and start a server. Raise PostgresMissing if this machine has none."""
        binaries()
        server = cls(Path(tempfile.mkdtemp(prefix="viewer-postgres-", dir=_place_for_folders())), _free_port())
        try:
            server._make()
        except BaseException:
            server.remove()
            raise
        return server

    def start(self) -> None:
        """Start it as nobody's child: it outlives the process that starts it, if another one uses it."""
        options: list[str] = ["-p", str(self.port), "-k", str(self.folder)]
        for setting in ("listen_addresses=127.0.0.1", *_QUICK):
            options += ["-c", setting]
        command: list[str | Path] = [binaries() / "pg_ctl", "start", "-w", "-D", self._data]
        command += ["-l", self.folder / "log", "-o", shlex.join(options)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, **_user())
        until(self.answers, what="PostgreSQL")

    def stop(self) -> None:
        """End the server and all its connections at once."""
        note = self._data / "postmaster.pid"
        with suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int(note.read_text().split()[0]), signal.SIGINT)
        until(lambda: not note.exists(), what="PostgreSQL's end")

    @property
    def pid(self) -> int:
        """Return the id of the server's first process."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def remove(self) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self) -> bool:
        try:
            self.run("SELECT 1")
        except psycopg.OperationalError:
            return False
        return True

    def url(self, database: str) -> str:
        quoted = PASSWORD.replace("/", "%2F").replace("@", "%40").replace(" ", "%20").replace("ä", "%C3%A4")
        return f"postgresql://viewer:{quoted}@127.0.0.1:{self.port}/{database}"

    def run(self, statement: str, database: str = "postgres") -> list[tuple[object, ...]]:
        """Run a statement as the server's administrator, over the socket in the folder. Return its rows."""
        with psycopg.connect(
            host=str(self.folder), port=self.port, dbname=database, user="administrator", autocommit=True
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def copy(self, name: str, *, space: str = "pg_default") -> str:
        """Make a database with the newest schema and no rows, in a tablespace. Return its URL."""
        self.run(f"CREATE DATABASE {name} TEMPLATE {TEMPLATE} OWNER viewer STRATEGY file_copy TABLESPACE {space}")
        return self.url(name)

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    def _make(self) -> None:
        options = ("-U", "administrator", "--locale=C", "--encoding=UTF8", "-N", "--auth-local=trust")
        self._own()
        subprocess.run(
            [binaries() / "initdb", "-D", self._data, *options, "--auth-host=scram-sha-256"],
            check=True,
            stdout=subprocess.DEVNULL,
            **_user(),
        )
        self.start()
        self.run(f"CREATE ROLE viewer LOGIN PASSWORD '{PASSWORD}'")
        self.run(f"CREATE DATABASE {TEMPLATE} OWNER viewer")
        database = Database(self.url(TEMPLATE))
        database.open()
        database.close()

    def _own(self) -> None:
        if os.geteuid() == 0:
            subprocess.run(["chown", "-R", _other_user(), self.folder], check=True)


@contextmanager
def shared_server(place: Path) -> Iterator[PostgresServer]:
    """Run one server for all processes that have the same folder `place`: the first one starts it, the last ends it."""
    note = place / "postgres"
    with (place / "postgres.users").open("a") as users:
        with _locked(place / "postgres.lock"):
            if note.exists():
                folder, port = note.read_text("utf-8").split("\n")
                server = PostgresServer(Path(folder), int(port))
            else:
                server = PostgresServer.made()
                note.write_text(f"{server.folder}\n{server.port}", "utf-8")
            fcntl.flock(users, fcntl.LOCK_SH)
        try:
            yield server
        finally:
            with _locked(place / "postgres.lock"), suppress(BlockingIOError):  # another process uses it
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                note.unlink()
                server.remove()


class Databases:
    """Empty databases of a server for the tests of one process. A test gets one for each of its SQLite files."""

    def __init__(self, server: PostgresServer) -> None:
        self._server = server
        self._urls: list[str] = []  # of all that were made
        self._used: dict[Path, str] = {}
        self._opened: list[Database] = []
        self._first_rows: list[tuple[Table, list[dict[str, object]]]] = []  # that the migrations make

    def database(self, file: Path) -> Database:
        """Return the database that stands for `file` in this test."""
        if file not in self._used:
            if len(self._used) == len(self._urls):
                self._urls.append(self._server.copy(f"test_{os.getpid()}_{len(self._urls)}"))
                if not self._first_rows:
                    self._first_rows = _rows_of(self._urls[-1])
            self._used[file] = self._urls[len(self._used)]
        self._opened.append(Database(self._used[file]))
        return self._opened[-1]

    def empty(self) -> None:
        """Delete all rows that a test has written, and begin with id 1 again."""
        for database in self._opened:
            database.close()
        for url in self._used.values():
            database = Database(url)
            database.open()
            with database.write() as session:
                session.execute(text(_EMPTY))
                for table, rows in self._first_rows:
                    session.execute(insert(table), rows)
            database.close()
        self._opened.clear()
        self._used.clear()


def _rows_of(url: str) -> list[tuple[Table, list[dict[str, object]]]]:
    database = Database(url)
    database.open()
    with database.read() as session:
        found = [
            (table, [_without_id(row) for row in session.execute(select(table)).mappings()])
            for table in Base.metadata.sorted_tables
        ]
    database.close()
    return [(table, rows) for table, rows in found if rows]


def _without_id(row: RowMapping) -> dict[str, object]:
    """Return the row without its id, so that the sequence gives it again."""
    return {name: value for name, value in row.items() if name != "id"}


# A TRUNCATE of all tables takes 0.6 s.
_EMPTY = "; ".join(f"DELETE FROM {table.name}" for table in reversed(Base.metadata.sorted_tables)) + (
    "; SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, 1, false) "
    "FROM pg_sequences WHERE last_value IS NOT NULL"
)


@cache
def _other_user() -> str:
    """Return a user without rights: the server refuses to run as root."""
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


def _user() -> dict[str, Any]:
    """Return what makes `subprocess` start a program as that user, where this process is root's."""
    if os.geteuid() != 0:
        return {}
    return {"user": _other_user(), "group": pwd.getpwnam(_other_user()).pw_gid, "extra_groups": [], "cwd": "/"}


def _place_for_folders() -> Path:
    """Return a folder for short-lived files that the server's user can enter."""
    places = [Path(tempfile.gettempdir()).resolve(), Path("/var/tmp")]
    if os.geteuid() != 0:
        return places[0]
    return next(place for place in places if all(one.stat().st_mode & stat.S_IXOTH for one in (place, *place.parents)))


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _locked(file: Path) -> Iterator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
