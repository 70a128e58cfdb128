"""RTSP messages and the framing of one connection."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import DeviceError
from media.rtsp.client.address import parse_address
from media.rtsp.client.framing import Frame, FramingError, Splitter
from media.rtsp.client.messages import (
    Headers,
    MessageError,
    Request,
    Response,
    SessionHeader,
    body_length,
    parse_head,
    parse_interleaved,
    parse_session,
    request_bytes,
)


def feed(splitter: Splitter, data: bytes, step: int = 4096) -> list[Frame | Request | Response]:
    units: list[Frame | Request | Response] = []
    while data:
        space = splitter.free_space()
        count = min(step, len(space), len(data))
        space[:count] = data[:count]
        units += splitter.received(count)
        data = data[count:]
    return units


def frame(channel: int, body: bytes) -> bytes:
    return b"$" + bytes([channel]) + len(body).to_bytes(2, "big") + body


RTP = b"\x80\x60\0\1\0\0\0\2\0\0\0\3"


def test_response_headers_are_case_insensitive() -> None:
    head = parse_head(b"RTSP/1.0 401 Unauthorized\r\nCSEQ: 2\r\nWWW-Authenticate: a\r\nwww-authenticate: b\r\n\r\n")
    assert isinstance(head, Response)
    assert (head.status, head.headers.get("CSeq"), head.headers.all("WWW-Authenticate")) == (401, "2", ("a", "b"))


def test_a_folded_header_line_is_joined() -> None:
    assert parse_head(b"RTSP/1.0 200 OK\r\nTransport: a;\r\n  b\r\n").headers.get("transport") == "a; b"


def test_the_repr_of_headers_hides_their_values() -> None:
    assert "s3cret" not in repr(Headers([("Authorization", "s3cret")]))


@pytest.mark.parametrize("value", ["-1", "1e3", "99999999999999", "65537", "٣", ""])
def test_an_invalid_or_large_content_length_is_refused(value: str) -> None:
    with pytest.raises(MessageError):
        body_length(Headers([("Content-Length", value)]))


def test_two_different_content_lengths_are_refused() -> None:
    with pytest.raises(MessageError):
        body_length(Headers([("Content-Length", "1"), ("Content-Length", "2")]))


@pytest.mark.parametrize("uri", ["rtsp://a/\r\nX: y", "rtsp://a/ b", "", 'rtsp://ä/"'])
def test_an_address_with_a_line_break_or_space_is_not_sent(uri: str) -> None:
    with pytest.raises(MessageError):
        request_bytes("DESCRIBE", uri, [])


def test_a_header_with_a_line_break_is_not_sent() -> None:
    with pytest.raises(MessageError):
        request_bytes("PLAY", "rtsp://a/", [("Session", "1\r\nX: y")])


def test_a_session_header_gives_id_and_timeout() -> None:
    session = parse_session("12ab; Timeout=30")
    assert (session.session_id, session.timeout_s) == ("12ab", 30.0)
    assert parse_session("x").timeout_s == 60.0
    assert parse_session("x;timeout=1").timeout_s == 2.0
    assert parse_session("x;timeout=0") == SessionHeader("x"), "as ffmpeg reads it: no timeout is named"


def test_a_session_header_in_odd_writing_is_read() -> None:
    assert parse_session("12 ab;timeout:30") == SessionHeader("12 ab", 30.0, has_timeout=True)
    assert parse_session("12ab timeout=30").session_id == "12ab"


@pytest.mark.parametrize(
    "line", ["rtsp/1.0 200 ok", "Rtsp/1.0 200", "RTSP 200 OK", " RTSP/1.0\t200 OK", "RTSP/1.0 200X"]
)
@pytest.mark.parametrize("step", [1, 1000])
def test_a_status_line_in_odd_writing_is_read(line: str, step: int) -> None:
    units = feed(Splitter(), f"{line}\r\nCSeq: 2\r\n\r\n".encode() + frame(0, RTP), step)
    assert isinstance(units[0], Response)
    assert (units[0].status, units[0].headers.get("cseq")) == (200, "2")
    assert units[1:] == [(0, RTP)]


@pytest.mark.parametrize("value", ["", ";timeout=3", "a" * 300, "ä"])
def test_an_invalid_session_id_is_refused(value: str) -> None:
    with pytest.raises(MessageError):
        parse_session(value)


def test_the_devices_interleaved_channels_are_used() -> None:
    assert parse_interleaved("RTP/AVP/TCP;unicast;interleaved=4-5;ssrc=1") == (4, 5)
    assert parse_interleaved("RTP/AVP/TCP;interleaved=6") == (6, 7)
    assert parse_interleaved("RTP/AVP;unicast;client_port=1-2") is None
    assert parse_interleaved("RTP/AVP/TCP;interleaved=256-257") is None


def test_frames_and_messages_keep_their_order() -> None:
    data = frame(0, b"a") + b"RTSP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi" + frame(1, b"b")
    units = feed(Splitter(), data)
    assert units[0] == (0, b"a")
    assert isinstance(units[1], Response)
    assert units[1].body == b"hi"
    assert units[2] == (1, b"b")


@given(st.lists(st.integers(1, 3000), min_size=1, max_size=30), st.integers(1, 700))
def test_the_size_of_the_reads_does_not_matter(sizes: list[int], step: int) -> None:
    data = b"".join(frame(0, RTP + bytes([size & 0xFF]) * size) for size in sizes)
    assert feed(Splitter(), data, step) == feed(Splitter(), data, 100_000)


def test_garbage_between_frames_is_skipped() -> None:
    units = feed(Splitter(), frame(0, RTP) + b"\xff\x00$\x99garbage\x24" * 3 + frame(0, RTP + b"x") + frame(0, RTP))
    assert units[0] == (0, RTP)
    assert units[-1] == (0, RTP)


def test_pure_garbage_raises_a_framing_error() -> None:
    with pytest.raises(FramingError):
        feed(Splitter(), b"\xff\xfe" * 100_000)


def test_endless_headers_raise_a_framing_error() -> None:
    with pytest.raises(FramingError):
        feed(Splitter(), b"RTSP/1.0 200 OK\r\n" + b"X: y\r\n" * 10_000)


@pytest.mark.parametrize("length", ["400", "", "-1", "none"])
def test_media_behind_an_answer_is_no_body(length: str) -> None:
    data = f"RTSP/1.0 200 OK\r\nContent-Length: {length}\r\n\r\n".encode() + frame(0, RTP) + frame(1, RTP)
    units = feed(Splitter(), data)
    assert isinstance(units[0], Response)
    assert units[1:] == [(0, RTP), (1, RTP)]


def test_a_large_announced_body_is_refused_before_it_arrives() -> None:
    with pytest.raises(FramingError):
        feed(Splitter(), b"RTSP/1.0 200 OK\r\nContent-Length: 1000000000\r\n\r\n")


@given(st.binary(max_size=5000), st.integers(1, 300))
def test_random_bytes_raise_only_framing_errors(data: bytes, step: int) -> None:
    splitter = Splitter()
    try:
        feed(splitter, data, step)
    except FramingError:
        return
    assert len(splitter.free_space()) > 0


@given(st.binary(max_size=400))
def test_random_heads_raise_only_message_errors(data: bytes) -> None:
    with contextlib.suppress(MessageError):
        parse_head(data)


@pytest.mark.parametrize(
    "uri",
    [
        "http://h/",
        "file:///etc/passwd",
        "rtsp:///x",
        "rtsp://u:p@h/",
        "rtsp://@h/",
        "rtsp://h:0/",
        "rtsp://h:99999/",
        "rtsp://h/\r\n",
        "rtsp://[::1/",
        "rtsp://h/" + "a" * 3000,
        "",
    ],
)
def test_an_invalid_rtsp_address_is_refused(uri: str) -> None:
    with pytest.raises(DeviceError):
        parse_address(uri)


def test_rtsp_over_tls_has_its_own_port() -> None:
    assert (parse_address("rtsps://h/x").port, parse_address("rtsps://h/x").is_tls) == (322, True)
    assert (parse_address("rtsps://h:8554/x").port, parse_address("rtsp://h/x").is_tls) == (8554, False)
