"""Fixtures that several tests of events share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from database import Database
from events.log import EventLog
from tests.hand_clock import HandClock
from tests.prepared_database import prepared_database


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    yield made
    made.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def log(database: Database, clock: HandClock) -> EventLog:
    """A log whose thread is not started: tests call flush()."""
    return EventLog(database, clock)
