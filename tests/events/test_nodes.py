"""The log of events of several nodes on one database: each node ends its own events and sees those of all."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core.errors import Unavailable
from core.events import ClosedWhy, EventKind, EventSource, LoggedEvent, Severity
from core.settings import Settings
from database import Database
from event_manager import EventManager
from events.log import EventLog
from events.log_query import EventQuery
from tests.events.logged import NOON, OneChannelCameras, event, stored_camera
from tests.hand_clock import HandClock
from tests.patience import until

ALL = EventQuery()


class CamerasOfNorth(OneChannelCameras):
    """The node north owns all cameras but number 9; the node west is dead."""

    def owns(self, camera_id: int) -> bool:
        return camera_id != 9

    def living_nodes(self) -> frozenset[str]:
        return frozenset({"north", "south"})


@pytest.fixture
def north(database: Database) -> EventLog:
    return EventLog(database, HandClock(), "north")


@pytest.fixture
def south(database: Database) -> EventLog:
    """The clock of this node is an hour behind."""
    return EventLog(database, HandClock(now=NOON - timedelta(hours=1)), "south")


def listed(log: EventLog) -> list[LoggedEvent]:
    return sorted(log.page(ALL, limit=200).events, key=lambda one: one.rule)


def write_open(log: EventLog, *events: LoggedEvent) -> None:
    for number, one in enumerate(events):
        log.begin(number, replace(one, end_at=None))
    log.flush()


def test_the_start_of_a_node_ends_its_own_events_alone(database: Database, north: EventLog, south: EventLog) -> None:
    write_open(north, event(rule="north"))
    write_open(south, event(rule="south"))
    restarted = EventLog(database, HandClock(), "south")
    restarted.start()
    try:
        assert [(one.rule, one.end_at is None) for one in listed(north)] == [("north", True), ("south", False)]
    finally:
        restarted.stop()


def test_a_single_process_ends_the_events_of_all_nodes(database: Database, north: EventLog) -> None:
    write_open(north, event())
    single = EventLog(database, HandClock())
    single.start()
    single.stop()
    assert listed(single)[0].closed_why is ClosedWhy.MISSED


def test_the_new_owner_ends_the_events_of_a_dead_node(database: Database, tmp_path: Path) -> None:
    clock = HandClock()
    west, south = EventLog(database, clock, "west"), EventLog(database, clock, "south")
    write_open(west, *(event(rule=f"west {one}", camera_id=one) for one in (1, 2, 9, None)))
    write_open(south, event(rule="south", camera_id=None))
    west.store.note_alive(clock.now_utc())
    alive_at = clock.now_utc()
    clock.move(minutes=5)
    south.store.note_alive(clock.now_utc())
    events = EventManager(database, Settings(data_dir=tmp_path, node_name="north"), clock, CamerasOfNorth())
    write_open(events.log, event(rule="north"))
    as_of = events.log.page(ALL, limit=1).as_of
    for camera_id in (1, 9):
        events.adopt_camera(camera_id)
    events.clean()
    ended = {one.rule: (one.end_at, one.closed_why) for one in listed(events.log) if one.end_at is not None}
    assert ended == dict.fromkeys(("west 1", "west None"), (alive_at, ClosedWhy.MISSED))
    assert {one.rule for one in south.news(ALL, as_of, limit=9).events} == ended.keys()


def test_the_owner_ends_an_event_although_another_node_has_ended_it(
    database: Database, north: EventLog, south: EventLog
) -> None:
    write_open(north, event())
    south.close_left_open([1], ["north", "south"])
    assert listed(south)[0].closed_why is ClosedWhy.MISSED
    north.end(0, NOON + timedelta(seconds=3))
    north.flush()
    assert (listed(south)[0].closed_why, listed(south)[0].end_at) == (ClosedWhy.TOLD, NOON + timedelta(seconds=3))


def test_a_node_sees_the_news_of_a_node_whose_clock_is_behind(north: EventLog, south: EventLog) -> None:
    north.add(event(rule="a"))
    north.flush()
    as_of = north.page(ALL, limit=9).as_of
    write_open(south, event(rule="b"))
    assert [one.rule for one in listed(north)] == ["a", "b"]
    news = north.news(ALL, as_of, limit=9)
    assert [one.rule for one in news.events] == ["b"]
    south.end(0, NOON)
    south.flush()
    assert [one.rule for one in north.news(ALL, news.as_of, limit=9).events] == ["b"]
    assert north.news(ALL, north.page(ALL, limit=9).as_of, limit=9).events == ()


def test_an_empty_log_tells_a_time_that_a_question_about_news_may_have(north: EventLog, south: EventLog) -> None:
    south.add_past([event(source=EventSource.IMPORT)])
    as_of = north.page(ALL, limit=9).as_of
    assert as_of.year > 1970, "the API refuses 1970"
    assert north.news(ALL, as_of, limit=9).as_of == as_of
    south.add(event(rule="new"))
    south.flush()
    assert [one.rule for one in north.news(ALL, as_of, limit=9).events] == ["new"]


def test_news_of_another_node_end_the_wait_for_news(north: EventLog, south: EventLog) -> None:
    told: list[str] = []
    south.on_news(lambda: told.append("changed"))
    south.on_news(north.wake)
    as_of = north.page(ALL, limit=9).as_of
    answers: list[int] = []
    asking = threading.Thread(
        target=lambda: answers.append(len(north.news(ALL, as_of, limit=9, wait_s=3600).events)), daemon=True
    )
    asking.start()
    south.add(event())
    south._work(0.5)
    south._work(0.5)
    assert told == ["changed"]
    until(lambda: answers == [1], what="the answer with the news")


def test_a_camera_that_another_node_adds_meanwhile_keeps_its_events(database: Database, tmp_path: Path) -> None:
    with database.write() as session:
        session.add(stored_camera(1))
    events = EventManager(database, Settings(data_dir=tmp_path), HandClock(), OneChannelCameras())
    for camera_id in (1, 5, None):
        events.log.add(event(camera_id=camera_id))
    events.log.flush()
    events._retention.forget_removed()
    while events.clean():
        pass
    assert events.log.store.camera_ids() == {0, 1}


def test_two_nodes_that_delete_the_same_events_count_them_once(
    north: EventLog, south: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for second in range(3):
        north.add(event(at_s=second, severity=Severity.NOTICE))
    north.add(event(EventKind.PERSON, at_s=5, severity=Severity.ALERT))
    north.flush()
    write = Database.write
    other: list[tuple[int, list[tuple[int, int]]]] = []

    @contextmanager
    def write_after_the_other(database: Database) -> Iterator[Session]:
        monkeypatch.setattr(Database, "write", write)
        other.append(south.store.delete_oldest(limit=2))
        with write(database) as session:
            yield session

    monkeypatch.setattr(Database, "write", write_after_the_other)
    assert north.store.delete_oldest(limit=2) == (2, [])
    assert len(other[0][1]) == 2
    assert [(day.count, day.alerts) for day in north.days(ALL)] == [(2, 1)]


def test_a_commit_whose_answer_is_lost_stores_each_event_once(north: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    stored: list[LoggedEvent] = []
    north.on_stored(stored.append)
    north.add(event(rule="a"))
    north.add(event(rule="a"))
    north.begin("key", event(rule="b", end_at=None))
    write = Database.write

    @contextmanager
    def write_without_answer(database: Database) -> Iterator[Session]:
        with write(database) as session:
            yield session
        raise Unavailable("The database cannot be reached.", code="database_unreachable")

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", write_without_answer)
        with pytest.raises(Unavailable):
            north.flush()
    assert stored == []
    north.end("key", NOON + timedelta(seconds=2))
    north.add(event(rule="c"))
    north.flush()
    assert [one.rule for one in listed(north)] == ["a", "a", "b", "c"]
    assert sorted(one.id for one in stored) == sorted(one.id for one in listed(north))
    assert listed(north)[2].end_at == NOON + timedelta(seconds=2)
    assert [day.count for day in north.days(ALL)] == [4]


def test_events_are_written_again_after_a_write_that_failed(north: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    north.add(event(rule="a"))

    @contextmanager
    def no_connection(database: Database) -> Iterator[Session]:
        raise Unavailable("The database cannot be reached.", code="database_unreachable")
        yield  # it is a generator

    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", no_connection)
        with pytest.raises(Unavailable):
            north.flush()
    north.flush()
    assert [one.rule for one in listed(north)] == ["a"]
