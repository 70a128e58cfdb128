"""News between processes on one database, on both engines."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from core.errors import Unavailable
from database import Database
from placement.bus import ChangeBus, Topic
from tests.patience import until
from tests.prepared_database import prepared_database


@pytest.fixture
def buses(tmp_path: Path, database_engine: str) -> Iterator[tuple[ChangeBus, ChangeBus]]:
    """The buses of two nodes, each with a database object of its own, as two processes have."""
    databases = [prepared_database(tmp_path / "cameras.sqlite3") for _ in range(2)]
    for database in databases:
        database.open()
    made = (ChangeBus(databases[0]), ChangeBus(databases[1]))
    yield made
    for bus in made:
        bus.stop()
    for database in databases:
        database.close()


def test_a_change_reaches_the_subscribers_of_its_topic(buses: tuple[ChangeBus, ChangeBus]) -> None:
    here, there = buses
    heard: list[str] = []
    for topic in Topic:
        there.subscribe(topic, partial(heard.append, topic))
    there.start()
    until(lambda: len(heard) == len(Topic), what="the report of all topics after the start")
    heard.clear()
    here.publish(Topic.CAMERAS)
    here.publish(Topic.ACCOUNTS)
    until(lambda: set(heard) == {Topic.CAMERAS, Topic.ACCOUNTS})


def test_a_failing_subscriber_does_not_keep_news_from_others(buses: tuple[ChangeBus, ChangeBus]) -> None:
    here, there = buses
    has_heard = threading.Event()

    def fail() -> None:
        raise ValueError("a fault of this subscriber")

    there.subscribe(Topic.CAMERAS, fail)
    there.subscribe(Topic.CAMERAS, has_heard.set)
    there.start()
    until(has_heard.is_set)
    has_heard.clear()
    here.publish(Topic.CAMERAS)
    until(has_heard.is_set)


def test_a_change_that_could_not_be_published_is_published_later(tmp_path: Path, database_engine: str) -> None:
    here_database, there_database = (prepared_database(tmp_path / "cameras.sqlite3") for _ in range(2))
    here, there = ChangeBus(here_database), ChangeBus(there_database)
    has_heard = threading.Event()
    there_database.open()
    there.subscribe(Topic.CAMERAS, has_heard.set)
    there.start()
    until(has_heard.is_set)
    has_heard.clear()
    here.publish(Topic.CAMERAS)  # its database is not open: as if it could not be reached
    here_database.open()
    here.start()
    until(has_heard.is_set, within_s=15)
    for bus in (here, there):
        bus.stop()
    for database in (here_database, there_database):
        database.close()


def test_a_subscriber_without_the_database_is_called_again(buses: tuple[ChangeBus, ChangeBus]) -> None:
    _, there = buses
    calls: list[int] = []

    def read() -> None:
        calls.append(len(calls))
        if len(calls) == 1:
            raise Unavailable("The database was locked for too long.")

    there.subscribe(Topic.CAMERAS, read)
    there.start()
    until(lambda: len(calls) > 1, within_s=10)


def test_changes_during_an_outage_are_reported_after_it(tmp_path: Path, database_engine: str) -> None:
    database = prepared_database(tmp_path / "cameras.sqlite3")
    bus = ChangeBus(database)  # not open: as if the database could not be reached
    has_heard = threading.Event()
    bus.subscribe(Topic.CAMERAS, has_heard.set)
    bus.publish(Topic.CAMERAS)
    bus.start()
    assert not has_heard.wait(0.1)
    database.open()
    until(has_heard.is_set)
    bus.stop()
    database.close()


def test_a_publication_without_the_database_raises_nothing(tmp_path: Path) -> None:
    ChangeBus(Database(tmp_path / "cameras.sqlite3")).publish(Topic.CAMERAS)
