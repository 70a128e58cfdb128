"""The app looks for motion in the streams of the pretend recorder, whose yards have a visitor at known times."""

from __future__ import annotations

import os
import signal
import statistics
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import psutil
import pytest

from simulator.scenes import YARD_SEEN_FROM_S, YARD_SEEN_S
from tests.patience import LIMIT_S, promised, until
from tools.running import App, Recorder, running_recorder

CHANNELS = 16
RULE = "/api/cameras/1/channels/5/recording-rule"
# The top sixteenth of each picture has the number of the frame, which changes all the time.
NUMBERS = {"id": 1, "name": "Numbers", "kind": "ignore", "points": [[0, 0], [1, 0], [1, 0.13], [0, 0.13]]}
LEFT = {"id": 2, "name": "Gate", "kind": "alert", "points": [[0, 0.2], [0.6, 0.2], [0.6, 1], [0, 1]]}
RIGHT = {"id": 3, "name": "Door", "kind": "watch", "points": [[0.7, 0.2], [1, 0.2], [1, 1], [0.7, 1]]}


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    options = ("--channels", str(CHANNELS), "--profile", "small", "--scene", "yard", "--dead", "none")
    with running_recorder(*options) as started:
        started.control("POST", "/motion", {"active": False})  # the device itself tells none
        yield started


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, recorder: Recorder) -> Iterator[App]:
    started = App(tmp_path_factory.mktemp("app"), ARCHIVE_FLUSH_S="1")
    started.start()
    assert started.add_camera(recorder) == 1
    started.call("PUT", RULE, {"mode": "events", "quality": "sub", "pre_s": 1, "post_s": 1})
    for channel, zone in ((1, LEFT), (2, LEFT), (3, LEFT), (4, RIGHT), (5, LEFT)):
        watch(started, channel, zone)
    yield started
    started.stop()


def motion(channel: int) -> str:
    return f"/api/cameras/1/channels/{channel}/motion"


def watch(app: App, channel: int, *zones: dict[str, Any], mode: str = "key_frames") -> None:
    app.call("PUT", motion(channel), {"mode": mode, "zones": [NUMBERS, *zones]})


def until_watched(app: App, channel: int) -> None:
    until(lambda: app.call("GET", motion(channel))["state"]["told_by"] == "server", LIMIT_S, "the first look")


def seen(app: App, channel: int) -> list[dict[str, Any]]:
    """Return the movements of a channel that are over, the oldest first."""
    page = app.call("GET", f"/api/events?camera_id=1&channel={channel}&source=watch&limit=100")
    return sorted((one for one in page["events"] if one["end_time"]), key=lambda one: one["start_time"])


def truths_near(recorder: Recorder, channel: int, moment_s: float) -> list[float]:
    """Return the times around a moment at which the visitor appears, by the recorder's rule of times."""
    rule = recorder.frames(channel, "sub")
    first = round(YARD_SEEN_FROM_S * rule["fps"])
    now_tick = round(moment_s * rule["fps"] - rule["phase"])
    turn = now_tick - (now_tick + rule["offset"] - first) % rule["frames"]
    return [(turn + lap * rule["frames"] + rule["phase"]) / rule["fps"] for lap in (-1, 0, 1)]


def error_s(recorder: Recorder, channel: int, event: dict[str, Any]) -> float:
    """Return how much later than the truth an event begins."""
    start_s = datetime.fromisoformat(event["start_time"]).timestamp()
    return min((start_s - truth for truth in truths_near(recorder, channel, start_s)), key=abs)


def child_of(app: App) -> psutil.Process | None:
    for process in psutil.Process(app.pid).children(recursive=True):
        try:
            if process.cmdline()[-1:] == ["vision"]:
                return process
        except psutil.NoSuchProcess:
            continue
    return None


def test_a_visitor_becomes_an_event_that_begins_when_it_appears(app: App, recorder: Recorder) -> None:
    until(lambda: all(seen(app, channel) for channel in (1, 2, 3)), 2 * LIMIT_S, "a visit in each channel")
    events = [(channel, event) for channel in (1, 2, 3) for event in seen(app, channel)]
    errors_s = [error_s(recorder, channel, event) for channel, event in events]
    assert statistics.median(map(abs, errors_s)) <= 0.5, errors_s
    for _, event in events:
        assert (event["kind"], event["severity"], event["zone"]) == ("motion", "alert", "Gate")
        assert event["box"][0] < 0.6
    last = events[-1][1]
    lasted = datetime.fromisoformat(last["end_time"]) - datetime.fromisoformat(last["start_time"])
    assert lasted.total_seconds() < YARD_SEEN_S + 3
    until(lambda: app.call("GET", "/api/motion")["child"]["memory_bytes"] > 0, what="the cost")
    assert seen(app, 4) == []  # the visitor does not come there
    for channel in (1, 2, 3, 4):
        assert recorder.control("GET", "/state")["channels"][channel - 1]["profiles"]["sub"]["listeners"] == 1


def test_a_rule_that_records_events_records_the_visitor(app: App) -> None:
    def state() -> dict[str, Any]:
        channels = app.call("GET", "/api/cameras/1/recording-states")["channels"]
        found: dict[str, Any] = next(item for item in channels if item["channel"] == 5)
        return found

    until(lambda: state()["state"] == "recording", 2 * LIMIT_S, "the recording")
    until(lambda: state()["reason"] == "no_event", 2 * LIMIT_S, "the end of the recording")
    until(lambda: state()["written_until"] is not None, what="the end of writing")
    (event, *_) = until(lambda: seen(app, 5), what="the event")
    with urllib.request.urlopen(f"{app.url}{event['picture_url']}") as answer:
        assert answer.status == 200
        assert answer.read(2) == b"\xff\xd8"


def test_the_process_that_is_killed_is_back_in_five_seconds(app: App) -> None:
    until_watched(app, 1)
    child = until(lambda: child_of(app), what="the process")
    assert child is not None
    before = app.call("GET", motion(1))["state"]["watched_at"]
    with promised(5.0):
        os.kill(child.pid, signal.SIGKILL)
        until(lambda: (found := child_of(app)) is not None and found.pid != child.pid)
        until(lambda: app.call("GET", motion(1))["state"]["watched_at"] > before)
    assert app.call("GET", "/api/motion")["child"]["state"] == "running"


def test_sixteen_channels_are_watched_with_one_session_each(app: App, recorder: Recorder) -> None:
    for channel in range(1, CHANNELS + 1):
        watch(app, channel, LEFT)
    for channel in range(1, CHANNELS + 1):
        until_watched(app, channel)
    states = recorder.control("GET", "/state")["channels"]
    assert [state["profiles"]["sub"]["listeners"] for state in states] == [1] * CHANNELS
    child = child_of(app)
    assert child is not None
    assert child.memory_info().rss < 200_000_000
    assert child.nice() >= 10
    for channel in range(1, CHANNELS + 1):
        app.call("PUT", motion(channel), {"mode": "off"})
    until(lambda: child_of(app) is None, what="the end of the process")
