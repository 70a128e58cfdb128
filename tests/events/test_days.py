"""The numbers of events by day."""

from __future__ import annotations

from datetime import timedelta

from core.events import EventKind, EventSource, LoggedEvent
from database import Database
from events.details import EventDetails
from events.log import EventLog
from events.log_query import EventQuery
from tests.events.logged import NOON, event
from tests.hand_clock import HandClock

ALL = EventQuery()
TODAY = f"{NOON.astimezone():%Y-%m-%d}"
TOMORROW = f"{(NOON + timedelta(days=1)).astimezone():%Y-%m-%d}"


def log_with(database: Database, *events: LoggedEvent) -> EventLog:
    log = EventLog(database, HandClock())
    for one in events:
        log.add(one)
    log.flush()
    return log


def test_days_count_the_events_and_the_alerts(database: Database) -> None:
    log = log_with(database, *(event(at_s=second) for second in range(3)))
    log.add(event(EventKind.PERSON))
    log.add(event(at_s=86_400))
    log.flush()
    assert [(day.day, day.count, day.alerts) for day in log.days(ALL)] == [(TODAY, 4, 1), (TOMORROW, 1, 0)]
    assert [day.count for day in log.days(EventQuery(kinds=(EventKind.PERSON,)))] == [1]
    assert [day.day for day in log.days(EventQuery(end=NOON))] == [TODAY]
    midnight = (NOON.astimezone() + timedelta(days=1)).replace(hour=0, minute=0)
    assert [day.day for day in log.days(EventQuery(end=midnight))] == [TODAY], "the end is exclusive"
    assert log.days(EventQuery(camera_ids=(1,), channel=2)) == []


def test_days_of_a_zone_count_whole_days_and_exact_details(database: Database) -> None:
    log = log_with(database, *(event(zone=zone, at_s=at_s) for at_s in (-60, 60, 86_400) for zone in ("Gate", "")))
    gate = EventQuery(zones=("Gate",))
    assert [(day.day, day.count) for day in log.days(gate)] == [(TODAY, 2), (TOMORROW, 1)]
    window = EventQuery(zones=("Gate",), start=NOON, end=NOON + timedelta(hours=1))
    assert [(day.day, day.count) for day in log.days(window)] == [(TODAY, 2)], "the whole day"
    exact = EventQuery(details=(EventDetails(start=NOON, end=NOON + timedelta(hours=1)),))
    assert [(day.day, day.count) for day in log.days(exact)] == [(TODAY, 2)], "with a zone and without one"
    assert log.days(EventQuery(zones=("Gate",), source=EventSource.WATCH)) == []
