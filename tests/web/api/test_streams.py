"""The five stream calls, and the playlists and segments at the addresses they return."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI

from core.settings import Settings
from tests.patience import LIMIT_S, until

TOKEN = "MediaProfile00000"


@pytest.fixture
def stream_id(client: FlaskClient, camera: Any) -> str:
    answer = client.post("/api/streams/start", json={"camera_id": camera.id, "profile_token": TOKEN})
    assert answer.status_code == 201
    name: str = answer.get_json()["stream_id"]
    return name


def test_a_start_is_201_and_a_second_one_shares_it_with_200(client: FlaskClient, camera: Any) -> None:
    body = {"camera_id": camera.id, "profile_token": TOKEN}
    first = client.post("/api/streams/start", json=body)
    assert (first.status_code, client.post("/api/streams/start", json=body).status_code) == (201, 200)
    assert first.get_json() == {
        "stream_id": f"camera1_{TOKEN}",
        "camera_id": 1,
        "profile_token": TOKEN,
        "kind": "live",
        "status": "starting",
        "error": None,
        "started_at": "2026-11-22T12:00:00.000Z",
        "uptime_s": 1.2,
        "viewers": 1,
        "restarts": 0,
        "video": {"codec": "h264", "width": 1920, "height": 1080, "fps": 25.0},
        "audio": None,
        "audio_left_out": "the device sends none",
        "transcoding": False,
        "bitrate_kbps": None,
        "last_segment_age_s": None,
        "frames_dropped": 3,
        "damage": None,
        "playlist_url": f"/static/streams/camera1_{TOKEN}/stream.m3u8",
        "waiting_for": "connecting",
        "source_codec": None,
        "recording_token": None,
        "start_time": None,
        "time_confirmed": None,
        "beats_real_time": None,
        "replay_quality": None,
        "has_sub_recording": None,
        "viewer_id": "viewer-0",
    }


def test_accept_is_checked_and_passed_on(client: FlaskClient, camera: Any, assert_problem: Any) -> None:
    body = {"camera_id": camera.id, "profile_token": TOKEN}
    answer = client.post("/api/streams/start", json={**body, "accept": ["hevc", "h264"]})
    assert answer.get_json()["stream_id"].endswith(".hevc")
    for wrong in ([], ["vp9"], "h264", [1], ["h264"] * 9):
        document = assert_problem(
            client.post("/api/streams/start", json={**body, "accept": wrong}), 400, "invalid_request"
        )
        assert document["errors"][0]["field"].startswith("accept")


def test_an_unknown_camera_or_media_profile_is_404(client: FlaskClient, camera: Any, assert_problem: Any) -> None:
    for body in ({"camera_id": 99, "profile_token": TOKEN}, {"camera_id": camera.id, "profile_token": "../../etc"}):
        assert_problem(client.post("/api/streams/start", json=body), 404, "not_found")


def test_status_and_all_show_the_session(client: FlaskClient, stream_id: str, assert_problem: Any) -> None:
    status = client.get(f"/api/streams/status/{stream_id}").get_json()
    assert status["stream_id"] == stream_id
    assert "viewer_id" not in status
    assert client.get("/api/streams/all").get_json() == {"streams": [{**status, "node": ""}], "silent_nodes": []}
    assert_problem(client.get("/api/streams/status/camera9_none"), 404, "not_found")


def test_stop_ends_a_stream_for_all_or_with_its_last_viewer(
    client: FlaskClient, stream_id: str, assert_problem: Any
) -> None:
    kept = client.post("/api/streams/stop", json={"stream_id": stream_id, "viewer_id": "not-the-last"})
    assert (kept.status_code, kept.get_json()) == (200, {"stream_id": stream_id, "status": "running"})
    ended = client.post("/api/streams/stop", json={"stream_id": stream_id})
    assert (ended.status_code, ended.get_json()) == (200, {"stream_id": stream_id, "status": "stopped"})
    assert_problem(client.post("/api/streams/stop", json={"stream_id": "camera9_x"}), 404, "not_found")


def test_a_playlist_waits_for_its_first_segment(client: FlaskClient, streams: Any, stream_id: str) -> None:
    threading.Timer(0.2, streams.ready.set).start()
    answer = client.get(f"/static/streams/{stream_id}/stream.m3u8?viewer=abc_1")
    assert streams.ready.is_set()
    assert (answer.status_code, answer.data) == (200, b"#EXTM3U\n")
    assert answer.content_type == "application/vnd.apple.mpegurl"
    assert answer.headers["Cache-Control"] == "no-store"
    assert streams.viewers_seen[-1] == "abc_1"


def test_a_playlist_that_is_not_ready_in_time_is_503_with_retry_after(
    client: FlaskClient, streams: Any, stream_id: str, assert_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams.ready, "wait", lambda _timeout: False)
    answer = client.get(f"/static/streams/{stream_id}/stream.m3u8")
    assert_problem(answer, 503, "not_ready")
    assert answer.headers["Retry-After"] == "2"


def test_only_a_quarter_of_the_threads_wait_for_playlists(
    web_app: OpenAPI, streams: Any, stream_id: str, assert_problem: Any, settings: Settings
) -> None:
    url = f"/static/streams/{stream_id}/stream.m3u8"
    statuses: list[int] = []
    places = settings.request_threads // 4
    waiting = [
        threading.Thread(target=lambda: statuses.append(web_app.test_client().get(url).status_code))
        for _ in range(places)
    ]
    for thread in waiting:
        thread.start()
    until(lambda: len(streams.viewers_seen) == 2 * places)  # each request first tries without a wait, then waits
    assert_problem(web_app.test_client().get(url), 503, "busy")
    streams.ready.set()
    for thread in waiting:
        thread.join(LIMIT_S)
    assert statuses == [200] * places
    assert web_app.test_client().get(url).status_code == 200


@pytest.mark.parametrize(
    ("name", "content_type"),
    [("segment_7.ts", "video/mp2t"), ("init.mp4", "video/mp4"), ("segment_7.m4s", "video/mp4")],
)
def test_a_segment_is_sent_with_its_type(
    client: FlaskClient, settings: Settings, stream_id: str, name: str, content_type: str
) -> None:
    folder = settings.streams_dir / stream_id
    folder.mkdir(parents=True)
    (folder / name).write_bytes(b"0123456789")
    answer = client.get(f"/static/streams/{stream_id}/{name}")
    assert (answer.status_code, answer.data, answer.content_type) == (200, b"0123456789", content_type)
    assert answer.headers["Cache-Control"] == "no-store"
    part = client.get(f"/static/streams/{stream_id}/{name}", headers={"Range": "bytes=2-4"})
    assert (part.status_code, part.data) == (206, b"234")
    answer.close()
    part.close()


@pytest.mark.parametrize(
    "address",
    [
        "camera1_MediaProfile00000/segment_9.ts",
        "camera1_MediaProfile00000/.instance.lock",
        "camera1_MediaProfile00000/stream.m3u8.tmp",
        "camera1_MediaProfile00000/..",
        "camera1_MediaProfile00000/",
        "camera9_nothing/stream.m3u8",
        "../stream.m3u8",
        ".instance.lock/stream.m3u8",
        "camera1_MediaProfile00000/％2e.ts",
        "%2e%2e/segment_1.ts",
        "camera1_MediaProfile00000/segment_1.ts%00.m3u8",
        "camera1_MediaProfile00000/sub/segment_1.ts",
    ],
)
def test_files_outside_a_session_are_not_found(
    client: FlaskClient, stream_id: str, assert_problem: Any, address: str
) -> None:
    assert stream_id == "camera1_MediaProfile00000"
    assert_problem(client.get(f"/static/streams/{address}"), 404, "not_found")


def test_an_invalid_viewer_id_is_refused(client: FlaskClient, stream_id: str, assert_problem: Any) -> None:
    for viewer in ("", "a" * 65, "a/b", "<x>"):
        answer = client.get(f"/static/streams/{stream_id}/stream.m3u8", query_string={"viewer": viewer})
        assert assert_problem(answer, 400, "invalid_request")["errors"][0]["field"] == "viewer"
