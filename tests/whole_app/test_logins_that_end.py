"""A login that ends takes away its own viewers only: the real app, two users, every transport."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from functools import cache
from typing import Any

import psutil
import pytest
import requests
from urllib3.exceptions import ProtocolError
from websockets.sync.client import ClientConnection

from tests.patience import LIMIT_S, promised, until
from tests.whole_app.accounts import add_by, log_in, set_up
from tests.whole_app.live_client import (
    FRAGMENTS,
    SUB,
    TOKEN,
    an_hour_ago,
    binary,
    join,
    opened,
    say,
    until_closed,
)
from tests.whole_app.running_app import Recorder, RunningApp

IDLE_END_S = 4.0  # longer than a stand-still of the machine, which would end an HLS viewer
ENDS_WITHIN_S = 5.0  # the limit that SECURITY.md promises
GOES_ON_S = 3.0


@pytest.fixture(scope="module")
def app(recorder: Recorder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningApp]:
    """An app with the recorder as camera 1 and the users anna and otto."""
    running = RunningApp(tmp_path_factory.mktemp("app"), IDLE_END_S=str(IDLE_END_S), SEGMENT_S="1").start()
    recorder.add_to(running)
    add_by(set_up(running), running.url, "otto", "reviewer")
    yield running
    running.close()
    assert "Traceback" not in running.errors()


@pytest.fixture
def anna(app: RunningApp) -> Iterator[requests.Session]:
    """The login that remains."""
    session = log_in(app.url, "anna")
    yield session
    log_out(app, session)
    until(lambda: not streams(app))


@pytest.fixture
def otto(app: RunningApp) -> requests.Session:
    """The login that ends."""
    return log_in(app.url, "otto")


def log_out(app: RunningApp, session: requests.Session) -> None:
    assert session.delete(f"{app.url}/api/session", timeout=LIMIT_S).status_code in (200, 204)


@cache
def onlooker(url: str) -> requests.Session:
    """A separate login that watches nothing and stays."""
    return log_in(url, "anna")


def streams(app: RunningApp) -> list[str]:
    """Return the ids of the running sessions."""
    found = onlooker(app.url).get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"]
    return sorted(stream["stream_id"] for stream in found)


@contextlib.contextmanager
def socket_of(app: RunningApp, session: requests.Session) -> Iterator[ClientConnection]:
    cookie = "; ".join(f"{name}={value}" for name, value in session.cookies.items())
    with opened(app, additional_headers={"Cookie": cookie, "Origin": app.url}) as client:
        yield client


def watch(client: ClientConnection) -> None:
    say(client, type="watch", id=1, camera_id=1, profile_token=SUB)
    binary(client, 1, FRAGMENTS)


def started(app: RunningApp, session: requests.Session, what: str, **body: object) -> dict[str, Any]:
    answer = session.post(f"{app.url}/api/{what}/start", json={"camera_id": 1, **body}, timeout=LIMIT_S)
    assert answer.status_code in (200, 201), answer.text
    return dict(answer.json())


def started_replay(app: RunningApp, session: requests.Session) -> dict[str, Any]:
    return started(app, session, "playback", recording_token=TOKEN, start_time=an_hour_ago().isoformat())


def read_for(client: ClientConnection, seconds: float) -> set[str]:
    """Return the session states that arrived in this time."""
    states = set()
    ends_s = time.monotonic() + seconds
    with contextlib.suppress(TimeoutError):
        while (left_s := ends_s - time.monotonic()) > 0:
            message = client.recv(left_s)
            if isinstance(message, str) and (said := json.loads(message))["type"] == "state":
                states.add(said["stream"]["status"])
    return states


def assert_goes_on(client: ClientConnection) -> None:
    """Assert that fragments still arrive some time after the end of another login, without the state "stopped"."""
    assert "stopped" not in read_for(client, GOES_ON_S)
    read_fragments(client)


def read_fragments(client: ClientConnection) -> None:
    for _ in range(10):
        binary(client, 1, FRAGMENTS)


def fetched_for(app: RunningApp, session: requests.Session, address: str, seconds: float) -> list[int]:
    """Fetch the playlist and its newest segment for this time, like a player; return the status codes."""
    answers = []
    ends_s = time.monotonic() + seconds
    while time.monotonic() < ends_s:
        playlist = session.get(app.url + address, timeout=LIMIT_S)
        names = [line for line in playlist.text.splitlines() if line and not line.startswith("#")]
        answers.append(playlist.status_code)
        if playlist.ok:
            segment = f"{address.rpartition('/')[0]}/{names[-1]}"
            answers.append(session.get(app.url + segment, timeout=LIMIT_S).status_code)
        time.sleep(0.3)
    return answers


def test_a_socket_viewer_keeps_its_stream_when_another_one_logs_out(
    app: RunningApp, anna: requests.Session, otto: requests.Session
) -> None:
    with socket_of(app, anna) as hers, socket_of(app, otto) as his:
        watch(hers)
        watch(his)
        read_for(hers, IDLE_END_S + 1)
        with promised(ENDS_WITHIN_S):
            log_out(app, otto)
            assert until_closed(his) == 4401
        assert_goes_on(hers)
        assert streams(app) == [f"camera1_{SUB}"]


def test_a_socket_viewer_keeps_its_stream_when_an_hls_viewer_logs_out(
    app: RunningApp, anna: requests.Session, otto: requests.Session
) -> None:
    with socket_of(app, anna) as hers:
        watch(hers)
        stream = started(app, otto, "streams", profile_token=SUB)
        assert set(fetched_for(app, otto, stream["playlist_url"], IDLE_END_S + 1)) == {200}  # unnamed
        assert app.ffmpegs()
        with promised(ENDS_WITHIN_S):
            log_out(app, otto)
            until(lambda: not app.ffmpegs())
        assert_goes_on(hers)


def test_an_hls_viewer_keeps_its_stream_when_a_socket_viewer_logs_out(
    app: RunningApp, anna: requests.Session, otto: requests.Session
) -> None:
    with socket_of(app, otto) as his:
        watch(his)
        stream = started(app, anna, "streams", profile_token=SUB)
        fetched_for(app, anna, stream["playlist_url"], IDLE_END_S + 1)
        with promised(ENDS_WITHIN_S):
            log_out(app, otto)
            assert until_closed(his) == 4401
        assert set(fetched_for(app, anna, stream["playlist_url"], GOES_ON_S)) == {200}


def test_all_streams_of_a_login_alone_end_with_it(
    app: RunningApp, anna: requests.Session, otto: requests.Session
) -> None:
    del anna
    live, replay = started(app, otto, "streams", profile_token=SUB), started_replay(app, otto)
    with socket_of(app, otto) as his:
        join(his, replay)
        binary(his, 1, FRAGMENTS)
        fetched_for(app, otto, live["playlist_url"] + "?viewer=invented", IDLE_END_S + 1)
        assert streams(app) == sorted((live["stream_id"], replay["stream_id"]))
        with promised(ENDS_WITHIN_S):
            log_out(app, otto)
            until(lambda: not streams(app))


def test_a_replay_ends_with_its_login_and_other_replays_go_on(
    app: RunningApp, anna: requests.Session, otto: requests.Session
) -> None:
    hers, his = started_replay(app, anna), started_replay(app, otto)
    with socket_of(app, anna) as her_page, socket_of(app, otto) as his_page:
        for client, replay in ((her_page, hers), (his_page, his)):
            join(client, replay)
            binary(client, 1, FRAGMENTS)
        read_for(her_page, IDLE_END_S + 1)
        with promised(ENDS_WITHIN_S):
            log_out(app, otto)
            until(lambda: streams(app) == [hers["stream_id"]])
        read_for(her_page, GOES_ON_S)
        say(her_page, type="want", id=1, run=1, until_s=400)
        read_fragments(her_page)


def test_a_replay_goes_on_for_a_second_viewer_after_a_logout(
    app: RunningApp, anna: requests.Session, otto: requests.Session
) -> None:
    replay = started_replay(app, otto)
    with socket_of(app, otto) as his:
        join(his, replay)
        binary(his, 1, FRAGMENTS)
        fetched_for(app, anna, replay["playlist_url"], IDLE_END_S + 1)
        with promised(ENDS_WITHIN_S):
            log_out(app, otto)
            assert until_closed(his) == 4401
        assert set(fetched_for(app, anna, replay["playlist_url"], GOES_ON_S)) == {200}


def test_a_slow_download_ends_with_its_login(app: RunningApp, otto: requests.Session) -> None:
    start, end = (moment.isoformat() for moment in (an_hour_ago(), an_hour_ago(minutes=5)))
    body = {"ranges": [{"camera_id": 1, "channel": 1, "start_time": start, "end_time": end}]}
    added = otto.post(f"{app.url}/api/exports", json=body, timeout=LIMIT_S)
    assert added.status_code == 202, added.text
    path = f"{app.url}/api/exports/{added.json()['id']}"
    job = until(lambda: finished_export(otto, path), 2 * LIMIT_S, "the end of the export")
    (file,) = job["files"]
    with otto.get(app.url + file["url"], stream=True, timeout=LIMIT_S) as download:
        assert download.raw.read(1000)
        port = download.raw.connection.sock.getsockname()[1]
        assert is_sending_to(port)
        with promised(ENDS_WITHIN_S):
            log_out(app, otto)
            until(lambda: not is_sending_to(port))
        with pytest.raises(ProtocolError, match="IncompleteRead"):
            download.raw.read()


def is_sending_to(port: int) -> bool:
    """True if a server's connection with this port of a client is open, although the client does not read."""
    found = (one for one in psutil.net_connections("tcp") if one.raddr and one.raddr.port == port)
    return any(one.status == psutil.CONN_ESTABLISHED for one in found)


def finished_export(session: requests.Session, path: str) -> dict[str, Any] | None:
    job: dict[str, Any] = session.get(path, timeout=LIMIT_S).json()
    assert job["state"] in {"queued", "running", "done"}, job
    return job if job["state"] == "done" else None
