"""A page on a socket gets the state "stopped", which is final, only if a user stops the stream; with the real app."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.patience import LIMIT_S
from tests.whole_app.live_client import FRAGMENTS, HEAD, INIT, SUB, opened, say
from tests.whole_app.running_app import CANARY, Recorder, RunningApp


class Page:
    """Watches a channel over a socket. `states` lists the session states received, without repeats in a row."""

    def __init__(self, client: ClientConnection, camera_id: int) -> None:
        self.client = client
        self.states: list[str] = []
        self.inits = self.pictures = 0
        say(client, type="watch", id=1, camera_id=camera_id, profile_token=SUB)

    def read_until(self, is_so: Callable[[], bool], within_s: float = LIMIT_S) -> None:
        ends_s = time.monotonic() + within_s
        while not is_so():
            message = self.client.recv(ends_s - time.monotonic())
            if isinstance(message, bytes):
                kind = HEAD.unpack_from(message)[0]
                self.pictures += kind == FRAGMENTS
                self.inits += kind == INIT
            elif (said := json.loads(message))["type"] == "state" and said["stream"]["status"] not in self.states[-1:]:
                self.states.append(said["stream"]["status"])

    def read_pictures(self, within_s: float = LIMIT_S) -> None:
        before = self.pictures
        self.read_until(lambda: self.pictures > before + 20, within_s)


@pytest.fixture
def page(app: RunningApp, camera_id: int) -> Iterator[Page]:
    with opened(app) as client:
        page = Page(client, camera_id)
        page.read_pictures()
        page.read_until(lambda: page.states[-1:] == ["running"])  # may come after the first fragments
        yield page


def fault(recorder: Recorder, **fault: object) -> None:
    answer = requests.post(f"http://127.0.0.1:{recorder.control_port}/fault", json=fault, timeout=LIMIT_S)
    assert answer.ok, answer.text


def test_a_page_gets_stopped_when_a_user_stops_the_stream(app: RunningApp, camera_id: int, page: Page) -> None:
    stream = {"stream_id": f"camera{camera_id}_{SUB}"}
    assert requests.post(f"{app.url}/api/streams/stop", json=stream, timeout=LIMIT_S).json()["status"] == "stopped"
    page.read_until(lambda: page.states[-1:] == ["stopped"])


def test_a_changed_camera_password_does_not_send_stopped(app: RunningApp, camera_id: int, page: Page) -> None:
    for password, is_right in (("wrong", False), (CANARY, True)):
        edited = requests.patch(f"{app.url}/api/cameras/{camera_id}", json={"password": password}, timeout=LIMIT_S)
        assert edited.ok, edited.text
        if not is_right:
            page.read_until(lambda: page.states[-1:] == ["failed"])
    page.read_until(lambda: page.states[-1:] == ["running"])
    page.read_pictures()
    assert "stopped" not in page.states


def test_a_changed_camera_address_does_not_send_stopped(app: RunningApp, camera_id: int, page: Page) -> None:
    for host in ("localhost", "127.0.0.1"):
        inits, body = page.inits, {"host": host, "password": CANARY}
        edited = requests.patch(f"{app.url}/api/cameras/{camera_id}", json=body, timeout=LIMIT_S)
        assert edited.ok, edited.text
        page.read_until(lambda: page.inits > inits)  # noqa: B023 - called within this round
        page.read_pictures()
    assert "stopped" not in page.states


def test_a_restart_of_the_recorder_does_not_send_stopped(recorder: Recorder, page: Page) -> None:
    fault(recorder, name="reboot", value=True, for_s=3)
    page.read_until(lambda: page.states[-1:] != ["running"])
    page.read_until(lambda: page.states[-1:] == ["running"])
    page.read_pictures()
    assert "stopped" not in page.states


def test_the_end_of_the_app_does_not_send_stopped(make_app: Any, recorder: Recorder) -> None:
    app = make_app().start()
    with opened(app) as client:
        page = Page(client, recorder.add_to(app))
        page.read_pictures()
        app.process.terminate()
        with pytest.raises(ConnectionClosed):
            page.read_until(lambda: False)
    assert "stopped" not in page.states
