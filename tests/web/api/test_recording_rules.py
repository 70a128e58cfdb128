"""Rules, pauses, states and alerts of recording on the server over HTTP: answers, scopes, the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from core.access import Role, Scope
from core.archive import GapReason
from core.settings import Settings
from tests.recordings.recorder import Archive
from tests.web.test_audit import AuditLines
from tests.web.web_harness import WebHarness

CHANNEL = "/api/cameras/1/channels/1"
RULE = f"{CHANNEL}/recording-rule"
PAUSE = f"{CHANNEL}/recording-pause"


@pytest.fixture(autouse=True)
def _camera(request: pytest.FixtureRequest) -> None:
    """Add a camera, unless the test has the harness with two."""
    if "harness" not in request.fixturenames:
        request.getfixturevalue("camera")


def state(client: FlaskClient) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/api/cameras/1/recording-states").get_json()["channels"][0]
    return found


def test_a_channel_without_a_rule_is_off(client: FlaskClient) -> None:
    rule = client.get(RULE).get_json()
    assert rule.pop("server_time_zone")
    assert rule == {
        "mode": "off",
        "quality": "main",
        "schedule": [],
        "time_zone": "",
        "pre_s": 10.0,
        "post_s": 30.0,
        "keep_days": 30.0,
        "keep_bytes": None,
        "limit_days": None,
        "backfills": False,
        "pre_roll_bytes": 64_000_000,
    }
    assert state(client)["state"] == "off"


def test_a_rule_is_stored_and_followed(client: FlaskClient) -> None:
    body = {
        "mode": "schedule",
        "quality": "both",
        "schedule": [{"weekday": 0, "from_minute": 0, "until_minute": 1440}],
        "time_zone": "Europe/Berlin",
        "pre_s": 5,
        "post_s": 20,
        "keep_days": None,
        "keep_bytes": 10**12,
        "limit_days": 3.5,
        "backfills": True,
    }
    stored = client.put(RULE, json=body).get_json()
    assert {name: stored[name] for name in body} == body
    assert client.get(RULE).get_json() == stored
    now = state(client)
    assert (now["mode"], now["quality"]) == ("schedule", "both")
    assert now["since"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "schedule"}, "schedule"),
        ({"mode": "sometimes"}, "mode"),
        ({"mode": "continuous", "time_zone": "Mars/Olympus"}, "time_zone"),
        (
            {"mode": "schedule", "schedule": [{"weekday": 0, "from_minute": 600, "until_minute": 599}]},
            "schedule",
        ),
    ],
)
def test_a_wrong_rule_is_refused_with_its_field(client: FlaskClient, body: dict[str, Any], field: str) -> None:
    answer = client.put(RULE, json=body)
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["field"] == field


def test_a_channel_that_the_camera_does_not_have_is_not_found(client: FlaskClient) -> None:
    for method, path in (("GET", "recording-rule"), ("PUT", "recording-rule"), ("POST", "recording-pause")):
        body = None if method == "GET" else {"mode": "off"} if method == "PUT" else {}
        answer = client.open(f"/api/cameras/1/channels/99/{path}", method=method, json=body)
        assert answer.get_json()["code"] == "not_found", (method, path)


def test_a_pause_is_in_the_state_and_the_audit_log(harness: WebHarness, settings: Settings) -> None:
    audit = AuditLines(settings)
    api = harness.token_client(Role.ADMIN)
    api.request("PUT", RULE, json={"mode": "continuous"})
    paused = api.request("POST", PAUSE, json={"until": "2099-01-01T00:00:00Z"}).get_json()
    assert (paused["state"], paused["paused_until"]) == ("paused", "2099-01-01T00:00:00.000Z")
    assert paused["paused_by"]
    assert audit.one("pause_recording") == {
        "outcome": "ok",
        "camera_id": 1,
        "channel": 1,
        "until": "2099-01-01T00:00:00.000Z",
    }
    assert audit.one("set_recording_rule")["mode"] == "continuous"
    resumed = api.request("DELETE", PAUSE).get_json()
    assert resumed["paused_by"] is None
    assert resumed["state"] != "paused"
    assert audit.one("resume_recording")["outcome"] == "ok"


def test_an_end_of_a_pause_in_the_past_is_refused(client: FlaskClient) -> None:
    answer = client.post(PAUSE, json={"until": "2020-01-01T00:00:00Z"})
    assert answer.get_json()["errors"][0]["field"] == "until"


def test_alerts_name_camera_and_reason_and_are_marked_as_seen(client: FlaskClient, archive: Archive) -> None:
    first, second = (alert(archive, channel) for channel in (1, 2))
    found = client.get("/api/recording-alerts").get_json()["alerts"]
    assert [item["id"] for item in found] == [second, first]
    assert found[1]["channel"] == 1
    assert found[1]["reason"] == "device_away"
    assert found[1]["detail"]
    assert found[1]["channel_name"]
    assert found[1]["end_time"] is None
    assert client.post("/api/recording-alerts/seen", json={"ids": [first]}).status_code == 204
    assert [item["seen"] for item in client.get("/api/recording-alerts").get_json()["alerts"]] == [False, True]
    client.post("/api/recording-alerts/seen", json={})
    assert all(item["seen"] for item in client.get("/api/recording-alerts").get_json()["alerts"])


def test_a_limited_user_sees_and_marks_only_the_own_channels(harness: WebHarness, archive: Archive) -> None:
    ids = [alert(archive, channel) for channel in (1, 2)]
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    found = limited.request("GET", "/api/recording-alerts").get_json()["alerts"]
    assert [item["channel"] for item in found] == [2]
    limited.request("POST", "/api/recording-alerts/seen", json={"ids": ids})
    everything = harness.token_client(Role.ADMIN).request("GET", "/api/recording-alerts").get_json()["alerts"]
    assert {item["channel"]: item["seen"] for item in everything} == {1: False, 2: True}
    states = limited.request("GET", "/api/cameras/1/recording-states").get_json()["channels"]
    assert [item["channel"] for item in states] == [2]


def alert(archive: Archive, channel: int) -> int:
    """Add a gap that users are told about, and return its id."""
    gap = archive.server.gap_store.begin(
        1, channel, archive.clock.now_utc() - timedelta(minutes=5), GapReason.DEVICE_AWAY
    )
    assert gap
    archive.server.gap_store.alert(gap.id)
    return gap.id
