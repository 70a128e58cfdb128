"""Login in the browser: cookie, CSRF token, pages, logout; users, sessions and tokens over HTTP."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI

from account_manager import AccountManager
from accounts.audit import AUDIT_FILE, STRANGERS_FILE
from accounts.passwords import Passwords
from accounts.records import UserChange, UserDraft
from core.access import Role
from core.clock import SystemClock
from core.records import StreamState
from core.secrets import Secret
from core.settings import Settings
from database import Database
from tests.accounts.hashing import CHEAP
from tests.patience import until
from tests.web.stand_in_cameras import StandInCameras
from tests.web.stand_in_streams import StandInStreams
from tests.web.web_harness import (
    BODIES,
    NODES,
    OPEN,
    PASSWORD,
    SETUP,
    ApiClient,
    WebHarness,
    log_in,
    request_rule,
    routes,
)
from web.flask_app import build_web
from web.login_cookie import CSRF_HEADER, csrf_token
from web.services import Services, services


def test_a_page_leads_to_the_login_and_back(browser: FlaskClient) -> None:
    page = browser.get("/viewer/1?channel=2", headers={"Accept": "text/html"})
    assert page.status_code == 302
    assert page.headers["Location"] == "/login?next=/viewer/1?channel%3D2"
    login = browser.get(page.headers["Location"], headers={"Accept": "text/html"}).get_data(as_text=True)
    assert 'data-next="/viewer/1?channel=2"' in login
    log_in(browser)
    assert browser.get("/viewer/1?channel=2", headers={"Accept": "text/html"}).status_code == 200
    again = browser.get("/login?next=/viewer/1", headers={"Accept": "text/html"})
    assert (again.status_code, again.headers["Location"]) == (302, "/viewer/1")


@pytest.mark.parametrize(
    "target",
    [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/\t/evil.example",
        "/%09/evil.example/../..//evil.example" + "x" * 1000,
        "evil.example",
        "/api/session",
        "/login?next=/login",
        "",
        "/ü",
    ],
)
def test_the_login_redirects_to_no_other_site(browser: FlaskClient, target: str) -> None:
    page = browser.get("/login", query_string={"next": target}, headers={"Accept": "text/html"})
    assert 'data-next="/cameras"' in page.get_data(as_text=True)


def test_the_cookie_is_http_only_same_site_and_new_at_each_login(
    browser: FlaskClient, accounts: AccountManager
) -> None:
    values = set()
    for _ in range(2):
        answer = browser.post("/api/session", json={"name": "anna", "password": PASSWORD.reveal()})
        cookie = answer.headers["Set-Cookie"]
        assert cookie.startswith("onvif_session=")
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        values.add(cookie.split(";")[0])
    assert len(values) == 2
    assert len(accounts.sessions()) == 1  # the second login ended the first session


def test_the_cookie_is_bound_to_the_host_over_https(harness: WebHarness) -> None:
    client = harness.app.test_client()
    answer = client.post(
        "/api/session", base_url="https://localhost", json={"name": "anna", "password": PASSWORD.reveal()}
    )
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith("__Host-onvif_session=")
    assert "Secure" in cookie
    assert "Domain" not in cookie
    assert client.get("/api/cameras", base_url="https://localhost").status_code == 200
    value = cookie.split(";")[0].partition("=")[2]
    plain = harness.app.test_client()
    plain.set_cookie("onvif_session", value)
    assert plain.get("/api/cameras", base_url="https://localhost").status_code == 401


def test_unsafe_requests_need_the_csrf_token(harness: WebHarness, browser: FlaskClient) -> None:
    csrf = log_in(browser)
    tried = 0
    for method, rule, _ in routes(harness.app):
        if method == "GET" or {rule, f"{rule} {method}"} & (OPEN | SETUP):
            continue
        for wrong in (None, "", "0" * 64, csrf[:-1], csrf.upper() + "x", csrf_token("another session's cookie")):
            api = ApiClient(browser, {} if wrong is None else {CSRF_HEADER: wrong})
            answer = request_rule(api, method, rule)
            assert answer.status_code == 403, (method, rule)
            assert answer.get_json()["code"] == "csrf"
            tried += 1
    assert tried > 100
    page = browser.get("/cameras", headers={"Accept": "text/html"}).get_data(as_text=True)
    assert f'data-csrf="{csrf}"' in page
    assert browser.post("/api/cameras/1/refresh", headers={CSRF_HEADER: csrf}).status_code == 200


@pytest.mark.slow
def test_nothing_changes_on_a_get(
    harness: WebHarness, browser: FlaskClient, cameras: StandInCameras, streams: StandInStreams
) -> None:
    """GET every address, with the parameters of the unsafe method in query, body and method override."""
    log_in(browser)

    def all_there_is() -> str:
        accounts = harness.accounts
        logins = [(item.id, item.user_id) for item in accounts.sessions()]
        of_cameras = cameras.views, cameras.channel_lists, cameras.passwords
        of_streams = sorted(streams.sessions.items()), streams.replays
        return repr((accounts.users(), logins, accounts.tokens(), of_cameras, of_streams))

    before, asked, already_running = all_there_is(), 0, set(streams.sessions)
    for method, rule, _ in routes(harness.app):
        for camera_id in (1, 2):
            api = ApiClient(browser, {"X-HTTP-Method-Override": method})
            body = BODIES.get(rule, {})
            for answer in (
                request_rule(api, "GET", rule, camera_id),
                browser.get(re.sub(r"<[^>]+>", "1", rule), query_string={**body, "_method": method}),
                browser.get(re.sub(r"<[^>]+>", "1", rule), json=body),
            ):
                refusals = (401,) if rule in NODES else (400, 404, 405, 426)
                assert answer.status_code in (200, 202, 204, 302, *refusals), rule
                answer.close()
                asked += 1
    assert asked > 250
    for stream_id in streams.sessions.keys() - already_running:
        del streams.sessions[stream_id]  # a player's first GET of a variant's playlist starts the variant
    assert all_there_is() == before
    request_rule(ApiClient(browser, {CSRF_HEADER: log_in(browser)}), "DELETE", "/api/cameras/<camera_id>")
    assert all_there_is() != before  # proves that the comparison notices a change


def test_logging_out_ends_the_session_and_its_streams(
    harness: WebHarness, browser: FlaskClient, streams: StandInStreams
) -> None:
    csrf = log_in(browser)
    started = browser.post(
        "/api/streams/start",
        json={"camera_id": 1, "profile_token": "MediaProfile00001"},
        headers={CSRF_HEADER: csrf},
    ).get_json()
    playlist = started["playlist_url"]
    assert browser.get(playlist).status_code == 200
    cookie = browser.get_cookie("onvif_session")
    assert cookie is not None
    assert browser.delete("/api/session", headers={CSRF_HEADER: csrf}).status_code == 204
    assert browser.get(playlist).status_code == 401
    browser.set_cookie("onvif_session", cookie.value)
    assert browser.get("/api/cameras").status_code == 401
    until(lambda: streams.sessions[started["stream_id"]].status is StreamState.STOPPED)


@pytest.mark.parametrize(
    "change",
    [UserChange(disabled=True), UserChange(role=Role.REVIEWER), UserChange(password=Secret("other-horse-stapled"))],
)
def test_a_change_that_ends_a_login_ends_its_streams(
    harness: WebHarness, streams: StandInStreams, change: UserChange
) -> None:
    ben = harness.accounts.add_user(UserDraft("Ben", PASSWORD, Role.VIEWER))
    client = harness.app.test_client()
    csrf = log_in(client, "Ben")
    body = {"camera_id": 1, "profile_token": "MediaProfile00001"}
    started = client.post("/api/streams/start", json=body, headers={CSRF_HEADER: csrf}).get_json()
    harness.accounts.change_user(ben.id, change)
    assert client.get(started["playlist_url"]).status_code == 401
    until(lambda: streams.sessions[started["stream_id"]].status is StreamState.STOPPED)


def test_failed_logins_get_equal_responses_and_a_limit(browser: FlaskClient) -> None:
    bodies = set()
    for name in ("Anna", "Nobody", "\u202eAnna", "x" * 200):
        answer = browser.post("/api/session", json={"name": name, "password": "wrong-password-here"})
        assert answer.status_code == 401
        bodies.add(answer.get_data())
    assert len(bodies) == 1
    for _ in range(5):
        answer = browser.post("/api/session", json={"name": "Anna", "password": "wrong-password-here"})
    assert answer.status_code == 429
    assert answer.get_json()["code"] == "too_many_logins"
    assert 1 <= int(answer.headers["Retry-After"]) <= 900


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "", "password": "x"},
        {"name": 1, "password": "x"},
        {"name": "a", "password": ""},
        {"name": "a", "password": "x" * 1025},
        {"name": "a", "password": "b", "extra": 1},
    ],
)
def test_a_bad_login_names_the_field(browser: FlaskClient, body: dict[str, Any], assert_problem: Any) -> None:
    document = assert_problem(browser.post("/api/session", json=body), 400, "invalid_request")
    assert document["errors"]
    assert "x" * 20 not in json.dumps(document)


# --- the first visit


def test_the_first_visit_shows_setup_and_the_choice_is_kept(
    web_app: OpenAPI, settings: Settings, cameras: StandInCameras
) -> None:
    with web_app.app_context():
        old = services()
    database = Database(settings.data_dir / "fresh.sqlite3")
    fresh = AccountManager(database, settings, SystemClock(), passwords=Passwords(CHEAP))
    fresh.start()
    managers = replace(old.managers, cameras=cameras, accounts=fresh)
    client = build_web(Services(settings, managers, is_ready=lambda: True)).test_client()
    html = {"Accept": "text/html"}
    for path in ("/", "/cameras", "/recordings"):
        assert client.get(path, headers=html).headers["Location"] == "/welcome"
    assert client.get("/welcome", headers=html).status_code == 200
    assert client.get("/api/cameras").status_code == 200  # scripts on this machine still work
    assert client.post("/api/setup/postpone").status_code == 204
    assert client.get("/cameras", headers=html).status_code == 200
    assert client.get("/access", headers=html).headers["Location"] == "/welcome"
    refused = client.post("/api/setup", json={"name": "Anna", "password": "password1234"})
    assert refused.status_code == 400
    assert refused.get_json()["errors"][0]["field"] == "password"
    made = client.post("/api/setup", json={"name": "Anna", "password": PASSWORD.reveal()})
    assert made.status_code == 201
    assert made.get_json()["role"] == "admin"
    assert client.get("/api/cameras").status_code == 200
    stranger = client.application.test_client()
    assert stranger.get("/api/cameras").status_code == 401
    again = stranger.post("/api/setup", json={"name": "Eve", "password": PASSWORD.reveal()})
    assert again.status_code == 403
    assert again.get_json()["code"] == "accounts_exist"
    fresh.stop()
    database.close()


@pytest.mark.parametrize("address", ["192.168.1.7", "10.0.0.1", "::ffff:192.168.1.7", "", "nonsense"])
def test_other_machines_are_refused_while_no_account_exists(client: FlaskClient, address: str) -> None:
    elsewhere = {"REMOTE_ADDR": address}
    assert client.get("/api/cameras", environ_overrides=elsewhere).status_code == 401
    body = {"name": "Eve", "password": PASSWORD.reveal()}
    refused = client.post("/api/setup", json=body, environ_overrides=elsewhere)
    assert refused.status_code == 403
    assert refused.get_json()["code"] == "not_this_machine"
    assert client.get("/api/cameras").status_code == 200


# --- users, sessions and tokens over HTTP


def test_an_admin_makes_users_and_ends_their_logins(harness: WebHarness, browser: FlaskClient) -> None:
    headers = {CSRF_HEADER: log_in(browser)}
    cameras = [{"camera_id": 1, "channels": [3, 1]}, {"camera_id": 2, "channels": None}]
    body = {"name": "Ben", "password": PASSWORD.reveal(), "role": "reviewer", "cameras": cameras}
    made = browser.post("/api/users", json=body, headers=headers)
    assert made.status_code == 201
    user = made.get_json()
    assert user["cameras"] == [{"camera_id": 1, "channels": [1, 3]}, {"camera_id": 2, "channels": None}]
    assert browser.post("/api/users", json=body, headers=headers).get_json()["code"] == "name_taken"
    ben = harness.app.test_client()
    log_in(ben, "Ben")
    session = ben.get("/api/session").get_json()
    assert session["permissions"] == ["live", "recordings", "export"]
    listed = browser.get("/api/sessions").get_json()["sessions"]
    assert {(item["user"], item["is_this"]) for item in listed} == {("Anna", True), ("Ben", False)}
    ended = next(item["id"] for item in listed if item["user"] == "Ben")
    assert browser.delete(f"/api/sessions/{ended}", headers=headers).status_code == 204
    assert ben.get("/api/cameras").status_code == 401
    edited = browser.patch(f"/api/users/{user['id']}", json={"all_cameras": True, "role": "viewer"}, headers=headers)
    assert edited.get_json()["cameras"] is None
    assert browser.patch("/api/users/1", json={"disabled": True}, headers=headers).get_json()["code"] == "last_admin"
    assert browser.delete(f"/api/users/{user['id']}", headers=headers).status_code == 204
    text = browser.get("/api/users").get_data(as_text=True) + browser.get("/api/sessions").get_data(as_text=True)
    assert "argon2" not in text


def test_a_token_is_shown_once_and_grants_its_own_rights(harness: WebHarness, browser: FlaskClient) -> None:
    headers = {CSRF_HEADER: log_in(browser)}
    body = {"name": "doorbell", "role": "viewer", "cameras": [{"camera_id": 1}], "expires_at": "2099-01-01T00:00:00Z"}
    made = browser.post("/api/tokens", json=body, headers=headers)
    assert made.status_code == 201
    token = made.get_json()["token"]
    assert token not in browser.get("/api/tokens").get_data(as_text=True)
    script = ApiClient(harness.app.test_client(), {"Authorization": f"Bearer {token}"})
    assert script.request("GET", "/api/cameras/1").status_code == 200
    assert script.request("GET", "/api/cameras/2").status_code == 404
    assert script.request("POST", "/api/streams/start", json=BODIES["/api/streams/start"]).status_code in (200, 201)
    assert script.request("GET", "/api/users").status_code == 403
    token_id = made.get_json()["id"]
    assert browser.delete(f"/api/tokens/{token_id}", headers=headers).status_code == 204
    assert script.request("GET", "/api/cameras/1").status_code == 401
    past = browser.post("/api/tokens", json={**body, "expires_at": "2020-01-01T00:00:00Z"}, headers=headers)
    assert past.get_json()["errors"][0]["field"] == "expires_at"


def test_the_audit_log_names_users_and_actions_without_secrets(
    harness: WebHarness, browser: FlaskClient, settings: Settings
) -> None:
    headers = {CSRF_HEADER: log_in(browser)}
    browser.post("/api/session", json={"name": "My-Secret-Typed-Here", "password": "wrong-password-x"})
    browser.post("/api/session", json={"name": "anna", "password": "wrong-password-y"})
    browser.post("/api/streams/start", json=BODIES["/api/streams/start"], headers=headers)
    browser.post("/api/cameras", json={"host": "127.0.0.7", "password": "device-password-z"}, headers=headers)
    browser.delete("/api/cameras/2", headers=headers)
    joined = harness.token_client(Role.VIEWER)
    for _ in range(3):
        assert joined.request("GET", "/static/streams/camera1_MediaProfile00100/stream.m3u8").status_code == 200
    harness.token_client(Role.VIEWER).request("GET", "/api/users")
    text = "".join((settings.data_dir / "logs" / name).read_text() for name in (AUDIT_FILE, STRANGERS_FILE))
    lines = [json.loads(line) for line in text.splitlines()]
    entries = [(line["who"], line["action"], line["outcome"]) for line in lines]
    assert ("Anna", "log_in", "ok") in entries
    assert ("Anna", "log_in", "login_failed") in entries
    assert ("(unknown)", "log_in", "login_failed") in entries
    assert ("Anna", "watch", "ok") in entries
    assert [line["stream_id"] for line in lines if line["kind"] == "token" and line["action"] == "watch"] == [
        "camera1_MediaProfile00100"
    ]
    assert ("Anna", "add_camera", "ok") in entries
    assert any(line["action"] == "delete_camera" and line["camera_id"] == 2 for line in lines)
    assert any(line["outcome"] == "forbidden" and line["kind"] == "token" for line in lines)
    assert {line["from"] for line in lines} == {"127.0.0.1"}
    for secret in ("My-Secret", "password", "Bearer", "ovw_"):
        assert secret not in text
