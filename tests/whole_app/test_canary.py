"""Passwords never leave the app: the test uses every function once and searches all responses, files and processes."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode, urljoin

import psutil
import pytest
import requests

from tests.patience import LIMIT_S, until
from tests.whole_app.running_app import CANARY
from tools.leaks import holds, leaks_in, leaks_of, spellings

pytestmark = pytest.mark.cold_start

ACCOUNT = "canary-åccount/pass+word 9"
WRONG = "canary-wrong-password-5d"
CHANGED = "canary-changed:pass@word-2c"


def test_the_leak_search_finds_every_spelling_of_a_secret() -> None:
    for secret in (CANARY, ACCOUNT, CHANGED):
        for spelling in spellings(secret):
            assert holds(b"before " + spelling + b" after", [secret]) == [secret]
        assert not holds(b"nothing of it", [secret])


def test_passwords_and_tokens_are_in_no_response_file_or_process(make_app: Callable[..., Any], recorder: Any) -> None:
    app = make_app(LOG_LEVEL="DEBUG").start()
    said: list[bytes] = []
    secrets = [CANARY, ACCOUNT, WRONG, CHANGED]
    session = requests.Session()

    def ask(method: str, path: str, body: object = None, **headers: str) -> Any:
        answer = session.request(method, app.url + path, json=body, headers=headers, timeout=LIMIT_S)
        said.append(answer.content + str(answer.headers).encode())
        return answer

    made = ask("POST", "/api/setup", {"name": "Anna", "password": ACCOUNT})
    assert made.status_code == 201, made.text
    session.headers["X-CSRF-Token"] = made.json()["csrf_token"]
    ask("POST", "/api/session", {"name": "Anna", "password": WRONG})
    ask("POST", "/api/session", {"name": WRONG, "password": ACCOUNT})
    ask("POST", "/api/setup", {"name": "Eve", "password": CHANGED})
    ask("POST", "/api/users", {"name": "Ben", "password": CHANGED, "role": "viewer", "oops": CHANGED})
    assert ask("POST", "/api/users", {"name": "Ben", "password": CHANGED, "role": "viewer"}).status_code == 201
    token = session.post(f"{app.url}/api/tokens", json={"name": "one", "role": "admin"}, timeout=LIMIT_S).json()[
        "token"
    ]
    secrets.append(token)
    camera = {"host": "127.0.0.1", "port": recorder.onvif_port, "username": "admin", "password": CANARY}
    assert ask("POST", "/api/cameras?wait=1", camera).status_code == 201
    until(lambda: ask("GET", "/api/cameras/1").json()["status"] == "online")  # the app waits for seconds only
    ask("POST", "/api/cameras", {**camera, "password": CHANGED})
    ask("POST", "/api/cameras", {**camera, "host": f"admin:{CHANGED}@127.0.0.1"})
    ask("PATCH", "/api/cameras/1", {"password": CANARY, "port": "x"})
    _use_a_camera_without_onvif(ask, recorder.rtsp_port)
    start = {"camera_id": 1, "profile_token": "MediaProfile00000"}
    started = ask("POST", "/api/streams/start", start).json()
    until(lambda: ask("GET", started["playlist_url"]).status_code == 200)  # 503 until there is a segment
    for path in (
        "/",
        "/cameras",
        "/viewer/1",
        "/recordings/1",
        "/access",
        "/account",
        "/api/docs",
        "/api/openapi.json",
        "/api/cameras",
        "/api/cameras/1",
        "/api/cameras/1/profiles",
        "/api/cameras/1/snapshot",
        "/api/cameras/1/health",
        "/api/cameras/1/recordings/summary",
        "/api/streams/all",
        f"/api/streams/status/{started['stream_id']}",
        "/api/users",
        "/api/sessions",
        "/api/tokens",
        "/api/session",
    ):
        assert ask("GET", path, Accept="text/html" if not path.startswith("/api/") else "*/*").status_code == 200, path
    ask("GET", "/api/cameras", Authorization=f"Bearer {token}")
    ask("GET", "/api/cameras", Authorization=f"Bearer {token}x")
    replayed = _use_the_recordings(ask)
    until(lambda: ask("GET", started["playlist_url"]).status_code == 200)  # watched again: it ends without viewers
    family = [psutil.Process(app.process.pid), *app.family()]
    commands = _commands(app.ffmpegs())
    assert commands
    for command in commands:  # ffmpeg reads from this machine's gateway and never sees the device's address
        assert "rtsp://127.0.0.1:" in command
        assert f":{recorder.rtsp_port}" not in command
        assert "realmonitor" not in command
    assert not leaks_of(family, secrets)
    assert not leaks_in(app.folder, secrets)  # database and WAL of the running app, logs, streams, standard error
    assert ask("POST", "/api/streams/stop", {"stream_id": replayed}).status_code == 200
    assert ask("PATCH", "/api/cameras/1", {"password": WRONG}).status_code == 200
    for _ in range(2):  # with a password that the device refuses, before and after a refresh
        until(lambda: ask("GET", "/api/cameras/1").json()["status"] == "auth_failed")
        health = ask("GET", "/api/cameras/1/health").json()
        assert health["camera"]["error"]["code"] == "camera_auth_failed"
        assert "camera_auth_failed" in [check["outcome"] for check in health["checks"]], health["checks"]
        failed = ask("POST", "/api/streams/start", {**start, "profile_token": "MediaProfile00100"})
        assert failed.status_code in (200, 201), failed.text
        assert ask("POST", "/api/cameras/1/refresh").status_code == 200
    until(lambda: ask("GET", "/api/cameras/1").json()["status"] == "auth_failed")
    assert not leaks_of([psutil.Process(app.process.pid), *app.family()], secrets)
    app.close()
    assert not leaks_in(app.folder, secrets)
    assert not [answer[:300] for answer in said if holds(answer, secrets)]


def _commands(processes: list[psutil.Process]) -> list[str]:
    """Return the command lines of the processes that still run."""
    found = []
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            found.append(" ".join(process.cmdline()))
    return found


def _use_a_camera_without_onvif(ask: Callable[..., Any], rtsp_port: int) -> None:
    """Add a camera by an address with the login in it, and the password in its query, too; watch and edit it."""
    secret = quote(CANARY, safe="")
    path = f"127.0.0.1:{rtsp_port}/cam/realmonitor?channel=1&subtype=1&password={secret}"
    added = ask("POST", "/api/cameras?wait=1", {"stream_uris": {"main": f"rtsp://admin:{secret}@{path}"}})
    assert added.status_code == 201, added.text
    camera = f"/api/cameras/{added.json()['id']}"
    until(lambda: ask("GET", camera).json()["status"] == "online")
    ask("POST", "/api/cameras", {"stream_uris": {"main": f"rtsp://admin:{CHANGED}@nowhere:0/"}})
    ask(
        "PATCH", camera, {"stream_uris": {"main": f"rtsp://admin:{CHANGED}@10.0.0.5/x", "sub": f"rtsp://a:{secret}@b/"}}
    )
    for page in (camera, f"{camera}/profiles", f"{camera}/health", f"{camera}/snapshot"):
        assert ask("GET", page).status_code == 200
    started = ask("POST", "/api/streams/start", {"camera_id": added.json()["id"], "profile_token": "main"}).json()
    until(lambda: ask("GET", started["playlist_url"]).status_code == 200)
    assert ask("DELETE", camera).status_code == 204


def _use_the_recordings(ask: Callable[..., Any]) -> str:
    """Call search, coverage, playback URI, and a replay with a seek; return the stream id of the replay."""
    recording = ask("GET", "/api/cameras/1/recordings/summary").json()["recordings"][0]
    end = datetime.fromisoformat(recording["latest"])
    window = {"start_time": (end - timedelta(hours=2)).isoformat(), "end_time": end.isoformat()}
    found = ask("POST", "/api/cameras/1/recordings/search", window).json()["recordings"]
    span = next(item for item in found if item["spans"])["spans"][0]
    assert ask("GET", f"/api/cameras/1/recordings/coverage?{urlencode(window)}").status_code == 200
    wanted = {"camera_id": 1, "recording_token": recording["recording_token"]}
    address = ask("POST", "/api/recordings/playback-uri", wanted)
    assert address.json()["uri"].startswith("rtsp://127.0.0.1:"), address.text
    started = ask("POST", "/api/playback/start", {**wanted, "start_time": span["start_time"]})
    assert started.status_code == 201, started.text
    stream_id: str = started.json()["stream_id"]
    playlist = ask("GET", started.json()["playlist_url"])
    assert playlist.status_code == 200, playlist.text
    segment = next(line for line in playlist.text.splitlines() if line and not line.startswith("#"))
    assert ask("GET", urljoin(started.json()["playlist_url"], segment)).status_code == 200
    sought = ask("POST", "/api/playback/seek", {"stream_id": stream_id, "time": span["start_time"]})
    assert sought.status_code == 200, sought.text
    assert ask("GET", f"/api/streams/status/{stream_id}").status_code == 200
    return stream_id
