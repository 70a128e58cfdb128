"""/api/storage and /api/recordings/kept over HTTP: answers, roles, limits to channels, the audit log."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from core.access import Role, Scope
from core.archive import RecordingMode, RecordingRule
from core.clock import rfc3339
from core.settings import Settings
from tests.recordings.recorder import HOUR, NOON, Archive
from tests.web.web_harness import ApiClient, WebHarness

KEPT = "/api/recordings/kept"
BODY = {
    "camera_id": 1,
    "channel": 1,
    "start_time": rfc3339(NOON - 2 * HOUR),
    "end_time": rfc3339(NOON - HOUR),
    "reason": "theft",
}


@pytest.fixture(autouse=True)
def users(archive: Archive) -> None:
    """The archive of these tests has a database of its own; it knows the accounts of the other one."""
    archive.know_users(4)


def keep(api: ApiClient, **more: object) -> dict[str, Any]:
    answer = api.request("POST", KEPT, json={**BODY, **more})
    assert answer.status_code == 201, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def listed(api: ApiClient) -> list[int]:
    return [item["id"] for item in api.request("GET", KEPT).get_json()["kept"]]


def test_a_range_is_kept_listed_and_released(client: FlaskClient, archive: Archive) -> None:
    until = rfc3339(archive.clock.now + timedelta(days=30))
    made = client.post(KEPT, json={**BODY, "until": until})
    assert made.status_code == 201
    kept = made.get_json()
    on_server = {name: kept.pop(name) for name in ("on_server_s", "missing_s", "backfill_id")}
    assert on_server == {"on_server_s": 0.0, "missing_s": 3600.0, "backfill_id": None}
    assert kept == {
        **BODY,
        "id": 1,
        "until": until,
        "by": "this machine",
        "created_at": rfc3339(archive.clock.now),
        "limited_until": None,
        "may_delete": True,
    }
    assert client.get(KEPT).get_json() == {"kept": [kept]}
    assert client.get(f"{KEPT}?camera_id=1").get_json() == {"kept": [kept]}
    assert client.get(f"{KEPT}?camera_id=2").get_json() == {"kept": []}
    assert client.delete(f"{KEPT}/1").status_code == 204
    assert client.get(KEPT).get_json() == {"kept": []}


def test_a_kept_range_names_the_backfill_of_its_rule(client: FlaskClient, archive: Archive) -> None:
    archive.server.set_rule(1, 1, RecordingRule(mode=RecordingMode.CONTINUOUS, backfills=True))
    kept = client.post(KEPT, json=BODY).get_json()
    job = client.get(f"/api/backfills/{kept['backfill_id']}").get_json()
    assert (job["start_time"], job["end_time"], job["automatic"]) == (BODY["start_time"], BODY["end_time"], True)


def test_a_kept_range_tells_when_a_limit_by_law_deletes_it(client: FlaskClient, archive: Archive) -> None:
    archive.server.set_rule(1, 1, RecordingRule(mode=RecordingMode.CONTINUOUS, limit_days=3.0))
    kept = client.post(KEPT, json=BODY).get_json()
    assert kept["limited_until"] == rfc3339(NOON - 2 * HOUR + timedelta(days=3))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("end_time", BODY["start_time"]),
        ("end_time", rfc3339(NOON + timedelta(days=90))),
        ("until", "2020-01-01T00:00:00Z"),
    ],
)
def test_an_impossible_range_is_refused_by_its_field(
    client: FlaskClient, assert_problem: Callable[..., dict[str, Any]], field: str, value: str
) -> None:
    document = assert_problem(client.post(KEPT, json={**BODY, field: value}), 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == [field]


def test_unknown_cameras_and_ranges_are_not_found(
    client: FlaskClient, assert_problem: Callable[..., dict[str, Any]]
) -> None:
    assert_problem(client.post(KEPT, json={**BODY, "camera_id": 99}), 404, "not_found")
    assert_problem(client.delete(f"{KEPT}/99"), 404, "not_found")


def test_reviewers_keep_and_release_only_their_own_ranges(harness: WebHarness) -> None:
    ben, cleo = harness.token_client(Role.REVIEWER), harness.token_client(Role.REVIEWER)
    mine = keep(ben)
    assert mine["may_delete"] is True
    (seen,) = cleo.request("GET", KEPT).get_json()["kept"]
    assert {**mine, "may_delete": False}.items() >= seen.items()
    assert cleo.request("DELETE", f"{KEPT}/{mine['id']}").status_code == 403
    assert ben.request("DELETE", f"{KEPT}/{mine['id']}").status_code == 204
    others = keep(ben)
    assert harness.token_client(Role.ADMIN).request("DELETE", f"{KEPT}/{others['id']}").status_code == 204


def test_viewers_may_not_keep_and_only_admins_see_the_storage(harness: WebHarness) -> None:
    viewer, operator = harness.token_client(Role.VIEWER), harness.token_client(Role.OPERATOR)
    assert viewer.request("POST", KEPT, json=BODY).status_code == 403
    assert viewer.request("GET", KEPT).status_code == 403
    assert operator.request("GET", "/api/storage").status_code == 403


def test_users_see_keep_and_release_ranges_of_their_channels_only(harness: WebHarness) -> None:
    admin = harness.token_client(Role.ADMIN)
    first, second = keep(admin), keep(admin, channel=2)
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    assert listed(limited) == [second["id"]]
    assert limited.request("POST", KEPT, json=BODY).status_code == 404
    assert limited.request("DELETE", f"{KEPT}/{first['id']}").status_code == 404
    assert listed(admin) == [second["id"], first["id"]]
    assert keep(limited, channel=2)["channel"] == 2


def test_the_audit_log_names_the_kept_range_and_its_user(harness: WebHarness, settings: Settings) -> None:
    api = harness.token_client(Role.REVIEWER)
    kept = keep(api)
    api.request("DELETE", f"{KEPT}/{kept['id']}")
    lines = [json.loads(line) for line in (settings.data_dir / "logs" / "audit.jsonl").read_text().splitlines()]
    found = [line for line in lines if line["action"] in {"keep_recordings", "release_recordings"}]
    assert [line["action"] for line in found] == ["keep_recordings", "release_recordings"]
    for line in found:
        assert (line["camera_id"], line["channel"], line["kept_id"]) == (1, 1, kept["id"])
        assert (line["start_time"], line["reason"]) == (BODY["start_time"], "theft")


def test_the_storage_lists_volumes_and_channels_with_their_names(
    client: FlaskClient, archive: Archive, camera: object
) -> None:
    del camera
    archive.server.set_rule(1, 1, RecordingRule(mode=RecordingMode.CONTINUOUS, keep_days=7.0, limit_days=9.0))
    found = client.get("/api/storage").get_json()
    (volume,) = found["volumes"]
    assert set(volume) == {
        "node",
        "id",
        "name",
        "state",
        "detail",
        "size_bytes",
        "free_bytes",
        "used_bytes",
        "kept_bytes",
        "floor_bytes",
        "inflow_bytes_per_day",
        "full_at",
        "next_to_go",
        "damaged_files",
        "damaged_bytes",
    }
    assert (volume["used_bytes"], volume["full_at"], volume["next_to_go"]) == (0, None, None)
    (channel,) = found["channels"]
    assert channel == {
        "node": "",
        "camera_id": 1,
        "camera_name": "127.0.0.9",
        "channel": 1,
        "channel_name": "Door 1",
        "bytes": 0,
        "kept_bytes": 0,
        "oldest": None,
        "newest": None,
        "inflow_bytes_per_day": 0,
        "wished_days": 7.0,
        "expected_days": None,
        "limit_days": 9.0,
    }
