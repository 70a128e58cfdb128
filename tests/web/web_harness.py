"""The app with accounts: stand-in managers, two cameras, and clients with a token or a login."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI

from account_manager import AccountManager
from accounts.records import TokenDraft, UserDraft, Visitor
from core.access import EVERYTHING, Role, Scope
from core.secrets import Secret
from web.live.sockets import Sockets
from web.login_cookie import CSRF_HEADER
from web.services import EXTENSION, Services

PASSWORD = Secret("correct-horse-battery")
HERE = Visitor("127.0.0.1")
OPEN = {
    "/login",
    "/api/health",
    "/static/<path:name>",
    "/manifest.webmanifest",
    "/service-worker.js",
    "/api/session GET",
    "/api/session POST",
}
PLAYERS = {  # no login: the secret part of the address
    "/play/<link>/master.m3u8",
    "/play/<link>/main.m3u8",
    "/play/<link>/sub.m3u8",
    "/play/<link>/<stream_id>/<file>",
}
SETUP = {"/welcome", "/api/setup", "/api/setup/postpone"}
NODES = {  # no user, whatever the role
    *PLAYERS,
    "/api/internal/streams",
    "/api/internal/storage",
    "/api/internal/archive-files/<file_id>",
    "/api/internal/archive-files/<file_id>/size",
    "/api/internal/audit",
    "/api/internal/motion",
    "/api/internal/events/<event_id>/picture",
}
LOGGED_IN = {"/account", "/api/openapi.json", "/api/docs", "/api/session DELETE", "/api/session/password"}
MOTION = "/api/cameras/<camera_id>/channels/<number>/motion"
VIEWER = {
    "/",
    "/cameras",
    "/viewer/<camera_id>",
    "/wall",
    "/motion/<camera_id>/<number>",
    "/static/streams/<stream_id>/<file>",
    "/live",
    "/live/<camera_id>/<profile_token>",
    "/api/cameras GET",
    "/api/cameras/<camera_id> GET",
    "/api/cameras/<camera_id>/profiles",
    "/api/cameras/<camera_id>/snapshot",
    "/api/cameras/<camera_id>/channels/<number>/master.m3u8",
    "/api/cameras/<camera_id>/channels/<number>/<role>.m3u8",
    "/api/cameras/<camera_id>/channels/<number>/player-link",
    "/api/streams/start",
    "/api/streams/stop",
    "/api/streams/status/<stream_id>",
    "/api/streams/all",
    "/api/cameras/<camera_id>/recording-states",
    "/api/walls",
    "/api/walls/<wall_id>",
    "/api/motion",
    f"{MOTION} GET",
    f"{MOTION}/picture",
    f"{MOTION}/now",
}
EXPORT = "/api/exports/<export_id>"
CASE = "/api/cases/<case_id>"
REVIEWER = {
    "/recordings",
    "/recordings/<camera_id>",
    "/events",
    "/search",
    "/notifications",
    "/api/push/key",
    "/api/push/subscriptions",
    "/api/push/subscriptions/<subscription_id>",
    "/api/push/subscriptions/<subscription_id>/test",
    "/exports",
    "/api/playback/start",
    "/api/playback/seek",
    "/api/recordings/playback-uri",
    "/api/cameras/<camera_id>/recordings/search",
    "/api/cameras/<camera_id>/recordings/summary",
    "/api/cameras/<camera_id>/recordings/coverage",
    "/api/cameras/<camera_id>/recordings/pictures",
    "/api/cameras/<camera_id>/recordings/pictures.vtt",
    "/api/cameras/<camera_id>/recordings/picture",
    "/api/cameras/<camera_id>/recordings/iframes.m3u8",
    "/api/cameras/<camera_id>/recordings/iframe.mp4",
    "/api/cameras/<camera_id>/recordings/coverage/stop",
    "/api/cameras/<camera_id>/recordings/coverage/resume",
    "/api/exports",
    "/api/exports/estimate",
    EXPORT,
    f"{EXPORT}/pause",
    f"{EXPORT}/resume",
    f"{EXPORT}/cancel",
    f"{EXPORT}/retry",
    f"{EXPORT}/files/<file>",
    "/api/cases",
    CASE,
    f"{CASE}/exports/<export_id>",
    f"{CASE}/package",
    "/api/evidence/key",
    f"{EXPORT}/posters/<number>",
    "/api/recordings/kept",
    "/api/recordings/kept/<kept_id>",
    "/api/recording-alerts",
    "/api/recording-alerts/seen",
    "/api/events",
    "/api/events/news",
    "/api/events/days",
    "/api/events/zones",
    "/api/events/seen",
    "/api/events/<event_id>",
    "/api/events/<event_id>/similar",
    "/api/events/<event_id>/picture",
    "/api/searches",
    "/api/searches/<search_id>",
    "/api/searches/<search_id>/continue",
    "/api/notification-rules",
    "/api/notification-rules/<rule_id>",
    "/api/notification-rules/<rule_id>/test",
    "/api/notification-deliveries",
    "/api/notification-sinks GET",
    "/api/notification-sinks/<sink_id> GET",
}
PTZ = "/api/cameras/<camera_id>/channels/<number>/ptz"
OPERATOR = {
    "/api/cameras/<camera_id>/channels/<number>/recording-pause",
    "/api/cameras/<camera_id>/refresh",
    PTZ,
    f"{PTZ}/move",
    f"{PTZ}/stop",
    f"{PTZ}/goto",
    f"{PTZ}/home",
    f"{PTZ}/presets",
    f"{PTZ}/presets/<path:preset_token>",
    f"{PTZ}/focus",
    f"{PTZ}/iris",
    f"{PTZ}/auxiliary",
    f"{PTZ}/tours",
    f"{PTZ}/tours/<tour_id>",
    f"{PTZ}/tours/<tour_id>/start",
    f"{PTZ}/tours/<tour_id>/stop",
    "/api/cameras/<camera_id>/relays",
    "/api/cameras/<camera_id>/relays/<path:relay_token>",
}
PEOPLE = {  # routes that need a login; a token is refused
    "/api/push/subscriptions POST",
    "/api/users POST",
    "/api/users/<user_id> PATCH",
    "/api/users/<user_id> DELETE",
    "/api/sessions/<session_id> DELETE",
    "/api/tokens POST",
    "/api/tokens/<token_id> DELETE",
}
ROLES = list(Role)


def routes(app: OpenAPI) -> list[tuple[str, str, str]]:
    return [
        (method, rule.rule, rule.endpoint)
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def least_role(method: str, rule: str) -> Role | None:
    """Return the least role that may call a route, by this file's lists; None if no role is needed."""
    names = {rule, f"{rule} {method}"}
    for wanted, role in ((VIEWER, Role.VIEWER), (REVIEWER, Role.REVIEWER), (OPERATOR, Role.OPERATOR)):
        if names & wanted:
            return role
    return None if names & (OPEN | SETUP | LOGGED_IN | NODES) else Role.ADMIN


@dataclass
class ApiClient:
    """A client that sends its credentials with each request."""

    client: FlaskClient
    headers: dict[str, str]

    def request(self, method: str, path: str, **more: Any) -> Any:
        return self.client.open(path, method=method, headers=self.headers, **more)


@dataclass
class WebHarness:
    """The app with accounts and two cameras; each camera has two live sessions and a replay session."""

    app: OpenAPI
    accounts: AccountManager

    @property
    def sockets(self) -> Sockets:
        """The app's live sockets, not started."""
        services: Services = self.app.extensions[EXTENSION]
        return services.sockets

    def token_client(self, role: Role, scope: Scope = EVERYTHING) -> ApiClient:
        """Return a client with a token of a new user: the checks of a login, but no CSRF token is needed."""
        name = f"user{len(self.accounts.users())}"
        self.accounts.add_user(UserDraft(name, PASSWORD, role, scope))
        _, who = self.accounts.log_in(name, PASSWORD, HERE)
        token, _ = self.accounts.add_token(who, TokenDraft("test", role, scope, None))
        return ApiClient(self.app.test_client(), {"Authorization": f"Bearer {token}"})

    def session_client(self, role: Role) -> ApiClient:
        """Return a client with the session cookie and CSRF token of a new user."""
        name = f"user{len(self.accounts.users())}"
        self.accounts.add_user(UserDraft(name, PASSWORD, role))
        client = self.app.test_client()
        return ApiClient(client, {CSRF_HEADER: log_in(client, name)})


RANGE = {
    "camera_id": 1,
    "channel": 1,
    "start_time": "2026-11-22T10:00:00Z",
    "end_time": "2026-11-22T10:01:00Z",
}
PUSH_SUBSCRIPTION: dict[str, Any] = {
    "endpoint": "https://push.example/abc",
    "keys": {
        "p256dh": "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4",
        "auth": "BTBZMqHH6r4Tts7J_aSIgg",
    },
}
BODIES: dict[str, dict[str, Any]] = {
    "/api/streams/start": {"camera_id": 1, "profile_token": "MediaProfile00000"},
    "/api/streams/stop": {"stream_id": "camera1_MediaProfile00000", "viewer_id": "not-the-last"},
    "/api/playback/start": {"camera_id": 1, "recording_token": "Recording1", "start_time": "2026-11-22T10:00:00Z"},
    "/api/playback/seek": {"stream_id": "replay1_0000000000000001", "time": "2026-11-22T10:00:00Z"},
    "/api/recordings/playback-uri": {"camera_id": 1, "recording_token": "Recording1"},
    "/api/cameras/<camera_id>/recordings/search": {
        "start_time": "2026-11-22T10:00:00Z",
        "end_time": "2026-11-22T11:00:00Z",
    },
    "/api/cameras/<camera_id>/channels/order": {"channels": [1]},
    "/api/exports": {"ranges": [RANGE]},
    "/api/exports/estimate": {"ranges": [RANGE]},
    "/api/cases": {"name": "Theft"},
    "/api/recordings/kept": RANGE,
    "/api/searches": {**RANGE, "box": [0.2, 0.2, 0.4, 0.4]},
    "/api/backfills": RANGE,
    "/api/backfills/estimate": RANGE,
    "/api/cameras/<camera_id>/channels/<number>/recording-rule": {"mode": "continuous"},
    "/api/cameras/<camera_id>/channels/<number>/recording-pause": {},
    "/api/recording-alerts/seen": {},
    "/api/events/seen": {"ids": [1]},
    "/api/detector": {"model": None},
    "/api/detector/models/<name>/trial": {"picture": "AAAA"},
    "/api/push/subscriptions": PUSH_SUBSCRIPTION,
    "/api/cameras/<camera_id>/events": {"listens_wanted": False},
    MOTION: {"mode": "auto"},
    "/api/notification-rules": {"name": "Gate by night", "sinks": [1]},
    "/api/notification-rules/<rule_id>": {"name": "Gate"},
    "/api/notification-sinks": {"kind": "webhook", "name": "Hook", "webhook": {"url": "https://hook.example/"}},
    "/api/notification-sinks/<sink_id>": {"name": "Hook"},
    f"{PTZ}/move": {"pan": 0.5},
    f"{PTZ}/stop": {},
    f"{PTZ}/home": {},
    f"{PTZ}/tours/<tour_id>/start": {},
    f"{PTZ}/goto": {"preset": "1"},
    f"{PTZ}/presets": {"name": "Gate"},
    f"{PTZ}/presets/<path:preset_token>": {"name": "Gate"},
    f"{PTZ}/focus": {"speed": 0.5},
    f"{PTZ}/iris": {"value": -6.0},
    f"{PTZ}/auxiliary": {"command": "tt:Wiper|On"},
    f"{PTZ}/tours": {"name": "Round", "stops": [{"preset": "1"}, {"preset": "2"}]},
    "/api/cameras/<camera_id>/channels/<number>/imaging": {"brightness": 50.0},
    "/api/cameras/<camera_id>/relays/<path:relay_token>": {"active": True},
}


def request_rule(api: ApiClient, method: str, rule: str, camera_id: int = 1) -> Any:
    """Send a well-formed request about this camera."""
    path = rule
    values = {
        "camera_id": str(camera_id),
        "number": "1",
        "user_id": "999",
        "session_id": "999",
        "token_id": "999",
        "wall_id": "999",
        "export_id": "999",
        "case_id": "999",
        "kept_id": "999",
        "search_id": "999",
        "backfill_id": "999",
        "event_id": "999",
        "file_id": "999",
        "subscription_id": "999",
        "rule_id": "999",
        "sink_id": "999",
        "stream_id": f"camera{camera_id}_MediaProfile00000",
        "file": "stream.m3u8",
        "role": "sub",
        "profile_token": "MediaProfile00000",
        "path:name": "css/base.css",
        "path:preset_token": "1",
        "path:relay_token": "RelayOutput1",
        "tour_id": "1",
        "name": "unknown",
        "link": "unknown",
    }
    for name, value in values.items():
        path = path.replace(f"<{name}>", value)
    assert "<" not in path, f"give a value for the placeholder of {path}"
    body = json.loads(json.dumps(BODIES.get(rule, {})))
    if "camera_id" in body:
        body["camera_id"] = camera_id
    for item in body.get("ranges", ()):
        item["camera_id"] = camera_id
    if "stream_id" in body:
        body["stream_id"] = (
            body["stream_id"]
            .replace("camera1", f"camera{camera_id}")
            .replace("replay1_0000000000000001", f"replay{camera_id}_{camera_id:016x}")
        )
    return api.request(method, path, json=body if method != "GET" else None)


def is_denied(answer: Any) -> bool:
    """True if the access rules refused the request; the view's own errors do not count."""
    if answer.status_code in (401, 302):
        return True
    return bool(answer.status_code == 403 and answer.get_json()["code"] == "forbidden")


def log_in(client: FlaskClient, name: str = "Anna") -> str:
    """Log in and return the CSRF token."""
    answer = client.post("/api/session", json={"name": name, "password": PASSWORD.reveal()})
    assert answer.status_code == 200, answer.get_data(as_text=True)
    token: str = answer.get_json()["csrf_token"]
    return token
