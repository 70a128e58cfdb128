"""Every field of every call in the API description: an invalid value is refused and the field is named.

The camera, account and recording managers are the real ones, over simulated devices. A new field fails here until
KINDS has an entry for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from flask_openapi3.openapi import OpenAPI

from account_manager import AccountManager
from tests.web.web_harness import PASSWORD, ApiClient, log_in
from tests.web.well_formed import USER, VALID, VALID_QUERIES, filled

MARKUP = ("<img src=x onerror=alert(1)>", "{{7*7}}", "-i", "user@host", "80a", "01", "１")
PATHS = ("../../etc", "file:///etc/passwd", "a/b?c..", "%2e%2e%2f")
ADDRESSES = ("0x7f000001", "2130706433", "[::ffff:127.0.0.1]", "127.0.0.1:0", "127.0.0.1:65536", "10.0.0.5:22")
REPLACED = "\ufffd"  # the decoder puts it in place of bytes that are not UTF-8
UNSEEN = ("nul\x00", "line\r\nSet-Cookie: a=b", "\u202egnp.exe", "zero\u200bwidth", "esc\x1b[2J")
TEXTS = (*MARKUP, *PATHS, *ADDRESSES, *UNSEEN, "", "a" * 10_000, str(2**63), "-1", "2027-01-01T00:00:00")
NUMBERS = (0, -1, 65536, 2**63, 10**18, 1.5)
DEEP: Any = [[[[[[[[[[["x"]]]]]]]]]]]
OTHERS: tuple[Any, ...] = (None, True, [], {}, ["x"], [0], {"x": 1}, DEEP)

ONE_LINE = (*MARKUP, *PATHS, *ADDRESSES, str(2**63), "-1", "2027-01-01T00:00:00")
LONG_ENOUGH = tuple(text for text in ONE_LINE if len(text) >= 12)

# The values above that each kind of field accepts. An unknown token or stream is a 404, not an invalid field.
VALID_VALUES: dict[str, tuple[Any, ...]] = {
    "id": (10**18, 65536),
    "position": (0,),
    "limit": (),
    "host": ("80a",),
    "port": (),
    "name": ONE_LINE,
    "name or none": (*ONE_LINE, ""),
    "credential": (*ONE_LINE, ""),
    "login": tuple(text for text in TEXTS if len(text) not in (0, 10_000)),
    "new password": LONG_ENOUGH,
    "token": (*ONE_LINE, REPLACED),
    "word": ("-i", "80a", "01", "0x7f000001", "2130706433", str(2**63), "-1"),
    "time": (),
    "flag": (True,),
    "choice": (),
    "choices": (),
    "ids": (),
    "limits": ([],),
    "region": (),
    "cursor": (),
    "streams": (),
    "address": (),
    "fingerprint": (),
    "speed": (0, -1),
    "part": (0,),
    "seconds": (1.5,),
    "setting": (0, -1, 65536, 1.5),
    "stops": (),
    "ranges": (),
    "text": tuple(text for text in TEXTS if len(text) <= 2000 and "".join(text.split("\n")).isprintable()),
    "format": (),
    "schedule": ([],),
    "zone": ("",),
    "model or none": ("80a", "01", "0x7f000001", "2130706433", str(2**63)),
    "base64": tuple(text for text in TEXTS if set(text) == {"a"} and len(text) % 4 == 0),
    "zone name": (*(text for text in TEXTS if 0 < len(text) <= 64), REPLACED),
    "search words": (*(text for text in TEXTS if len(text) <= 200), REPLACED),
    "days": (1.5,),
    "pre": (0, 1.5),
    "post": (0, 1.5),
    "bytes": (10**18,),
    "copies": ([],),
    "push address": (),
    "push keys": (),
    "old push address": tuple(text for text in ONE_LINE if text),
    "object": (),
    "weekdays": ([], [0]),
    "own zone": tuple(text for text in ONE_LINE if len(text) <= 64),
    "short": (0, 1.5),
    "day": (0, 1.5, 65536),
}
KINDS = {
    "endpoint": "push address",
    "keys": "push keys",
    "replaces": "old push address",
    "camera_id": "id",
    "channel": "id",
    "host": "host",
    "stream_uris": "streams",
    "address": "address",
    "readable_password": "flag",
    "key_frames_only": "flag",
    "quality": "choice",
    "part": "choice",
    "sha256": "fingerprint",
    "port": "port",
    "username": "credential",
    "profile_token": "token",
    "recording_token": "token",
    "stream_id": "token",
    "viewer_id": "word",
    "accept": "choices",
    "start_time": "time",
    "end_time": "time",
    "time": "time",
    "expires_at": "time",
    "limit": "limit",
    "cursor": "cursor",
    "role": "choice",
    "cameras": "limits",
    "all_cameras": "flag",
    "disabled": "flag",
    "hidden": "flag",
    "position": "position",
    "layout": "choice",
    "tiles": "limits",
    "channels": "ids",
    "name": "name",
    "password": "credential",
    "current_password": "login",
    "new_password": "new password",
    "pan": "speed",
    "tilt": "speed",
    "zoom": "speed",
    "focus": "speed",
    "speed": "speed",
    "timeout_s": "seconds",
    "take_over": "flag",
    "preset": "token",
    "x": "part",
    "y": "part",
    "here": "flag",
    "auto": "flag",
    "value": "setting",
    "command": "token",
    "stops": "stops",
    "brightness": "setting",
    "contrast": "setting",
    "saturation": "setting",
    "sharpness": "setting",
    "ir_cut_filter": "choice",
    "wide_dynamic_range": "flag",
    "wide_dynamic_range_level": "setting",
    "active": "flag",
    "ranges": "ranges",
    "exports": "limits",
    "format": "format",
    "notes": "text",
    "model": "model or none",
    "picture": "base64",
    "reason": "name or none",
    "until": "time",
    "kept": "flag",
    "subtitles": "flag",
    "copies": "copies",
    "mode": "choice",
    "schedule": "schedule",
    "sensitivity": "choice",
    "zones": "limits",
    "time_zone": "zone",
    "recording_time_zone": "zone",
    "pre_s": "pre",
    "post_s": "post",
    "keep_days": "days",
    "keep_bytes": "bytes",
    "limit_days": "days",
    "backfills": "flag",
    "ids": "limits",
    "seen": "flag",
    "joined": "flag",
    "listens_wanted": "flag",
    "is_on": "flag",
    "kind": "choice",
    "webhook": "object",
    "email": "object",
    "mqtt": "object",
    "kinds": "limits",
    "severity": "choice",
    "zone": "own zone",
    "days": "weekdays",
    "from_time_of_day": "choice",
    "until_time_of_day": "choice",
    "min_length_s": "short",
    "cool_down_s": "day",
    "sinks": "limits",
    "snooze_until": "time",
    "box": "region",
    "points": "region",
    "source": "choice",
}
# Fields whose kind depends on the path.
KINDS_AT = {
    ("/api/session", "name"): "login",
    ("/api/session", "password"): "login",
    ("/api/setup", "password"): "new password",
    ("/api/users", "password"): "new password",
    ("/api/users/{user_id}", "password"): "new password",
    ("/api/cameras/{camera_id}", "name"): "name or none",
    ("/api/cameras/{camera_id}", "address"): "host",
    ("/api/cameras/{camera_id}/channels/{number}", "name"): "name or none",
}
QUERY_KINDS = {
    "wait": "flag",
    "cached": "flag",
    "small": "flag",
    "events": "flag",
    "all": "flag",
    "codec": "choice",
    "step_s": "choice",
    "width": "limit",
    "wait_s": "limit",
    "viewer": "word",
    "kind": "choice",
    "severity": "choice",
    "seen": "flag",
    "source": "choice",
    "after": "time",
    "before": "time",
    "strangers": "flag",
    "zone": "zone name",
    "label": "zone name",
    "colour": "choice",
    "words": "search words",
    "from_time_of_day": "choice",
    "until_time_of_day": "choice",
}
VALID_IN_QUERIES: dict[str, tuple[str, ...]] = {"flag": (), "id": ("2130706433",), "limit": ("01",)}
# Valid values are not tried at these paths: they would change the caller's own login.
CHANGES_THE_LOGIN = {"/api/session/password", "/api/setup"}


@dataclass(frozen=True)
class Call:
    """An operation. `fields` maps each field of the body to True if it may be null."""

    method: str
    path: str
    parameters: tuple[tuple[str, str], ...]
    fields: dict[str, bool]


@pytest.fixture
def real(real_app: OpenAPI, accounts: AccountManager) -> ApiClient:
    """A logged-in admin; a second account and a camera exist."""
    accounts.create_first("Anna", PASSWORD)
    client = real_app.test_client()
    api = ApiClient(client, {"X-CSRF-Token": log_in(client)})
    assert api.request("POST", "/api/users", json=USER).get_json()["id"] == 2
    body = {"host": "10.0.0.9", "port": 80, "username": "admin", "password": "right"}
    assert api.request("POST", "/api/cameras?wait=1", json=body).get_json()["status"] == "online"
    return api


def calls(api: ApiClient) -> list[Call]:
    document = api.request("GET", "/api/openapi.json").get_json()
    schemas = document["components"]["schemas"]
    found = []
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            body = operation.get("requestBody")
            name = body and body["content"]["application/json"]["schema"]["$ref"].rpartition("/")[2]
            parameters = tuple((item["in"], item["name"]) for item in operation.get("parameters", []))
            found.append(Call(method.upper(), path, parameters, _fields(schemas[name]) if name else {}))
    # Failed logins come last: after some of them the app refuses every login for a while.
    return sorted(found, key=lambda call: call.path == "/api/session")


def _fields(schema: dict[str, Any]) -> dict[str, bool]:
    return {name: {"type": "null"} in field.get("anyOf", ()) for name, field in schema["properties"].items()}


def fault_of(answer: Any, field: str, *, is_valid: bool) -> str | None:
    """Return the fault of a response, or None. A valid value may still be refused for another reason (409, 429)."""
    document = answer.get_json(silent=True) or {}
    status, data = answer.status_code, answer.get_data()
    answer.close()
    if status >= 500 and status not in (502, 504):  # these two stand for a device that does not answer
        return f"{status}"
    if not data.isascii():
        return "the answer is not ASCII"
    named = [error["field"] for error in document.get("errors", [])]
    is_named = any(name == field or name.startswith(f"{field}.") for name in named)
    if is_valid:
        return f"{status} although it is valid: {document.get('detail')}" if is_named else None
    if status != 400 or answer.content_type != "application/problem+json" or not is_named:
        return f"{status}, named {named}: {document.get('detail')}"
    return None


def values_of(call: Call) -> Iterator[tuple[str, Any, bool]]:
    """Yield (field, value, True if the value is valid) for each field and value."""
    for field, is_nullable in call.fields.items():
        valid = VALID_VALUES[KINDS_AT.get((call.path, field), KINDS[field])]
        for value in (*TEXTS, *NUMBERS, *OTHERS):
            is_known = any(value == item and type(value) is type(item) for item in valid)
            yield field, value, is_known or (value is None and is_nullable)


def shown(value: Any) -> str:
    return repr(value)[:40]


@pytest.mark.generated
def test_a_body_field_is_accepted_or_refused_by_name(real: ApiClient) -> None:
    wrong, tried = [], 0
    for call in calls(real):
        if call.path == "/api/setup":
            continue  # see test_invalid_setup_fields_are_refused_by_name
        for field, value, is_valid in values_of(call):
            if is_valid and call.path in CHANGES_THE_LOGIN:
                continue
            answer = real.request(call.method, filled(call.path), json={**VALID.get(call.path, {}), field: value})
            if fault := fault_of(answer, field, is_valid=is_valid):
                wrong.append(f"{call.method} {call.path} {field}={shown(value)}: {fault}")
            tried += 1
    assert not wrong, "\n".join(wrong)
    assert tried > 1000


def test_invalid_setup_fields_are_refused_by_name(real_app: OpenAPI) -> None:
    api = ApiClient(real_app.test_client(), {})
    (call,) = [item for item in calls(api) if item.path == "/api/setup"]
    invalid = [(field, value) for field, value, is_valid in values_of(call) if not is_valid]
    assert len(invalid) > 50
    for field, value in invalid:
        answer = api.request(call.method, call.path, json={**VALID[call.path], field: value})
        assert fault_of(answer, field, is_valid=False) is None, (field, shown(value))
    assert api.request("POST", call.path, json=VALID[call.path]).status_code == 201


MALFORMED_BODIES = (
    (b"[" * 60_000, "body"),
    (b'{"a": NaN}', "a"),
    (b'{"a": ' + b"9" * 30 + b"}", "a"),
    (b'{"a": "\\ud800"}', "a"),
    (b'{"a": ' + b"[" * 20 + b"]" * 20 + b"}", "body"),
    (b"\x00", "body"),
    (b"nonsense", "body"),
    (b"[]", "body"),
    (b"null", "body"),
)


def test_a_malformed_body_is_refused_with_the_field_or_body_named(real: ApiClient) -> None:
    asked = [call for call in calls(real) if call.fields and call.path != "/api/setup"]
    assert len(asked) > 10
    for call in asked:
        for body, field in MALFORMED_BODIES:
            answer = real.request(call.method, filled(call.path), data=body, content_type="application/json")
            assert fault_of(answer, field, is_valid=False) is None, (call, body[:20])


@pytest.mark.slow
def test_a_query_value_is_accepted_or_refused_by_name(real: ApiClient) -> None:
    wrong, tried = [], 0
    for call in calls(real):
        for where, name in call.parameters:
            if where != "query":
                continue
            kind = QUERY_KINDS.get(name) or KINDS[name]
            for value in TEXTS:
                query = {**VALID_QUERIES.get(call.path, {}), name: value}
                answer = real.request(call.method, filled(call.path), query_string=query, json=VALID.get(call.path))
                if fault := fault_of(answer, name, is_valid=value in VALID_IN_QUERIES.get(kind, VALID_VALUES[kind])):
                    wrong.append(f"{call.method} {call.path}?{name}={shown(value)}: {fault}")
                tried += 1
            for raw in ("%ff", "%ed%a0%80"):  # not UTF-8; a surrogate
                others = {key: value for key, value in VALID_QUERIES.get(call.path, {}).items() if key != name}
                address = f"{filled(call.path)}?{urlencode(others)}&{name}={raw}"
                answer = real.request(call.method, address, json=VALID.get(call.path))
                if fault := fault_of(answer, name, is_valid=REPLACED in VALID_VALUES[kind]):
                    wrong.append(f"{call.method} {address}: {fault}")
    assert not wrong, "\n".join(wrong)
    assert tried > 150


@pytest.mark.generated
def test_a_bad_path_value_is_refused_by_name_or_not_found(real: ApiClient) -> None:
    wrong, tried = [], 0
    for call in calls(real):
        for where, name in call.parameters:
            if where != "path":
                continue
            for value in (*TEXTS, str(2**63), "9" * 30, "+1", "1.0", "1e3", " 1", "1 ", "٣", "null", "\udcff"):
                part = value.encode("utf-8", "surrogateescape")
                address = call.path.replace(f"{{{name}}}", quote(part, safe=""))
                query = VALID_QUERIES.get(call.path)
                answer = real.request(call.method, filled(address), query_string=query, json=VALID.get(call.path))
                leads_nowhere = answer.status_code in (404, 405)
                if not leads_nowhere and (fault := fault_of(answer, name, is_valid=False)):
                    wrong.append(f"{call.method} {address[:80]}: {fault}")
                if answer.content_type != "application/problem+json":
                    wrong.append(f"{call.method} {address[:80]}: {answer.content_type}")
                tried += 1
    assert not wrong, "\n".join(wrong)
    assert tried > 500


def test_pages_and_files_with_strange_names_are_not_found(real: ApiClient) -> None:
    for rule in (
        "/viewer/{}",
        "/recordings/{}",
        "/motion/{}/1",
        "/motion/1/{}",
        "/static/{}",
        "/static/streams/{}/stream.m3u8",
        "/static/streams/x/{}",
    ):
        for value in (*TEXTS, "01", "0", str(2**63), "\udcff"):
            part = quote(value.encode("utf-8", "surrogateescape"), safe="")
            answer = real.request("GET", rule.format(part))
            assert answer.status_code == 404, (rule, shown(value))
            answer.close()


def test_a_refusal_never_repeats_a_password(real: ApiClient) -> None:
    secret = [(call, field) for call in calls(real) for field in call.fields if "password" in field]
    assert len(secret) > 5
    for call, field in secret:
        body = {**VALID.get(call.path, {}), field: "canary\x00pass", "oops": 1}
        answer = real.request(call.method, filled(call.path), json=body)
        assert answer.status_code == (400 if call.path != "/api/setup" else 403)
        assert b"canary" not in answer.get_data(), call
