"""Screenshots of the page of notifications: full, its dialogs, and while the server does not answer."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from playwright.sync_api import Page

from tools.running import App
from tools.studio import Studio

_LOADED = "#rules:not([hidden])"
_CLOSED_PORT = 2525  # nothing listens there, so that a receiver shows its failure


def take_notifications(studio: Studio, app: App, camera_id: int) -> None:
    sinks = _add_sinks(app)
    night = {"from_time_of_day": "22:00", "until_time_of_day": "06:00", "days": [0, 1, 2, 3, 4]}
    gate = {"camera_id": camera_id, "channel": 1, "zone": "Gate", "kinds": ["person", "vehicle"], "severity": "alert"}
    rule_id = _add_rule(app, "Someone at the gate at night", sinks=[1, *sinks[:2]], **gate, **night)
    _add_rule(app, "Motion <b>" + "W" * 24, kinds=["motion"], sinks=sinks)
    quiet_id = _add_rule(app, "Doorbell", kinds=["doorbell"], sinks=[1])
    _add_rule(app, "Without a receiver", severity="alert", sinks=[])
    until = datetime.now(UTC) + timedelta(hours=4)
    app.call("PATCH", f"/api/notification-rules/{quiet_id}", {"snooze_until": until.isoformat()})
    app.call("POST", f"/api/notification-sinks/{sinks[0]}/test")
    app.call("POST", f"/api/notification-rules/{rule_id}/test")
    page = f"{app.url}/notifications"
    studio.take("notifications", page, until=_LOADED, rest_ms=4000)
    studio.take("notifications-log", page, until="#log tr", then=_to_log)
    studio.take("notifications-needs", page, until=_LOADED, then=lambda at: at.click(".notify-needs summary"))
    studio.take("notifications-rule", page, until=_LOADED, then=_open("Edit the rule Someone"))
    studio.take("notifications-receiver", page, until=_LOADED, then=_open("Edit Siren"))
    studio.take("notifications-errors", page, until=_LOADED, then=_save_an_empty_form)
    studio.take("notifications-broken", page, until=_LOADED, then=_break)


def _add_sinks(app: App) -> list[int]:
    mail = {"sender": "cameras@example.com", "recipients": ["anna@example.com", "ben@example.com"], "security": "none"}
    server = {"host": "127.0.0.1", "port": _CLOSED_PORT}
    bodies: list[dict[str, Any]] = [
        {"name": "Office", "kind": "email", "email": {**mail, **server}},
        {"name": "Siren", "kind": "webhook", "webhook": {"url": f"http://127.0.0.1:{_CLOSED_PORT}/", "secret": "s"}},
        {"name": "Home Assistant", "kind": "mqtt", "mqtt": {**server, "with_home_assistant": True}},
    ]
    return [int(app.call("POST", "/api/notification-sinks", body)["id"]) for body in bodies]


def _add_rule(app: App, name: str, **more: object) -> int:
    return int(app.call("POST", "/api/notification-rules", {"name": name, **more})["id"])


def _to_log(page: Page) -> None:
    page.locator("#log-title").scroll_into_view_if_needed()
    page.locator("#log").scroll_into_view_if_needed()


def _open(name: str) -> Callable[[Page], None]:
    return lambda page: page.get_by_role("button", name=name).click()


def _save_an_empty_form(page: Page) -> None:
    page.get_by_role("button", name="Add a receiver").click()
    page.locator("#sink-dialog").get_by_role("button", name="Save").click()
    page.wait_for_selector("#sink-dialog .field-error:not([hidden])")


def _break(page: Page) -> None:
    page.route("**/api/notification-rules", lambda route: route.abort())
    page.reload()
    page.wait_for_selector("#problem:not([hidden])")
