"""The guard admits requests of this machine and refuses requests that a web site makes the browser send."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from web.guard import SECURITY_HEADERS, is_loopback_host


@pytest.mark.parametrize(
    "host", ["localhost", "localhost:5001", "LOCALHOST", "127.0.0.1", "127.3.2.1:80", "[::1]", "[::1]:5001"]
)
def test_a_loopback_name_is_let_in(reader: FlaskClient, host: str) -> None:
    assert is_loopback_host(host)
    assert reader.get("/api/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "127.0.0.256",
        "127.1",
        "0.0.0.0",
        "2130706433",
        "0x7f000001",
        "[::ffff:127.0.0.1]",
        "::1",
        "localhost:99999999",
        "localhost:80a",
        "user@localhost",
        "localhost,evil.example",
        "localhost\t",
        "１27.0.0.1",
        "192.168.1.5:5001",
    ],
)
def test_any_other_host_is_refused(host: str) -> None:
    assert not is_loopback_host(host)


@pytest.mark.parametrize(
    "path", ["/", "/api/cameras", "/api/nothing", "/static/css/base.css", "/static/streams/x/y.ts"]
)
def test_a_foreign_host_gets_nothing_at_any_address(reader: FlaskClient, assert_problem: Any, path: str) -> None:
    answer = reader.get(path, headers={"Host": "rebound.example:5001"})
    assert_problem(answer, 403, "host_not_allowed")


@pytest.mark.parametrize(
    "header",
    ["Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "x-forwarded-proto", "X-Forwarded", "X-Real-IP"],
)
def test_a_request_through_a_proxy_is_refused(reader: FlaskClient, assert_problem: Any, header: str) -> None:
    assert_problem(reader.get("/api/cameras", headers={header: "127.0.0.1"}), 403, "proxied")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "https://localhost", "http://localhost:3000", "http://127.0.0.1", ""]
)
def test_an_unsafe_call_from_another_origin_is_refused(reader: FlaskClient, assert_problem: Any, origin: str) -> None:
    answer = reader.post("/api/cameras", json={"host": "127.0.0.9"}, headers={"Origin": origin})
    assert_problem(answer, 403, "cross_site")


@pytest.mark.parametrize("site", ["cross-site", "same-site", "other"])
@pytest.mark.parametrize(
    "path", ["/api/cameras", "/api/streams/all", "/static/streams/camera1_a/stream.m3u8", "/cameras"]
)
def test_another_site_can_embed_and_fetch_nothing(
    reader: FlaskClient, assert_problem: Any, site: str, path: str
) -> None:
    headers = {"Sec-Fetch-Site": site, "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
    assert_problem(reader.get(path, headers=headers), 403, "cross_site")


def test_another_site_may_link_to_a_page_but_not_to_the_api(reader: FlaskClient) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    assert reader.get("/api/docs", headers=link).status_code == 200
    assert reader.get("/api/cameras", headers=link).status_code == 403
    assert reader.post("/api/cameras/pretend", headers=link).status_code == 403
    assert reader.get("/api/docs", headers={**link, "Sec-Fetch-Dest": "iframe"}).status_code == 403


def test_our_own_pages_and_scripts_without_a_browser_are_let_in(client: FlaskClient) -> None:
    ours = {"Origin": "http://localhost", "Sec-Fetch-Site": "same-origin"}
    assert client.post("/api/cameras", json={"host": "a"}, headers=ours).status_code == 201
    assert client.post("/api/cameras", json={"host": "b"}).status_code == 201
    assert client.get("/api/cameras", headers={"Sec-Fetch-Site": "none"}).status_code == 200


@pytest.mark.parametrize(
    "content_type",
    ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "", "text/json"],
)
def test_a_body_that_a_form_could_send_is_refused(reader: FlaskClient, assert_problem: Any, content_type: str) -> None:
    answer = reader.post("/api/cameras", data=b'{"host": "a"}', content_type=content_type)
    assert_problem(answer, 415, "unsupported_media_type")


def test_a_call_that_needs_no_body_may_come_without_one(client: FlaskClient) -> None:
    assert client.post("/api/discovery").status_code == 200
    assert client.post("/api/discovery", json={}).status_code == 200


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/api/docs"),
        ("GET", "/api/health"),
        ("GET", "/api/cameras/7"),
        ("GET", "/nothing"),
        ("GET", "/static/streams/a/b.ts"),
        ("DELETE", "/api/streams/all"),
        ("OPTIONS", "/api/cameras"),
        ("HEAD", "/api/health"),
    ],
)
def test_every_answer_carries_the_headers(reader: FlaskClient, method: str, path: str) -> None:
    answer = reader.open(path, method=method)
    for name, value in SECURITY_HEADERS:
        assert answer.headers[name] == value
    assert answer.headers["Cache-Control"] == "no-store"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    assert "Access-Control-Allow-Origin" not in answer.headers
