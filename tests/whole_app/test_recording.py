"""Recording on the server through the real app, which is killed in between."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from archive.outages import SHORTEST_S
from core.clock import rfc3339
from media.codecs.h264_sps import Restriction, parse_sps
from tests.patience import LIMIT_S, promised, until
from tests.whole_app.running_app import Recorder, RunningApp

pytestmark = pytest.mark.slow

RULE = {"mode": "continuous", "quality": "main"}


def spans(app: RunningApp, camera_id: int) -> list[dict[str, Any]]:
    """The spans of the last hour of channel 1."""
    now = datetime.now(UTC)
    window = {"start_time": rfc3339(now - timedelta(hours=1)), "end_time": rfc3339(now), "channel": "1"}
    answer = requests.get(f"{app.url}/api/cameras/{camera_id}/recordings/coverage", params=window, timeout=LIMIT_S)
    assert answer.ok, answer.text
    rows = answer.json()["channels"]
    return [span for row in rows for span in row["spans"]]


def recorded(app: RunningApp, camera_id: int) -> list[dict[str, Any]]:
    return [span for span in spans(app, camera_id) if span["state"] == "recorded" and span["source"] == "server"]


@pytest.fixture
def plain_sps(recorder: Recorder) -> Iterator[None]:
    """The sps of channel 1 has no VUI. The app adds one for browsers, and never to recordings."""
    control = f"http://127.0.0.1:{recorder.control_port}/fault"
    fault = {"name": "plain_sps", "channel": 1}
    assert requests.post(control, json={**fault, "value": True}, timeout=LIMIT_S).ok
    yield
    assert requests.post(control, json={**fault, "value": None}, timeout=LIMIT_S).ok


def restrictions(content: bytes) -> list[Restriction | None]:
    """Return the bitstream_restriction of each sps in the heads of an MP4."""
    found = []
    for part in content.split(b"avcC")[1:]:
        sps = part[8 : 8 + int.from_bytes(part[6:8])]
        parsed = parse_sps(sps)
        assert parsed is not None
        found.append(parsed.restriction)
    return found


def exported(app: RunningApp, camera_id: int) -> bytes:
    """Export the first recorded span, and return the file."""
    span = recorded(app, camera_id)[0]
    wanted = {"camera_id": camera_id, "channel": 1, "start_time": span["start_time"], "end_time": span["end_time"]}
    made = requests.post(f"{app.url}/api/exports", json={"ranges": [wanted]}, timeout=LIMIT_S)
    assert made.ok, made.text

    def ended() -> dict[str, Any]:
        job: dict[str, Any] = requests.get(f"{app.url}/api/exports/{made.json()['id']}", timeout=LIMIT_S).json()
        return job if job["state"] in ("done", "failed") else {}

    (file,) = [file for file in until(ended)["files"] if file["name"].endswith(".mp4")]
    return requests.get(f"{app.url}{file['url']}", timeout=LIMIT_S).content


@pytest.mark.usefixtures("plain_sps")
def test_recording_goes_on_after_a_kill(make_app: Callable[..., Any], recorder: Recorder) -> None:
    app = make_app(ARCHIVE_FLUSH_S="1", ARCHIVE_MIN_FREE_BYTES="0").start()
    camera_id = recorder.add_to(app)
    url = f"{app.url}/api/cameras/{camera_id}/channels/1/recording-rule"
    assert requests.put(url, json=RULE, timeout=LIMIT_S).ok
    until(lambda: recorded(app, camera_id))
    worker = app.worker()
    app.process.kill()
    worker.kill()
    app.process.wait(LIMIT_S)
    killed_at = datetime.now(UTC)
    until(lambda: datetime.now(UTC) - killed_at > timedelta(seconds=SHORTEST_S), what="a time off that counts as a gap")
    app.start()
    with promised(10):
        until(lambda: len(recorded(app, camera_id)) == 2)
    with closing(sqlite3.connect(app.folder / "data" / "cameras.sqlite3")) as database:
        assert ("server_off",) in database.execute("SELECT reason FROM recording_gaps").fetchall()
    files = sorted((app.folder / "data" / "archive").rglob("*.mp4"))
    assert len(files) == 2
    contents = [*(file.read_bytes() for file in files), exported(app, camera_id)]
    assert [restrictions(content) for content in contents] == [[None]] * 3, "recordings and downloads have its own sps"
