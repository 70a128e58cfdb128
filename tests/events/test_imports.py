"""Events of a recorder's own list become events of the log, but none that the log has already."""

from __future__ import annotations

from datetime import timedelta

import sqlalchemy
from sqlalchemy import func, select

from core.events import EventKind, EventSource
from core.recordings import RecordingEvent
from database import Database
from events.imports import MOST_OF_CHANNEL, EventImports, ImportedChannel, events_of
from events.log import EventLog
from events.log_query import EventQuery
from tables import EventDayRow
from tests.events.logged import NOON, event, stored_camera
from tests.hand_clock import HandClock

GATE = ImportedChannel(1, 1, is_sure=True)
HOUR = timedelta(hours=1)
MOTION, CELLS, PEOPLE = (
    "tns1:VideoSource/MotionAlarm",
    "tns1:RuleEngine/CellMotionDetector/Motion",
    "tns1:RuleEngine/MyRuleDetector/PeopleDetect",
)


def told(at_s: float, active: bool | None, topic: str = MOTION, token: str = "Rec1") -> RecordingEvent:
    return RecordingEvent(NOON + timedelta(seconds=at_s), topic, token, "", active)


def stretches(*events: RecordingEvent) -> list[tuple[float, float]]:
    """Return beginning and end of each event of the hour, in seconds after noon."""
    found = events_of(GATE, events, NOON, NOON + HOUR)
    return [
        ((one.start_at - NOON).total_seconds(), (one.end_at - NOON).total_seconds())
        for one in found
        if one.end_at is not None
    ]


def test_a_beginning_and_its_end_are_one_event() -> None:
    assert stretches(told(10, True), told(30, False), told(100, True), told(140, False)) == [(10, 30), (100, 140)]
    (one,) = events_of(GATE, [told(10, True), told(30, False)], NOON, NOON + HOUR)
    assert (one.kind, one.source, one.topic) == (EventKind.MOTION, EventSource.IMPORT, "VideoSource/MotionAlarm")


def test_a_motion_by_two_topics_or_with_a_short_pause_is_one_event() -> None:
    assert stretches(told(10, True), told(12, True, CELLS), told(30, False), told(33, False, CELLS)) == [(10, 33)]
    assert stretches(told(10, True), told(30, False), told(34, True), told(40, False)) == [(10, 40)]
    assert stretches(told(10, True), told(11, True, token="Sub1"), told(30, False), told(30, False, token="Sub1")) == [
        (10, 30)
    ]


def test_lost_ends_and_events_without_a_state_have_a_length() -> None:
    assert stretches(told(10, True)) == [(10, 70)]
    assert stretches(told(10, None), told(100, None)) == [(10, 10), (100, 100)]
    assert stretches(told(10, True), told(70, True), told(900, True)) == [(10, 130), (900, 960)], (
        "it never tells an end"
    )
    assert stretches(told(10, False), told(20, True), told(21, True), told(25, False)) == [(20, 25)]


def test_only_activities_that_begin_in_the_stretch_count() -> None:
    assert stretches(told(-5, True), told(5, False), told(3599, True), told(3605, False), told(3600, True, PEOPLE)) == [
        (3599, 3605)
    ]
    assert stretches(told(10, True, "tns1:Device/HardwareFailure/FanFailure"), told(11, True, "x:Unknown")) == []


def test_too_many_events_of_a_channel_become_fewer_and_longer() -> None:
    many = [told(at_s * 0.4 * 30, at_s % 2 == 0) for at_s in range(2 * (MOST_OF_CHANNEL + 10))]
    found = events_of(GATE, many, NOON, NOON + 24 * HOUR)
    assert len(found) == 1
    assert found[0].end_at is not None
    assert found[0].end_at - found[0].start_at > 10 * HOUR


def test_what_the_log_has_is_not_imported_again(database: Database) -> None:
    log = EventLog(database, HandClock(now=NOON))
    imports = EventImports(database, log)
    log.add(event(at_s=10))
    log.add(event(at_s=100, source=EventSource.WATCH))
    log.add(event(EventKind.PERSON, at_s=200))
    log.add(event(at_s=300, channel=2))
    log.flush()
    recorded = [told(at_s + delta, delta == 1) for at_s in (10, 100, 200, 300) for delta in (1, 9)]
    for _ in range(2):  # the second time is after a crash before its note
        imports.add([(GATE, recorded)], NOON, NOON + HOUR)
    found = log.page(EventQuery(source=EventSource.IMPORT), limit=50).events
    assert sorted((one.start_at - NOON).total_seconds() for one in found) == [201, 301]
    assert imports.add([(GATE, [told(20 + 1.9, True), told(25, False)])], NOON, NOON + HOUR) == 0
    assert imports.add([(GATE, [told(20 + 2.1, True), told(25, False)])], NOON, NOON + HOUR) == 1


def test_the_events_of_all_channels_take_one_transaction(database: Database) -> None:
    imports = EventImports(database, EventLog(database, HandClock(now=NOON)))
    commits: list[object] = []
    sqlalchemy.event.listen(database._engine, "commit", commits.append)
    rows = [(ImportedChannel(1, number, is_sure=True), [told(10, True), told(30, False)]) for number in range(1, 17)]
    assert imports.add(rows, NOON, NOON + HOUR) == 16
    assert len(commits) == 1
    with database.read() as session:
        assert session.scalar(select(func.sum(EventDayRow.count))) == 16


def test_two_recordings_of_no_channel_are_no_reason_for_doubles(database: Database) -> None:
    imports = EventImports(database, EventLog(database, HandClock(now=NOON)))
    nobody = ImportedChannel(1, None, is_sure=False)
    rows = [(nobody, [told(10, True, token=token), told(30, False, token=token)]) for token in ("Rec1", "Rec2")]
    assert imports.add(rows, NOON, NOON + HOUR) == 1


def test_the_imported_stretch_outlives_the_app_and_not_the_camera(database: Database) -> None:
    imports = EventImports(database, EventLog(database, HandClock(now=NOON)))
    imports.note(1, NOON, NOON + HOUR)
    assert imports.imported(1) is None, "there is no such camera"
    with database.write() as session:
        session.add(stored_camera(1))
    imports.note(1, NOON, NOON + HOUR)
    imports.note(1, NOON - HOUR, NOON + HOUR)
    assert EventImports(database, EventLog(database, HandClock())).imported(1) == (NOON - HOUR, NOON + HOUR)
    imports.forget(1)
    assert imports.imported(1) is None
