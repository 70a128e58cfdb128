"""Old events are deleted in batches with their marks, pictures and numbers by day; so are those of removed cameras."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select

from core.errors import NotFound
from core.events import EventKind
from core.settings import Settings
from database import Database
from event_manager import EventManager
from events import retention
from events.log_query import EventQuery
from events.log_store import EventLogStore
from tables import EventDayRow, EventRow, EventSeenRow
from tests.events.logged import NOON, OneChannelCameras, event
from tests.hand_clock import HandClock

ALL = EventQuery()
JPEG = b"\xff\xd8\xff picture"


@pytest.fixture
def clock() -> HandClock:
    return HandClock(now=NOON)


@pytest.fixture
def events(database: Database, clock: HandClock, tmp_path: Path) -> EventManager:
    made = EventManager(database, Settings(data_dir=tmp_path, min_free_bytes=0), clock, OneChannelCameras())
    made.pictures.open({1, 2})
    return made


def rules(events: EventManager) -> list[str]:
    events.log.flush()
    return [item.rule for item in events.log.page(ALL, limit=200).events]


def clean(events: EventManager) -> int:
    """Delete until nothing is left to be deleted. Return the number of batches."""
    batches = 1
    while events.clean():
        batches += 1
    return batches


def test_each_kind_has_its_own_days(events: EventManager) -> None:
    for kind in (EventKind.MOTION, EventKind.PERSON):
        for days in (10, 40, 400):
            events.log.add(event(kind, -86_400.0 * days, rule=f"{kind} {days}"))
    events.log.begin("key", event(EventKind.OFFLINE, -86_400.0 * 500, end_at=None, rule="goes on"))
    events.log.flush()
    clean(events)
    assert sorted(rules(events)) == ["goes on", "motion 10", "person 10", "person 40"]


def test_marks_pictures_and_days_go_with_the_events(events: EventManager, database: Database) -> None:
    events.log.add(event(at_s=-86_400.0 * 40, rule="old"))
    events.log.add(event(rule="new"))
    events.log.flush()
    found = {item.rule: item.id for item in events.log.page(ALL, limit=10).events}
    events.log.mark_seen(ALL, list(found.values()), is_seen=True)
    for event_id in found.values():
        events.pictures.put(1, event_id, JPEG)
    clean(events)
    assert rules(events) == ["new"]
    assert events.pictures.get(1, found["old"]) is None
    assert events.pictures.get(1, found["new"]) == JPEG
    with database.read() as session:
        assert list(session.scalars(select(EventSeenRow.event_id))) == [found["new"]]
        assert session.scalar(select(func.count()).select_from(EventDayRow)) == 1


def test_the_last_day_of_a_kind_goes_when_all_of_it_is_too_old(events: EventManager, clock: HandClock) -> None:
    events.log.add(event(EventKind.PERSON))
    events.log.flush()
    clock.move(days=Settings().event_keep_days, minutes=10)
    clean(events)
    assert rules(events) == []
    clock.move(days=2)
    clean(events)
    assert events.log.days(ALL) == []


def test_a_limit_by_law_deletes_pictures_that_the_log_does_not_know(events: EventManager) -> None:
    for second, channel in ((0, 1), (60, 1), (0, 2)):
        events.log.add(event(at_s=second, channel=channel, rule=f"{channel} {second}"))
    events.log.flush()
    found = {item.rule: item.id for item in events.log.page(ALL, limit=10).events}
    for event_id in found.values():  # as after a crash between the picture and its note in the log
        events.pictures.put(1, event_id, JPEG)
    events.forget_pictures_before(1, 1, NOON + timedelta(seconds=30))
    kept = {rule for rule, event_id in found.items() if events.pictures.get(1, event_id)}
    assert kept == {"1 60", "2 0"}


def test_pictures_of_events_that_another_node_has_deleted_go_too(
    events: EventManager, database: Database, clock: HandClock
) -> None:
    """This node has fetched them from the node that took them, for users."""
    events.log.add(event())
    events.log.flush()
    clean(events)
    for event_id in (1, 2):  # the second one is deleted already
        events.pictures.put(1, event_id, JPEG)
    clean(events)
    assert events.pictures.events() == [(1, 1), (1, 2)], "it looks now and then"
    clock.move(minutes=11)
    clean(events)
    assert events.pictures.events() == [(1, 1)]
    EventLogStore(database).delete_batch(EventRow.id == 1, limit=10)
    clock.move(minutes=11)
    clean(events)
    assert events.pictures.events() == []


def test_many_events_are_deleted_in_batches(events: EventManager, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "MOST_AT_ONCE", 10)
    for second in range(25):
        events.log.add(event(at_s=-86_400.0 * 40 + second))
    assert len(rules(events)) == 25
    assert events.clean()
    assert len(rules(events)) == 15
    assert clean(events) == 2
    assert rules(events) == []


def test_beyond_the_limit_of_all_rows_the_oldest_notices_go_first(
    database: Database, clock: HandClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "MOST_AT_ONCE", 2)
    settings = replace(Settings(data_dir=tmp_path, min_free_bytes=0), event_max_rows=3)
    events = EventManager(database, settings, clock, OneChannelCameras())
    events.pictures.open({1})
    for day in range(5):
        kind = EventKind.PERSON if day < 2 else EventKind.MOTION
        events.log.add(event(kind, -86_400.0 * (9 - day), rule=str(day)))
    events.log.begin("key", event(EventKind.SOUND, -86_400.0 * 20, end_at=None, rule="goes on"))
    events.log.flush()
    events.pictures.put(1, 3, JPEG)
    assert clean(events) == 2
    assert rules(events) == ["1", "0", "goes on"]
    assert events.pictures.get(1, 3) is None
    assert [(day.count, day.alerts) for day in events.log.days(ALL)] == [(1, 0), (1, 1), (1, 1)]
    for day in range(3):
        events.log.add(event(EventKind.PERSON, at_s=day, rule="new"))
    events.log.flush()
    clock.move(seconds=retention.LOOKS_EVERY_S)
    clean(events)
    assert rules(events) == ["new", "new", "goes on"] or rules(events) == ["new", "new", "new"]


def test_the_log_looks_for_old_events_every_ten_minutes(events: EventManager, clock: HandClock) -> None:
    clean(events)
    events.log.add(event(at_s=-86_400.0 * 40, rule="old"))
    assert rules(events) == ["old"]
    clean(events)
    assert rules(events) == ["old"]
    clock.move(seconds=retention.LOOKS_EVERY_S)
    clean(events)
    assert rules(events) == []


def test_the_events_of_a_removed_camera_are_hidden_then_deleted(events: EventManager, database: Database) -> None:
    events.log.add(event(rule="stays"))
    events.log.add(event(camera_id=2, rule="goes"))
    events.log.flush()
    gone = next(item.id for item in events.log.page(ALL, limit=10).events if item.camera_id == 2)
    events.pictures.put(2, gone, JPEG)
    events.delete_events(2)
    assert rules(events) == ["stays"]
    assert [day.count for day in events.log.days(ALL)] == [1]
    assert events.pictures.get(2, gone) is None
    with pytest.raises(NotFound):
        events.log.get(ALL, gone)
    clean(events)
    with database.read() as session:
        assert list(session.scalars(select(EventDayRow.camera_id))) == [1]
    assert events.log.store.camera_ids() == {1}


def test_events_of_a_camera_removed_while_the_app_was_off_are_deleted(events: EventManager) -> None:
    events.log.add(event(rule="stays", camera_id=None))
    events.log.add(replace(event(rule="goes"), camera_id=5))
    events.log.flush()
    events._retention.forget_removed()
    assert rules(events) == ["stays"]
    clean(events)
    assert events.log.store.camera_ids() == {0}
