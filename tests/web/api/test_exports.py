"""/api/exports over HTTP: answers, downloads, owners, the audit log. The worker does not run."""

from __future__ import annotations

import enum
import hashlib
import json
import socket
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from werkzeug.wrappers import Response

from accounts.records import UserChange
from cameras.records import CameraView
from core.access import LOCAL, Principal, Role, Scope
from core.records import Problem
from core.settings import Settings
from export_manager import ExportManager
from exports.records import ExportFile, ExportProgress, ExportState
from tests.patience import promised, stays
from tests.recordings.recorder import DAY, HOUR, NOON, Archive, asked
from tests.web.web_harness import WebHarness
from web import downloads
from web.access.principal import Credentials
from web.api.sending import DownloadableExport
from web.downloads import Download, Receiver
from web.services import EXTENSION, Services

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
            "gaps": [],
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
def test_impossible_copies_are_refused(reader: FlaskClient, assert_problem: Any, copy: Any, field: str) -> None:
    document = assert_problem(reader.post("/api/exports", json={**BODY, "copies": [copy]}), 400, "invalid_request")
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
    package = assert_problem(client.post("/api/exports", json={**BODY, "format": "evidence"}), 400, "invalid_request")
    assert "/api/cases" in package["errors"][0]["message"]


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


def begin_download(web_app: OpenAPI, settings: Settings, who: Principal) -> Download:
    path = settings.data_dir / "exports" / "1" / "files" / NAME
    services: Services = web_app.extensions[EXTENSION]
    credentials = Credentials(services.accounts, None, None, is_on_this_machine=True)
    downloadable = DownloadableExport(services.exports, 1, NAME)
    return services.downloads.begin(path.open("rb", buffering=0), downloadable, Receiver(who, credentials))


def test_a_user_has_three_downloads_at_a_time(
    web_app: OpenAPI, client: FlaskClient, done: str, settings: Settings, assert_problem: Any
) -> None:
    for _ in range(20):  # each gives its slot back
        client.get(f"{done}/files/{NAME}").close()
        client.head(f"{done}/files/{NAME}").close()
        client.get(f"{done}/files/{NAME}", headers={"Range": "bytes=9999999-"}).close()
        client.get(f"{done}/files/{NAME}", headers={"Range": "bytes=5-9"}).close()
    slots = [begin_download(web_app, settings, LOCAL) for _ in range(3)]
    answer = client.get(f"{done}/files/{NAME}")
    assert_problem(answer, 429, "download_limit")
    assert answer.headers["Retry-After"] == "10"
    other = begin_download(web_app, settings, Principal("session", "anna", Role.REVIEWER, user_id=7))
    for download in (*slots, other):
        download.close()
    with client.get(f"{done}/files/{NAME}") as again:
        assert again.status_code == 200


def test_a_ninth_download_is_refused(
    web_app: OpenAPI, client: FlaskClient, done: str, settings: Settings, assert_problem: Any
) -> None:
    users = [Principal("session", f"user{number}", Role.REVIEWER, user_id=number) for number in range(8)]
    slots = [begin_download(web_app, settings, who) for who in users]
    answer = client.get(f"{done}/files/{NAME}")
    assert_problem(answer, 503, "busy")
    assert answer.headers["Retry-After"] == "10"
    for download in slots:
        download.close()
    with client.get(f"{done}/files/{NAME}") as again:
        assert again.status_code == 200


class Ending(enum.Enum):
    """Ways in which a user loses a file that is being downloaded."""

    TOKEN_REMOVED = enum.auto()
    ROLE_LOWERED = enum.auto()
    CHANNEL_TAKEN = enum.auto()
    EXPORT_DELETED = enum.auto()


@pytest.mark.slow
@pytest.mark.parametrize("ending", Ending)
def test_a_download_ends_when_its_user_loses_the_file(
    ending: Ending,
    harness: WebHarness,
    web_app: OpenAPI,
    exports: ExportManager,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if ending is not Ending.TOKEN_REMOVED:  # once at the real pace is enough
        monkeypatch.setattr(downloads, "_CHECK_EVERY_S", 0.1)
    services: Services = web_app.extensions[EXTENSION]
    accounts = services.accounts
    admin = harness.token_client(Role.ADMIN)
    anna = harness.token_client(Role.REVIEWER)
    authorization = anna.headers["Authorization"]
    export_id = anna.request("POST", "/api/exports", json=BODY).get_json()["id"]
    finished(exports, settings.data_dir, export_id)
    credentials = Credentials(accounts, authorization, None, is_on_this_machine=False)
    who = credentials.principal()
    assert who is not None
    assert who.user_id is not None
    path = settings.data_dir / "exports" / str(export_id) / "files" / NAME
    ours, theirs = socket.socketpair()
    with ours, theirs:
        downloadable = DownloadableExport(services.exports, export_id, NAME)
        receiver = Receiver(who, credentials, ours)
        download = services.downloads.begin(path.open("rb", buffering=0), downloadable, receiver)
        stays(lambda: download.read(1), 0.3)
        if ending is Ending.TOKEN_REMOVED:
            accounts.remove_token(int(who.key.removeprefix("token:")))
        elif ending is Ending.ROLE_LOWERED:
            accounts.change_user(who.user_id, UserChange(role=Role.VIEWER))
        elif ending is Ending.CHANNEL_TAKEN:
            accounts.change_user(who.user_id, UserChange(scope=Scope({1: frozenset({2})})))
        else:
            assert admin.request("DELETE", f"/api/exports/{export_id}").status_code == 204
        with promised(5.0):
            assert theirs.recv(1) == b""  # the connection is closed
        with pytest.raises(ConnectionResetError):
            download.read(1)
        download.close()


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


def audit_lines(settings: Settings) -> list[dict[str, Any]]:
    lines = (settings.data_dir / "logs" / "audit.jsonl").read_text().splitlines()
    return [line for line in map(json.loads, lines) if "export" in line["action"]]


def test_a_download_in_many_ranges_has_one_audit_line(client: FlaskClient, done: str, settings: Settings) -> None:
    for begin in range(5):
        client.get(f"{done}/files/{NAME}", headers={"Range": f"bytes={begin}-{begin + 9}"}).close()
    assert [line["action"] for line in audit_lines(settings)] == ["create_export", "download_export"]


def test_an_unchanged_list_is_not_sent_again(client: FlaskClient, done: str) -> None:
    etag = client.get("/api/exports").headers["ETag"]
    assert client.get("/api/exports", headers={"If-None-Match": etag}).status_code == 304
    client.patch(done, json={"name": "Fire"})
    again = client.get("/api/exports", headers={"If-None-Match": etag})
    assert again.get_json()["exports"][0]["name"] == "Fire"


def test_an_incomplete_export_is_queued_again(client: FlaskClient, done: str, exports: ExportManager) -> None:
    assert client.post(f"{done}/retry").status_code == 409
    states = (ExportState.DONE,)
    problem = Problem("incomplete", "The recorder did not send 60 of 1800 recorded seconds.")
    exports._store.move(1, ExportState.DONE, of=states, now=NOON, problem=problem)
    job = client.post(f"{done}/retry").get_json()
    assert (job["state"], job["error"], len(job["files"])) == ("queued", None, 1)


def test_exports_and_downloads_are_in_the_audit_log(client: FlaskClient, done: str, settings: Settings) -> None:
    client.get(f"{done}/files/{NAME}").close()
    client.delete(done)
    found = {line["action"]: line for line in audit_lines(settings)}
    assert set(found) == {"create_export", "download_export", "delete_export"}
    for line in found.values():
        assert (line["outcome"], line["camera_id"], line["channel"], line["export_id"]) == ("ok", 1, 1, 1)
    assert found["create_export"]["start_time"] == "2026-11-21T12:00:00.000Z"
    assert found["download_export"]["file"] == NAME
