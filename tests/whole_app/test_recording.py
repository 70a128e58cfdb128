"""Recording on the server through the real app, which is killed in between."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from archive.outages import SHORTEST_S
from core.clock import rfc3339
from tests.patience import LIMIT_S, promised, until
from tests.whole_app.running_app import RunningApp

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


def test_recording_goes_on_after_a_kill(make_app: Callable[..., Any], recorder: Any) -> None:
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
