"""/api/exports over HTTP: answers, downloads, owners, the audit log. The worker does not run."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from werkzeug.wrappers import Response

from cameras.records import CameraView
from core.access import Role, Scope
from core.settings import Settings
from export_manager import ExportManager
from exports.records import ExportFile, ExportProgress, ExportState
from tests.recordings.recorder import DAY, HOUR, NOON, Archive, asked
from tests.web.web_harness import WebHarness
from web.services import EXTENSION

CONTENT = bytes(range(256)) * 8
NAME = "Gate_20261121T120000Z.mp4"
BODY = {
    "ranges": [{"camera_id": 1, "channel": 1, "start_time": "2026-11-21T12:00:00Z", "end_time": "2026-11-21T12:30:00Z"}]
}


@pytest.fixture(autouse=True)
def indexed(archive: Archive) -> None:
    """Two channels, each recorded the whole day before."""
    for number in (1, 2):
        archive.recorder.spans[f"Rec{number}"] = [(NOON - DAY - HOUR, NOON - DAY + HOUR)]
    asked(archive, NOON - 2 * DAY, NOON)


def finished(exports: ExportManager, folder: Path, export_id: int) -> None:
    """Give a queued job a file, as the worker does."""
    files = folder / "exports" / str(export_id) / "files"
    files.mkdir(parents=True)
    (files / NAME).write_bytes(CONTENT)
    file = ExportFile(
        NAME, len(CONTENT), hashlib.sha256(CONTENT).hexdigest(), 1, 1, NOON - DAY, NOON - DAY + HOUR / 2, "h264"
    )
    exports._store.note_progress(export_id, ExportProgress(1800.0, 1800.0, len(CONTENT)), [file])
    exports._store.move(export_id, ExportState.DONE, of=(ExportState.QUEUED,), now=NOON, expires_at=NOON + 7 * DAY)


@pytest.fixture
def done(client: FlaskClient, exports: ExportManager, settings: Settings, camera: CameraView) -> str:
    """The path of a finished export."""
    job = client.post("/api/exports", json=BODY).get_json()
    finished(exports, settings.data_dir, job["id"])
    return f"/api/exports/{job['id']}"


def test_a_job_is_queued_and_described(client: FlaskClient, camera: CameraView) -> None:
    answer = client.post("/api/exports", json={**BODY, "name": "Theft", "notes": "two\nlines"})
    assert answer.status_code == 202
    job = answer.get_json()
    assert (job["state"], job["name"], job["notes"], job["format"]) == ("queued", "Theft", "two\nlines", "mp4")
    assert job["progress"] == {"done_s": 0.0, "total_s": 1800.0, "bytes": 0}
    assert job["ranges"] == [
        {
            "camera_id": 1,
            "channel": 1,
            "start_time": "2026-11-21T12:00:00.000Z",
            "end_time": "2026-11-21T12:30:00.000Z",
            "poster": None,
        }
    ]
    assert (job["subtitles"], job["copies"]) == (False, [])
    assert (job["files"], job["eta_s"], job["error"], job["expires_at"], job["kept"]) == ([], None, None, None, False)
    assert client.get(f"/api/exports/{job['id']}").get_json() == job
    assert client.get("/api/exports").get_json()["exports"] == [job]


def test_a_job_keeps_its_working_copies(client: FlaskClient, camera: CameraView) -> None:
    copies = [
        {"burn_time": True, "blur": [{"x": 0.25, "y": 0, "width": 0.5, "height": 1}], "height": 720},
        {"burn_time": False, "blur": [], "height": 720},
    ]
    job = client.post("/api/exports", json={**BODY, "format": "h264", "copies": copies}).get_json()
    assert (job["format"], job["copies"]) == ("h264", copies)
    assert job["progress"]["total_s"] == 4 * 1800.0  # the recording, an H.264 copy of it, and two more
    assert client.get("/api/exports").get_json()["exports"] == [job]


@pytest.mark.parametrize(
    ("copy", "field"),
    [
        ({}, "copies.0"),
        ({"height": 1080}, "copies.0.height"),
        ({"blur": [{"x": 0.6, "y": 0, "width": 0.5, "height": 0.5}]}, "copies.0.blur.0"),
        ({"blur": [{"x": 0, "y": 0, "width": 0, "height": 0.5}]}, "copies.0.blur.0.width"),
        ({"blur": [{"x": -0.1, "y": 0, "width": 0.5, "height": 0.5}]}, "copies.0.blur.0.x"),
        ({"blur": [{"x": 0, "y": 0, "width": 0.5, "height": 0.5}] * 17}, "copies.0.blur"),
    ],
)
def test_impossible_copies_are_refused(client: FlaskClient, assert_problem: Any, copy: Any, field: str) -> None:
    document = assert_problem(client.post("/api/exports", json={**BODY, "copies": [copy]}), 400, "invalid_request")
    assert document["errors"][0]["field"] == field


def test_a_poster_is_shown_once_it_is_made(
    client: FlaskClient, done: str, settings: Settings, assert_problem: Any
) -> None:
    assert_problem(client.get(f"{done}/posters/1"), 404, "not_found")
    folder = settings.data_dir / "exports" / done.rpartition("/")[2]
    (folder / "poster0.jpg").write_bytes(b"\xff\xd8poster")
    poster = client.get(done).get_json()["ranges"][0]["poster"]
    assert poster == f"{done}/posters/1"
    with client.get(poster) as answer:
        assert (answer.data, answer.content_type) == (b"\xff\xd8poster", "image/jpeg")


def test_states_follow_the_calls(client: FlaskClient, camera: CameraView, assert_problem: Any) -> None:
    path = f"/api/exports/{client.post('/api/exports', json=BODY).get_json()['id']}"
    for call, state in (("pause", "paused"), ("resume", "queued"), ("cancel", "cancelled"), ("retry", "queued")):
        assert client.post(f"{path}/{call}").get_json()["state"] == state
    assert_problem(client.post(f"{path}/resume"), 409, "export_state")
    changed = client.patch(path, json={"name": "Fire", "notes": "at the gate", "kept": True}).get_json()
    assert (changed["name"], changed["notes"], changed["kept"]) == ("Fire", "at the gate", True)
    assert client.delete(path).status_code == 204
    assert_problem(client.get(path), 404, "not_found")


def test_an_estimate_waits_for_no_job(client: FlaskClient, camera: CameraView) -> None:
    found = client.post("/api/exports/estimate", json=BODY).get_json()
    assert (found["seconds"], found["about"]) == (1800.0, True)
    assert found["bytes"] > 100_000_000
    assert found["free_bytes"] > 0
    assert client.get("/api/exports").get_json()["exports"] == []


def test_impossible_exports_are_refused(client: FlaskClient, camera: CameraView, assert_problem: Any) -> None:
    (wanted,) = BODY["ranges"]
    for change, field in (
        ({"end_time": "2026-11-21T12:00:00Z"}, "ranges.0.end_time"),
        ({"end_time": "2026-11-23T12:00:00Z"}, "ranges.0.end_time"),
        ({"channel": 0}, "ranges.0.channel"),
        ({"start_time": "yesterday"}, "ranges.0.start_time"),
    ):
        body = {"ranges": [{**wanted, **change}]}
        document = assert_problem(client.post("/api/exports", json=body), 400, "invalid_request")
        assert document["errors"][0]["field"] == field
    nothing = {**wanted, "start_time": "2026-11-20T12:00:00Z", "end_time": "2026-11-20T13:00:00Z"}
    assert_problem(client.post("/api/exports", json={"ranges": [nothing]}), 404, "nothing_recorded")
    assert_problem(client.post("/api/exports", json={"ranges": [{**wanted, "channel": 9}]}), 404, "not_found")
    assert_problem(client.post("/api/exports", json={**BODY, "format": "avi"}), 400, "invalid_request")


def test_a_file_is_downloaded_whole_and_in_ranges(client: FlaskClient, done: str) -> None:
    (file,) = client.get(done).get_json()["files"]
    assert file["url"] == f"{done}/files/{NAME}"
    assert (file["kind"], file["derived"], file["codec"], file["lead_in_s"]) == ("master", False, "h264", 0)
    etag = f'"{file["sha256"]}"'

    def get(**headers: str) -> Response:
        with client.get(file["url"], headers={name.replace("_", "-"): value for name, value in headers.items()}) as it:
            it.get_data()
            return it

    whole = get()
    assert whole.data == CONTENT
    assert whole.headers["Content-Type"] == "video/mp4"
    assert whole.headers["Content-Disposition"] == f"attachment; filename={NAME}"
    assert whole.headers["ETag"] == etag
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = get(Range="bytes=100-199", If_Range=etag)
    assert (part.status_code, part.data) == (206, CONTENT[100:200])
    assert part.headers["Content-Range"] == f"bytes 100-199/{len(CONTENT)}"
    assert get(Range="bytes=100-", If_Range='"other"').data == CONTENT
    assert get(Range="bytes=9999999-").status_code == 416
    assert get(If_None_Match=etag).status_code == 304
    with client.head(file["url"]) as head:
        assert head.headers["Content-Length"] == str(len(CONTENT))


def test_only_files_of_the_export_are_served(client: FlaskClient, done: str, assert_problem: Any) -> None:
    for name in ("other.mp4", "..%2f..%2fcameras.sqlite3", "..", "%2e%2e"):
        assert client.get(f"{done}/files/{name}").status_code in {400, 404}
    assert_problem(client.get("/api/exports/99/files/x.mp4"), 404, "not_found")


def test_a_ninth_download_is_refused(web_app: OpenAPI, client: FlaskClient, done: str, assert_problem: Any) -> None:
    for _ in range(20):  # each gives its slot back
        client.get(f"{done}/files/{NAME}").close()
        client.head(f"{done}/files/{NAME}").close()
        client.get(f"{done}/files/{NAME}", headers={"Range": "bytes=9999999-"}).close()
    with ExitStack() as slots:
        for _ in range(8):
            slots.enter_context(web_app.extensions[EXTENSION].download_limit)
        assert_problem(client.get(f"{done}/files/{NAME}"), 503, "busy")
    with client.get(f"{done}/files/{NAME}") as answer:
        assert answer.status_code == 200


def test_users_find_only_their_own_exports(harness: WebHarness, exports: ExportManager, settings: Settings) -> None:
    anna, ben = harness.token_client(Role.REVIEWER), harness.token_client(Role.REVIEWER)
    admin, viewer = harness.token_client(Role.ADMIN), harness.token_client(Role.VIEWER)
    export_id = anna.request("POST", "/api/exports", json=BODY).get_json()["id"]
    finished(exports, settings.data_dir, export_id)
    path = f"/api/exports/{export_id}"
    calls = [("GET", path), ("GET", f"{path}/files/{NAME}"), ("PATCH", path), ("DELETE", path)]
    calls.append(("GET", f"{path}/posters/1"))
    calls += [("POST", f"{path}/{name}") for name in ("pause", "resume", "cancel", "retry")]
    for method, address in calls:
        body = {"name": "mine"} if method == "PATCH" else None
        assert ben.request(method, address, json=body).status_code == 404, (method, address)
        assert viewer.request(method, address, json=body).status_code == 403, (method, address)
    listed = ben.request("GET", "/api/exports").get_json()
    assert listed == {"exports": [], "used_bytes": len(CONTENT), "limit_bytes": settings.export_bytes}
    with admin.request("GET", f"{path}/files/{NAME}") as answer:
        assert answer.data == CONTENT
    assert [job["id"] for job in admin.request("GET", "/api/exports").get_json()["exports"]] == [export_id]


def test_limits_to_channels_hold_for_exports(harness: WebHarness) -> None:
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({1})}))
    (wanted,) = BODY["ranges"]
    for ranges in (
        [{**wanted, "channel": 2}],
        [{**wanted, "camera_id": 2}],
        [wanted, {**wanted, "channel": 2}],
    ):
        for path in ("/api/exports", "/api/exports/estimate"):
            assert limited.request("POST", path, json={"ranges": ranges}).status_code == 404, ranges
    assert limited.request("POST", "/api/exports", json=BODY).status_code == 202


def test_exports_and_downloads_are_in_the_audit_log(client: FlaskClient, done: str, settings: Settings) -> None:
    client.get(f"{done}/files/{NAME}").close()
    client.delete(done)
    lines = [json.loads(line) for line in (settings.data_dir / "logs" / "audit.jsonl").read_text().splitlines()]
    found = {line["action"]: line for line in lines if "export" in line["action"]}
    assert set(found) == {"create_export", "download_export", "delete_export"}
    for line in found.values():
        assert (line["outcome"], line["camera_id"], line["channel"], line["export_id"]) == ("ok", 1, 1, 1)
    assert found["create_export"]["start_time"] == "2026-11-21T12:00:00.000Z"
    assert found["download_export"]["file"] == NAME
