"""A body is one JSON object of limited size and depth; otherwise a 400 names the fault."""

from __future__ import annotations

import contextlib
import json
import socket
from typing import Any

import pytest
from flask.testing import FlaskClient
from flask_openapi3.openapi import OpenAPI
from hypothesis import given
from hypothesis import strategies as st

from core.errors import InvalidRequest
from web.strict_json import MAX_BODY_BYTES, parse_object


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 60_000,
        b'{"a":' * 10_000,
        b'{"a": ' + b"9" * 30 + b"}",
        b'{"a": -' + b"9" * 5000 + b"}",
        b'{"a": 1e999}',
        b'{"a": NaN}',
        b'{"a": -Infinity}',
        b'{"a": "\\ud800"}',
        b'{"\\udfff": 1}',
        b'{"a": 1, "a": 2}',
        b'{"a": 1,}',
        b"[]",
        b"null",
        b'"text"',
        b"1",
        b"{",
        b"{'a': 1}",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        b"{} {}",
        b"\x00",
    ],
    ids=range(21),
)
def test_a_body_that_is_not_one_valid_object_is_refused(reader: FlaskClient, assert_problem: Any, body: bytes) -> None:
    with pytest.raises(InvalidRequest):
        parse_object(body)
    for path in ("/api/cameras", "/api/streams/start", "/api/streams/stop"):
        assert_problem(reader.post(path, data=body, content_type="application/json"), 400, "invalid_request")


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (b'{"b": 1, "a": NaN}', "a"),
        (b'{"a": -Infinity}', "a"),
        (b'{"a": 1e999}', "a"),
        (b'{"a": ' + b"9" * 30 + b"}", "a"),
        (b'{"a": -' + b"9" * 5000 + b"}", "a"),
        (b'{"a": "\\ud800"}', "a"),
        (b'{"a": {"b": [1, "\\udfff"]}}', "a.b.1"),
        (b'{"a": 1, "a": 2}', "a"),
        (b'{"\\udfff": 1}', "body"),
        (b'{"\\udfff": 1, "\\udfff": 2}', "body"),
        (b'{"a": ' + b"[" * 40 + b"]" * 40 + b"}", "body"),
        (b"\xff", "body"),
        (b"[]", "body"),
        (b"{", "body"),
    ],
    ids=range(14),
)
def test_an_impossible_value_is_refused_with_its_field(
    reader: FlaskClient, assert_problem: Any, body: bytes, field: str
) -> None:
    answer = reader.post("/api/cameras", data=body, content_type="application/json")
    document = assert_problem(answer, 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == [field]
    assert answer.data.isascii()


@given(
    st.dictionaries(
        st.text(st.characters(exclude_categories=["Cs"]), max_size=5),
        st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(st.characters(exclude_categories=["Cs"])),
        max_size=5,
    )
)
def test_an_ordinary_object_is_parsed_unchanged(value: dict[str, Any]) -> None:
    assert parse_object(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_random_bytes_raise_only_invalid_request(data: bytes) -> None:
    with contextlib.suppress(InvalidRequest):
        parse_object(data)


def test_brackets_inside_a_string_do_not_count_as_depth() -> None:
    assert parse_object(b'{"a": "[[[[[[[[[[[[[[[[[[[[[[[[ \\" [["}') == {"a": '[[[[[[[[[[[[[[[[[[[[[[[[ " [['}


def test_a_body_that_is_too_large_is_413(reader: FlaskClient, assert_problem: Any) -> None:
    body = b'{"host": "' + b"a" * MAX_BODY_BYTES + b'"}'
    assert_problem(reader.post("/api/cameras", data=body, content_type="application/json"), 413, "too_large")


def test_an_error_for_a_missing_body_names_the_required_fields(reader: FlaskClient, assert_problem: Any) -> None:
    document = assert_problem(reader.post("/api/streams/start"), 400, "invalid_request")
    assert [error["field"] for error in document["errors"]] == ["camera_id", "profile_token"]


def test_an_unknown_field_is_named(client: FlaskClient, assert_problem: Any) -> None:
    document = assert_problem(client.post("/api/cameras", json={"host": "a", "hots": 1}), 400, "invalid_request")
    assert document["errors"][0]["field"] == "hots"


def test_a_refused_password_is_not_repeated(client: FlaskClient) -> None:
    secret = "canary\x00password"
    answer = client.post("/api/cameras", json={"host": "a", "password": secret})
    assert answer.status_code == 400
    assert "canary" not in answer.get_data(as_text=True)


def test_an_incomplete_body_does_not_hold_a_thread_for_long(web_app: OpenAPI) -> None:
    """The test shortens the time-out to 0.1 s; the app's is 30 s."""
    ours, theirs = socket.socketpair()
    with ours, theirs, ours.makefile("rb") as body:
        ours.settimeout(0.1)
        answer = web_app.test_client().post(
            "/api/cameras",
            environ_overrides={"wsgi.input": body, "CONTENT_LENGTH": "100", "CONTENT_TYPE": "application/json"},
        )
    assert (answer.status_code, answer.get_json()["detail"]) == (400, "The body is incomplete.")


def test_every_connection_gets_a_time_out(web_app: OpenAPI) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert web_app.test_client().get("/api/health", environ_overrides={"gunicorn.socket": ours}).status_code == 200
        assert ours.gettimeout() == 30.0
