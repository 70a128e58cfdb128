"""A head, from the HTTP request to the device: it stops whatever happens to page, app and network."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.patience import LIMIT_S, promised, promised_median, until
from tests.whole_app.running_app import Recorder, RunningApp, until_gone

_BAR_S = 0.06  # from the key press to ContinuousMove on the wire
_HOLD_S = 1.0  # from a move to its stop, unless the move is renewed


class Head:
    """The head of channel 1 through the app's API, and as the recorder itself sees it."""

    def __init__(self, app: RunningApp, recorder: Recorder, camera_id: int) -> None:
        self.session = requests.Session()
        self._recorder = recorder
        self.url = f"{app.url}/api/cameras/{camera_id}/channels/1/ptz"

    def post(self, name: str, **body: object) -> Any:
        answer = self.session.post(f"{self.url}/{name}", json=body, timeout=LIMIT_S)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def state(self) -> dict[str, Any]:
        url = f"http://127.0.0.1:{self._recorder.control_port}/ptz"
        state: dict[str, Any] = requests.get(url, timeout=LIMIT_S).json()
        return state

    def stands(self) -> bool:
        state = self.state()
        return not (state["turns"] or state["zooms"])

    def commands_since(self, at: float) -> list[str]:
        return [item["operation"] for item in self.state()["commands"] if item["at"] > at]


def moving_heads(app: RunningApp) -> int:
    """Return how many heads move, by the database."""
    with contextlib.closing(sqlite3.connect(app.folder / "data" / "cameras.sqlite3")) as database:
        return int(database.execute("SELECT count(*) FROM ptz_moving").fetchone()[0])


@pytest.fixture
def running(make_app: Callable[..., RunningApp], recorder: Recorder) -> tuple[RunningApp, Head]:
    app = make_app().start()
    head = Head(app, recorder, recorder.add_to(app))
    assert head.session.get(head.url, timeout=LIMIT_S).json()["pan_tilt"]
    return app, head


def test_a_move_reaches_the_device_and_is_answered_quickly(running: tuple[RunningApp, Head]) -> None:
    """The request takes half of this time to the wire; the device's answer and ours take the rest."""
    _, head = running
    with promised_median(_BAR_S) as measured:
        for number in range(20):
            with measured():
                assert head.post("move", pan=0.1 if number % 2 else -0.1, timeout_s=5)["done"]
    head.post("stop")


def test_a_head_stops_when_the_page_that_moved_it_is_closed(running: tuple[RunningApp, Head]) -> None:
    """A closed tab, a sleeping laptop and a lost network are the same: the move is not renewed."""
    _, head = running
    began = time.time()
    head.post("move", pan=1.0, tilt=0.5)
    head.session.close()
    until(lambda: head.commands_since(began) == ["ContinuousMove", "Stop"])  # the device stops by itself a second later
    until(head.stands)


def test_a_renewed_move_goes_on_and_ends_with_stop(running: tuple[RunningApp, Head]) -> None:
    _, head = running
    began = time.monotonic()
    while (asked_s := time.monotonic()) - began < 2.5:
        head.post("move", pan=0.05, timeout_s=_HOLD_S)
        is_standing = head.stands()
        assert not is_standing or time.monotonic() - asked_s > _HOLD_S  # later only if the machine stood still
        time.sleep(0.2)  # a page renews as often
    assert head.post("stop")["done"]
    assert head.stands()


def test_the_first_request_after_a_kill_is_stop(running: tuple[RunningApp, Head]) -> None:
    app, head = running
    head.post("move", pan=0.02, timeout_s=10)
    until(lambda: moving_heads(app) == 1)  # the app saves the mark beside the move
    killed = time.time()
    worker, family = app.worker(), app.family()
    os.kill(app.process.pid, signal.SIGKILL)
    worker.kill()
    until_gone(family)
    app.process.wait(LIMIT_S)
    app.start()
    until(lambda: head.commands_since(killed) != [])
    assert set(head.commands_since(killed)) == {"Stop"}
    until(head.stands)


def test_a_head_stops_when_the_app_is_stopped(running: tuple[RunningApp, Head]) -> None:
    app, head = running
    head.post("move", pan=0.02, timeout_s=10)
    family = app.family()
    os.killpg(app.process.pid, signal.SIGINT)
    with promised(2.0):
        until(head.stands)
    assert app.process.wait(LIMIT_S) == 0
    until_gone(family)
    assert "Traceback" not in app.errors()
