"""Database files with the newest schema. Each test process runs the migrations once, and copies the result."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from database import Database


@cache
def _empty() -> bytes:
    with TemporaryDirectory() as folder:
        database = Database(Path(folder) / "empty.sqlite3")
        database.open()
        database.close()
        return database.file.read_bytes()


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
