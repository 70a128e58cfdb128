"""Motion and the more precise event of the same seconds: two events in the log, one row of a review."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import update

from core.events import EventKind, EventSource, LoggedEvent, Severity
from database import MIGRATIONS, Database, _scripts_in
from events.log import EventLog
from events.log_query import EventQuery
from tables import EventDayRow, EventRow
from tests.events.logged import NOON, event
from tests.hand_clock import HandClock

ALL, JOINED = EventQuery(), EventQuery(joins=True)
PERSON, MOTION = EventKind.PERSON, EventKind.MOTION


@pytest.fixture
def log(database: Database) -> EventLog:
    """A log whose thread is not started: tests call flush()."""
    return EventLog(database, HandClock())


def add(log: EventLog, *events: LoggedEvent) -> None:
    for one in events:
        log.add(one)
    log.flush()


def kinds(log: EventLog, query: EventQuery = JOINED) -> list[str]:
    return [one.kind.value for one in log.page(query, limit=200).events]


def counts(log: EventLog, query: EventQuery = JOINED) -> list[tuple[int, int]]:
    return [(day.count, day.alerts) for day in log.days(query)]


@pytest.mark.parametrize("is_motion_first", [True, False])
@pytest.mark.parametrize("is_one_batch", [True, False])
def test_a_person_stands_for_the_motion_of_the_same_seconds(
    log: EventLog, is_motion_first: bool, is_one_batch: bool
) -> None:
    events = [event(at_s=0), event(PERSON, at_s=4)]
    batches = [events] if is_one_batch else [[one] for one in events]
    for batch in batches if is_motion_first else batches[::-1]:
        add(log, *batch)
    assert kinds(log) == ["person"]
    assert counts(log) == [(1, 1)]
    assert kinds(log, ALL) == ["person", "motion"]
    assert counts(log, ALL) == [(2, 1)]


@pytest.mark.parametrize(
    "more",
    [
        {"channel": 2},
        {"camera_id": 2},
        {"at_s": 11},
        {"at_s": -11},
        {"kind": EventKind.INPUT},
        {"kind": EventKind.SOUND},
    ],
)
def test_another_place_time_or_meaning_stays_a_row_of_its_own(log: EventLog, more: dict[str, Any]) -> None:
    add(log, event(), event(**{"kind": PERSON, **more}))
    assert len(kinds(log)) == 2
    assert counts(log)[0][0] == 2


def test_an_alert_of_motion_is_not_left_out_because_of_a_notice(log: EventLog) -> None:
    add(log, event(severity=Severity.ALERT), event(EventKind.ANIMAL, severity=Severity.NOTICE))
    assert len(kinds(log)) == 2
    add(log, event(PERSON, at_s=2))
    assert kinds(log) == ["person", "animal"]
    assert counts(log) == [(2, 1)]


def test_questions_about_motion_find_all_of_it(log: EventLog) -> None:
    add(log, event(zone="Drive"), event(PERSON))
    for query in (
        EventQuery(joins=True, kinds=(MOTION,)),
        EventQuery(joins=True, zones=("Drive",)),
        EventQuery(joins=True, source=EventSource.DEVICE),
    ):
        assert "motion" in kinds(log, query)
        assert counts(log, query)[0][0] == len(kinds(log, query))


def test_numbers_of_days_are_those_of_the_list(log: EventLog) -> None:
    add(
        log,
        *(event(at_s=60 * minute) for minute in range(6)),
        *(event(PERSON, at_s=60 * minute) for minute in range(3)),
    )
    noon = 60 * NOON.astimezone().hour + NOON.astimezone().minute
    person = log.page(JOINED, limit=200).events[-1]
    log.mark_seen(JOINED, [person.id], is_seen=True)
    for query in (
        JOINED,
        EventQuery(joins=True, severity=Severity.ALERT),
        EventQuery(joins=True, severity=Severity.NOTICE),
        EventQuery(joins=True, is_seen=False),
        EventQuery(joins=True, is_seen=True),
        EventQuery(joins=True, from_minute=noon, until_minute=noon + 2),
        EventQuery(joins=True, camera_ids=(1,), channel=1),
    ):
        assert sum(count for count, _ in counts(log, query)) == len(kinds(log, query)), query


def test_a_mark_of_the_person_is_one_of_the_motion_too(log: EventLog) -> None:
    add(log, event(), event(PERSON), event(at_s=60))
    (person,) = log.page(EventQuery(kinds=(PERSON,)), limit=9).events
    log.mark_seen(ALL, [person.id], is_seen=True)
    unseen = EventQuery(is_seen=False)
    assert [one.start_at for one in log.page(unseen, limit=9).events] == [NOON + timedelta(seconds=60)]
    log.mark_seen(ALL, [person.id], is_seen=False)
    assert len(log.page(unseen, limit=9).events) == 3


def test_news_name_the_motion_that_goes_from_the_list(log: EventLog) -> None:
    add(log, event())
    (motion,) = log.page(JOINED, limit=9).events
    as_of = log.page(JOINED, limit=9).as_of
    add(log, event(PERSON, at_s=3))
    news = log.news(JOINED, as_of, limit=50)
    assert ([one.kind for one in news.events], news.gone) == ([PERSON], (motion.id,))
    everything = log.news(ALL, as_of, limit=50)
    assert (len(everything.events), everything.gone) == (2, ())
    assert log.news(JOINED, news.as_of, limit=50).gone == ()


def test_imported_events_are_joined_and_are_no_news(log: EventLog) -> None:
    as_of = log.page(JOINED, limit=9).as_of
    log.add_past([event(source=EventSource.IMPORT), event(PERSON, source=EventSource.IMPORT)])
    assert kinds(log) == ["person"]
    assert log.news(JOINED, as_of, limit=9).gone == ()


def test_deleted_motion_leaves_the_numbers_of_its_day_right(log: EventLog) -> None:
    add(log, event(), event(PERSON), event(at_s=60))
    log.store.delete_oldest(limit=1)
    assert counts(log) == [(2, 1)]
    assert counts(log, ALL) == [(2, 1)]


def test_a_storm_of_events_is_joined_in_one_question_a_channel(log: EventLog) -> None:
    add(log, *(event(at_s=number / 100) for number in range(500)), *(event(PERSON, at_s=5) for _ in range(200)))
    assert set(kinds(log)) == {"person"}


def test_an_upgrade_joins_the_events_of_before(log: EventLog, database: Database) -> None:
    add(
        log,
        *(event(at_s=at_s) for at_s in (0, 86_400, 86_430)),
        *(event(PERSON, at_s=at_s) for at_s in (4, 86_398, 86_403)),
        event(severity=Severity.ALERT, channel=2),
        event(EventKind.ANIMAL, severity=Severity.NOTICE, channel=2),
    )
    wanted, expected = EventQuery(joins=True), (kinds(log), counts(log))
    with database.write() as session:
        session.execute(update(EventRow).values(is_joined=False))
        session.execute(update(EventDayRow).values(joined=0, joined_alerts=0))
    assert len(kinds(log, wanted)) == 8
    migration = _scripts_in(MIGRATIONS).get_revision("0028").module
    for _ in range(2):  # a second run counts no motion again
        with database.write() as session:
            migration.join_earlier_events(session.connection())
        assert (kinds(log, wanted), counts(log, wanted)) == expected
