"""The shared table of archive files: the statements that write it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import func, select

from archive.shared_files import SharedFiles, WrittenFile
from core.archive import StreamKey
from database import Database
from tables import ArchiveFileRow
from tests.archive.nodes import T
from tests.archive.recorded import MAIN, SUB

pytestmark = pytest.mark.usefixtures("database_engine")


def written(number: int, stream: StreamKey = MAIN, *, suffix: int = 0, size_bytes: int = 100) -> WrittenFile:
    start_ms = round(T * 1000) + 10_000 * number
    return WrittenFile(stream, "volume", start_ms, suffix, start_ms + 10_000, size_bytes, 7, is_sealed=True)


@contextmanager
def noted(database: Database) -> Iterator[list[tuple[str, Any]]]:
    """Note the statements of a block that read or write the table, with their parameters."""
    found: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
        if "archive_files" in statement:
            found.append((statement, parameters))

    engine = database._engine
    assert engine is not None
    sqlalchemy.event.listen(engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        sqlalchemy.event.remove(engine, "before_cursor_execute", note)


def test_rows_that_are_there_change_and_the_others_are_added(database: Database) -> None:
    shared = SharedFiles(database, "north")
    shared.save([written(0), written(1), written(1, suffix=1), written(1, SUB)])
    SharedFiles(database, "south").save([written(0, size_bytes=5)])
    before = shared.own_files(MAIN)
    shared.save([written(1, size_bytes=200), written(2)])
    after = shared.own_files(MAIN)
    assert {it.id for it in before.values()} < {it.id for it in after.values()}
    assert sorted((it.start_ms, it.suffix, it.size_bytes) for it in after.values()) == [
        (written(0).start_ms, 0, 100),
        (written(1).start_ms, 0, 200),
        (written(1).start_ms, 1, 100),
        (written(2).start_ms, 0, 100),
    ]
    shared.forget(MAIN, [written(1).name, written(0).name])
    assert sorted(name[1:] for name in shared.own_files(MAIN)) == [(written(1).start_ms, 1), (written(2).start_ms, 0)]
    with database.read() as session:
        assert session.scalars(select(func.count()).select_from(ArchiveFileRow)).one() == 4


@pytest.mark.sqlite
def test_writing_a_row_reads_no_other_rows_of_the_node(database: Database) -> None:
    """A node has 100,000 rows, and other requests wait while they are read."""
    shared = SharedFiles(database, "north")
    shared.save([written(0)])
    with noted(database) as statements:
        shared.save([written(0, size_bytes=5), written(1)])
        shared.forget(MAIN, [written(0).name, written(1).name])
    engine = database._engine
    assert engine is not None
    searches = [one for one in statements if not one[0].startswith("INSERT")]
    assert len(searches) == 2
    with engine.connect() as connection:
        for statement, parameters in searches:
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
            plan = "; ".join(str(row[-1]) for row in rows)
            assert "start_ms=?" in plan, plan
