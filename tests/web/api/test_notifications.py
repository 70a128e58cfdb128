"""Rules, sinks and deliveries of notifications over the API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from flask_openapi3.openapi import OpenAPI

from account_manager import AccountManager
from accounts.records import UserDraft
from cameras.records import CameraDraft
from core.access import Role, scope_of
from core.events import EventKind
from event_manager import EventManager
from notification_manager import NotificationManager
from tests.events.logged import event, stored_camera
from tests.notifications.receivers import Receiver, web_server
from tests.patience import until
from tests.web.stand_in_cameras import StandInCameras
from tests.web.web_harness import PASSWORD, ApiClient, WebHarness
from workers.notifier import Notifier

CANARY = "canary-secret-4711"
WEBHOOK: dict[str, Any] = {
    "kind": "webhook",
    "name": "Hook",
    "webhook": {"url": "https://hook.example/", "secret": CANARY},
}
EMAIL: dict[str, Any] = {
    "kind": "email",
    "name": "Mail",
    "email": {
        "host": "mail.example",
        "port": 587,
        "security": "starttls",
        "username": "cameras",
        "password": CANARY,
        "sender": "cameras@example.com",
        "recipients": ["anna@example.com"],
    },
}
MQTT: dict[str, Any] = {
    "kind": "mqtt",
    "name": "Broker",
    "is_on": False,
    "mqtt": {"host": "broker.lan", "port": 8883, "is_tls": True, "username": "cameras", "password": CANARY},
}
RULE: dict[str, Any] = {
    "name": "Gate by night",
    "kinds": ["person", "vehicle"],
    "severity": "alert",
    "camera_id": 1,
    "channel": 1,
    "zone": "drive",
    "days": [6, 0, 0],
    "from_time_of_day": "22:00",
    "until_time_of_day": "06:30",
    "time_zone": "Europe/Berlin",
    "min_length_s": 2,
    "cool_down_s": 60,
    "sinks": [1],
}


@pytest.fixture
def web(web_app: OpenAPI, accounts: AccountManager, cameras: StandInCameras, events: EventManager) -> WebHarness:
    accounts.add_user(UserDraft("Anna", PASSWORD, Role.ADMIN))
    cameras.add_camera(CameraDraft("10.0.0.5", "admin", PASSWORD))
    cameras.add_camera(CameraDraft("10.0.0.6", "admin", PASSWORD))
    with events.log.store._database.write() as session:
        session.add_all([stored_camera(1), stored_camera(2)])
    return WebHarness(web_app, accounts)


@pytest.fixture
def admin(web: WebHarness) -> ApiClient:
    return web.session_client(Role.ADMIN)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with web_server() as made:
        yield made


def send(api: ApiClient, method: str, path: str, body: Any = None, status: int = 200) -> Any:
    answer = api.request(method, path, json=body)
    assert answer.status_code == status, answer.get_data(as_text=True)
    return answer.get_json() if answer.data else None


@pytest.mark.usefixtures("database_engine")
def test_a_rule_is_answered_as_it_was_made_and_changed(admin: ApiClient) -> None:
    made = send(admin, "POST", "/api/notification-rules", RULE, 201)
    path = f"/api/notification-rules/{made['id']}"
    assert made == {**RULE, "id": made["id"], "days": [0, 6], "is_on": True, "snooze_until": None} | {
        "user_id": made["user_id"],
        "problem": "",
    }
    changed = send(admin, "PATCH", path, {"severity": None, "from_time_of_day": None, "name": None, "is_on": False})
    assert changed == {**made, "severity": None, "from_time_of_day": None, "is_on": False}
    snoozed = send(admin, "PATCH", path, {"snooze_until": "2026-12-01T10:00:00+01:00"})
    assert snoozed["snooze_until"] == "2026-12-01T09:00:00.000Z"
    assert send(admin, "PATCH", path, {"snooze_until": None})["snooze_until"] is None
    assert send(admin, "GET", "/api/notification-rules")["rules"] == [send(admin, "GET", path)]
    send(admin, "DELETE", path, status=204)
    send(admin, "GET", path, status=404)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"kinds": ["people"]}, "kinds.0"),
        ({"days": [7]}, "days.0"),
        ({"time_zone": "Mars/Olympus"}, "time_zone"),
        ({"time_zone": "../../etc/passwd"}, "time_zone"),
        ({"sinks": [99]}, "sinks"),
        ({"camera_id": None}, "camera_id"),
        ({"from_time_of_day": "24:00"}, "from_time_of_day"),
        ({"cool_down_s": -1}, "cool_down_s"),
        ({"min_length_s": 3601}, "min_length_s"),
        ({"zone": "a\nb"}, "zone"),
        ({"severity": "notice"}, "severity"),
    ],
)
def test_an_invalid_rule_is_refused_with_its_field(admin: ApiClient, more: dict[str, Any], field: str) -> None:
    problem = send(admin, "POST", "/api/notification-rules", {**RULE, **more}, 400)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_secrets_go_in_and_never_out(admin: ApiClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    answers = []
    for body in (WEBHOOK, EMAIL, MQTT):
        made = send(admin, "POST", "/api/notification-sinks", body, 201)
        assert made["has_secret"]
        path = f"/api/notification-sinks/{made['id']}"
        kind = str(body["kind"])
        kept = dict(made[kind])
        answers += [made, send(admin, "PATCH", path, {"name": "Other", kind: kept}), send(admin, "GET", path)]
        assert answers[-1]["has_secret"]
        if kind != "webhook":
            moved = send(admin, "PATCH", path, {kind: {**kept, "host": "evil.example"}}, 400)
            assert moved["errors"][0]["field"] == f"{kind}.password"
            answers.append(moved)
        if kind == "mqtt":
            readable = send(admin, "PATCH", path, {kind: {**kept, "is_tls": False}}, 400)
            assert readable["errors"][0]["field"] == "mqtt.password", "the broker would get it without encryption"
            answers.append(readable)
        answers.append(send(admin, "PATCH", path, {kind: {**kept, "unknown": CANARY}}, 400))
    answers.append(send(admin, "GET", "/api/notification-sinks"))
    assert CANARY not in json.dumps(answers)
    assert CANARY not in caplog.text


def test_an_empty_secret_removes_it(admin: ApiClient) -> None:
    made = send(admin, "POST", "/api/notification-sinks", WEBHOOK, 201)
    path = f"/api/notification-sinks/{made['id']}"
    assert not send(admin, "PATCH", path, {"webhook": {**made["webhook"], "secret": ""}})["has_secret"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"kind": "webhook", "name": "Hook"}, "kind"),
        ({**WEBHOOK, "kind": "email"}, "kind"),
        ({**WEBHOOK, "kind": "push"}, "kind"),
        ({**WEBHOOK, "webhook": {"url": "file:///etc/passwd"}}, "webhook.url"),
        ({**EMAIL, "email": {**EMAIL["email"], "port": 0}}, "email.port"),
        ({**EMAIL, "email": {**EMAIL["email"], "recipients": []}}, "email.recipients"),
        ({**MQTT, "mqtt": {**MQTT["mqtt"], "base_topic": "a/#"}}, "mqtt.base_topic"),
        ({**MQTT, "mqtt": {**MQTT["mqtt"], "username": ""}}, "mqtt.username"),
    ],
)
def test_an_invalid_sink_is_refused_with_its_field(admin: ApiClient, body: dict[str, Any], field: str) -> None:
    problem = send(admin, "POST", "/api/notification-sinks", body, 400)
    assert [error["field"] for error in problem["errors"]] == [field]


def test_the_push_sink_stays_and_can_be_switched_off(admin: ApiClient) -> None:
    send(admin, "DELETE", "/api/notification-sinks/1", status=409)
    assert send(admin, "PATCH", "/api/notification-sinks/1", {"is_on": False})["is_on"] is False
    rule = send(admin, "POST", "/api/notification-rules", RULE, 201)
    assert rule["problem"] == "no_sinks"


def test_other_users_see_the_push_sink_alone(web: WebHarness, admin: ApiClient) -> None:
    hook = send(admin, "POST", "/api/notification-sinks", WEBHOOK, 201)
    reviewer = web.session_client(Role.REVIEWER)
    (push,) = send(reviewer, "GET", "/api/notification-sinks")["sinks"]
    assert (push["id"], push["kind"], push["state"]) == (1, "push", None)
    send(reviewer, "GET", f"/api/notification-sinks/{hook['id']}", status=404)
    problem = send(reviewer, "POST", "/api/notification-rules", {**RULE, "sinks": [1, hook["id"]]}, 400)
    assert problem["errors"][0]["field"] == "sinks"


def test_a_limited_user_cannot_ask_about_other_channels(web: WebHarness) -> None:
    limited = web.token_client(Role.REVIEWER, scope_of([(1, [2])]))
    send(limited, "POST", "/api/notification-rules", RULE, 404)
    send(limited, "POST", "/api/notification-rules", {**RULE, "camera_id": 2}, 404)
    send(limited, "POST", "/api/notification-rules", {**RULE, "channel": 2}, 201)


def test_rules_of_other_users_do_not_exist(web: WebHarness, admin: ApiClient) -> None:
    ben, cleo = web.session_client(Role.REVIEWER), web.session_client(Role.REVIEWER)
    rule = send(ben, "POST", "/api/notification-rules", RULE, 201)
    path = f"/api/notification-rules/{rule['id']}"
    assert send(cleo, "GET", "/api/notification-rules")["rules"] == []
    for method, place in (("GET", path), ("DELETE", path), ("POST", f"{path}/test")):
        send(cleo, method, place, status=404)
    send(cleo, "PATCH", path, {"name": "Mine"}, 404)
    assert send(admin, "GET", path)["user_id"] == rule["user_id"]


@pytest.mark.usefixtures("database_engine")
def test_a_test_and_the_log_tell_the_results(
    admin: ApiClient, notifications: NotificationManager, receiver: Receiver
) -> None:
    body = {"kind": "webhook", "name": "Hook", "webhook": {"url": receiver.url}}
    sink = send(admin, "POST", "/api/notification-sinks", body, 201)["id"]
    assert send(admin, "POST", f"/api/notification-sinks/{sink}/test") == {"state": "sent", "code": "", "detail": ""}
    receiver.statuses = [302]
    failed = send(admin, "POST", f"/api/notification-sinks/{sink}/test")
    assert (failed["state"], failed["code"]) == ("failed", "webhook_redirect")
    rule = send(admin, "POST", "/api/notification-rules", {**RULE, "sinks": [sink]}, 201)
    for _ in range(3):
        (waiting,) = send(admin, "POST", f"/api/notification-rules/{rule['id']}/test", status=202)["deliveries"]
        assert waiting["state"] == "waiting"
    until(
        lambda: all(one["state"] == "sent" for one in send(admin, "GET", "/api/notification-deliveries")["deliveries"])
    )
    first = send(admin, "GET", "/api/notification-deliveries?limit=2")
    second = send(admin, "GET", f"/api/notification-deliveries?limit=2&cursor={first['next_cursor']}")
    assert second["next_cursor"] is None
    ids = [one["id"] for one in first["deliveries"] + second["deliveries"]]
    assert ids == sorted(ids, reverse=True)
    assert len(ids) == 3
    told = first["deliveries"][0]
    assert (told["event_id"], told["event_kind"], told["camera_id"], told["channel"]) == (None, "person", 1, 1)
    assert (told["rule_name"], told["sink_kind"], told["tries"]) == ("Gate by night", "webhook", 1)
    assert told["channel_name"] == "Door 1"


def test_too_many_tests_of_a_rule_are_refused_for_a_while(admin: ApiClient) -> None:
    made = send(admin, "POST", "/api/notification-rules", {"name": "Night", "sinks": [1]}, 201)
    path = f"/api/notification-rules/{made['id']}/test"
    for _ in range(4):
        send(admin, "POST", path, status=202)
    answer = admin.request("POST", path)
    assert (answer.status_code, answer.get_json()["code"]) == (429, "test_limit")
    assert 0 < int(answer.headers["Retry-After"]) <= 60


@pytest.mark.usefixtures("database_engine")
def test_an_event_goes_from_the_log_to_the_receiver(
    admin: ApiClient, notifications: NotificationManager, events: EventManager, receiver: Receiver
) -> None:
    body = {"kind": "webhook", "name": "Hook", "webhook": {"url": receiver.url}}
    sink = send(admin, "POST", "/api/notification-sinks", body, 201)["id"]
    send(admin, "POST", "/api/notification-rules", {"name": "All", "sinks": [sink]}, 201)
    notifier = Notifier(notifications)
    notifier.start()
    try:
        now = datetime.now(UTC)
        events.log.add(event(EventKind.PERSON, start_at=now, end_at=now))
        events.log.flush()
        until(lambda: receiver.posts)
    finally:
        notifier.stop()
    event_id = receiver.posts[0].json()["event_id"]
    assert send(admin, "GET", f"/api/events/{event_id}")["kind"] == "person"
