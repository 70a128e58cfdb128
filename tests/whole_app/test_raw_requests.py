"""Malformed requests, sent byte by byte to the real server."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest

from tests.patience import LIMIT_S
from tests.whole_app.running_app import RunningApp
from web.guard import SECURITY_HEADERS


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    app = RunningApp(tmp_path_factory.mktemp("raw")).start()
    # These files would leak if a path reached the streams folder past the access check.
    folder = app.folder / "streams" / "camera1_MediaProfile00000"
    folder.mkdir(parents=True)
    (folder / "stream.m3u8").write_text("#EXTM3U leaked")
    (folder / "segment_1.ts").write_text("leaked")
    yield app.port
    app.close()
    assert "Traceback" not in app.errors()


def _send(port: int, request: bytes) -> tuple[int, dict[str, str], bytes]:
    with socket.create_connection(("127.0.0.1", port), LIMIT_S) as connection:
        connection.sendall(request)
        data = b""
        while b"\r\n\r\n" not in data:
            got = connection.recv(65536)
            assert got, data
            data += got
        head, _, body = data.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:])
        while len(body) < int(headers.get("Content-Length", "0")):
            got = connection.recv(65536)
            assert got, (head, body)
            body += got
    return int(lines[0].split()[1]), headers, body


def _get(path: bytes, *headers: bytes) -> bytes:
    return b"\r\n".join((b"GET " + path + b" HTTP/1.1", b"Host: localhost", *headers, b"", b""))


def _assert_problem(answer: tuple[int, dict[str, str], bytes], statuses: set[int]) -> dict[str, Any]:
    status, headers, body = answer
    assert status in statuses, answer
    assert headers["Content-Type"] == "application/problem+json"
    for name, value in SECURITY_HEADERS:
        assert headers[name] == value
    document: dict[str, Any] = json.loads(body)
    assert document["status"] == status
    return document


STREAM = b"streams/camera1_MediaProfile00000/stream.m3u8"
PATHS = [
    b"/static/css/../" + STREAM,
    b"/static/./" + STREAM,
    b"/static/x%2f..%2f" + STREAM,
    b"/static/css/%2e%2e/" + STREAM,
    b"/static/css/.%2e/" + STREAM,
    b"/static/css/%252e%252e/" + STREAM,
    b"/static/css/..%5c" + STREAM,
    b"/static/css/%c0%ae%c0%ae/" + STREAM,
    b"/static//" + STREAM,
    b"//static/" + STREAM,
    b"/static/" + STREAM.replace(b"streams", b"%73treams"),
    b"/static/" + STREAM.replace(b"streams", b"STREAMS"),
    b"/static/streams/camera1_MediaProfile00000%2fstream.m3u8",
    b"/static/streams/camera1_MediaProfile00000/../camera1_MediaProfile00000/stream.m3u8",
    b"/static/streams/./camera1_MediaProfile00000/stream.m3u8",
    b"/static/" + STREAM,
    b"/static/" + STREAM + b"%00",
    b"/static/" + STREAM + b"%00.css",
    b"/static/css/%00../" + STREAM,
    b"/static/streams/%2e%2e/%2e%2e/app.py",
    b"/static/..%2fapp.py",
    b"/static/css/..%2f..%2fapp.py",
    b"/static/css/..%252f..%252fapp.py",
    b"/static/css//etc/passwd",
    b"/static//etc/passwd",
    b"/static/css/%2fetc%2fpasswd",
    b"/static/streams/.instance.lock",
    b"/static/%e2%80%ae" + STREAM,
    b"/static/\xff\xfe",
]


def test_no_spelling_of_a_path_bypasses_the_static_view(port: int) -> None:
    for path in PATHS:
        answer = _send(port, _get(path))
        assert b"leaked" not in answer[2], path
        _assert_problem(answer, {400, 404})


def test_no_path_is_redirected(port: int) -> None:
    for path in (b"//evil.example/%2e%2e", b"/\\evil.example", b"/cameras/", b"//evil.example", b"/api//cameras"):
        status, headers, _ = _send(port, _get(path))
        assert status == 404, path
        assert "Location" not in headers


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"GET /api/cameras HTTP/1.0\r\n\r\n",
        b"GET /api/cameras HTTP/1.1\r\n\r\n",
        b"GET /api/cameras HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n",
        b"GET /api/cameras HTTP/1.1\r\nHost: evil.example\r\nHost: localhost\r\n\r\n",
        b"GET http://evil.example/api/cameras HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /api/cameras HTTP/1.1\r\nHost: localhost\r\nX_Forwarded_For: 1.2.3.4\r\n\r\n",
        b"GET /api/cameras HTTP/1.1\r\nHost: localhost\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
        b"GET /api/cameras HTTP/1.1\r\nHost: localhost\r\nvia: 1.1 proxy\r\n\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ],
    ids=range(9),
)
def test_an_untrusted_host_or_proxy_is_refused(port: int, request_bytes: bytes) -> None:
    _assert_problem(_send(port, request_bytes), {400, 403})


def test_malformed_http_gets_a_problem_document_too(port: int) -> None:
    _assert_problem(_send(port, _get(b"/" + b"a" * 9000)), {414})
    _assert_problem(_send(port, _get(b"/", *(b"X-%d: y" % number for number in range(200)))), {431})
    _assert_problem(_send(port, _get(b"/", b"X-Long: " + b"y" * 20_000)), {431})
    for nonsense in (
        b"nonsense\r\n\r\n",
        b"get / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"\x16\x03\x01\x02\x00\r\n\r\n",
    ):
        _assert_problem(_send(port, nonsense), {400})
    _assert_problem(_send(port, _get(b"/", b"Bad Header: x")), {400})


def test_a_chunked_body_follows_the_same_rules(port: int) -> None:
    def post(content_type: bytes, chunks: bytes) -> tuple[int, dict[str, str], bytes]:
        head = b"POST /api/cameras HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: "
        return _send(port, head + content_type + b"\r\n\r\n" + chunks)

    form = b'd\r\n{"host": "a"}\r\n0\r\n\r\n'
    _assert_problem(post(b"text/plain", form), {415})
    large = b"".join(b"2000\r\n" + b" " * 0x2000 + b"\r\n" for _ in range(20)) + b"0\r\n\r\n"
    _assert_problem(post(b"application/json", large), {413})
    _assert_problem(post(b"application/json", b"zz\r\n\r\n"), {400})
    both = b"POST /api/cameras HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Length: 5"
    _assert_problem(_send(port, both + b"\r\n\r\n0\r\n\r\n"), {400, 415})


def test_an_unknown_method_is_refused(port: int) -> None:
    for method in (b"TRACE", b"CONNECT", b"PROPFIND", b"FOO"):
        answer = _send(port, method + b" /api/cameras HTTP/1.1\r\nHost: localhost\r\n\r\n")
        _assert_problem(answer, {400, 405})
