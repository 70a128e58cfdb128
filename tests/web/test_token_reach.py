"""A token grants no more than its own rights, and a limited user reaches only the cameras in their scope."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient

from accounts.records import TokenDraft
from core.access import EVERYTHING, Role, Scope
from core.errors import InvalidRequest
from tests.web.web_harness import HERE, PASSWORD, ApiClient, WebHarness, least_role, log_in, request_rule, routes
from web.login_cookie import CSRF_HEADER

ACCOUNT_CHANGES = [
    ("POST", "/api/users", {"name": "Eve", "password": PASSWORD.reveal(), "role": "admin"}),
    ("PATCH", "/api/users/1", {"password": "another-horse-stapled"}),
    ("DELETE", "/api/users/999", None),
    ("DELETE", "/api/sessions/999", None),
    ("POST", "/api/tokens", {"name": "wide", "role": "admin"}),
    ("DELETE", "/api/tokens/999", None),
]


def _limited_admin(harness: WebHarness) -> ApiClient:
    """Return a client with a limited admin token, which an older database may hold; new ones are refused."""
    kept = TokenDraft("old", Role.ADMIN, Scope({1: None}), None)
    token = "ovw_" + "t" * 43
    harness.accounts._store.add_token(token, 1, kept, datetime(2026, 11, 1, tzinfo=UTC))
    return ApiClient(harness.app.test_client(), {"Authorization": f"Bearer {token}"})


@pytest.mark.parametrize(("method", "path", "body"), ACCOUNT_CHANGES)
def test_accounts_are_changed_with_a_login_and_not_with_a_token(
    harness: WebHarness, method: str, path: str, body: Any
) -> None:
    before = harness.accounts.users(), len(harness.accounts.sessions())
    api = harness.token_client(Role.ADMIN)
    made = len(harness.accounts.users()), len(harness.accounts.sessions()), len(harness.accounts.tokens())
    for each in (api, _limited_admin(harness)):
        assert each.request(method, path, json=body).status_code == 403
    assert (len(harness.accounts.users()), len(harness.accounts.sessions())) == made[:2]
    assert harness.accounts.users()[: len(before[0])] == before[0]
    assert len(harness.accounts.tokens()) == made[2] + 1


def test_an_admin_token_limited_to_cameras_has_no_admin_rights(harness: WebHarness) -> None:
    api = _limited_admin(harness)
    asked = 0
    for method, rule, _ in routes(harness.app):
        if least_role(method, rule) is Role.ADMIN:
            assert request_rule(api, method, rule).status_code == 403, (method, rule)
            asked += 1
    assert asked >= 15
    assert api.request("PATCH", "/api/cameras/1", json={"host": "127.0.0.66"}).status_code == 403
    assert api.request("POST", "/api/cameras", json={"host": "127.0.0.66"}).status_code == 403
    assert api.request("GET", "/api/cameras/1").status_code == 200
    assert "manage" not in api.request("GET", "/api/session").get_json()["permissions"]


def test_an_admin_token_cannot_be_limited_to_cameras(harness: WebHarness, browser: FlaskClient) -> None:
    headers = {CSRF_HEADER: log_in(browser)}
    body = {"name": "x", "role": "admin", "cameras": [{"camera_id": 1}]}
    refused = browser.post("/api/tokens", json=body, headers=headers)
    assert refused.status_code == 400
    assert refused.get_json()["errors"][0]["field"] == "cameras"
    assert harness.accounts.tokens() == []


def test_a_token_cannot_make_another_token(harness: WebHarness) -> None:
    _, who = harness.accounts.log_in("Anna", PASSWORD, HERE)
    token, _ = harness.accounts.add_token(who, TokenDraft("one", Role.ADMIN, EVERYTHING, None))
    of_token = harness.accounts.principal_of_token(token)
    assert of_token is not None
    with pytest.raises(InvalidRequest):
        harness.accounts.add_token(of_token, TokenDraft("two", Role.VIEWER, EVERYTHING, None))


@pytest.mark.parametrize(
    "path",
    [
        "/api/cameras/1/refresh",
        "/api/cameras/1/recordings/coverage/stop",
        "/api/cameras/1/recordings/coverage/resume",
    ],
)
def test_actions_on_a_whole_camera_need_all_its_channels(harness: WebHarness, path: str) -> None:
    assert harness.token_client(Role.OPERATOR, Scope({1: frozenset({2})})).request("POST", path).status_code == 403
    assert (
        harness.token_client(Role.OPERATOR, Scope({1: frozenset({2})}))
        .request("POST", path.replace("1", "2", 1))
        .status_code
        == 404
    )
    assert harness.token_client(Role.OPERATOR, Scope({1: None})).request("POST", path).status_code in (200, 204)
