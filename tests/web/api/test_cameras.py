"""The API calls for cameras, as /api/docs describes them."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI

from tests.patience import LIMIT_S, until

HOSTILE = "<img src=x onerror=alert(1)>{{7*7}}"


def test_an_added_camera_is_returned_immediately_without_its_password(client: FlaskClient, cameras: Any) -> None:
    answer = client.post(
        "/api/cameras",
        json={"host": "127.0.0.9", "port": 80, "username": "admin", "password": "canary", "name": "Cupboard"},
    )
    assert answer.status_code == 201
    assert answer.headers["Location"] == "/api/cameras/1"
    assert answer.get_json() == {
        "id": 1,
        "name": "Cupboard",
        "host": "127.0.0.9",
        "port": 80,
        "username": "admin",
        "status": "connecting",
        "error": None,
        "manufacturer": "Dahua",
        "model": "XVR5116",
        "firmware": "4.001",
        "channels": 3,
        "services": ["media", "events"],
        "clock_offset_s": -1.25,
        "last_seen_at": "2026-11-22T12:00:00.000Z",
        "pretend": False,
        "same_device_as": None,
        "onvif": True,
        "stream_uris": None,
        "address": "",
        "readable_password": False,
        "recording_time_zone": "",
        "certificate": None,
        "place": "",
    }
    assert cameras.passwords[1] == "canary"
    for path in ("/api/cameras", "/api/cameras/1", "/api/cameras/1/health", "/api/cameras/1/profiles"):
        assert "canary" not in client.get(path).get_data(as_text=True)


def test_a_camera_without_onvif_is_added_by_its_stream_addresses(client: FlaskClient, cameras: Any) -> None:
    uris = {"main": "rtsp://10.0.0.5/a", "sub": "rtsp://10.0.0.5/b"}
    answer = client.post("/api/cameras", json={"stream_uris": uris, "username": "admin", "password": "canary"})
    assert (answer.status_code, answer.get_json()["stream_uris"], answer.get_json()["onvif"]) == (201, uris, False)
    answer = client.patch("/api/cameras/1", json={"stream_uris": {"main": "rtsp://10.0.0.5/c"}})
    assert answer.get_json()["stream_uris"] == {"main": "rtsp://10.0.0.5/c", "sub": None}
    assert cameras.passwords[1] == "canary"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "host"),
        ({"host": "10.0.0.5", "stream_uris": {"main": "rtsp://10.0.0.5/a"}}, "host"),
        ({"port": 554, "stream_uris": {"main": "rtsp://10.0.0.5/a"}}, "port"),
        ({"stream_uris": {}}, "stream_uris.main"),
        ({"stream_uris": {"main": "rtsp://10.0.0.5/a", "third": "x"}}, "stream_uris.third"),
        ({"stream_uris": "rtsp://10.0.0.5/a"}, "stream_uris"),
    ],
)
def test_a_camera_has_one_kind_of_address(
    client: FlaskClient, assert_problem: Any, body: dict[str, Any], field: str
) -> None:
    document = assert_problem(client.post("/api/cameras", json=body), 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == [field]


def test_with_wait_the_answer_comes_after_the_first_connection(client: FlaskClient, cameras: Any) -> None:
    answer = client.post("/api/cameras?wait=1", json={"host": "127.0.0.9"})
    assert (answer.status_code, answer.get_json()["status"]) == (201, "online")
    assert cameras.waited == [(1, 10.0)]


def test_the_same_device_again_says_which_camera_it_is(client: FlaskClient, assert_problem: Any, camera: Any) -> None:
    document = assert_problem(client.post("/api/cameras", json={"host": camera.host}), 409, "already_added")
    assert document["camera_id"] == camera.id


def test_the_camera_list_has_pages(client: FlaskClient, assert_problem: Any) -> None:
    for number in range(5):
        client.post("/api/cameras", json={"host": f"cam{number}"})
    first = client.get("/api/cameras?limit=2").get_json()
    assert [camera["id"] for camera in first["cameras"]] == [1, 2]
    second = client.get(f"/api/cameras?limit=3&cursor={first['next_cursor']}").get_json()
    assert [camera["id"] for camera in second["cameras"]] == [3, 4, 5]
    assert second["next_cursor"] is None
    assert_problem(client.get("/api/cameras?cursor=99"), 400, "invalid_request")
    assert_problem(client.get("/api/cameras?limit=0"), 400, "invalid_request")
    assert_problem(client.get("/api/cameras?limit=many"), 400, "invalid_request")


def test_a_camera_is_edited_and_deleted(client: FlaskClient, assert_problem: Any, camera: Any, cameras: Any) -> None:
    answer = client.patch(f"/api/cameras/{camera.id}", json={"name": "Yard", "password": "new"})
    assert answer.get_json()["name"] == "Yard"
    assert cameras.passwords[camera.id] == "new"
    assert client.patch(f"/api/cameras/{camera.id}", json={"password": None}).status_code == 200
    assert cameras.passwords[camera.id] == "new"
    gone = client.delete(f"/api/cameras/{camera.id}")
    assert (gone.status_code, gone.data) == (204, b"")
    assert_problem(client.get(f"/api/cameras/{camera.id}"), 404, "not_found")
    assert_problem(client.delete(f"/api/cameras/{camera.id}"), 404, "not_found")


def test_refresh_and_the_pretend_recorder_need_no_body(client: FlaskClient, camera: Any) -> None:
    assert client.post(f"/api/cameras/{camera.id}/refresh").get_json()["id"] == camera.id
    answer = client.post("/api/cameras/pretend")
    assert (answer.status_code, answer.get_json()["pretend"]) == (201, True)


def test_channels_are_listed_renamed_hidden_and_ordered(client: FlaskClient, camera: Any, assert_problem: Any) -> None:
    base = f"/api/cameras/{camera.id}"
    channels = client.get(f"{base}/profiles").get_json()["channels"]
    assert channels[0] == {
        "channel": 1,
        "name": "Door 1",
        "video_source_token": "00001",
        "hidden": False,
        "position": 0,
        "problem": None,
        "profiles": [
            {
                "profile_token": "MediaProfile00000",
                "name": "main",
                "role": "other",
                "video": {
                    "codec": "h264",
                    "width": 1920,
                    "height": 1080,
                    "fps": 25.0,
                    "bitrate_kbps": 4096,
                    "gop": 50,
                },
                "audio": {"codec": "pcm_alaw", "sample_rate": 8000, "channels": None},
            },
            {"profile_token": "MediaProfile00001", "name": "sub", "role": "sub", "video": None, "audio": None},
        ],
    }
    assert channels[2]["problem"] == {"code": "camera_no_signal", "detail": "This channel has no signal."}
    changed = client.patch(f"{base}/channels/2", json={"name": HOSTILE, "hidden": True}).get_json()
    assert (changed["name"], changed["hidden"]) == (HOSTILE, True)
    ordered = client.put(f"{base}/channels/order", json={"channels": [3, 1, 2]}).get_json()["channels"]
    assert [channel["channel"] for channel in ordered] == [3, 1, 2]
    assert_problem(client.put(f"{base}/channels/order", json={"channels": [1, 1]}), 400, "invalid_request")
    assert_problem(client.put(f"{base}/channels/order", json={"channels": ["1"]}), 400, "invalid_request")
    assert_problem(client.patch(f"{base}/channels/9", json={"hidden": True}), 404, "not_found")
    assert_problem(client.patch(f"{base}/channels/1", json={"hidden": "yes"}), 400, "invalid_request")


def test_a_snapshot_is_a_jpeg_that_says_when_it_was_taken(
    client: FlaskClient, camera: Any, assert_problem: Any
) -> None:
    answer = client.get(f"/api/cameras/{camera.id}/snapshot?profile_token=MediaProfile00000")
    assert (answer.mimetype, answer.data[:2]) == ("image/jpeg", b"\xff\xd8")
    assert answer.headers["X-Snapshot-Taken-At"] == "2026-11-22T12:00:00.000Z"
    assert answer.headers["Cache-Control"] == "no-store"
    assert b"old" in client.get(f"/api/cameras/{camera.id}/snapshot?cached=1").data
    missing = client.get(f"/api/cameras/{camera.id}/snapshot?cached=1&profile_token=x")
    assert (missing.status_code, missing.data) == (204, b"")


def test_slow_snapshots_leave_threads_for_everything_else(
    web_app: OpenAPI, camera: Any, cameras: Any, assert_problem: Any
) -> None:
    cameras.snapshot_gate = threading.Event()
    url = f"/api/cameras/{camera.id}/snapshot"
    statuses: list[int] = []
    waiting = [
        threading.Thread(target=lambda: statuses.append(web_app.test_client().get(url).status_code)) for _ in range(2)
    ]
    for thread in waiting:
        thread.start()
    until(lambda: cameras.at_the_gate == 2)  # both requests hold a slot
    refused = web_app.test_client().get(url)
    assert_problem(refused, 503, "busy")
    assert refused.headers["Retry-After"] == "1"
    assert web_app.test_client().get(f"{url}?cached=1").status_code == 200
    cameras.snapshot_gate.set()
    for thread in waiting:
        thread.join(LIMIT_S)
    assert statuses == [200, 200]


def test_the_health_card_includes_its_text(client: FlaskClient, camera: Any) -> None:
    card = client.get(f"/api/cameras/{camera.id}/health").get_json()
    assert card["checks"] == [
        {"name": "GetServices", "outcome": "ok", "detail": "", "took_ms": 12, "at": "2026-11-22T12:00:00.000Z"},
        {"name": "RTSP: keep-alive", "outcome": "guessed", "detail": "OPTIONS works", "took_ms": None, "at": None},
    ]
    assert card["camera"]["id"] == camera.id
    assert "GetServices: ok in 12 ms" in card["text"]
    assert "RTSP: keep-alive: guessed (OPTIONS works)" in card["text"]


def test_discovery_marks_devices_that_were_added_before(client: FlaskClient) -> None:
    devices = client.post("/api/discovery").get_json()["devices"]
    assert [(device["host"], device["already_added"], device["camera_id"]) for device in devices] == [
        ("127.0.0.9", False, None),
        ("cam", True, 1),
    ]


@pytest.mark.parametrize("page", ["/", "/cameras", "/viewer/1", "/wall"])
def test_hostile_strings_of_a_device_are_not_in_the_markup_of_a_page(client: FlaskClient, page: str) -> None:
    client.post("/api/cameras", json={"host": "a", "name": HOSTILE})
    answer = client.get(page)
    assert answer.status_code == 200
    markup, _, data = answer.get_data(as_text=True).partition('<script type="application/json" id="page-data">')
    assert "onerror=alert" not in markup
    data, _, rest = data.partition("</script>")
    assert "<" not in data
    assert "onerror=alert" not in rest


def test_a_camera_without_onvif_has_no_recordings(client: FlaskClient, assert_problem: Any) -> None:
    client.post("/api/cameras", json={"stream_uris": {"main": "rtsp://10.0.0.5/a"}})
    day = "start_time=2026-11-22T00:00:00Z&end_time=2026-11-23T00:00:00Z"
    playback = {"camera_id": 1, "recording_token": "R1", "start_time": "2026-11-22T00:00:00Z"}
    for answer in (
        client.get(f"/api/cameras/1/recordings/coverage?{day}"),
        client.post("/api/playback/start", json=playback),
    ):
        document = assert_problem(answer, 422, "camera_unsupported")
        assert (document["service"], "no recordings" in document["detail"]) == ("recording", True)


def test_a_camera_is_added_and_edited_by_its_address(client: FlaskClient) -> None:
    body = {"address": "https://192.168.1.9:8443/onvif/services", "readable_password": True}
    assert client.post("/api/cameras", json=body).status_code == 201
    assert client.post("/api/cameras", json={**body, "host": "192.168.1.9"}).status_code == 400
    assert client.patch("/api/cameras/1", json={"address": "http://192.168.1.9/x", "host": "a"}).status_code == 400


@pytest.mark.usefixtures("camera")
def test_the_zone_of_a_recorder_is_chosen_and_shown(client: FlaskClient, assert_problem: Any) -> None:
    answer = client.patch("/api/cameras/1", json={"recording_time_zone": "Europe/Berlin"})
    assert answer.get_json()["recording_time_zone"] == "Europe/Berlin"
    assert_problem(client.patch("/api/cameras/1", json={"recording_time_zone": "A" * 101}), 400, "invalid_request")


def test_a_changed_certificate_is_accepted_by_its_fingerprint(client: FlaskClient, camera: Any) -> None:
    address = f"/api/cameras/{camera.id}/certificate"
    assert client.post(address, json={"sha256": "AB:" * 31 + "CD"}).status_code == 200
    for wrong in ("", "AB", "AB" * 31, "XY" * 32):
        assert client.post(address, json={"sha256": wrong}).status_code == 400
