"""The database that the nodes of a test share, and their clock."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from database import Database
from tests.hand_clock import HandClock
from tests.prepared_database import prepared


@pytest.fixture
def clock() -> HandClock:
    """Time stands still."""
    return HandClock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = Database(prepared(tmp_path / "cameras.sqlite3"))
    made.open()
    yield made
    made.close()
