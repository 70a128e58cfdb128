"""Bad input at every address gets a 4xx that names the field, never a 500 and never a success.

The routes come from the app itself, so that new routes are covered. test_every_field.py tries every field with
every value; this file has the cases that need more than one field or that the API description does not show.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI

from tests.web.web_harness import NODES

BAD_TEXTS = [
    "",
    "a" * 10_000,
    "nul\x00",
    "line\r\nSet-Cookie: a=b",
    "\u202egnp.exe",
    "<img src=x onerror=alert(1)>\x1b",
    "../../etc/passwd\x00",
]
STRANGE_TEXTS = [
    "<img src=x onerror=alert(1)>",
    "{{7*7}}",
    "../../etc",
    "-i",
    "file:///etc/passwd",
    "0x7f000001",
    "2130706433",
    "[::ffff:127.0.0.1]",
    "user@host",
    "/ ? ..",
    "１",
    "%2e%2e%2f",
]
BAD_IDS = ["01", "１", "0", "-1", "+1", "1.0", "1e3", str(2**63), "9" * 30, "abc", " 1", "1%00", "٣", "null", "..%2f1"]
BAD_JSON_IDS: list[Any] = ["1", 0, -1, 2**63, 1.0, 1.5, True, None, [], {}, "01", "１"]
BAD_PORTS: list[Any] = [0, 65536, -1, "80", "80a", 80.5, True, [], 10**18]


def _routes(app: OpenAPI) -> list[tuple[str, str, list[str]]]:
    return [
        (method, rule.rule, sorted(rule.arguments))
        for rule in app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
    ]


def _assert_refused(answer: Any, *context: object) -> None:
    assert 400 <= answer.status_code < 500, (answer.status_code, *context)
    if answer.request.path.startswith(("/api/", "/static/")):
        assert answer.content_type == "application/problem+json", context
    answer.close()


def test_a_bad_id_in_any_path_is_refused(web_app: OpenAPI, client: FlaskClient) -> None:
    tried = 0
    for method, rule, arguments in _routes(web_app):
        for name in set(arguments) & {"camera_id", "number", "wall_id"}:
            for bad in BAD_IDS:
                path = rule
                for argument in arguments:
                    value = bad if argument == name else "1"
                    path = path.replace(f"<{argument}>", value if "%" in value else quote(value))
                _assert_refused(client.open(path, method=method, json={} if method != "GET" else None), method, path)
                tried += 1
    assert tried > 100


@pytest.mark.usefixtures("database_engine")
def test_an_id_beyond_every_column_is_not_found(web_app: OpenAPI, client: FlaskClient) -> None:
    """Databases differ in what they do with such a number."""
    found = []
    for method, rule, arguments in _routes(web_app):
        if rule in NODES:
            continue  # it looks at the signature first
        for name in [argument for argument in arguments if argument == "number" or argument.endswith("_id")]:
            for number in (2**31, 2**63 - 1):
                path = rule
                for argument in arguments:
                    path = path.replace(f"<{argument}>", str(number) if argument == name else "1")
                answer = client.open(path, method=method, json={} if method != "GET" else None)
                found.append((answer.status_code, method, path))
                answer.close()
    assert len(found) > 100
    assert [one for one in found if not 400 <= one[0] < 500] == []
    assert [one for one in found if one[1] == "GET" and one[0] not in (400, 404, 426)] == []  # 400: needs more fields


Call = tuple[str, str, dict[str, Any], str]
"""Method, path, body (for GET: query) and the field that the refusal must name."""


def _faults(client: FlaskClient, calls: Iterable[Call], *, is_alone: bool = True) -> list[str]:
    """Send each call; return a line for each answer that does not refuse this field (`is_alone`: only this one)."""
    faults = []
    for method, path, values, field in calls:
        is_query = method == "GET"
        answer = client.open(
            path, method=method, query_string=values if is_query else None, json=None if is_query else values
        )
        document = answer.get_json() if answer.content_type == "application/problem+json" else {}
        named = [error["field"] for error in document.get("errors", [])]
        is_named = named == [field] if is_alone else field in named
        if answer.status_code != 400 or document["code"] != "invalid_request" or not is_named:
            faults.append(f"{method} {path} {repr(values)[:80]}: {answer.status_code}, named {named}")
        elif "x" * 100 in answer.get_data(as_text=True):
            faults.append(f"{method} {path} {repr(values)[:80]}: repeats a long value")
    return faults


def test_a_bad_text_in_a_new_camera_is_named(client: FlaskClient) -> None:
    wrong = [(field, text) for field in ("host", "username", "password", "name") for text in BAD_TEXTS[1:]]
    calls = (("POST", "/api/cameras", {"host": "127.0.0.9", field: text}, field) for field, text in wrong)
    assert _faults(client, calls) == []


def test_a_bad_port_is_named(client: FlaskClient, camera: Any) -> None:
    addresses = (("POST", "/api/cameras"), ("PATCH", f"/api/cameras/{camera.id}"))
    calls = ((*address, {"host": "127.0.0.9", "port": port}, "port") for address in addresses for port in BAD_PORTS)
    assert _faults(client, calls) == []


def test_a_bad_camera_id_in_a_body_is_named(client: FlaskClient) -> None:
    bodies = ({"camera_id": bad, "profile_token": "a"} for bad in BAD_JSON_IDS)
    assert _faults(client, (("POST", "/api/streams/start", body, "camera_id") for body in bodies)) == []


def test_a_bad_profile_token_is_named(client: FlaskClient, camera: Any) -> None:
    tokens: list[Any] = [*BAD_TEXTS, 1, None, [], {}, True]
    bodies = ({"camera_id": camera.id, "profile_token": token} for token in tokens)
    assert _faults(client, (("POST", "/api/streams/start", body, "profile_token") for body in bodies)) == []
    snapshot = f"/api/cameras/{camera.id}/snapshot"
    queries = ({"profile_token": text} for text in BAD_TEXTS)
    assert _faults(client, (("GET", snapshot, query, "profile_token") for query in queries)) == []


def test_a_strange_profile_token_is_not_found(client: FlaskClient, camera: Any, assert_problem: Any) -> None:
    for token in STRANGE_TEXTS:
        answer = client.post("/api/streams/start", json={"camera_id": camera.id, "profile_token": token})
        assert_problem(answer, 404, "not_found")


def test_a_bad_stream_id_is_named(client: FlaskClient) -> None:
    wrong: list[Any] = [*BAD_TEXTS, 1, None, [], {}]
    bodies = ({"stream_id": bad} for bad in wrong)
    assert _faults(client, (("POST", "/api/streams/stop", body, "stream_id") for body in bodies)) == []


def test_a_bad_flag_in_a_query_is_named(client: FlaskClient, camera: Any) -> None:
    snapshot = f"/api/cameras/{camera.id}/snapshot"
    flags = ("2", "maybe", "", "1 1")
    assert _faults(client, (("GET", snapshot, {"cached": flag}, "cached") for flag in flags)) == []


def test_a_refusal_is_ascii_for_any_input(client: FlaskClient) -> None:
    answer = client.post("/api/cameras", json={"host": "a", "\u202e<b>\n": 1})
    assert answer.status_code == 400
    assert json.loads(answer.data)["errors"][0]["field"] == "<b>"


_USER = {"name": "Ben", "password": "correct-horse-battery", "role": "viewer"}
_TOKEN = {"name": "one", "role": "viewer"}
_BAD_NAMES: list[Any] = [*BAD_TEXTS, 1, None, [], "   "]
_BAD_PASSWORDS: list[Any] = ["", "short", "x" * 2000, 1, None, "nul\x00" * 4]
_BAD_ROLES: list[Any] = ["", "root", "ADMIN", 1, None, []]
_WALL = {"name": "Gates", "layout": 4, "tiles": []}
_TILE = {"camera_id": 1, "channel": 1}
_BAD_LAYOUTS: list[Any] = [0, 2, 5, 17, "4", 4.0, True, None, []]
_BAD_TILES: list[Any] = [None, 1, "1.1", {}, [_TILE] * 17, [_TILE] * 5]
_BAD_TIMES: list[Any] = ["tomorrow", "2027-01-01", "2027-01-01T00:00:00", 5, "9999-12-31T00:00:00Z"]


_BAD_BODIES: list[tuple[str, dict[str, Any], str]] = [
    *(("/api/users", {**_USER, "name": text}, "name") for text in _BAD_NAMES),
    *(("/api/users", {**_USER, "password": text}, "password") for text in _BAD_PASSWORDS),
    *(("/api/users", {**_USER, "role": role}, "role") for role in _BAD_ROLES),
    ("/api/users", {**_USER, "is_admin": True}, "is_admin"),
    *(("/api/users", {**_USER, "cameras": [{"camera_id": bad}]}, "cameras.0.camera_id") for bad in BAD_JSON_IDS),
    ("/api/users", {**_USER, "cameras": [{"camera_id": 1, "channels": [0]}]}, "cameras.0.channels.0"),
    ("/api/users", {**_USER, "cameras": "all"}, "cameras"),
    ("/api/users", {**_USER, "role": "admin", "cameras": [{"camera_id": 1}]}, "cameras"),
    ("/api/setup", {"name": "\u202e", "password": "correct-horse-battery"}, "name"),
    ("/api/setup", {"name": "Anna", "password": "correct"}, "password"),
    *(("/api/tokens", {**_TOKEN, "name": text}, "name") for text in _BAD_NAMES),
    *(("/api/tokens", {**_TOKEN, "expires_at": text}, "expires_at") for text in _BAD_TIMES),
    ("/api/session", {"name": "Anna"}, "password"),
    *(("/api/walls", {**_WALL, "name": text}, "name") for text in _BAD_NAMES),
    *(("/api/walls", {**_WALL, "layout": bad}, "layout") for bad in _BAD_LAYOUTS),
    *(("/api/walls", {**_WALL, "tiles": bad}, "tiles") for bad in _BAD_TILES),
    *(
        ("/api/walls", {**_WALL, "tiles": [None, {**_TILE, "camera_id": bad}]}, "tiles.1.camera_id")
        for bad in BAD_JSON_IDS
    ),
    *(
        ("/api/walls", {**_WALL, "tiles": [{**_TILE, "channel": bad}]}, "tiles.0.channel")
        for bad in (*BAD_JSON_IDS, 10_000)
    ),
    ("/api/walls", {**_WALL, "tiles": [[1, 1]]}, "tiles.0"),
    ("/api/walls", {**_WALL, "user_id": 1}, "user_id"),
]


def test_a_bad_account_or_layout_is_refused_with_its_field(client: FlaskClient) -> None:
    assert _faults(client, (("POST", *bad) for bad in _BAD_BODIES), is_alone=False) == []
