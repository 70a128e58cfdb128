"""Heads, imaging and relays over HTTP: answers, movers, permissions, the audit log."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from core.access import Role, Scope
from core.errors import CameraUnreachable, PtzInUse
from core.ptz import Velocity
from core.settings import Settings
from ptz.views import MoverView
from tests.patience import until
from tests.web.live.live_peer import opened_by_request
from tests.web.stand_in_ptz import StandInPtz
from tests.web.test_audit import AuditLines
from tests.web.web_harness import PASSWORD, WebHarness, log_in
from web.request_limit import RequestLimit
from web.services import EXTENSION

URL = "/api/cameras/1/channels/1"


@pytest.fixture(autouse=True)
def _camera(request: pytest.FixtureRequest) -> None:
    """Add a camera, unless the test has the harness with two."""
    if "harness" not in request.fixturenames:
        request.getfixturevalue("camera")


def test_the_abilities_of_a_head_are_shown_with_its_mover(client: FlaskClient, ptz: StandInPtz) -> None:
    ptz.mover = MoverView("Anna", own=False, moving=True, for_s=4.26, free_in_s=5.5)
    found = client.get(f"{URL}/ptz").get_json()
    assert (found["pan_tilt"], found["absolute"], found["relative"], found["center"]) == (True, True, True, True)
    assert found["iris"] == {"value": -6.0, "min": -22.0, "max": 0.0, "auto": False}
    assert found["mover"] == {"name": "Anna", "own": False, "moving": True, "for_s": 4.3, "free_in_s": 5.5}


def test_every_command_reaches_the_manager(client: FlaskClient, ptz: StandInPtz) -> None:
    for method, path, body in (
        ("POST", "move", {"pan": 1, "tilt": -0.5, "focus": 0.25}),
        ("POST", "stop", {}),
        ("POST", "goto", {"preset": "a/b 7"}),
        ("POST", "goto", {"x": 0.25, "y": 1}),
        ("POST", "home", {}),
        ("PUT", "home", {}),
        ("POST", "focus", {"auto": True}),
        ("POST", "iris", {"value": None}),
        ("POST", "auxiliary", {"command": "tt:Wiper|On"}),
    ):
        answer = client.open(f"{URL}/ptz/{path}", method=method, json=body)
        assert answer.get_json() == {"done": True, "mover": None}, (path, answer.get_data(as_text=True))
    assert ptz.calls == [
        "move",
        "stop",
        "preset a/b 7",
        "center",
        "home",
        "set home",
        "focus",
        "iris",
        "auxiliary tt:Wiper|On",
    ]
    assert ptz.velocities == [Velocity(1.0, -0.5, 0.0, 0.25)]


@pytest.mark.parametrize("body", [{}, {"x": 0.5}, {"preset": "1", "x": 0.5, "y": 0.5}, {"preset": "1", "y": 0.5}])
def test_goto_takes_a_preset_or_a_place(client: FlaskClient, assert_problem: Any, body: dict[str, Any]) -> None:
    assert_problem(client.post(f"{URL}/ptz/goto", json=body), 400, "invalid_request")


def test_a_head_in_use_names_its_mover(client: FlaskClient, ptz: StandInPtz, assert_problem: Any) -> None:
    ptz.fail_with = PtzInUse("Anna", moving_for_s=12.34, free_in_s=4.96)
    problem = assert_problem(client.post(f"{URL}/ptz/move", json={"pan": 1}), 409, "ptz_in_use")
    assert (problem["moved_by"], problem["moving_for_s"], problem["free_in_s"]) == ("Anna", 12.3, 5.0)
    assert "Anna" in problem["detail"]


def test_a_preset_whose_token_has_a_slash_is_changed(client: FlaskClient, ptz: StandInPtz) -> None:
    ptz.preset_names["a/b c"] = "Gate"
    changed = client.patch(f"{URL}/ptz/presets/a%2Fb%20c", json={"name": "Barn"})
    assert changed.get_json() == {"token": "a/b c", "name": "Barn"}


def test_tours_are_made_started_and_stopped(client: FlaskClient) -> None:
    body = {"name": "Round", "stops": [{"preset": "1", "stay_s": 5}, {"preset": "2"}]}
    made = client.post(f"{URL}/ptz/tours", json=body)
    assert (made.status_code, made.get_json()["stops"][1]) == (201, {"preset": "2", "stay_s": 10.0})
    assert client.post(f"{URL}/ptz/tours/1/start", json={}).get_json()["running"] is True
    assert client.post(f"{URL}/ptz/tours/1/stop").get_json()["running"] is False
    assert len(client.get(f"{URL}/ptz/tours").get_json()["tours"]) == 1
    assert client.delete(f"{URL}/ptz/tours/1").status_code == 204


def test_imaging_is_for_admins_and_heads_for_operators(harness: WebHarness) -> None:
    operator, admin = harness.token_client(Role.OPERATOR), harness.token_client(Role.ADMIN)
    limited = harness.token_client(Role.OPERATOR, Scope({1: frozenset({2})}))
    assert operator.request("POST", f"{URL}/ptz/move", json={"pan": 1}).status_code == 200
    assert operator.request("GET", f"{URL}/imaging").status_code == 403
    assert admin.request("PUT", f"{URL}/imaging", json={"brightness": 7}).get_json()["before"]["brightness"] == 50.0
    assert operator.request("POST", "/api/cameras/1/relays/RelayOutput1", json={"active": True}).status_code == 200
    assert limited.request("POST", f"{URL}/ptz/move", json={"pan": 1}).status_code == 404
    assert limited.request("POST", "/api/cameras/1/channels/2/ptz/move", json={"pan": 1}).status_code == 200
    assert limited.request("GET", "/api/cameras/1/relays").status_code == 403


def test_moves_are_logged_once_a_minute_for_each_channel(harness: WebHarness, settings: Settings) -> None:
    audit, api = AuditLines(settings), harness.token_client(Role.OPERATOR)
    for _ in range(5):
        for number in (1, 2):
            api.request("POST", f"/api/cameras/1/channels/{number}/ptz/move", json={"pan": 1})
        api.request("POST", f"{URL}/ptz/stop", json={})
        api.request("POST", f"{URL}/ptz/goto", json={"preset": "2"})
    found = [(line["action"], line["channel"]) for line in audit.lines()]
    assert found.count(("ptz_move", 1)) == found.count(("ptz_move", 2)) == 1
    assert found.count(("ptz_goto", 1)) == 5
    assert len(found) == 7
    assert {line.get("preset") for line in audit.lines() if line["action"] == "ptz_goto"} == {"2"}


def test_a_stop_is_taken_while_too_many_commands_wait(
    client: FlaskClient, ptz: StandInPtz, assert_problem: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = RequestLimit(1, "cameras that move")
    monkeypatch.setattr(client.application.extensions[EXTENSION], "head_limit", limit)
    with limit:
        assert_problem(client.post(f"{URL}/ptz/move", json={"pan": 1}), 503, "busy")
        assert client.post(f"{URL}/ptz/stop", json={}).status_code == 200
    assert ptz.calls == ["stop"]


def test_taking_a_head_over_is_logged_on_every_route(harness: WebHarness, settings: Settings, ptz: StandInPtz) -> None:
    audit, api = AuditLines(settings), harness.token_client(Role.ADMIN)
    ptz.taken_from = "Anna"
    for path, body in (("stop", {}), ("move", {"pan": 1}), ("goto", {"preset": "2"})):
        api.request("POST", f"{URL}/ptz/{path}", json={**body, "take_over": True})
    ptz.fail_with = CameraUnreachable("It is off.")
    api.request("POST", f"{URL}/ptz/home", json={"take_over": True})
    lines = audit.lines()
    assert {line["action"] for line in lines} == {"ptz_take_over"}
    assert [(line["taken_from"], line["channel"], line["outcome"]) for line in lines] == [
        ("Anna", 1, "ok"),
        ("Anna", 1, "ok"),
        ("Anna", 1, "ok"),
        ("Anna", 1, "camera_unreachable"),
    ]


def test_the_last_closed_page_of_a_user_reaches_the_heads(harness: WebHarness, ptz: StandInPtz) -> None:
    api = harness.token_client(Role.OPERATOR)
    harness.sockets.start()
    try:
        with opened_by_request(api.client, api.headers):
            with opened_by_request(api.client, api.headers):
                pass
            until(lambda: sum(harness.sockets._counts.values()) == 1)
            assert ptz.calls == []
        until(lambda: ptz.calls != [])
        assert [call.split()[0] for call in ptz.calls] == ["leave"]
    finally:
        harness.sockets.stop()


def test_the_end_of_a_login_reaches_the_heads(harness: WebHarness, ptz: StandInPtz) -> None:
    client = harness.app.test_client()
    csrf = log_in(client, "Anna")
    assert PASSWORD
    client.delete("/api/session", headers={"X-CSRF-Token": csrf})
    assert ptz.calls == ["end_logins"]
