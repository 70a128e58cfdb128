"""Fixtures that several tests of motion share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from database import Database
from tests.motion.watching import Watching, camera_row
from tests.prepared_database import prepared_database


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    """A database with the cameras 1 and 2."""
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    for camera_id in (1, 2):
        camera_row(made, camera_id)
    yield made
    made.close()


@pytest.fixture
def watching(database: Database, tmp_path: Path) -> Iterator[Watching]:
    made = Watching(database, tmp_path)
    made.start()
    yield made
    made.stop()
