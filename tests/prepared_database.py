"""Databases with the newest schema. Each test process runs the migrations once, and copies the result.

Tests that use the fixture `database_engine` run twice: on SQLite files, and on PostgreSQL.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from database import Database

if TYPE_CHECKING:
    from tests.postgres import Databases


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        file = Path(folder) / "empty.sqlite3"
        database = Database(file)
        database.open()
        database.close()
        return file.read_bytes()


def prepare() -> None:
    """Run the migrations now, so that `prepared()` is quick in this process and in its copies."""
    _empty()


def prepared(file: Path) -> Path:
    """Write an empty database to `file` unless it exists, and return `file`: all migrations take 90 ms."""
    if not file.exists():
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_bytes(_empty())
    return file


class Engine:
    """The engine of the running test's databases. `databases` is None for SQLite."""

    databases: Databases | None = None


def prepared_database(file: Path) -> Database:
    """Return the database in `file`, or the PostgreSQL database that stands for it; it is empty the first time.

    Its open() looks for no migrations, since it has the newest schema: the look takes half of the time of open().
    """
    if Engine.databases is not None:
        return Engine.databases.database(file)
    made = Database(prepared(file))
    made._upgrades = False
    return made
