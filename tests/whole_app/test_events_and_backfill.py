"""Recording by the motion of a device, and backfill from it, through the app as a program."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.patience import LIMIT_S, until
from tools.running import App, Recorder, running_recorder

RULE = "/api/cameras/1/channels/1/recording-rule"


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with running_recorder("--channels", "2", "--profile", "small", "--make", "conformant") as started:
        yield started


@pytest.fixture
def app(tmp_path: Path, recorder: Recorder) -> Iterator[App]:
    recorder.control("POST", "/motion", {"active": False})
    started = App(tmp_path, ARCHIVE_FLUSH_S="1")
    started.start()
    assert started.add_camera(recorder) == 1
    yield started
    started.stop()


def state(app: App) -> dict[str, Any]:
    channels = app.call("GET", "/api/cameras/1/recording-states")["channels"]
    return next(item for item in channels if item["channel"] == 1)


def subscriptions(recorder: Recorder) -> int:
    return int(recorder.control("GET", "/state")["subscriptions"])


def test_motion_of_the_device_is_recorded_and_the_subscription_given_back(app: App, recorder: Recorder) -> None:
    app.call("PUT", RULE, {"mode": "events", "pre_s": 1, "post_s": 1})
    until(lambda: subscriptions(recorder) == 1, what="the subscription")
    until(lambda: state(app)["reason"] == "no_event", what="the wait for an event")
    recorder.control("POST", "/motion", {"channel": 1, "active": True})
    until(lambda: state(app)["state"] == "recording", what="the recording")
    recorder.control("POST", "/motion", {"channel": 1, "active": False})
    until(lambda: state(app)["reason"] == "no_event", what="the end of the recording")
    assert state(app)["written_until"] is not None
    app.stop()
    assert subscriptions(recorder) == 0


def test_a_gap_comes_from_the_recorder_into_the_coverage(app: App, recorder: Recorder) -> None:
    now = datetime.now(UTC)
    spans = recorder.archive(1, now - timedelta(hours=30), now - timedelta(hours=1))["spans"]
    times = [(datetime.fromisoformat(span["start"]), datetime.fromisoformat(span["end"])) for span in spans]
    start = next(begin for begin, end in times if end - begin > timedelta(minutes=4)) + timedelta(minutes=1)
    end = start + timedelta(minutes=2)
    wanted = {"camera_id": 1, "channel": 1, "start_time": start.isoformat(), "end_time": end.isoformat()}
    assert app.call("POST", "/api/backfills/estimate", wanted)["seconds"] == 120.0
    made = app.call("POST", "/api/backfills", wanted)
    until(lambda: app.call("GET", f"/api/backfills/{made['id']}")["state"] == "done", LIMIT_S, "the backfill")
    window = f"start_time={_text(start + timedelta(seconds=10))}&end_time={_text(end - timedelta(seconds=10))}"
    (row,) = [
        row
        for row in app.call("GET", f"/api/cameras/1/recordings/coverage?{window}")["channels"]
        if row["channel"] == 1
    ]
    assert {(span["state"], span["source"]) for span in row["spans"]} == {("recorded", "server")}


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
