"""A camera without ONVIF: the server records it, and plays, exports and shows pictures of it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
import requests

from core.clock import rfc3339
from tests.patience import LIMIT_S, until
from tests.whole_app.running_app import CANARY

pytestmark = pytest.mark.slow


def test_the_recordings_of_a_camera_without_onvif_play(make_app: Callable[..., Any], recorder: Any) -> None:
    app = make_app(ARCHIVE_FLUSH_S="1", ARCHIVE_MIN_FREE_BYTES="0").start()

    def call(method: str, path: str, body: object = None, **params: str) -> Any:
        answer = requests.request(method, f"{app.url}{path}", json=body, params=params, timeout=LIMIT_S)
        assert answer.ok, answer.text
        return answer.json()

    path = f"127.0.0.1:{recorder.rtsp_port}/cam/realmonitor?channel=1&subtype=0"
    uri = f"rtsp://admin:{quote(CANARY, safe='')}@{path}"
    camera = call("POST", "/api/cameras?wait=1", {"name": "Plain", "stream_uris": {"main": uri}})
    base = f"/api/cameras/{camera['id']}"
    refused = requests.get(f"{app.url}{base}/recordings/summary", timeout=LIMIT_S)
    assert (refused.status_code, refused.json()["code"]) == (422, "camera_unsupported")
    call("PUT", f"{base}/channels/1/recording-rule", {"mode": "continuous"})
    began = datetime.now(UTC) - timedelta(minutes=1)

    def spans() -> list[dict[str, Any]]:
        window = {"start_time": rfc3339(began), "end_time": rfc3339(datetime.now(UTC))}
        answer = requests.get(f"{app.url}{base}/recordings/coverage", params=window, timeout=LIMIT_S)
        rows = answer.json()["channels"] if answer.ok else []
        return [span for row in rows for span in row["spans"] if span["source"] == "server"]

    until(lambda: [span for span in spans() if _length_s(span) > 6], what="some seconds of a recording")
    (span,) = spans()
    start = datetime.fromisoformat(span["start_time"]) + timedelta(seconds=1)
    body = {"camera_id": camera["id"], "recording_token": span["recording_token"], "start_time": rfc3339(start)}
    view = call("POST", "/api/playback/start", body)
    playlist = requests.get(f"{app.url}{view['playlist_url']}", timeout=LIMIT_S)
    assert ".m4s" in playlist.text
    assert call("GET", f"{base}/recordings/summary")["service"] == "server"
    times = {"start_time": rfc3339(start), "end_time": rfc3339(start + timedelta(seconds=3))}
    export = call("POST", "/api/exports", {"ranges": [{"camera_id": camera["id"], "channel": 1, **times}]})
    address = f"/api/exports/{export['id']}"
    until(lambda: call("GET", address)["state"] not in {"queued", "running"}, what="the end of the export")
    made = call("GET", address)
    assert made["state"] == "done", made
    assert len(made["files"]) == 1

    def picture() -> requests.Response:
        query = {"channel": "1", "time": rfc3339(start)}
        return requests.get(f"{app.url}{base}/recordings/picture", params=query, timeout=LIMIT_S)

    until(lambda: picture().status_code == 200, what="the picture")


def _length_s(span: dict[str, Any]) -> float:
    start, end = (datetime.fromisoformat(span[name]) for name in ("start_time", "end_time"))
    return (end - start).total_seconds()
