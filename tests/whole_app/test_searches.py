"""Searches in the picture with the real comparison: the recordings of a pretend recorder, and those of the server.

The recorder's yards have a visitor at known times. The top of each recorded picture holds the bits of its time, so that
a bit which flips once in a range is a lasting change at a known time.
"""

from __future__ import annotations

import math
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psutil
import pytest

from core.clock import rfc3339
from simulator.layout import ARCHIVE_LOOP_S
from simulator.scenes import YARD_LOOP_S, YARD_SEEN_FROM_S, YARD_SEEN_S
from tests.patience import LIMIT_S, promised, until
from tools.running import App, Recorder, running_recorder

ENDED = {"done", "failed", "cancelled"}
LEFT = [0.0, 0.3, 0.5, 0.6]  # here the visitor walks
RIGHT = [0.62, 0.3, 0.35, 0.6]  # and here no user
SEEN_FROM_S = YARD_SEEN_FROM_S / YARD_LOOP_S * ARCHIVE_LOOP_S
SEEN_S = YARD_SEEN_S / YARD_LOOP_S * ARCHIVE_LOOP_S
RECORDED = 3  # the channel that the server records, too
FLIPPED_BIT = 13  # of the time in tenths of a second: it flips each 819.2 s
PIXELS = 8  # of a cell with a bit


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    options = ("--channels", "4", "--profile", "small", "--scene", "yard", "--dead", "none")
    with running_recorder(*options) as started:
        yield started


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory, recorder: Recorder) -> Iterator[App]:
    started = App(tmp_path_factory.mktemp("app"), ARCHIVE_FLUSH_S="1", DEVICE_REPLAY_SESSIONS="1")
    started.start()
    assert started.add_camera(recorder) == 1
    rule = f"/api/cameras/1/channels/{RECORDED}/recording-rule"
    started.call("PUT", rule, {"mode": "continuous", "quality": "sub"})
    yield started
    started.stop()


@pytest.fixture(scope="module")
def hour(recorder: Recorder) -> datetime:
    """Return a time at which a recorded hour of channel 1 begins."""
    now = datetime.now(UTC)
    for span in recorder.archive(1, now - timedelta(days=2), now)["spans"]:
        start, end = (datetime.fromisoformat(span[name]) for name in ("start", "end"))
        start = datetime.fromtimestamp(math.ceil(start.timestamp() / 60) * 60, UTC)
        if end - start > timedelta(hours=2):
            return start
    pytest.fail("no recorded hour")


def begin(app: App, start: datetime, end: datetime, box: list[float], kind: str = "moved", **more: Any) -> Any:
    times = {"start_time": rfc3339(start), "end_time": rfc3339(end)}
    body = {"camera_id": 1, "channel": 1, "box": box, "kind": kind, **times, **more}
    return app.call("POST", "/api/searches", body)


def view(app: App, search: Any) -> Any:
    return app.call("GET", f"/api/searches/{search['id']}")


def ended(app: App, search: Any, *, at: str = "done") -> Any:
    """Wait until a search has ended, or has the state `at`. Fail if it ends in another one."""
    until(lambda: view(app, search)["state"] in {*ENDED, at}, 3 * LIMIT_S, "the end of the search")
    found = view(app, search)
    assert found["state"] == at, found
    return found


def seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def sessions(recorder: Recorder) -> int:
    return len(recorder.control("GET", "/replay")["sessions"])


def has_child(app: App) -> bool:
    for process in psutil.Process(app.pid).children(recursive=True):
        try:
            if process.cmdline()[-1:] == ["vision"]:
                return True
        except psutil.NoSuchProcess:
            continue
    return False


def test_a_visitor_is_found_at_the_times_of_its_visits(app: App, hour: datetime) -> None:
    """A key frame each 4 s, with a visitor for 2.5 s of each 10 s: one of the five residues of 10 s shows it."""
    found = ended(app, begin(app, hour, hour + timedelta(minutes=4), LEFT))
    assert (found["problem"], found["progress"], found["recorded_s"]) == (None, 1.0, 240.0)
    assert 50 <= found["key_frames"] <= 70
    assert found["bytes"] > 100_000
    at_s = sorted(seconds(result["start_time"]) for result in found["results"])
    assert all(SEEN_FROM_S <= one % ARCHIVE_LOOP_S < SEEN_FROM_S + SEEN_S for one in at_s), at_s
    assert 11 <= len(at_s) <= 12, "a visit each 20 s; the first picture may be the background"
    best = found["results"][0]
    with urllib.request.urlopen(app.url + best["picture_url"]) as answer:
        assert answer.status == 200, "the picture is there without another request to the recorder"
        assert seconds(answer.headers["X-Picture-Time"]) == seconds(best["picture_time"])


def test_another_part_of_the_same_time_costs_nothing(app: App, hour: datetime) -> None:
    end = hour + timedelta(minutes=4)
    ended(app, begin(app, hour, end, LEFT))
    right = ended(app, begin(app, hour, end, RIGHT))
    assert (right["results"], right["key_frames"], right["bytes"]) == ([], 0, 0)
    left = ended(app, begin(app, hour, end, LEFT))
    assert left["key_frames"] == 0
    assert len(left["results"]) >= 11


def test_a_lasting_change_is_found_to_the_second(app: App, hour: datetime) -> None:
    tenths = 1 << FLIPPED_BIT
    first = math.ceil(hour.timestamp() * 10 / (2 * tenths)) * 2 * tenths
    start, end = (datetime.fromtimestamp(one / 10, UTC) for one in (first + 20, first + 2 * tenths - 20))
    cell = 2 + 35 - FLIPPED_BIT
    box = [(cell - 3) * PIXELS / 320, 0.0, (4 * PIXELS - 2) / 320, PIXELS / 180]  # three bits stay
    found = ended(app, begin(app, start, end, box, "changed"))
    assert found["is_small"]
    (result,) = found["results"]
    flips_s = (first + tenths) / 10
    after_s = math.ceil(flips_s)  # the first key frame with the change
    assert (seconds(result["start_time"]), seconds(result["end_time"])) == (after_s - 1, after_s)
    assert found["key_frames"] <= 60
    for url in (result["picture_url"], result["before_picture_url"]):
        with urllib.request.urlopen(app.url + url) as answer:
            assert answer.read(2) == b"\xff\xd8"


def test_nothing_lasting_has_changed_where_people_only_pass(app: App, hour: datetime) -> None:
    found = ended(app, begin(app, hour, hour + timedelta(hours=1), LEFT, "changed"))
    assert (found["results"], found["problem"], found["progress"]) == ([], None, 1.0)


def test_an_hour_waits_with_an_estimate_and_a_cancel_is_immediate(app: App, recorder: Recorder, hour: datetime) -> None:
    search = begin(app, hour, hour + timedelta(hours=2), RIGHT)  # a part without changes, which would be looked at now
    waiting = ended(app, search, at="waiting")
    assert waiting["waits_for"] == "user"
    assert 900 < waiting["estimate"]["key_frames"] <= 1800
    assert waiting["estimate"]["bytes"] > 1_000_000
    assert 0 < waiting["estimate"]["seconds"] < 600
    app.call("POST", f"/api/searches/{search['id']}/continue")
    until(lambda: sessions(recorder) == 1, what="the recorder's session")
    with promised(0.2):
        cancelled = app.call("DELETE", f"/api/searches/{search['id']}")
    assert cancelled["state"] == "cancelled"
    until(lambda: sessions(recorder) == 0, what="the end of the recorder's session")
    with pytest.raises(urllib.error.HTTPError, match="409"):
        app.call("POST", f"/api/searches/{search['id']}/continue")


def test_a_viewer_gets_the_only_place_within_a_second(app: App, recorder: Recorder, hour: datetime) -> None:
    """The recorder plays one recording at a time, and a search of hours has the place."""
    search = begin(app, hour, hour + timedelta(hours=2), RIGHT)
    ended(app, search, at="waiting")
    app.call("POST", f"/api/searches/{search['id']}/continue")
    until(lambda: sessions(recorder) == 1, what="the search's session")
    summary = app.call("GET", "/api/cameras/1/recordings/summary")["recordings"]
    token = next(one["recording_token"] for one in summary if one["channel"] == 1)
    body = {"camera_id": 1, "recording_token": token, "start_time": rfc3339(hour + timedelta(minutes=90))}
    with promised(1.0):
        started = app.call("POST", "/api/playback/start", body)
        until(lambda: recorder.control("GET", "/replay")["sessions"] and view(app, search)["waits_for"] == "recorder")
    waiting = view(app, search)
    assert (waiting["state"], waiting["problem"]["code"]) == ("running", "camera_busy")
    until(lambda: app.call("GET", f"/api/streams/status/{started['stream_id']}")["status"] == "running")
    before = view(app, search)["key_frames"]
    app.call("POST", "/api/streams/stop", {"stream_id": started["stream_id"]})
    until(lambda: view(app, search)["key_frames"] > before, what="the search goes on")
    app.call("DELETE", f"/api/searches/{search['id']}")


def test_the_process_ends_after_the_last_search(app: App, hour: datetime) -> None:
    ended(app, begin(app, hour, hour + timedelta(minutes=4), LEFT))
    until(lambda: not has_child(app), 2 * LIMIT_S, "the end of the process that compares pictures")


def test_recordings_of_the_server_cost_the_recorder_nothing(app: App, recorder: Recorder) -> None:
    def recorded() -> tuple[datetime, datetime] | None:
        channels = app.call("GET", "/api/cameras/1/recording-states")["channels"]
        state = next(one for one in channels if one["channel"] == RECORDED)
        if state["written_until"] is None:
            return None
        start = datetime.fromisoformat(state["since"])
        end = start + timedelta(seconds=2.5 * YARD_LOOP_S)  # it has recorded longer if the tests before took long
        return (start, end) if datetime.fromisoformat(state["written_until"]) >= end else None

    span = until(recorded, 3 * LIMIT_S, "recordings of two loops and a half")
    assert span is not None
    start, end = span
    found = ended(app, begin(app, start, end, LEFT, channel=RECORDED, source="server"))
    assert (found["problem"], found["bytes"]) == (None, 0)
    assert found["key_frames"] >= 8
    rule = recorder.frames(RECORDED, "sub")
    late_s = 4  # live frames get the time of their arrival, which is late on a busy machine
    for result in found["results"]:
        tick = round(seconds(result["start_time"]) * rule["fps"] - rule["phase"])
        in_loop_s = (tick + rule["offset"]) % rule["frames"] / rule["fps"]
        assert YARD_SEEN_FROM_S - 1 <= in_loop_s <= YARD_SEEN_FROM_S + YARD_SEEN_S + late_s
    assert 1 <= len(found["results"]) <= 4
