"""Footage after a move: two processes of the app, and the disks of one of them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import requests

from core.clock import rfc3339
from tests.patience import LIMIT_S, until
from tests.whole_app.leased_nodes import LeasedNodes, kill
from tests.whole_app.running_app import CANARY, Recorder, RunningApp

SETTINGS = {"ARCHIVE_FLUSH_S": "1", "ARCHIVE_MIN_FREE_BYTES": "0"}
RULE = {"mode": "continuous", "quality": "main"}
TOKEN = "server-1-main"

pytestmark = pytest.mark.slow


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[LeasedNodes]:
    made = LeasedNodes(tmp_path)
    yield made
    made.close()


def call(app: RunningApp, method: str, path: str, body: object = None, **params: str) -> Any:
    answer = requests.request(method, f"{app.url}{path}", json=body, params=params, timeout=LIMIT_S)
    assert answer.ok, answer.text
    return answer.json() if answer.content else None


def add_plain_camera(app: RunningApp, recorder: Recorder) -> int:
    """Add a camera that records nothing itself."""
    path = f"127.0.0.1:{recorder.rtsp_port}/cam/realmonitor?channel=1&subtype=0"
    uri = f"rtsp://admin:{quote(CANARY, safe='')}@{path}"
    return int(call(app, "POST", "/api/cameras?wait=1", {"name": "Plain", "stream_uris": {"main": uri}})["id"])


class Timeline:
    """The recorded time of the camera, since a moment, as a node shows it."""

    def __init__(self, camera_id: int) -> None:
        self._path = f"/api/cameras/{camera_id}/recordings/coverage"
        self._since = datetime.now(UTC) - timedelta(minutes=1)

    def spans(self, app: RunningApp, state: str = "recorded") -> list[dict[str, Any]]:
        window = {"start_time": rfc3339(self._since), "end_time": rfc3339(datetime.now(UTC))}
        answer = requests.get(f"{app.url}{self._path}", params=window, timeout=LIMIT_S)
        rows = answer.json()["channels"] if answer.ok else []
        return [span for row in rows for span in row["spans"] if span["state"] == state]

    def of_server(self, app: RunningApp, server: str | None, state: str = "recorded") -> float:
        """Return the seconds of these spans."""
        return sum(_length_s(span) for span in self.spans(app, state) if span["server"] == server)


def _length_s(span: dict[str, Any]) -> float:
    start, end = (datetime.fromisoformat(span[name]) for name in ("start_time", "end_time"))
    return (end - start).total_seconds()


class Replay:
    """A replay of the camera at a node, in a range."""

    def __init__(self, app: RunningApp, camera_id: int, start: datetime, end: datetime) -> None:
        self._app, self._start = app, start
        times = {"start_time": rfc3339(start), "end_time": rfc3339(end)}
        self._view = call(
            app, "POST", "/api/playback/start", {"camera_id": camera_id, "recording_token": TOKEN, **times}
        )

    def state(self) -> dict[str, Any]:
        """Return the state of the stream; the playlist waits for the first frames, and keeps the stream going."""
        requests.get(f"{self._app.url}{self._view['playlist_url']}", timeout=LIMIT_S)
        state: dict[str, Any] = call(self._app, "GET", f"/api/streams/status/{self._view['stream_id']}")
        return state

    def plays(self) -> bool:
        """True if the first frame is of the wanted time."""
        state = self.state()
        began = datetime.fromisoformat(state["start_time"])
        return state["video"] is not None and abs(began - self._start) < timedelta(seconds=3)

    def names_in_error(self, server: str) -> bool:
        error = self.state()["error"]
        return error is not None and error["code"] == "archive_unreadable" and server in error["detail"]


def exported(app: RunningApp, camera_id: int, start: datetime, end: datetime) -> int:
    """Export a range, and return the bytes of its file."""
    wanted = {"camera_id": camera_id, "channel": 1, "start_time": rfc3339(start), "end_time": rfc3339(end)}
    address = f"/api/exports/{call(app, 'POST', '/api/exports', {'ranges': [wanted]})['id']}"
    until(lambda: call(app, "GET", address)["state"] not in {"queued", "running"}, what="the end of the export")
    made = call(app, "GET", address)
    assert made["state"] == "done", made
    return sum(int(file["bytes"]) for file in made["files"])


def test_the_next_owner_plays_the_footage_of_the_node_before(nodes: LeasedNodes, recorder: Recorder) -> None:
    """It plays and exports it while the node lives, names the node while it is dead, and plays it again."""
    north = nodes.make("north", **SETTINGS).start()
    camera_id = add_plain_camera(north, recorder)
    timeline = Timeline(camera_id)
    call(north, "PUT", f"/api/cameras/{camera_id}/channels/1/recording-rule", RULE)
    until(lambda: timeline.of_server(north, None) > 6, what="some seconds of a recording")
    south = nodes.make("south", **SETTINGS).start()
    call(south, "POST", "/api/nodes/north/drain")
    until(lambda: nodes.names() == {camera_id: "south"}, what="the move of the camera")
    until(lambda: timeline.of_server(south, "north") > 6, what="the footage of the other node")
    until(lambda: timeline.of_server(south, None) > 2, what="the recording of the new owner")
    first = datetime.fromisoformat(timeline.spans(south)[0]["start_time"])
    start, end = first + timedelta(seconds=1), first + timedelta(seconds=5)
    assert Replay(south, camera_id, start, end).plays()
    assert exported(south, camera_id, start, end) > 20_000
    kill(north)
    until(lambda: timeline.of_server(south, "north", "away") > 6, what="the footage of the dead node")
    assert timeline.of_server(south, "north") == 0
    refused = Replay(south, camera_id, start, end)
    until(lambda: refused.names_in_error("north"), what="the name of the dead node")
    north.start()
    until(lambda: timeline.of_server(south, "north") > 6, what="the footage of the node that is back")
    until(Replay(south, camera_id, start, end).plays, what="the replay of it")
