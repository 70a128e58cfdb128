"""/api/cases over HTTP: answers, downloads, owners, limits to channels, the audit log. No worker runs."""

from __future__ import annotations

import io
import json
import zipfile
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from werkzeug.wrappers import Response

from accounts.records import UserChange
from cameras.records import CameraView
from core.access import LOCAL, Role, Scope
from core.settings import Settings
from evidence_manager import EvidenceManager
from export_manager import ExportManager
from tests.recordings.recorder import DAY, HOUR, NOON, Archive, asked
from tests.web.api.test_exports import BODY, CONTENT, NAME, finished
from tests.web.web_harness import ApiClient, WebHarness
from web.access.principal import Credentials
from web.api.sending import DownloadablePackage
from web.downloads import MOST_OF_USER, Receiver
from web.services import EXTENSION, Services

pytestmark = pytest.mark.usefixtures("database_engine")


@pytest.fixture(autouse=True)
def indexed(archive: Archive) -> None:
    """Two channels, each recorded the whole day before."""
    for number in (1, 2):
        archive.recorder.spans[f"Rec{number}"] = [(NOON - DAY - HOUR, NOON - DAY + HOUR)]
    asked(archive, NOON - 2 * DAY, NOON)


def make_waiting(evidence: EvidenceManager) -> None:
    """Make the packages that wait, as the worker does."""
    while (case := evidence._store.next_to_make()) is not None:
        evidence._worker._make(case)


@pytest.fixture
def export_id(client: FlaskClient, exports: ExportManager, settings: Settings, camera: CameraView) -> int:
    """A finished export."""
    job: dict[str, Any] = client.post("/api/exports", json=BODY).get_json()
    finished(exports, settings.data_dir, job["id"])
    return int(job["id"])


@pytest.fixture
def packed(client: FlaskClient, evidence: EvidenceManager, export_id: int) -> str:
    """The path of a case with a package."""
    case = client.post("/api/cases", json={"name": "Theft", "notes": "two\nlines", "exports": [export_id]}).get_json()
    path = f"/api/cases/{case['id']}"
    assert client.post(f"{path}/package").status_code == 202
    make_waiting(evidence)
    return path


def test_a_case_is_made_changed_and_deleted(client: FlaskClient, export_id: int, assert_problem: Any) -> None:
    answer = client.post("/api/cases", json={"name": "Theft", "notes": "two\nlines"})
    assert answer.status_code == 201
    case = answer.get_json()
    assert (case["name"], case["notes"], case["owner"], case["exports"]) == ("Theft", "two\nlines", "this machine", [])
    assert case["package"] == {
        "state": "none",
        "bytes": 0,
        "url": None,
        "made_at": None,
        "made_by": "",
        "done_bytes": 0,
        "total_bytes": 0,
        "error": None,
    }
    path = f"/api/cases/{case['id']}"
    assert client.patch(path, json={"name": "Fire"}).get_json()["name"] == "Fire"
    added = client.put(f"{path}/exports/{export_id}").get_json()
    assert (added["exports"], added["package"]["total_bytes"]) == ([export_id], len(CONTENT))
    assert client.get("/api/cases").get_json() == {"cases": [added]}
    assert client.get(f"/api/exports/{export_id}").get_json()["kept"] is True
    assert client.delete(f"{path}/exports/{export_id}").get_json()["exports"] == []
    assert_problem(client.delete(f"{path}/exports/{export_id}"), 404, "not_found")
    assert_problem(client.put(f"{path}/exports/999"), 404, "not_found")
    assert_problem(client.post("/api/cases", json={"name": "x", "exports": [999]}), 404, "not_found")
    assert client.delete(path).status_code == 204
    assert_problem(client.get(path), 404, "not_found")


def test_a_package_is_made_and_downloaded(client: FlaskClient, packed: str) -> None:
    package = client.get(packed).get_json()["package"]
    assert (package["state"], package["url"], package["made_by"]) == ("ready", f"{packed}/package", "this machine")
    answer = client.get(package["url"])
    assert answer.status_code == 200
    assert answer.content_type == "application/zip"
    assert answer.content_length == package["bytes"] == len(answer.data)
    assert answer.headers["Content-Disposition"].startswith("attachment; filename=evidence_Theft_20")
    with zipfile.ZipFile(io.BytesIO(answer.data)) as archive:
        assert archive.testzip() is None
        assert archive.read(f"video/{NAME}") == CONTENT


def test_a_download_goes_on_after_an_interruption(client: FlaskClient, packed: str) -> None:
    def get(**headers: str) -> Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        with client.get(f"{packed}/package", headers=named) as answer:
            answer.get_data()
            return answer

    whole = get()
    etag = whole.headers["ETag"]
    half = len(whole.data) // 2
    rest = get(Range=f"bytes={half}-", If_Range=etag)
    assert rest.status_code == 206
    assert rest.headers["Content-Range"] == f"bytes {half}-{len(whole.data) - 1}/{len(whole.data)}"
    assert rest.data == whole.data[half:]
    assert get(Range="bytes=10-2500").data == whole.data[10:2501]
    assert get(If_None_Match=etag).status_code == 304
    assert get(Range="bytes=99999999-").status_code == 416
    assert client.head(f"{packed}/package").headers["ETag"] == etag


def test_another_package_has_another_etag(client: FlaskClient, evidence: EvidenceManager, packed: str) -> None:
    first = client.get(f"{packed}/package")
    client.patch(packed, json={"notes": "other"})
    client.post(f"{packed}/package")
    make_waiting(evidence)
    second = client.get(f"{packed}/package", headers={"Range": "bytes=5-", "If-Range": first.headers["ETag"]})
    assert second.status_code == 200
    assert second.headers["ETag"] != first.headers["ETag"]


def test_downloads_give_their_slots_back(
    client: FlaskClient, web_app: OpenAPI, packed: str, assert_problem: Any
) -> None:
    services: Services = web_app.extensions[EXTENSION]
    for _ in range(20):
        client.get(f"{packed}/package").close()
        client.head(f"{packed}/package").close()
        client.get(f"{packed}/package", headers={"Range": "bytes=99999999-"}).close()
    package = DownloadablePackage(services.evidence, 1, "case.zip")
    credentials = Credentials(services.accounts, None, None, is_on_this_machine=True)
    receiver = Receiver(LOCAL, credentials)
    with ExitStack() as taken:
        for _ in range(MOST_OF_USER):
            content = taken.enter_context(Path(__file__).open("rb", buffering=0))
            taken.enter_context(services.downloads.begin(content, package, receiver))
        assert_problem(client.get(f"{packed}/package"), 429, "download_limit")


def test_a_missing_package_is_told(
    client: FlaskClient, evidence: EvidenceManager, settings: Settings, export_id: int, packed: str, assert_problem: Any
) -> None:
    empty = client.post("/api/cases", json={"name": "Empty"}).get_json()["id"]
    assert_problem(client.get(f"/api/cases/{empty}/package"), 404, "no_package")
    assert_problem(client.post(f"/api/cases/{empty}/package"), 409, "case_empty")
    (settings.data_dir / "exports" / str(export_id) / "files" / NAME).unlink()
    assert_problem(client.get(f"{packed}/package"), 404, "no_package")
    client.post(f"{packed}/package")
    make_waiting(evidence)
    assert client.get(packed).get_json()["package"]["error"]["code"] == "file_changed"


def test_a_case_stays_as_it_is_while_its_package_is_made(client: FlaskClient, packed: str, assert_problem: Any) -> None:
    assert client.post(f"{packed}/package").get_json()["package"]["state"] == "making"
    assert client.post(f"{packed}/package").status_code == 202
    assert_problem(client.patch(packed, json={"name": "Other"}), 409, "package_state")
    assert client.delete(packed).status_code == 204


def test_the_key_is_public(client: FlaskClient) -> None:
    key = client.get("/api/evidence/key").get_json()
    assert len(key["fingerprint"].split(":")) == 32
    assert key["public_key"].startswith("-----BEGIN PUBLIC KEY-----")
    assert "PRIVATE" not in json.dumps(key)


def case_of(api: ApiClient, exports: ExportManager, settings: Settings) -> str:
    """Return the path of a new case with a finished export of this user."""
    job = api.request("POST", "/api/exports", json=BODY).get_json()
    finished(exports, settings.data_dir, job["id"])
    case = api.request("POST", "/api/cases", json={"name": "Mine", "exports": [job["id"]]})
    assert case.status_code == 201, case.get_data(as_text=True)
    return f"/api/cases/{case.get_json()['id']}"


def calls_about(case: str) -> list[tuple[str, str]]:
    return [
        ("GET", case),
        ("PATCH", case),
        ("PUT", f"{case}/exports/1"),
        ("DELETE", f"{case}/exports/1"),
        ("POST", f"{case}/package"),
        ("GET", f"{case}/package"),
        ("DELETE", case),
    ]


def test_users_see_their_own_cases_and_admins_see_all(
    harness: WebHarness, exports: ExportManager, evidence: EvidenceManager, settings: Settings
) -> None:
    owner, other = harness.token_client(Role.REVIEWER), harness.token_client(Role.OPERATOR)
    case = case_of(owner, exports, settings)
    for method, path in calls_about(case):
        assert other.request(method, path, json={} if method == "PATCH" else None).status_code == 404, (method, path)
    assert other.request("GET", "/api/cases").get_json() == {"cases": []}
    assert owner.request("POST", f"{case}/package").status_code == 202
    make_waiting(evidence)
    admin = harness.token_client(Role.ADMIN)
    assert admin.request("GET", f"{case}/package").status_code == 200
    assert len(admin.request("GET", "/api/cases").get_json()["cases"]) == 1


def test_a_case_is_gone_for_a_user_who_lost_its_channel(
    harness: WebHarness, exports: ExportManager, settings: Settings
) -> None:
    owner = harness.token_client(Role.REVIEWER, Scope({1: frozenset({1})}))
    case = case_of(owner, exports, settings)
    assert owner.request("GET", case).status_code == 200
    user = next(user for user in harness.accounts.users() if user.role is Role.REVIEWER)
    harness.accounts.change_user(user.id, UserChange(scope=Scope({1: frozenset({2})})))
    for method, path in calls_about(case):
        assert owner.request(method, path, json={} if method == "PATCH" else None).status_code == 404, (method, path)


def test_an_export_of_another_user_stays_out_of_a_users_case(
    harness: WebHarness, exports: ExportManager, settings: Settings, assert_problem: Any
) -> None:
    owner, admin = harness.token_client(Role.REVIEWER), harness.token_client(Role.ADMIN)
    case, admins = case_of(owner, exports, settings), case_of(admin, exports, settings)
    own, foreign = (api.request("GET", path).get_json()["exports"][0] for api, path in ((owner, case), (admin, admins)))
    assert owner.request("PUT", f"{case}/exports/{foreign}").status_code == 404
    assert_problem(admin.request("PUT", f"{case}/exports/{foreign}"), 409, "other_owner")
    assert admin.request("PUT", f"{admins}/exports/{own}").status_code == 200


def test_each_change_has_a_line_in_the_audit_log(
    client: FlaskClient, evidence: EvidenceManager, settings: Settings, packed: str, export_id: int
) -> None:
    client.get(f"{packed}/package").close()
    client.patch(packed, json={"name": "Other"})
    client.delete(f"{packed}/exports/{export_id}")
    client.put(f"{packed}/exports/{export_id}")
    client.delete(packed)
    lines = [json.loads(line) for line in (settings.data_dir / "logs" / "audit.jsonl").read_text().splitlines()]
    about = [line for line in lines if "case_id" in line]
    assert [line["action"] for line in about] == [
        "create_case",
        "create_package",
        "download_package",
        "change_case",
        "remove_export_from_case",
        "add_export_to_case",
        "delete_case",
    ]
    assert {line["outcome"] for line in about} == {"ok"}
    assert (about[0]["camera_id"], about[0]["channel"], about[0]["exports"]) == (1, 1, [export_id])
