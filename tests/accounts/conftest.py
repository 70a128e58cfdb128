"""The real account manager over a real SQLite file, with a clock that the test moves and cheap hashes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from account_manager import AccountManager
from accounts.passwords import Passwords
from core.settings import Settings
from database import Database
from tests.accounts.hashing import CHEAP
from tests.hand_clock import HandClock
from tests.prepared_database import prepared_database


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", streams_dir=tmp_path / "streams")


@pytest.fixture
def database(settings: Settings, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(settings.database_file)
    yield made
    made.close()


@pytest.fixture
def accounts(database: Database, settings: Settings, clock: HandClock) -> Iterator[AccountManager]:
    manager = AccountManager(database, settings, clock, passwords=Passwords(CHEAP))
    manager.start()
    yield manager
    manager.stop()
