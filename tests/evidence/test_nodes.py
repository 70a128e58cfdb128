"""Evidence packages with several nodes: the node with the files of all exports makes the package."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.access import LOCAL
from core.clock import SystemClock
from database import Database
from evidence.store import CaseStore
from exports.store import ExportStore
from tests.exports.exporting import draft
from tests.prepared_database import prepared_database

NOW = SystemClock().now_utc()


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "app.sqlite3")
    made.open()
    yield made
    made.close()


def export_of(database: Database, node: str) -> int:
    store = ExportStore(database, node)
    return store.add(None, "", draft(10, 20), 10.0, NOW, devices=[], most=9, most_own=9).id


def test_a_node_makes_only_packages_whose_files_it_has(database: Database) -> None:
    first, second = CaseStore(database, "a"), CaseStore(database, "b")
    at_a, at_b = export_of(database, "a"), export_of(database, "b")
    ids = [first.add(LOCAL, "Theft", "", exports, NOW).id for exports in ([at_a, at_b], [at_b], [at_a])]
    for case_id in ids:
        first.begin_package(case_id, "")
    assert [case.id for store in (first, second) if (case := store.next_to_make())] == [ids[2], ids[1]]
    alone = CaseStore(database).next_to_make()
    assert alone is not None
    assert alone.id == ids[0]
