"""Listeners get activities in order, and a slow one does not block the events of other cameras."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from core.events import Change, ChannelActivity, DeviceEvent, EventKind, EventProblem
from core.settings import Settings
from database import Database
from event_manager import EventManager
from tests.events.logged import OneChannelCameras
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until


@pytest.fixture
def events(tmp_path: Path) -> EventManager:
    return EventManager(Database(tmp_path / "unused.sqlite3"), Settings(), HandClock(), OneChannelCameras())


def motion(active: bool) -> DeviceEvent:
    return DeviceEvent(EventKind.MOTION, "Motion", (), "", "state", Change.CHANGED, active)


def _in_thread(work: Callable[[], None]) -> threading.Thread:
    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    return thread


def test_a_listener_that_waits_blocks_no_other_camera(events: EventManager) -> None:
    told: list[ChannelActivity] = []
    is_waiting, may_go_on = threading.Event(), threading.Event()

    def wait_once(activity: ChannelActivity) -> None:
        told.append(activity)
        is_waiting.set()
        may_go_on.wait(LIMIT_S)

    events.on_motion(wait_once)
    first = _in_thread(lambda: events.take(1, [motion(True)]))
    assert is_waiting.wait(LIMIT_S)
    others = _in_thread(lambda: events.take(2, [motion(True)]))
    others.join(LIMIT_S)
    assert not others.is_alive()
    assert events.active_channels(2) == {1}
    assert [item.camera_id for item in told] == [1]
    may_go_on.set()
    first.join(LIMIT_S)
    until(lambda: [item.camera_id for item in told] == [1, 2], what="the activity of the other camera")


def test_a_listener_may_ask_for_the_active_channels(events: EventManager) -> None:
    active: list[frozenset[int]] = []
    events.on_motion(lambda activity: active.append(events.active_channels(activity.camera_id)))
    _in_thread(lambda: events.take(1, [motion(True)])).join(LIMIT_S)
    assert active == [{1}]


def test_a_fault_in_a_listener_keeps_nothing_from_the_next(events: EventManager) -> None:
    told: list[bool] = []

    def fail(activity: ChannelActivity) -> None:
        raise RuntimeError("a fault of ours")

    events.on_motion(fail)
    events.on_motion(lambda activity: told.append(activity.active))
    events.take(1, [motion(True)])
    events.end_camera(1)
    assert told == [True, False]


def test_a_problem_lasts_from_its_first_failure_to_a_success(events: EventManager) -> None:
    clock = HandClock()
    events._clock = clock
    began = clock.now_utc()
    events.note_problem(1, "camera_unreachable")
    clock.move(seconds=30)
    events.note_problem(1, "camera_busy")
    assert events.problem(1) == EventProblem("camera_busy", began)
    assert events.problem(2) is None
    events.note_success(1)
    assert events.problem(1) is None
    events.note_problem(1, "camera_busy")
    events.end_camera(1)
    assert events.problem(1) is None, "nothing listens to it any longer"
