"""Bad input at every address gets a 4xx that names the field, never a 500 and never a success.

The routes come from the app itself, so that new routes are covered. test_every_field.py tries every field with
every value; this file has the cases that need more than one field or that the API description does not show.
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI

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


@pytest.mark.parametrize("field", ["host", "username", "password", "name"])
@pytest.mark.parametrize("text", BAD_TEXTS[1:], ids=range(1, len(BAD_TEXTS)))
def test_a_bad_text_in_a_new_camera_is_named(client: FlaskClient, assert_problem: Any, field: str, text: str) -> None:
    body = {"host": "127.0.0.9", field: text}
    document = assert_problem(client.post("/api/cameras", json=body), 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == [field]


@pytest.mark.parametrize("port", BAD_PORTS, ids=repr)
def test_a_bad_port_is_named(client: FlaskClient, camera: Any, assert_problem: Any, port: Any) -> None:
    for method, path in (("POST", "/api/cameras"), ("PATCH", f"/api/cameras/{camera.id}")):
        answer = client.open(path, method=method, json={"host": "127.0.0.9", "port": port})
        assert assert_problem(answer, 400, "invalid_request")["errors"][0]["field"] == "port"


@pytest.mark.parametrize("camera_id", BAD_JSON_IDS, ids=repr)
def test_a_bad_camera_id_in_a_body_is_named(client: FlaskClient, assert_problem: Any, camera_id: Any) -> None:
    answer = client.post("/api/streams/start", json={"camera_id": camera_id, "profile_token": "a"})
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["field"] == "camera_id"


@pytest.mark.parametrize("token", [*BAD_TEXTS, 1, None, [], {}, True], ids=range(len(BAD_TEXTS) + 5))
def test_a_bad_profile_token_is_named(client: FlaskClient, camera: Any, assert_problem: Any, token: Any) -> None:
    answer = client.post("/api/streams/start", json={"camera_id": camera.id, "profile_token": token})
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["field"] == "profile_token"
    if isinstance(token, str):
        asked = client.get(f"/api/cameras/{camera.id}/snapshot", query_string={"profile_token": token})
        assert assert_problem(asked, 400, "invalid_request")["errors"][0]["field"] == "profile_token"


@pytest.mark.parametrize("token", STRANGE_TEXTS)
def test_a_strange_profile_token_is_not_found(
    client: FlaskClient, camera: Any, assert_problem: Any, token: str
) -> None:
    answer = client.post("/api/streams/start", json={"camera_id": camera.id, "profile_token": token})
    assert_problem(answer, 404, "not_found")


@pytest.mark.parametrize("stream_id", [*BAD_TEXTS, 1, None, [], {}], ids=range(len(BAD_TEXTS) + 4))
def test_a_bad_stream_id_is_named(client: FlaskClient, assert_problem: Any, stream_id: Any) -> None:
    answer = client.post("/api/streams/stop", json={"stream_id": stream_id})
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["field"] == "stream_id"


@pytest.mark.parametrize("flag", ["2", "maybe", "", "1 1"])
def test_a_bad_flag_in_a_query_is_named(client: FlaskClient, camera: Any, assert_problem: Any, flag: str) -> None:
    answer = client.get(f"/api/cameras/{camera.id}/snapshot", query_string={"cached": flag})
    assert assert_problem(answer, 400, "invalid_request")["errors"][0]["field"] == "cached"


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


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
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
    ],
    ids=repr,
)
def test_a_bad_account_or_layout_is_refused_with_its_field(
    client: FlaskClient, assert_problem: Any, path: str, body: dict[str, Any], field: str
) -> None:
    document = assert_problem(client.post(path, json=body), 400, "invalid_request")
    assert field in [error["field"] for error in document["errors"]]
    assert "x" * 100 not in json.dumps(document)
