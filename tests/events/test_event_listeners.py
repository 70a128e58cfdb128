"""Listening to the pretend recorder over SOAP: one subscription at most, and every beginning and end."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from cameras.records import CameraChange
from core.events import Change, ClosedWhy, DeviceEvent
from core.records import CameraStatus
from core.secrets import Secret
from events import states
from onvif_services import device_events
from tests.events.listening import Demand, Listening, listening, make_harness
from tests.patience import promised, stays, until
from tests.simulator.process import PASSWORD, ROOT, Simulator
from workers import event_listener

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def running(cache_dir: Path) -> Iterator[Simulator]:
    simulator = Simulator(cache_dir, "--channels", "2")
    yield simulator
    simulator.stop()


@pytest.fixture
def simulator(running: Simulator) -> Iterator[Simulator]:
    running.clear()
    running.control("POST", "/motion", {"active": False})
    running.control("POST", "/subscriptions")
    yield running
    assert running.get("/state")["most_subscriptions"] <= 1, "there was a second subscription"


@pytest.fixture
def app(tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listening]:
    """All parts, with short pauses after failures, and the recorder as camera 1."""
    monkeypatch.setattr(event_listener, "_FIRST_PAUSE_S", 0.2)
    monkeypatch.setattr(event_listener, "_USED_UP_PAUSE_S", 0.5)
    monkeypatch.setattr(event_listener, "_LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(states, "HOLD_S", 0.2)
    harness = make_harness(tmp_path)
    harness.pace = replace(harness.pace, read_again_s=0.3, signals_again_s=0.1)
    with listening(harness, Demand()) as made:
        made.add(simulator.onvif_port)
        yield made


def subscriptions(simulator: Simulator) -> int:
    return int(simulator.get("/state")["subscriptions"])


def subscribed(app: Listening, simulator: Simulator) -> None:
    """Wait until the app has its subscription, and not the short one that tells the signals of inputs."""
    until(lambda: app.events.left_open(), what="the stored subscription")
    until(lambda: subscriptions(simulator) == 1, what="a subscription")


def move(simulator: Simulator, channel: int, active: bool) -> None:
    assert simulator.control("POST", "/motion", {"channel": channel, "active": active})[0] == 200


def _stored(folder: Path) -> int:
    file = folder / "data" / "cameras.sqlite3"
    if not file.exists():
        return 0
    with closing(sqlite3.connect(file)) as database:
        is_made = database.execute("SELECT 1 FROM sqlite_master WHERE name = 'event_subscriptions'").fetchone()
        if not is_made:
            return 0
        return int(database.execute("SELECT count(*) FROM event_subscriptions").fetchone()[0])


def begins(app: Listening, simulator: Simulator, channel: int) -> None:
    """Let a channel move, and wait until the app knows it."""
    before = app.changes(channel).count(True)
    move(simulator, channel, active=True)
    until(lambda: app.changes(channel).count(True) > before, what="the beginning of the motion")


def ends(app: Listening, simulator: Simulator, channel: int) -> None:
    before = app.changes(channel).count(False)
    move(simulator, channel, active=False)
    until(lambda: app.changes(channel).count(False) > before, what="the end of the motion")


def test_motion_of_each_channel_begins_and_ends(app: Listening, simulator: Simulator) -> None:
    subscribed(app, simulator)
    for channel in (1, 2):
        begins(app, simulator, channel)
        assert app.events.active_channels(1) == {channel}
        ends(app, simulator, channel)
        assert app.changes(channel) == [True, False]
    assert all(item.is_device_time for item in app.told)


def test_the_device_is_asked_for_the_state_of_an_open_motion(
    app: Listening, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It tells the beginning once, so a long motion would end after a while."""
    states_told: list[DeviceEvent] = []
    take = app.events.take

    def spy(camera_id: int, events: Iterable[DeviceEvent]) -> None:
        found = tuple(events)
        states_told.extend(event for event in found if event.change is Change.STATE and event.active)
        take(camera_id, found)

    monkeypatch.setattr(app.events, "take", spy)
    monkeypatch.setattr(states, "MOTION_ASKED_EVERY_S", 0.1)
    monkeypatch.setattr(device_events, "MAX_PULL_S", 0.3)
    app.demand.cameras.clear()
    until(lambda: subscriptions(simulator) == 0, what="the end of the long pull")
    app.demand.cameras.add(1)
    subscribed(app, simulator)
    begins(app, simulator, 1)
    until(lambda: len(states_told) >= 2, what="states that the device repeats")
    ends(app, simulator, 1)
    assert app.changes(1) == [True, False]


def test_no_demand_means_no_subscription(app: Listening, simulator: Simulator) -> None:
    subscribed(app, simulator)
    begins(app, simulator, 1)
    app.demand.cameras.clear()
    until(lambda: subscriptions(simulator) == 0, what="the end of the subscription")
    until(lambda: app.changes(1) == [True, False], what="the end of the motion")


def test_the_stop_ends_the_subscription_within_seconds(tmp_path: Path, simulator: Simulator) -> None:
    with listening(make_harness(tmp_path), Demand()) as app:
        app.add(simulator.onvif_port)
        subscribed(app, simulator)
        with promised(3.0):
            app.listeners.stop()
        assert subscriptions(simulator) == 0


def test_a_killed_apps_subscription_ends_at_the_next_start(tmp_path: Path, running: Simulator) -> None:
    """The subscription is ended even without a rule that needs events."""
    argv = [sys.executable, "-m", "tests.events.listening", str(tmp_path), str(running.onvif_port)]
    process = subprocess.Popen(argv, cwd=ROOT)
    try:
        until(lambda: _stored(tmp_path), what="the stored address")
    finally:
        process.kill()
        process.wait()
    assert subscriptions(running) == 1
    with listening(make_harness(tmp_path), Demand()) as app:
        until(lambda: not app.events.left_open(), what="the end of the killed app's subscription")
        until(lambda: subscriptions(running) == 0, what="no subscription")


def test_a_changed_or_removed_camera_gives_its_subscription_back(app: Listening, simulator: Simulator) -> None:
    subscribed(app, simulator)
    app.cameras.update_camera(1, CameraChange(password=Secret(PASSWORD)))
    app.harness.wait_status(1, CameraStatus.ONLINE)
    subscribed(app, simulator)
    begins(app, simulator, 2)
    app.cameras.delete_camera(1)
    assert subscriptions(simulator) == 0
    until(lambda: app.changes(2) == [True, False], what="the end of the motion")


def test_a_subscription_that_dies_without_words_is_made_again(app: Listening, simulator: Simulator) -> None:
    subscribed(app, simulator)
    begins(app, simulator, 1)
    simulator.fault("events", "dies")
    move(simulator, 1, active=False)
    simulator.fault("events", None)
    subscribed(app, simulator)
    until(lambda: app.changes(1) == [True, False], what="the end that was told by the new subscription's state")


@pytest.mark.parametrize("habit", ["grants_nothing", "no_renewal", "digits", "closes"])
def test_odd_subscriptions_still_tell_motion(app: Listening, simulator: Simulator, habit: str) -> None:
    app.demand.cameras.clear()
    until(lambda: subscriptions(simulator) == 0)
    simulator.fault("events", habit)
    app.demand.cameras.add(1)
    subscribed(app, simulator)
    begins(app, simulator, 1)
    ends(app, simulator, 1)


def test_a_wrong_clock_of_messages_is_replaced_by_the_arrival(app: Listening, simulator: Simulator) -> None:
    subscribed(app, simulator)
    simulator.fault("events", "wrong_clock")
    begins(app, simulator, 1)
    assert app.told[-1].at.year > 2000
    assert not app.told[-1].is_device_time


def test_a_storm_is_one_event(app: Listening, simulator: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(states, "HOLD_S", 30.0)
    monkeypatch.setattr(states, "STORM_S", 1.0)
    subscribed(app, simulator)
    simulator.fault("storm", 100, channel=1)
    until(lambda: sum(topic.count for topic in app.events.told(1).topics) > 100, what="a hundred messages")
    simulator.fault("storm", None, channel=1)
    until(lambda: False in app.changes(1), what="the end of the storm")
    assert app.changes(1) == [True, False]
    assert app.told[-1].closed_why is ClosedWhy.STORM
    assert app.told[-1].changes > states.STORM_CHANGES


def test_false_values_of_messages_begin_no_motion(app: Listening, simulator: Simulator) -> None:
    subscribed(app, simulator)
    simulator.fault("events", "false_values")
    move(simulator, 1, active=True)
    until(lambda: _perhaps(app), what="the message")
    simulator.fault("events", None)
    move(simulator, 1, active=False)
    begins(app, simulator, 2)
    assert app.changes(1) == []
    assert app.events.problem(1) is None


def _perhaps(app: Listening) -> bool:
    return any("perhaps" in message.items.values() for message in app.events.told(1).recent)


def test_used_up_subscriptions_have_words_on_the_health_card(app: Listening, simulator: Simulator) -> None:
    subscribed(app, simulator)
    app.demand.cameras.clear()
    until(lambda: subscriptions(simulator) == 0)
    simulator.fault("events", "used_up")
    app.demand.cameras.add(1)
    until(lambda: "gives no more event subscriptions" in app.cameras.health(1).text, what="the words")
    assert app.cameras.get_camera(1).status is CameraStatus.ONLINE
    problem = until(lambda: app.events.problem(1), what="the problem that the recorder shows")
    assert problem is not None
    assert problem.code == "camera_busy"
    simulator.fault("events", None)
    subscribed(app, simulator)
    until(lambda: app.events.problem(1) is None, what="the end of the problem")


def test_signals_are_read_from_the_subscription_that_is_open(app: Listening, simulator: Simulator) -> None:
    """Otherwise each look at the signals would take another of the device's places; the fixture counts them."""
    subscribed(app, simulator)
    simulator.fault("dead", "no_signal", channel=2)
    until(lambda: app.cameras.channels(1)[1].problem is not None, what="the mark of the dead channel")
    simulator.fault("dead", None, channel=2)
    until(lambda: app.cameras.channels(1)[1].problem is None, what="the end of the mark")


def test_a_refused_password_stops_the_attempts(app: Listening, simulator: Simulator) -> None:
    """A storm of logins would lock the account."""
    subscribed(app, simulator)
    simulator.fault("refuse_password")
    simulator.fault("events", "dies")
    app.harness.wait_status(1, CameraStatus.AUTH_FAILED)
    failed = simulator.logins()["failed"]
    stays(lambda: simulator.logins()["failed"] == failed, 1.0)
    assert failed <= 3
