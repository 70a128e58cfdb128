"""The real account manager over a real SQLite file, with a clock that the test moves and cheap hashes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from argon2 import PasswordHasher

from account_manager import AccountManager
from accounts.passwords import Passwords
from core.settings import Settings
from database import Database

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


@dataclass
class HandClock:
    """A clock that stands still until the test moves it."""

    now: datetime = field(default_factory=lambda: datetime(2026, 11, 24, 12, 0, tzinfo=UTC))
    passed_s: float = 1000.0

    def now_utc(self) -> datetime:
        return self.now

    def monotonic_s(self) -> float:
        return self.passed_s

    def move(self, **by: float) -> None:
        step = timedelta(**by)
        self.now += step
        self.passed_s += step.total_seconds()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path / "data", streams_dir=tmp_path / "streams")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    made = Database(settings.database_file)
    yield made
    made.close()


@pytest.fixture
def accounts(database: Database, settings: Settings, clock: HandClock) -> Iterator[AccountManager]:
    manager = AccountManager(database, settings, clock, passwords=Passwords(CHEAP))
    manager.start()
    yield manager
    manager.stop()
