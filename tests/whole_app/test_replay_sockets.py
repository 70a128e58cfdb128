"""Replays over WebSockets: the real app, a simulated recorder that burns the time into its frames, and a client without
a browser.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import urllib.error
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection

from media.ffmpeg import find_ffmpeg
from tests.patience import LIMIT_S, stays, until
from tests.whole_app.accounts import add_by, log_in, set_up
from tests.whole_app.live_client import FRAGMENTS, INIT, TOKEN, an_hour_ago, binary, join, opened, say, text
from tools.running import App, Recorder, running_recorder

HEVC_TOKEN = "RecordMediaProfile00100"


@pytest.fixture(scope="module")
def recorder_and_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorder, App, int]]:
    with running_recorder("--channels", "4", "--profile", "small") as recorder:
        app = App(tmp_path_factory.mktemp("replays"), SEGMENT_S="1")
        app.start()
        yield recorder, app, app.add_camera(recorder)
        app.stop()


@pytest.fixture
def app(recorder_and_app: tuple[Recorder, App, int]) -> App:
    return recorder_and_app[1]


@pytest.fixture
def camera_id(recorder_and_app: tuple[Recorder, App, int]) -> int:
    return recorder_and_app[2]


def started(app: App, camera_id: int, at: datetime, token: str = TOKEN, **more: object) -> dict[str, Any]:
    body = {"camera_id": camera_id, "recording_token": token, "start_time": at.isoformat(), **more}
    stream: dict[str, Any] = app.call("POST", "/api/playback/start", body)
    return stream


def sought(app: App, stream: dict[str, Any], at: datetime) -> dict[str, Any]:
    """Return the answer to a seek, or the session's state once it plays if a busy machine takes longer than 6 s."""
    asked = {"stream_id": stream["stream_id"], "time": at.isoformat()}
    try:
        answer: dict[str, Any] = app.call("POST", "/api/playback/seek", asked)
    except urllib.error.HTTPError as error:
        if json.load(error)["code"] != "not_ready":
            raise
        state = until(lambda: _playing(app, stream))
        assert state is not None
        return state
    return answer


def _playing(app: App, stream: dict[str, Any]) -> dict[str, Any] | None:
    state: dict[str, Any] = app.call("GET", f"/api/streams/status/{stream['stream_id']}")
    return state if state["time_confirmed"] is not None else None


def stop(app: App, stream: dict[str, Any]) -> None:
    app.call("POST", "/api/streams/stop", {"stream_id": stream["stream_id"]})


def test_a_replay_plays_over_a_socket_and_seeks_to_the_right_frame(app: App, camera_id: int, tmp_path: Path) -> None:
    at = an_hour_ago()
    stream = started(app, camera_id, at)
    with opened(app) as client:
        join(client, stream)
        init = text(client, "init")
        assert (init["run"], init["offset_s"], init["codec"]) == (1, 0.0, "h264")
        film = binary(client, 1, INIT)[3]
        flags, start_s, taken_ms, data = binary(client, 1, FRAGMENTS)
        assert (flags, start_s) == (1, 0.0)
        assert 0 <= at.timestamp() - taken_ms / 1000 <= 2.1, "the key frame at or before"
        film += data
        while start_s < 6:
            _, start_s, its_ms, data = binary(client, 1, FRAGMENTS)
            assert (its_ms - taken_ms) / 1000 == pytest.approx(start_s, abs=0.05)
            film += data
        (tmp_path / "film.mp4").write_bytes(film)
        command = [str(find_ffmpeg()), "-v", "warning", "-i", str(tmp_path / "film.mp4"), "-f", "null", "-"]
        assert not subprocess.run(command, capture_output=True, check=True).stderr
        for minutes in (10, -20, 30):
            answer = sought(app, stream, at + timedelta(minutes=minutes))
            init = text(client, "init")
            assert f"/run{init['run']}.m3u8" in answer["playlist_url"]
            _, start_s, taken_ms, _ = binary(client, 1, FRAGMENTS)
            assert start_s == 0.0
            assert taken_ms / 1000 == pytest.approx(datetime.fromisoformat(answer["start_time"]).timestamp(), abs=0.01)
    stop(app, stream)


def test_the_app_sends_a_replay_up_to_the_wanted_position(app: App, camera_id: int) -> None:
    stream = started(app, camera_id, an_hour_ago())
    with opened(app) as client:
        join(client, stream)
        assert reached_s(client, 35) < 150, "40 s, and what the recorder sends until it pauses"
        say(client, type="want", id=1, run=1, until_s=300)
        assert reached_s(client, 290) < 450, "of an hour"
    stop(app, stream)


def reached_s(client: ClientConnection, least_s: float) -> float:
    """Read beyond `least_s` until nothing arrives for 1.5 s; return the last position in seconds."""
    start_s = 0.0
    while start_s <= least_s:
        start_s = binary(client, 1, FRAGMENTS)[1]
    with contextlib.suppress(TimeoutError):
        while True:
            start_s = binary(client, 1, FRAGMENTS, within_s=1.5)[1]
    return start_s


def test_a_late_page_learns_that_it_missed_the_start_and_seeks(app: App, camera_id: int) -> None:
    at = an_hour_ago()
    stream = started(app, camera_id, at)
    with opened(app) as client:
        join(client, stream)
        assert text(client, "watching")["from_start"] is True
        binary(client, 1, FRAGMENTS)
    with opened(app) as client:
        join(client, stream, 7)
        assert text(client, "watching")["from_start"] is False
        sought(app, stream, at + timedelta(minutes=1))
        assert text(client, "init")["run"] == 2
        binary(client, 7, FRAGMENTS)
    stop(app, stream)


def test_the_end_of_a_recording_is_announced(app: App, camera_id: int) -> None:
    at = an_hour_ago()
    stream = started(app, camera_id, at, end_time=(at + timedelta(seconds=5)).isoformat())
    with opened(app) as client:
        join(client, stream)
        assert text(client, "end")["run"] == 1
    stop(app, stream)


def test_a_replay_that_needs_encoding_is_offered_as_segments_only(app: App, camera_id: int) -> None:
    stream = started(app, camera_id, an_hour_ago(), HEVC_TOKEN)
    with opened(app) as client:
        join(client, stream)
        assert text(client, "segments_only")["run"] == 1
    stop(app, stream)
    stream = started(app, camera_id, an_hour_ago(), HEVC_TOKEN, accept=["h264", "hevc"])
    with opened(app) as client:
        join(client, stream)
        assert text(client, "init")["codecs"].startswith("hvc1.")
    stop(app, stream)


def test_leaving_the_socket_keeps_the_replay_session(app: App, camera_id: int) -> None:
    at = an_hour_ago()
    stream = started(app, camera_id, at)
    with opened(app) as client:
        join(client, stream)
        binary(client, 1, FRAGMENTS)
        say(client, type="leave", id=1)
        say(client, type="clock", sent=1)
        text(client, "clock")
        sought(app, stream, at + timedelta(minutes=1))
        with pytest.raises(TimeoutError):
            binary(client, 1, FRAGMENTS, within_s=1.0)
    status = app.call("GET", f"/api/streams/status/{stream['stream_id']}")
    assert status["status"] in ("starting", "running")
    stop(app, stream)


def test_a_bad_replay_request_gets_a_problem_and_keeps_the_socket(app: App, camera_id: int) -> None:
    stream = started(app, camera_id, an_hour_ago())
    its = {"stream_id": stream["stream_id"], "viewer_id": stream["viewer_id"]}
    with opened(app) as client:
        for message, code in (
            ({"type": "replay", "id": 1, **its, "stream_id": "1-r-invented"}, "not_found"),
            ({"type": "replay", "id": 1, "viewer_id": "x"}, "invalid_request"),
            ({"type": "replay", "id": 1, **its, "viewer_id": ""}, "invalid_request"),
            ({"type": "replay", "id": 1, **its, "stream_id": "x" * 513}, "invalid_request"),
            ({"type": "replay", "id": 70_000, **its}, "invalid_request"),
            ({"type": "want", "id": 1, "run": 0, "until_s": 3}, "invalid_request"),
            ({"type": "want", "id": 1, "run": True, "until_s": 3}, "invalid_request"),
            ({"type": "want", "id": 1, "run": 1, "until_s": "3"}, "invalid_request"),
            ({"type": "want", "id": 1, "run": 1, "until_s": -1}, "invalid_request"),
            ({"type": "want", "id": 1, "run": 1, "until_s": 1e10}, "invalid_request"),
        ):
            say(client, **message)
            assert text(client, "problem")["code"] == code, message
        say(client, type="want", id=9, run=1, until_s=5)  # an id without a watch
        join(client, stream)
        say(client, type="want", id=1, run=99, until_s=5)
        binary(client, 1, FRAGMENTS)
    stop(app, stream)


def test_a_live_stream_cannot_be_joined_as_a_replay(app: App, camera_id: int) -> None:
    body = {"camera_id": camera_id, "profile_token": "MediaProfile00001"}
    live = app.call("POST", "/api/streams/start", body)
    with opened(app) as client:
        join(client, live)
        assert text(client, "problem")["code"] == "invalid_request"
        join(client, live, 2)
        say(client, type="leave", id=2)
        say(client, type="clock", sent=1)
        text(client, "clock")
    stop(app, live)
    stays(lambda: "broke off" not in app.log.read_text(), 0.5)  # a worker thread handles the leave message


def test_a_replay_of_another_user_is_not_found(make_app: Any, recorder: Any) -> None:
    app = make_app().start()
    camera_id = recorder.add_to(app)
    anna = set_up(app)
    add_by(anna, app.url, "otto", "reviewer")
    body = {"camera_id": camera_id, "recording_token": TOKEN, "start_time": an_hour_ago().isoformat()}
    otto = log_in(app.url, "otto")
    stream = anna.post(f"{app.url}/api/playback/start", json=body, timeout=LIMIT_S).json()
    for session, is_hers in ((otto, False), (anna, True)):
        cookie = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
        with opened(app, additional_headers={"Cookie": cookie, "Origin": app.url}) as client:
            join(client, stream)
            say(client, type="want", id=1, run=1, until_s=1000)  # before the app has answered the join
            if is_hers:
                binary(client, 1, FRAGMENTS)
            else:
                assert text(client, "problem")["code"] == "not_found"
    with pytest.raises(InvalidStatus), opened(app):
        pass
