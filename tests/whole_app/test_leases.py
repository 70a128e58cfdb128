"""Two processes of the app on one database, which share the cameras by leases."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from core.clock import SystemClock
from events.log import EventLog
from tests.events.logged import event
from tests.patience import LIMIT_S, promised, until
from tests.whole_app.leased_nodes import LEASE_S, LeasedNodes, kill
from tests.whole_app.running_app import Recorder, RunningApp

pytestmark = pytest.mark.slow


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[LeasedNodes]:
    made = LeasedNodes(tmp_path)
    yield made
    made.close()


def status(app: RunningApp, camera_id: int) -> str:
    answer = requests.get(f"{app.url}/api/cameras/{camera_id}", timeout=LIMIT_S)
    return str(answer.json()["status"]) if answer.ok else "unknown"


def test_cameras_move_to_the_node_that_lives(nodes: LeasedNodes, recorder: Recorder) -> None:
    """First one node is killed, then the other one stops."""
    a, b = nodes.make("a").start(), nodes.make("b").start()
    ids = [recorder.add_at(a.url, requests.Session(), host=host) for host in ("127.0.0.1", "localhost")]
    until(lambda: set(nodes.names().values()) == {"a", "b"}, what="a camera for each node")
    kill(a)
    with promised(LEASE_S + 2.0):
        until(lambda: set(nodes.names().values()) == {"b"})
    until(lambda: all(status(b, it) == "online" for it in ids), what="both cameras online at the node that lives")
    again = nodes.make("a").start()
    b.process.send_signal(signal.SIGTERM)
    until(lambda: set(nodes.names().values()) == {"a"}, what="the cameras of the node that stops")
    until(lambda: all(status(again, it) == "online" for it in ids), what="both cameras online at the other node")
    b.process.wait(LIMIT_S)


def answer_of(app: RunningApp, path: str) -> Any:
    return requests.get(app.url + path, timeout=LIMIT_S).json()


def test_events_and_sinks_of_one_node_are_those_of_the_others(nodes: LeasedNodes, recorder: Recorder) -> None:
    a = nodes.make("a").start()
    camera_id = recorder.add_at(a.url, requests.Session(), host="127.0.0.1")
    until(lambda: nodes.names() == {camera_id: "a"}, what="the owner of the camera")
    b = nodes.make("b").start()
    sink = {"kind": "webhook", "name": "Hook", "webhook": {"url": "http://127.0.0.1:9/"}}
    requests.post(f"{a.url}/api/notification-sinks", json=sink, timeout=LIMIT_S).raise_for_status()
    until(lambda: "Hook" in str(answer_of(b, "/api/notification-sinks")), what="the sink at the other node")
    as_of = answer_of(b, "/api/events")["as_of"]
    log = EventLog(nodes.database, SystemClock(), "a")
    going_on = event(camera_id=camera_id, start_at=SystemClock().now_utc(), end_at=None, rule="Gate")
    log.begin("key", going_on)
    log.flush()

    def found() -> list[dict[str, Any]]:
        return [one for one in answer_of(b, f"/api/events/news?after={as_of}")["events"] if one["rule"] == "Gate"]

    assert [one["end_time"] for one in found()] == [None]
    kill(a)
    until(lambda: [one["closed_why"] for one in found()] == ["missed"], what="the end of the dead node's event")


def test_a_second_node_with_the_same_name_does_not_start(nodes: LeasedNodes) -> None:
    nodes.make("a").start()
    second = nodes.make("a", folder="second").start(is_awaited=False)
    assert second.process.wait(LIMIT_S) != 0
    assert "A node with the name 'a' runs already." in second.errors()
