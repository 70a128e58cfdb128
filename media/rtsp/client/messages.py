"""RTSP messages (RFC 2326 sections 4 to 7): parsed with limits, serialized without foreign line breaks.

The client uses them towards devices, the loopback server towards ffmpeg. Received messages are untrusted; a value that
could end its line early is never sent.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

MAX_HEAD_BYTES = 16 * 1024
MAX_BODY_BYTES = 64 * 1024
_MAX_HEADERS = 100

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_METHOD = re.compile(r"[A-Z_]{3,16}")
_VERSION = r"(?i:RTSP(?:/\d(?:\.\d)?)?|HTTP/\d(?:\.\d)?)"
_STATUS_LINE = re.compile(rf"\s*{_VERSION}\s+(\d{{3}})(?!\d)\s*(.*)", re.ASCII)
_REQUEST_LINE = re.compile(r"([A-Z_]{3,16}) +(\S{1,4096}) +RTSP/\d\.\d")
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")


class MessageError(ValueError):
    """These bytes are no RTSP message that we accept. The error's text contains nothing from the sender."""


class Headers:
    """The header lines of a message. Names ignore case; repeated headers are kept in order."""

    __slots__ = ("_items",)

    def __init__(self, items: Iterable[tuple[str, str]] = ()) -> None:
        self._items = tuple((name.lower(), value) for name, value in items)

    def get(self, name: str, default: str = "") -> str:
        """Return the first value of this name."""
        wanted = name.lower()
        return next((value for item, value in self._items if item == wanted), default)

    def all(self, name: str) -> tuple[str, ...]:
        wanted = name.lower()
        return tuple(value for item, value in self._items if item == wanted)

    def __contains__(self, name: str) -> bool:
        return any(item == name.lower() for item, _ in self._items)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Headers) and self._items == other._items

    def __hash__(self) -> int:
        return hash(self._items)

    def __repr__(self) -> str:
        return f"Headers({[name for name, _ in self._items]})"  # without values, which may contain a digest


@dataclass(frozen=True, slots=True)
class Response:
    """An answer. `reason` is the device's text: for the log only. `is_http`: a web server's answer."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""
    is_http: bool = False


@dataclass(frozen=True, slots=True)
class Request:
    """A request."""

    method: str
    uri: str
    headers: Headers
    body: bytes = b""


def parse_head(head: bytes) -> Request | Response:
    """Parse a message's first line and headers. Raises MessageError."""
    lines = head.decode("utf-8", "replace").replace("\r\n", "\n").rstrip("\n").split("\n")
    headers = Headers(_header_items(lines[1:]))
    if found := _STATUS_LINE.fullmatch(lines[0]):
        is_http = lines[0].lstrip()[:4].upper() == "HTTP"
        return Response(int(found[1]), _CONTROL.sub("", found[2])[:200], headers, is_http=is_http)
    if found := _REQUEST_LINE.fullmatch(lines[0]):
        return Request(found[1], found[2], headers)
    raise MessageError("neither an RTSP request nor an answer")


def _header_items(lines: list[str]) -> list[tuple[str, str]]:
    items: list[tuple[str, str]] = []
    for line in lines:
        if line[:1] in {" ", "\t"} and items:  # RFC 2326 section 4.2: a folded line continues the one before
            items[-1] = items[-1][0], f"{items[-1][1]} {line.strip()}"
            continue
        name, colon, value = line.partition(":")
        if not colon or not _NAME.fullmatch(name.strip()):
            continue  # some firmware sends stray lines between headers
        items.append((name.strip(), _CONTROL.sub("", value).strip()))
        if len(items) > _MAX_HEADERS:
            raise MessageError("too many headers")
    return items


def body_length(headers: Headers) -> int:
    """Return Content-Length, 0 without one. Raises MessageError if it is no number or too large."""
    values = set(headers.all("content-length"))
    if not values:
        return 0
    value = values.pop()
    if values or not re.fullmatch(r"[0-9]{1,12}", value):
        raise MessageError("an invalid Content-Length")
    if int(value) > MAX_BODY_BYTES:
        raise MessageError("a body larger than the app accepts")
    return int(value)


def request_bytes(method: str, uri: str, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a request without a body. Raises MessageError if a part could end its line early."""
    if not _METHOD.fullmatch(method) or not re.fullmatch(r"[\x21-\x7e]{1,4096}", uri):
        raise MessageError("a method or an address that cannot be sent")
    return _serialize(f"{method} {uri} RTSP/1.0", headers, b"")


def response_bytes(status: int, reason: str, headers: Iterable[tuple[str, str]], body: bytes = b"") -> bytes:
    """Return an answer, with Content-Length if there is a body."""
    return _serialize(f"RTSP/1.0 {status} {reason}", headers, body)


def _serialize(first_line: str, headers: Iterable[tuple[str, str]], body: bytes) -> bytes:
    lines = [first_line]
    for name, value in headers:
        if not _NAME.fullmatch(name) or _CONTROL.search(value):
            raise MessageError("a header that cannot be sent")
        lines.append(f"{name}: {value}")
    if body:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join((*lines, "", "")).encode() + body


@dataclass(frozen=True, slots=True)
class SessionHeader:
    """`Session: 1234;timeout=60` (RFC 2326 section 12.37). `timeout_s` is 60 if the header has none, or 0."""

    session_id: str
    timeout_s: float = 60.0
    has_timeout: bool = False


def parse_session(value: str) -> SessionHeader:
    """Parse a Session header. Raises MessageError for an id that cannot be sent back safely."""
    session_id, _, parameters = re.sub(r"[\s,]+(?=timeout\s*[=:])", ";", value, flags=re.IGNORECASE).partition(";")
    session_id = session_id.strip()
    if not re.fullmatch(r"[\x20-\x3a\x3c-\x7e]{1,256}", session_id):
        raise MessageError("a session id that cannot be sent back")
    found = re.search(r"(?:^|;)\s*timeout\s*[=:]\s*\"?(\d{1,6})", parameters, re.IGNORECASE)
    if not found or not int(found[1]):
        return SessionHeader(session_id)
    return SessionHeader(session_id, min(max(float(found[1]), 2.0), 3600.0), has_timeout=True)


def parse_cseq(value: str) -> int | None:
    """Return the number of a CSeq header; None if there is none."""
    found = re.match(r"[\s\"']*(\d{1,11})(?!\d)", value, re.ASCII)
    return int(found[1]) if found else None


def parse_interleaved(transport: str) -> tuple[int, int] | None:
    """Return the RTP and the RTCP channel of a Transport header. None if it is not interleaved TCP."""
    first = transport.split(",", 1)[0]
    if not first.strip().upper().startswith(("RTP/AVP/TCP", "RTP/SAVP/TCP")):
        return None
    found = re.search(r";\s*interleaved\s*=\s*(\d{1,3})(?:\s*-\s*(\d{1,3}))?", first, re.IGNORECASE)
    if not found:
        return None
    rtp = int(found[1])
    rtcp = int(found[2]) if found[2] else rtp + 1
    return (rtp, rtcp) if rtp < 256 and rtcp < 256 and rtp != rtcp else None
