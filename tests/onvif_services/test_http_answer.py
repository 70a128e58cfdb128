"""HTTP answers with wrong framing: the app uses content that arrives complete."""

from __future__ import annotations

import socket
import zlib
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import CameraBadAnswer
from onvif_services.http_answer import CutOff, HttpAnswer, NotHttp, TooLarge, judge_jpeg, judge_soap, read_answer
from tests.onvif_services.connecting import Connect
from tests.onvif_services.raw_server import Serve
from tests.onvif_services.soap_device import ENVELOPE
from tests.patience import LIMIT_S, promised

BODY = ENVELOPE.format(body="<trt:GetProfilesResponse/>").encode()
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
SIZE = b"%x" % len(BODY)
LENGTH = b"Content-Length: %d\r\n" % len(BODY)


class _StillOpen(Exception):
    """The reader waits for more, and the connection stays open."""


def _read(parts: Iterable[bytes], *, is_closed: bool, cap_bytes: int = 100_000, is_jpeg: bool = False) -> HttpAnswer:
    """Read an answer that arrives in parts; afterwards the connection is closed, or stays open in silence."""
    left = list(parts)

    def receive(within_s: float | None) -> bytes | None:
        if left:
            return left.pop(0)
        if is_closed:
            return b""
        if within_s is not None:
            return None
        raise _StillOpen

    return read_answer(receive, cap_bytes, judge_jpeg if is_jpeg else judge_soap)


ODD_ANSWERS = {
    "no length": OK + b"\r\n" + BODY,
    "length too long": OK + b"Content-Length: 99999\r\n\r\n" + BODY,
    "length far too long": OK + b"Content-Length: 99999999999999999999\r\n\r\n" + BODY,
    "length too short": OK + b"Content-Length: 10\r\n\r\n" + BODY,
    "length 0": OK + b"Content-Length: 0\r\n\r\n" + BODY,
    "length negative": OK + b"Content-Length: -5\r\n\r\n" + BODY,
    "length no number": OK + b"Content-Length: abc\r\n\r\n" + BODY,
    "two lengths": OK + b"Content-Length: 10\r\nContent-Length: 20\r\n\r\n" + BODY,
    "no last chunk": CHUNKED + SIZE + b"\r\n" + BODY + b"\r\n",
    "no end of the chunk": CHUNKED + SIZE + b"\r\n" + BODY,
    "chunk size too large": CHUNKED + b"fff0\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk size too small": CHUNKED + b"40\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunk size no number": CHUNKED + b"zz\r\n" + BODY + b"\r\n0\r\n\r\n",
    "chunked in name only": CHUNKED + BODY,
    "chunks and a length": OK + LENGTH + b"Transfer-Encoding: chunked\r\n\r\n" + SIZE + b"\r\n" + BODY,
    "log line between the headers": b"HTTP/1.1 200 OK\r\nTue, 12 Jun 2012 01:56:34 GMT\r\n" + LENGTH + b"\r\n" + BODY,
    "header without colon": OK + b"Cache-Control no-store\r\n" + LENGTH + b"\r\n" + BODY,
    "folded header": OK + b"X-A: b\r\n c\r\n" + LENGTH + b"\r\n" + BODY,
    "line ends of Unix": OK.replace(b"\r\n", b"\n") + b"\n" + BODY,
    "blank lines before": b"\r\n\r\n" + OK + LENGTH + b"\r\n" + BODY,
    "no empty line": OK + BODY,
    "no head": BODY,
    "no reason": b"HTTP/1.1 200\r\n\r\n" + BODY,
    "100 Continue": b"HTTP/1.1 100 Continue\r\n\r\n" + OK + LENGTH + b"\r\n" + BODY,
    "NULs behind": OK + b"\r\n" + BODY + b"\0\0\0",
    "no version": OK.replace(b"HTTP/1.1", b"HTTP") + LENGTH + b"\r\n" + BODY,
    "no space before the reason": OK.replace(b"200 OK", b"200OK") + LENGTH + b"\r\n" + BODY,
    "log line before the status": b"[http] answer\r\n" + OK + LENGTH + b"\r\n" + BODY,
    "its request before the status": b"POST /onvif/service\0HTTP/1.1\0\0Host\0 10.0.0.1\0\0*"
    + OK
    + LENGTH
    + b"\r\n"
    + BODY,
    "NULs in the place of line ends": (OK + LENGTH + b"\r\n").replace(b"\r", b"\0").replace(b"\n", b"\0") + BODY,
    "its request in the place of the head": b"POST /onvif/service\0HTTP/1.1\0\0Host\0 10.0.0.1\0\0*\r\n" + BODY,
    "a compression that does not exist": OK + b"Content-Encoding: utf-8\r\n\r\n" + BODY,
    "no head, and a byte order mark": b"\xef\xbb\xbf" + BODY,
    "a compression that it does not use": OK + b"Content-Encoding: gzip\r\n" + LENGTH + b"\r\n" + BODY,
}


@pytest.mark.parametrize("answer", ODD_ANSWERS.values(), ids=ODD_ANSWERS.keys())
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "open"])
def test_a_whole_envelope_is_an_answer_whatever_the_framing_says(answer: bytes, is_closed: bool) -> None:
    for size in (len(answer), 7, 1):
        parts = [answer[start : start + size] for start in range(0, len(answer), size)]
        found = _read(parts, is_closed=is_closed)
        assert found.status == 200
        assert BODY in found.body


def test_a_short_answer_that_is_chunked_in_name_only_is_used() -> None:
    short = b"<Envelope><Body/></Envelope>"
    for start in (b"", b"\xef\xbb\xbf"):
        assert _read([CHUNKED + start, short[:9], short[9:]], is_closed=True).body.endswith(short)


@pytest.mark.parametrize("header", [b"", b"Content-Encoding: gzip\r\n", b"Content-Encoding: deflate\r\n"])
@pytest.mark.parametrize("wbits", [31, 15, -15])
def test_packed_content_is_unpacked_whatever_its_header_says(header: bytes, wbits: int) -> None:
    packer = zlib.compressobj(wbits=wbits)
    packed = packer.compress(BODY) + packer.flush()
    answer = OK + header + f"Content-Length: {len(packed)}\r\n\r\n".encode() + packed
    if header or wbits == 31:  # the others show no sign that they are packed
        assert _read([answer], is_closed=True).body == BODY


@pytest.mark.parametrize("is_closed", [True, False])
def test_right_framing_is_not_called_repaired(is_closed: bool) -> None:
    for answer in (OK + LENGTH + b"\r\n" + BODY, CHUNKED + SIZE + b"\r\n" + BODY + b"\r\n0\r\n\r\n"):
        assert not _read([answer], is_closed=is_closed).is_repaired


def test_wrong_framing_is_called_repaired() -> None:
    assert _read([ODD_ANSWERS["no last chunk"]], is_closed=True).is_repaired
    assert _read([ODD_ANSWERS["length too short"]], is_closed=True).is_repaired


@pytest.mark.parametrize("head", [OK + b"Content-Length: 5000\r\n\r\n", CHUNKED + b"5000\r\n"])
def test_half_an_envelope_is_no_answer(head: bytes) -> None:
    with pytest.raises(CutOff):
        _read([head + BODY[:-20]], is_closed=True)
    with pytest.raises(_StillOpen):
        _read([head + BODY[:-20]], is_closed=False)


@pytest.mark.parametrize("is_closed", [True, False])
def test_the_last_tags_may_be_missing(is_closed: bool) -> None:
    for end in (b"</s:Envelope>", b"</s:Body></s:Envelope>"):
        body = ENVELOPE.format(body="<trt:GetProfilesResponse></trt:GetProfilesResponse>").encode().removesuffix(end)
        for framing in (b"", b"Content-Length: 5000\r\n", b"Content-Length: %d\r\n" % len(body)):
            assert _read([OK + framing + b"\r\n" + body], is_closed=is_closed).body == body


@pytest.mark.parametrize("is_closed", [True, False])
@pytest.mark.parametrize("framing", [b"", b"Content-Length: 50\r\n", b"Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize("status", [b"401 Unauthorized", b"302 Found", b"404 Not Found"])
def test_a_refusal_needs_no_content(status: bytes, framing: bytes, is_closed: bool) -> None:
    """Its status and its headers say enough; a login page that was announced may never follow."""
    head = b"HTTP/1.1 " + status + b'\r\nWWW-Authenticate: Digest realm="a", nonce="b"\r\n' + framing + b"\r\n"
    found = _read([head], is_closed=is_closed)
    assert found.status == int(status[:3])
    assert "nonce" in str(found.headers["WWW-Authenticate"])


def test_a_fault_is_waited_for() -> None:
    head = b"HTTP/1.1 500 Internal Server Error\r\n" + LENGTH + b"\r\n"
    with pytest.raises(_StillOpen):
        _read([head], is_closed=False)
    assert _read([head], is_closed=True).status == 500
    with pytest.raises(CutOff):
        _read([head + BODY[:-20]], is_closed=True)


def test_a_jpeg_is_used_when_it_is_whole() -> None:
    picture = b"\xff\xd8\xff\xe0" + b"x" * 500 + b"\xff\xd9"
    head = b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n"
    for framing in (b"", b"Content-Length: 9999\r\n", b"Transfer-Encoding: chunked\r\n"):
        answer = head + framing + b"\r\n" + (b"1fa\r\n" if b"chunked" in framing else b"") + picture
        for is_closed in (True, False):
            assert _read([answer], is_closed=is_closed, is_jpeg=True).body == picture


def test_an_end_marker_inside_of_a_jpeg_does_not_end_it() -> None:
    picture = b"\xff\xd8\xff\xe0thumbnail\xff\xd9" + b"x" * 5000 + b"\xff\xd9"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(picture) + picture
    cut = answer.index(b"xxx")
    assert _read([answer[:cut], answer[cut:]], is_closed=False, is_jpeg=True).body == picture


def test_sizes_are_limited() -> None:
    for answer in (
        OK + b"\r\n" + b"x" * 200_000,
        OK + b"X-A: b\r\n" * 20_000,
        b"H" * 200_000,
        CHUNKED + b"ffffff\r\n" + b"x" * 200_000,
        CHUNKED + b"1\r\nx\r\n" * 100_000,
    ):
        with pytest.raises(TooLarge):
            _read([answer], is_closed=True)


@given(st.lists(st.binary(max_size=60), max_size=8), st.booleans())
def test_any_bytes_are_an_answer_or_a_typed_error(parts: list[bytes], is_closed: bool) -> None:
    parts = [part for part in parts if part]
    for start in (b"", OK + b"\r\n", CHUNKED, OK + b"Content-Length: 9\r\n\r\n"):
        try:
            _read([start, *parts] if start else parts, is_closed=is_closed)
        except (CutOff, NotHttp, TooLarge, CameraBadAnswer, _StillOpen):
            continue


def test_a_device_that_leaves_its_connections_open_is_not_waited_for(serve: Serve, connect: Connect) -> None:
    def handle(sock: socket.socket) -> None:
        sock.settimeout(LIMIT_S)
        sock.recv(65536)
        sock.sendall(OK + b"no colon here\r\n\r\n" + BODY)
        sock.recv(1)

    conn = connect(port=serve(handle), timeout_s=10.0)
    conn.begin_opening()
    with promised(2), pytest.raises(CameraBadAnswer, match="contains no GetSystemDateAndTimeResponse"):
        conn.measure_clock()
