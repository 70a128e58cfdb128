"""Copies all rows of a database into an empty one, also of another engine: `python app.py database copy --to URL`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from sqlalchemy import Column, MetaData, Row, Table, Text, delete, func, insert, select
from sqlalchemy.orm import Session

from core.clock import SystemClock
from core.errors import StartRefused
from database import Database
from tables import Base
from tables.base import Json
from tables.living_nodes import refuse_living_nodes

_ROWS_AT_ONCE = 500


def copy_database(source: Database, target: Database) -> dict[str, int]:
    """Copy all rows, and the last ids that were given. Return the number of rows of each table.

    Raise StartRefused if the target has rows already, or if a node uses the source. In one transaction: after an error
    the target is empty. No app may use either database meanwhile.
    """
    source.open()
    target.open()
    new = _counts_of_a_new_database()
    with source.read() as reading, target.write() as writing:
        refuse_living_nodes(reading, source.dialect.clock_s, SystemClock())
        for name, count in _counts(writing).items():
            if count != new[name]:
                raise StartRefused(f"{target.name} has rows in the table {name}. Give an empty database.")
        for table in reversed(Base.metadata.sorted_tables):
            writing.execute(delete(table))
        counts = {table.name: _copy_table(reading, writing, table) for table in Base.metadata.sorted_tables}
        target.dialect.set_last_ids(writing, source.dialect.last_ids(reading))
    return counts


def _counts_of_a_new_database() -> dict[str, int]:
    """Return the number of rows of each table that the migrations make."""
    with TemporaryDirectory() as folder:
        new = Database(Path(folder) / "new.sqlite3")
        new.open()
        with new.read() as session:
            counts = _counts(session)
        new.close()
    return counts


def _counts(session: Session) -> dict[str, int]:
    return {
        table.name: session.scalar(select(func.count()).select_from(table)) or 0
        for table in Base.metadata.sorted_tables
    }


def _copy_table(reading: Session, writing: Session, table: Table) -> int:
    plain = _with_json_as_text(table)
    count = 0
    for rows in _parts(reading, plain):
        writing.execute(insert(plain), [dict(row._mapping) for row in rows])
        count += len(rows)
    return count


def _parts(reading: Session, table: Table) -> Iterator[Sequence[Row[tuple[object, ...]]]]:
    """Return the rows in parts: a log of events is larger than the memory should be."""
    statement = select(table).execution_options(yield_per=_ROWS_AT_ONCE)
    with reading.connection().execute(statement) as result:
        yield from result.partitions()


def _with_json_as_text(table: Table) -> Table:
    """Return the table with JSON columns as plain texts: the copy has the stored text, valid or not."""
    columns = [
        Column(column.name, Text() if isinstance(column.type, Json) else column.type) for column in table.columns
    ]
    return Table(table.name, MetaData(), *columns)
