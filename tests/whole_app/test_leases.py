"""Two processes of the app on one database, which share the cameras by leases."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from core.clock import SystemClock
from database import Database
from events.log import EventLog
from tests.events.logged import event
from tests.patience import LIMIT_S, promised, until
from tests.placement.nodes import owners
from tests.prepared_database import prepared
from tests.whole_app.running_app import Recorder, RunningApp

LEASE_S = 2.0

pytestmark = pytest.mark.slow


class LeasedNodes:
    """Nodes on one SQLite file."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        file = prepared(folder / "shared" / "cameras.sqlite3")
        self._url = f"sqlite:///{file}"
        self.database = Database(file)
        self.database.open()
        self.apps: list[RunningApp] = []

    def make(self, name: str, *, folder: str | None = None) -> RunningApp:
        home = self._folder / (folder or name)
        home.mkdir(exist_ok=True)
        app = RunningApp(
            home,
            NODE_NAME=name,
            NODE_LEASE_S=f"{LEASE_S:g}",
            DATABASE_URL=self._url,
            SECRET_KEY_FILE=str(self._folder / "secret.key"),
            REQUEST_THREADS="8",
        )
        self.apps.append(app)
        return app

    def names(self) -> dict[int, str | None]:
        """Return the owner of each camera, also a dead one."""
        return {camera_id: name for camera_id, (name, _) in owners(self.database).items()}

    def close(self) -> None:
        for app in self.apps:
            app.close()
        self.database.close()


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[LeasedNodes]:
    made = LeasedNodes(tmp_path)
    yield made
    made.close()


def kill(app: RunningApp) -> None:
    worker = app.worker()
    app.process.kill()
    worker.kill()
    app.process.wait(LIMIT_S)


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
