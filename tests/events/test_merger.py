"""The log takes activities of devices, and leaves some out. Over a real database."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from core.events import Change, ClosedWhy, DeviceEvent, EventKind, LoggedEvent, Severity
from core.settings import Settings
from database import Database
from event_manager import EventManager
from events.log_query import EventQuery
from events.merger import MOST_ROWS_A_MINUTE
from events.states import HOLD_S, OTHERS_END_AFTER_S
from tests.events.logged import OneChannelCameras
from tests.hand_clock import HandClock
from tests.prepared_database import prepared_database


class Telling:
    """A camera whose events a test tells; the log is written when it is read."""

    def __init__(self, database: Database, clock: HandClock) -> None:
        self.clock = clock
        self.events = EventManager(database, Settings(), clock, OneChannelCameras())

    def tell(self, active: bool | None, kind: EventKind = EventKind.MOTION, **more: Any) -> None:
        change = Change.PULSE if active is None else Change.CHANGED
        values = {"topic": kind.value, "sources": (), "rule": "", "item": "state", "change": change, **more}
        self.events.take(1, [DeviceEvent(kind=kind, active=active, **values)])

    def pass_time(self, seconds: float) -> None:
        self.clock.move(seconds=seconds)
        self.events.tick()

    @property
    def logged(self) -> list[LoggedEvent]:
        self.events.log.flush()
        return list(reversed(self.events.log.page(EventQuery(), limit=2000).events))


@pytest.fixture
def telling(tmp_path: Path) -> Iterator[Telling]:
    database = prepared_database(tmp_path / "cameras.sqlite3")
    database.open()
    yield Telling(database, HandClock())
    database.close()


def test_an_event_of_a_device_is_logged_from_its_beginning_to_its_end(telling: Telling) -> None:
    began_at = telling.clock.now_utc()
    telling.tell(True, EventKind.PERSON, rule="Gate", topic="RuleEngine/People")
    (begun,) = telling.logged
    assert (begun.kind, begun.rule, begun.topic, begun.channel) == (EventKind.PERSON, "Gate", "RuleEngine/People", 1)
    assert (begun.start_at, begun.end_at, begun.severity) == (began_at, None, Severity.ALERT)
    telling.pass_time(20)
    ended_at = telling.clock.now_utc()
    telling.tell(False, EventKind.PERSON, rule="Gate", topic="RuleEngine/People")
    telling.pass_time(HOLD_S)
    (ended,) = telling.logged
    assert (ended.end_at, ended.closed_why, ended.count) == (ended_at, ClosedWhy.TOLD, 2)


def test_an_event_without_an_end_ends_at_its_last_sign_of_life(telling: Telling) -> None:
    telling.tell(True, EventKind.FACE)
    told_at = telling.clock.now_utc()
    telling.pass_time(OTHERS_END_AFTER_S)
    (ended,) = telling.logged
    assert (ended.end_at, ended.closed_why) == (told_at, ClosedWhy.TIMEOUT)


def test_a_state_that_the_app_finds_is_no_alert(telling: Telling) -> None:
    telling.tell(True, EventKind.PERSON, change=Change.STATE)
    assert [item.severity for item in telling.logged] == [Severity.NOTICE]


def test_states_that_last_and_values_are_left_out(telling: Telling) -> None:
    telling.tell(True, EventKind.INPUT, change=Change.STATE)
    telling.tell(None, EventKind.OTHER, topic="Monitoring/ProcessorUsage")
    telling.tell(None, EventKind.COUNT)
    assert telling.logged == []
    telling.tell(True, EventKind.INPUT, rule="another input")
    telling.tell(True, EventKind.OTHER, topic="RuleEngine/Unheard")
    assert [item.kind for item in telling.logged] == [EventKind.INPUT, EventKind.OTHER]


def test_events_end_with_their_listener(telling: Telling) -> None:
    telling.tell(True)
    telling.events.end_camera(1)
    assert [item.closed_why for item in telling.logged] == [ClosedWhy.STOPPED]


def test_a_burst_is_one_event_for_each_key(telling: Telling) -> None:
    """10,000 messages of ten rules in ten seconds."""
    for step in range(500):
        for rule in range(10):
            telling.tell(True, rule=str(rule))
            telling.tell(False, rule=str(rule))
        telling.pass_time(10 / 500 if step else 0)
    telling.pass_time(60)
    logged = telling.logged
    assert len(logged) == 10
    assert {item.closed_why for item in logged} == {ClosedWhy.STORM}
    assert {item.count for item in logged} == {1000}


def test_a_motion_that_is_told_by_two_topics_is_one_event(telling: Telling) -> None:
    cell: dict[str, Any] = {"topic": "RuleEngine/CellMotionDetector/Motion", "rule": "Cells"}
    telling.tell(True, topic="VideoSource/MotionAlarm")
    telling.tell(True, **cell)
    telling.tell(False, topic="VideoSource/MotionAlarm")
    telling.pass_time(10)
    assert [item.end_at for item in telling.logged] == [None]
    ended_at = telling.clock.now_utc()
    telling.tell(False, **cell)
    telling.pass_time(HOLD_S)
    assert [(item.end_at, item.count) for item in telling.logged] == [(ended_at, 4)]
    telling.tell(True, **cell)
    assert [item.topic for item in telling.logged] == ["VideoSource/MotionAlarm", cell["topic"]]


def test_areas_and_kinds_have_events_of_their_own(telling: Telling) -> None:
    telling.tell(True, rule="Gate")
    telling.tell(True, rule="Door")
    telling.tell(True, EventKind.PERSON, rule="Gate")
    telling.tell(True, EventKind.PERSON, rule="Gate", topic="RuleEngine/Another")
    telling.tell(True, EventKind.PERSON, rule="Door", topic="RuleEngine/Another")
    assert [(item.kind, item.rule) for item in telling.logged] == [
        (EventKind.MOTION, "Gate"),
        (EventKind.MOTION, "Door"),
        (EventKind.PERSON, "Gate"),
        (EventKind.PERSON, "Gate"),
        (EventKind.PERSON, "Door"),
    ]


def test_faults_of_different_parts_are_events_of_their_own(telling: Telling) -> None:
    storage = "Device/HardwareFailure/StorageFailure"
    telling.tell(True, EventKind.DEVICE_FAULT, topic=storage)
    telling.tell(True, EventKind.DEVICE_FAULT, topic="Device/HardwareFailure/FanFailure")
    telling.tell(False, EventKind.DEVICE_FAULT, topic=storage)
    telling.pass_time(HOLD_S)
    assert [(item.topic, item.end_at is None) for item in telling.logged] == [
        (storage, False),
        ("Device/HardwareFailure/FanFailure", True),
    ]


def test_a_device_that_invents_rules_fills_no_database(telling: Telling) -> None:
    for burst in range(8):
        for rule in range(100):
            telling.tell(None, EventKind.LINE_CROSSED, rule=f"{burst}-{rule}")
            telling.pass_time(0.06)
    logged = telling.logged
    ordinary = [item for item in logged if item.kind is EventKind.LINE_CROSSED]
    (storm,) = [item for item in logged if item not in ordinary]
    assert len(ordinary) == MOST_ROWS_A_MINUTE
    assert (storm.kind, storm.end_at, storm.severity) == (EventKind.OTHER, None, Severity.ALERT)
    telling.pass_time(60)
    (storm,) = [item for item in telling.logged if item.kind is EventKind.OTHER]
    assert (storm.count, storm.closed_why) == (800 - MOST_ROWS_A_MINUTE, ClosedWhy.STORM)
    telling.tell(None, EventKind.LINE_CROSSED, rule="Gate")
    assert telling.logged[-1].rule == "Gate", "the next minute has a limit of its own"


def test_events_of_two_cameras_have_limits_of_their_own(telling: Telling) -> None:
    for rule in range(MOST_ROWS_A_MINUTE + 1):
        telling.tell(None, EventKind.LINE_CROSSED, rule=str(rule))
        telling.pass_time(0.06)
    event = DeviceEvent(EventKind.DOORBELL, "Visitor", (), "", "state", Change.PULSE, None)
    telling.events.take(2, [event])
    assert (telling.logged[-1].camera_id, telling.logged[-1].kind) == (2, EventKind.DOORBELL)
