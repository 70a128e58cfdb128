"""A SQLite file that several processes use at a time."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from database import Database
from tables import ChoiceRow
from tests.patience import LIMIT_S
from tests.prepared_database import prepared

COUNT = "import sqlite3, sys; print(sqlite3.connect(sys.argv[1]).execute('SELECT count(*) FROM choices').fetchone()[0])"


def count_in_another_process(file: Path) -> int:
    """Open the file, count and close it. The last process that closes a file deletes its write-ahead log."""
    command = [sys.executable, "-c", COUNT, str(file)]
    return int(subprocess.run(command, capture_output=True, check=True, timeout=LIMIT_S).stdout)


def test_a_second_connection_pool_keeps_the_locks_of_the_first(tmp_path: Path) -> None:
    """POSIX releases all locks of a process on a file when the process closes any descriptor of that file."""
    file = prepared(tmp_path / "app.sqlite3")
    first = Database(file)
    first.open()
    second = first.apart(1.0)
    second.open()
    try:
        with first.read():
            pass
        assert count_in_another_process(file) == 0
        assert file.with_name(f"{file.name}-wal").exists(), "another process has deleted it"
        with first.write() as session:
            session.add(ChoiceRow(name="a", value="b"))
        assert count_in_another_process(file) == 1
    finally:
        second.close()
        first.close()
