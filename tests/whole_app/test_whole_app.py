"""The real app with a simulated recorder, ffmpeg and this machine's network; no stand-ins."""

from __future__ import annotations

import shutil
import socket
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import psutil
import requests

from tests.patience import LIMIT_S, Slowness, promised, until
from tests.whole_app.running_app import CANARY, RunningApp
from tools.leaks import leaks_in, leaks_of

SUB = "MediaProfile00001"


def _get_playlist(app: Any, url: str, viewer_id: str | None = None) -> str:
    """Fetch a playlist like a player, which tries again after a 503."""

    def fetched() -> str | None:
        answer = requests.get(app.url + url, params={"viewer": viewer_id} if viewer_id else None, timeout=LIMIT_S)
        assert answer.status_code in (200, 503), answer.text
        return answer.text if answer.ok else None

    return until(fetched) or ""


def test_the_users_examples_work_as_written(app: Any, camera_id: int) -> None:
    body = f'{{"camera_id": {camera_id}, "profile_token": "{SUB}"}}'
    curl = [shutil.which("curl") or "curl", "-s", "-X", "POST", f"http://localhost:{app.port}/api/streams/start"]
    subprocess.run([*curl, "-H", "Content-Type: application/json", "-d", body], check=True, capture_output=True)
    stream_id = f"camera{camera_id}_{SUB}"
    (stream,) = requests.get(f"{app.url}/api/streams/all", timeout=LIMIT_S).json()["streams"]
    assert stream["stream_id"] == stream_id
    assert stream["playlist_url"] == f"/static/streams/{stream_id}/stream.m3u8"
    playlist = _get_playlist(app, stream["playlist_url"])
    segment = next(line for line in playlist.splitlines() if line.endswith(".ts"))
    data = requests.get(f"{app.url}/static/streams/{stream_id}/{segment}", timeout=LIMIT_S)
    assert (data.headers["Content-Type"], data.content[0]) == ("video/mp2t", 0x47)
    folder = app.folder / "streams" / stream_id
    assert {"stream.m3u8", segment} <= {path.name for path in folder.iterdir()}
    status = requests.get(f"{app.url}/api/streams/status/{stream_id}", timeout=LIMIT_S).json()
    assert (status["status"], status["video"]["codec"], status["error"]) == ("running", "h264", None)
    (ffmpeg,) = app.ffmpegs()
    stopped = requests.post(f"{app.url}/api/streams/stop", json={"stream_id": stream_id}, timeout=LIMIT_S)
    assert stopped.json() == {"stream_id": stream_id, "status": "stopped"}
    assert not ffmpeg.is_running()
    assert not folder.exists()
    again = requests.post(f"{app.url}/api/streams/stop", json={"stream_id": stream_id}, timeout=LIMIT_S)
    assert (again.status_code, again.json()["status"]) == (200, "stopped")


def test_two_viewers_share_one_session_and_the_last_one_ends_it(app: Any, camera_id: int) -> None:
    body = {"camera_id": camera_id, "profile_token": SUB}
    first, second = (requests.post(f"{app.url}/api/streams/start", json=body, timeout=LIMIT_S) for _ in range(2))
    assert (first.status_code, second.status_code) == (201, 200)
    viewers = [first.json()["viewer_id"], second.json()["viewer_id"]]
    for viewer in viewers:
        _get_playlist(app, first.json()["playlist_url"], viewer)
    assert len(app.ffmpegs()) == 1
    states = [
        requests.post(
            f"{app.url}/api/streams/stop",
            json={"stream_id": first.json()["stream_id"], "viewer_id": viewer},
            timeout=LIMIT_S,
        ).json()["status"]
        for viewer in viewers
    ]
    assert states == ["running", "stopped"]
    assert not app.ffmpegs()


def test_a_start_on_a_known_camera_takes_under_50_ms(app: Any, camera_id: int) -> None:
    took_ms = []
    with requests.Session() as session, Slowness() as machine:
        for _ in range(9):
            began_s = time.perf_counter()
            answer = session.post(
                f"{app.url}/api/streams/start", json={"camera_id": camera_id, "profile_token": SUB}, timeout=LIMIT_S
            )
            took_ms.append((time.perf_counter() - began_s) * 1000)
            session.post(f"{app.url}/api/streams/stop", json={"stream_id": answer.json()["stream_id"]}, timeout=LIMIT_S)
    assert sorted(took_ms)[4] < 50 * machine.factor(), took_ms


def test_an_unknown_media_profile_is_404(app: Any, camera_id: int) -> None:
    for token in ("MediaProfile99999", "../../etc", "-i"):
        answer = requests.post(
            f"{app.url}/api/streams/start", json={"camera_id": camera_id, "profile_token": token}, timeout=LIMIT_S
        )
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_snapshot_is_a_jpeg(app: Any, camera_id: int) -> None:
    answer = requests.get(f"{app.url}/api/cameras/{camera_id}/snapshot?profile_token={SUB}", timeout=LIMIT_S)
    assert (answer.status_code, answer.content[:2]) == (200, b"\xff\xd8"), answer.text
    cached = requests.get(f"{app.url}/api/cameras/{camera_id}/snapshot?profile_token={SUB}&cached=1", timeout=LIMIT_S)
    assert cached.content == answer.content


def test_silent_devices_do_not_block_the_app(app: Any) -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=64) as deaf:
        body = {"host": "127.0.0.1", "port": deaf.getsockname()[1], "username": "a", "password": "b"}
        answers: list[requests.Response] = []
        url = f"{app.url}/api/cameras?wait=1"
        waiting = [
            threading.Thread(target=lambda: answers.append(requests.post(url, json=body, timeout=LIMIT_S)))
            for _ in range(8)
        ]
        for thread in waiting:
            thread.start()
        while any(thread.is_alive() for thread in waiting):
            with promised(1.0):
                assert requests.get(f"{app.url}/api/health", timeout=LIMIT_S).ok
                assert requests.get(f"{app.url}/api/cameras", timeout=LIMIT_S).ok
            time.sleep(0.1)
    assert len(answers) == len(waiting), "a request without an answer raised in its thread"
    assert {answer.status_code for answer in answers} <= {201, 409, 503}
    for answer in answers:
        if answer.status_code == 201:
            assert answer.json()["status"] in ("offline", "connecting")
            requests.delete(f"{app.url}/api/cameras/{answer.json()['id']}", timeout=LIMIT_S)


def test_a_deleted_camera_takes_its_streams_with_it(app: Any, recorder: Any) -> None:
    """The recorder is added again under another name of this machine, so the app treats it as another camera."""
    camera_id = recorder.add_to(app, host="localhost")
    started = requests.post(
        f"{app.url}/api/streams/start", json={"camera_id": camera_id, "profile_token": SUB}, timeout=LIMIT_S
    ).json()
    _get_playlist(app, started["playlist_url"])
    assert app.ffmpegs()
    assert requests.delete(f"{app.url}/api/cameras/{camera_id}", timeout=LIMIT_S).status_code == 204
    assert not app.ffmpegs()
    assert requests.get(app.url + started["playlist_url"], timeout=LIMIT_S).status_code == 404


def test_the_password_is_in_no_response_file_or_process(app: Any, camera_id: int) -> None:
    started = requests.post(
        f"{app.url}/api/streams/start", json={"camera_id": camera_id, "profile_token": SUB}, timeout=LIMIT_S
    ).json()
    _get_playlist(app, started["playlist_url"])
    pages = ["/cameras", f"/viewer/{camera_id}", "/api/cameras", "/api/streams/all", "/api/openapi.json"]
    pages += [f"/api/cameras/{camera_id}{part}" for part in ("", "/profiles", "/health")]
    for page in pages:
        assert CANARY.encode() not in requests.get(app.url + page, timeout=LIMIT_S).content, page
    assert not leaks_of([psutil.Process(app.process.pid), *app.family()], [CANARY])
    assert not leaks_in(app.folder, [CANARY])
    requests.post(f"{app.url}/api/streams/stop", json={"stream_id": started["stream_id"]}, timeout=LIMIT_S)


def test_cameras_survive_a_restart_and_their_key_is_stored_elsewhere(tmp_path: Path, recorder: Any) -> None:
    app = RunningApp(tmp_path).start()
    try:
        camera_id = recorder.add_to(app)
        app.process.terminate()
        assert app.process.wait(LIMIT_S) == 0
        assert not list((tmp_path / "data").rglob("*.key"))
        assert list((tmp_path / "home").rglob("secret.key"))
        app.start()
        channels = requests.get(f"{app.url}/api/cameras/{camera_id}/profiles", timeout=LIMIT_S).json()["channels"]
        assert len(channels) == 4
        app.process.terminate()
        app.process.wait(LIMIT_S)
        (key,) = (tmp_path / "home").rglob("secret.key")
        key.rename(tmp_path / "elsewhere")
        app.start(is_awaited=False)
        assert app.process.wait(LIMIT_S) == 2
        assert "Traceback" not in app.errors()
        assert "key" in app.errors()
        assert not key.exists()
    finally:
        app.close()
