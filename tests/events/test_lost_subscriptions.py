"""Subscriptions that a device loses, in six ways: the app soon has another one, and leaves none at its end.

`make stress` measures that with the pauses of the app itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import pytest

from cameras.connecting import Pace
from core.errors import CameraUnreachable
from events import states
from onvif_services import device_events
from tests.events.listening import Demand, Listening, listening, make_harness
from tests.hand_clock import HandClock
from tests.patience import promised, until
from tests.simulator.process import Simulator
from workers import event_listener

pytestmark = pytest.mark.slow

BACK_S = 60.0
WAYS = ("expired", "restarted", "no renewal", "no life", "no address", "closed connections")


@pytest.fixture(scope="module")
def running(cache_dir: Path) -> Iterator[Simulator]:
    simulator = Simulator(cache_dir, "--channels", "2", "--dead", "none")
    yield simulator
    simulator.stop()


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.clear()
    running.control("POST", "/motion", {"active": False})
    running.control("POST", "/subscriptions")
    return running


@pytest.fixture(params=["short", pytest.param("real", marks=pytest.mark.stress)])
def app(
    request: pytest.FixtureRequest, tmp_path: Path, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Listening]:
    harness = make_harness(tmp_path)
    if request.param == "short":
        monkeypatch.setattr(event_listener, "_FIRST_PAUSE_S", 0.2)
        monkeypatch.setattr(event_listener, "_LOOK_EVERY_S", 0.05)
        monkeypatch.setattr(device_events, "_QUICK_REST_S", 0.1)
        monkeypatch.setattr(states, "HOLD_S", 0.2)
    else:
        harness.pace = replace(Pace(), save_again_s=0.0)
    with listening(harness, Demand()) as made:
        made.add(simulator.onvif_port)
        yield made


def _subscriptions(simulator: Simulator) -> int:
    return int(simulator.get("/state")["subscriptions"])


def _is_subscribed(app: Listening, simulator: Simulator) -> bool:
    return bool(app.events.left_open()) and _subscriptions(simulator) == 1


def _move(simulator: Simulator, *, active: bool) -> None:
    simulator.control("POST", "/motion", {"channel": 1, "active": active})


def _lose(way: str, app: Listening, simulator: Simulator, noted: list[str]) -> None:
    """Let the device lose its subscription, until the app knows it."""
    habits = {"no renewal": "lives_briefly", "no life": "zero_life", "closed connections": "closes"}
    if way == "no address":
        app.demand.cameras.clear()
        until(lambda: _subscriptions(simulator) == 0, what="the end of the subscription with an address")
        simulator.fault("events", "no_address")
        app.demand.cameras.add(1)
        until(lambda: _is_subscribed(app, simulator), what="the subscription without an address")
    noted.clear()
    if way == "restarted":
        simulator.fault("reboot")
    else:
        simulator.fault("events", habits.get(way, "dies"))
    _move(simulator, active=True)
    until(lambda: noted, what="the loss")
    simulator.fault("reboot", None)
    simulator.fault("events", "no_address" if way == "no address" else None)


@pytest.mark.parametrize("way", WAYS)
def test_a_lost_subscription_is_made_again(
    way: str, app: Listening, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[str] = []
    until(lambda: _is_subscribed(app, simulator), what="a subscription")
    monkeypatch.setattr(app.events, "note_problem", lambda _camera_id, code, _detail="": noted.append(code))
    _lose(way, app, simulator, noted)
    with promised(BACK_S):
        until(lambda: _is_subscribed(app, simulator), what="another subscription")
        until(lambda: True in app.changes(1), what="the motion that began meanwhile")
    _move(simulator, active=False)
    until(lambda: app.changes(1) == [True, False], what="the end of the motion")
    app.listeners.stop()
    state = simulator.get("/state")
    assert (state["subscriptions"], state["most_subscriptions"]) == (0, 1)


def test_no_pause_after_failures_is_as_long_as_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.backoff.random.random", lambda: 1.0)
    listener = event_listener.EventListener(1, Mock(), Mock(), HandClock(), is_wanted=True)
    assert max(listener._pause_s(CameraUnreachable("lost"), 0.0) for _ in range(20)) < BACK_S - 5.0
