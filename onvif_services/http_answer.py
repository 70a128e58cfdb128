"""Reading of one HTTP answer. Its end is taken from the framing, or from the content if the framing is wrong.

Web servers of cheap cameras announce a wrong length, forget the last chunk, leave the connection open, or put a log
line between the headers. An answer whose content is whole is used all the same. Sizes are limited; the caller's
`receive` has the deadline.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from enum import Enum

from core.errors import CameraBadAnswer

MAX_HEAD_BYTES = 65_536
BUSY = {429, 503}  # the statuses of a web server that has no place for a request now
_MAX_HEADERS = 200
_WITH_REASON = {400, 500}  # the statuses of SOAP faults, whose reason stands in the content
_PACKINGS = {"gzip", "x-gzip", "deflate"}
_QUIET_S = 1.0  # after content that may be whole: how long more bytes may take

_STATUS_LINE = re.compile(rb"\s*HTTP(?:/\d(?:\.\d)?)?[ \t]+(\d{3})(?!\d)", re.IGNORECASE)
# Of log lines before the status, or of the request, which some Tapo firmware sends back with NULs in it.
_STATUS_LATER = re.compile(rb"HTTP/\d\.\d[ \t]+\d{3}(?!\d)")
_TLS_ALERT = b"\x15\x03"  # RFC 8446 section 5.1
_BEFORE_XML = b"\xef\xbb\xbf\r\n\t "
_HEADER = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,100})[ \t]*:[ \t]*(.*)")
# The head ends at an empty line, or where XML begins because the empty line is missing.
_END_OF_HEAD = re.compile(rb"\r?\n(?:\r?\n|(?=<))|(?=<\?xml[ \t])")
_HEX = re.compile(rb"[0-9A-Fa-f]{1,8}")
_MAX_SIZE_LINE = 300
_SIZE_LINE = re.compile(rb"\r\n[0-9A-Fa-f]{1,8}[ \t]*(?:;[^\r\n]{0,200})?\r\n")


class Whole(Enum):
    """Verdict on the content so far: whole, perhaps whole, surely not whole, or unknown."""

    YES = "yes"
    PERHAPS = "perhaps"
    NO = "no"
    UNKNOWN = "unknown"


_ENDS = {Whole.YES, Whole.PERHAPS}

Judge = Callable[[bytes, bytes], Whole]
"""Judges content by its first and last bytes."""

Receive = Callable[[float | None], bytes | None]
"""Returns the next bytes, b"" at the end, None if nothing comes within the given seconds. May raise TimeoutError."""


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer, unpacked. Header names are case-insensitive. `is_repaired`: its framing was wrong.

    `sent_s` and `answered_s` (time.monotonic()): the request was sent, and its answer began.
    """

    status: int
    headers: Message
    body: bytes
    is_repaired: bool = False
    sent_s: float = 0.0
    answered_s: float = 0.0

    @property
    def middle_s(self) -> float:
        """The time.monotonic() halfway between the request and its answer."""
        return (self.sent_s + self.answered_s) / 2


class TooLarge(Exception):
    """The answer exceeds its size limit."""


class CutOff(Exception):
    """The connection ended before the answer was whole. `had_begun`: something had arrived."""

    def __init__(self, *, had_begun: bool) -> None:
        super().__init__()
        self.had_begun = had_begun


class NotHttp(Exception):
    """The answer is not HTTP. `is_tls`: it is an alert of TLS, whose first record the device misses."""

    def __init__(self, *, is_tls: bool = False) -> None:
        super().__init__()
        self.is_tls = is_tls


_END_OF_ENVELOPE = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?Envelope\s*>", re.IGNORECASE)
_END_OF_PAYLOAD = re.compile(rb"</(?:[A-Za-z_][\w.-]*:)?(?:Body|\w+Response)\s*>\s*\Z", re.IGNORECASE)
_BEGIN_OF_ENVELOPE = re.compile(rb"<(?:[A-Za-z_][\w.-]*:)?Envelope[\s>]", re.IGNORECASE)
_EDGE_BYTES = 2000


def judge_soap(first: bytes, last: bytes) -> Whole:
    """Judge a SOAP answer by its first and last bytes: it is whole with the end tag of its Envelope.

    It may be whole with that of its payload: some firmware loses the last tags.
    """
    if _END_OF_ENVELOPE.search(last):
        return Whole.YES
    if _END_OF_PAYLOAD.search(last):
        return Whole.PERHAPS
    has_begun = first.lstrip()[:5] == b"<?xml" or _BEGIN_OF_ENVELOPE.search(first)
    return Whole.NO if has_begun else Whole.UNKNOWN


def judge_jpeg(first: bytes, last: bytes) -> Whole:
    """Judge a JPEG: it may be whole after an end-of-image marker, which a thumbnail inside of it has, too."""
    is_ended = first[:2] == b"\xff\xd8" and b"\xff\xd9" in last[-64:]
    return Whole.PERHAPS if is_ended else Whole.UNKNOWN


def read_answer(receive: Receive, cap_bytes: int, judge: Judge) -> HttpAnswer:
    """Read one answer; its content has at most `cap_bytes`, packed and unpacked.

    Raise TooLarge, CutOff, NotHttp, CameraBadAnswer for an unknown compression, and the errors of `receive`.
    """
    buffer = bytearray()
    status, headers, is_repaired = _read_head(receive, buffer)
    while status < 200:  # 100 Continue
        status, headers, is_repaired = _read_head(receive, buffer)
    if status in {204, 304}:
        return HttpAnswer(status, headers, b"", is_repaired)
    packing = str(headers.get("Content-Encoding") or "identity").strip().lower()
    body = _Body(headers, cap_bytes)
    body.feed(bytes(buffer))
    needs_no_content = status >= 300 and status not in _WITH_REASON
    judge_part = _without_content(judge) if needs_no_content else judge
    is_needed = status == 200 and judge is judge_soap
    _read_body(receive, body, _no_judge if packing in _PACKINGS else judge_part, is_needed=is_needed)
    content = _unpacked(body.content(), packing, cap_bytes)
    judge_end = _without_content(judge) if status >= 300 else judge
    if not body.is_complete and judge_end(content[:_EDGE_BYTES], content[-_EDGE_BYTES:]) not in _ENDS:
        raise CutOff(had_begun=True)
    return HttpAnswer(status, headers, content, is_repaired or not body.is_complete or body.is_longer)


def _no_judge(first: bytes, last: bytes) -> Whole:  # noqa: ARG001 # a judge of packed content, which shows no end
    return Whole.UNKNOWN


def _without_content(judge: Judge) -> Judge:
    """Return the judge of an error or a redirect: its status and its headers say enough, unless it has begun as XML.

    Some web servers send a 401 without a length, or with that of a page that does not follow, and wait.
    """

    def judged(first: bytes, last: bytes) -> Whole:
        verdict = judge(first, last)
        return Whole.PERHAPS if verdict is Whole.UNKNOWN else verdict

    return judged


def _read_body(receive: Receive, body: _Body, judge: Judge, *, is_needed: bool) -> None:
    """Read until the framing or the content shows the end. A content that goes on behind its announced end is read.

    `is_needed`: the answer is useless without content, which follows even where a length of 0 was announced.
    """
    while True:
        verdict = judge(body.first, body.last)
        is_empty = is_needed and not body.first
        if verdict is not Whole.NO and body.is_complete and not body.has_surplus and not is_empty:
            return
        body.is_longer = body.is_complete
        if verdict is Whole.YES:
            return
        may_be_whole = body.is_longer or verdict is Whole.PERHAPS
        try:
            data = receive(_QUIET_S if may_be_whole else None)
        except TimeoutError:
            if may_be_whole:
                return
            raise
        if not data:
            body.is_closed = data is not None
            return
        body.feed(data)


def _read_head(receive: Receive, buffer: bytearray) -> tuple[int, Message, bool]:
    """Read status line and headers into a message; leave the rest of the bytes in `buffer`."""
    while (end := _END_OF_HEAD.search(buffer)) is None or not bytes(buffer[: end.start()]).strip():
        if buffer.lstrip(_BEFORE_XML)[:1] == b"<":
            return 200, Message(), True  # no head at all
        if end is not None:  # blank lines before the status line
            del buffer[: end.end()]
            continue
        if len(buffer) > MAX_HEAD_BYTES:
            raise TooLarge
        data = receive(None)
        if not data:
            return _head_without_end(buffer)
        buffer += data
    if end.start() > MAX_HEAD_BYTES:
        raise TooLarge
    if not _STATUS_LINE.match(buffer) and (later := _STATUS_LATER.search(buffer)):
        del buffer[: later.start()]
        status, headers, _ = _read_head(receive, buffer)
        return status, headers, True
    head, has_empty_line = bytes(buffer[: end.start()]), end[0].count(b"\n") == 2
    del buffer[: end.end()]
    if buffer[:1] == b"<" and not has_empty_line and not _STATUS_LINE.match(head):
        return 200, Message(), True  # a head that cannot be read
    return _parsed_head(head, is_repaired=not has_empty_line)


def _head_without_end(buffer: bytearray) -> tuple[int, Message, bool]:
    if not bytes(buffer).strip():
        raise CutOff(had_begun=False)
    head = bytes(buffer)
    buffer.clear()
    return _parsed_head(head, is_repaired=True)


def _parsed_head(head: bytes, *, is_repaired: bool) -> tuple[int, Message, bool]:
    lines = head.lstrip(b"\r\n").split(b"\n")
    status = _STATUS_LINE.match(lines[0])
    if status is None:
        raise NotHttp(is_tls=head.startswith(_TLS_ALERT))
    if len(lines) > _MAX_HEADERS:
        raise TooLarge
    headers = Message()
    for line in lines[1:]:
        match = _HEADER.match(line.rstrip(b"\r"))
        if match is None:  # a log line between the headers, or a folded line
            is_repaired = True
        else:
            headers[match[1].decode("ascii")] = match[2].strip().decode("latin-1")
    return int(status[1]), headers, is_repaired


class _Body:
    """The bytes behind the head, and the end that the framing gives them.

    `is_longer`: the framing was satisfied, and the content was not.
    """

    def __init__(self, headers: Message, cap_bytes: int) -> None:
        self._cap_bytes = cap_bytes
        self._raw = bytearray()
        is_chunked = "chunked" in str(headers.get("Transfer-Encoding") or "").lower()
        self._chunks = _Chunks() if is_chunked else None
        lengths = {str(value).strip() for value in headers.get_all("Content-Length") or []}
        self._length = _number(lengths) if self._chunks is None else None
        self._ends_at_close = not lengths and self._chunks is None
        self.is_closed = False
        self.is_longer = False

    def feed(self, data: bytes) -> None:
        """Take more bytes. Raise TooLarge."""
        self._raw += data
        if self._chunks is not None:
            self._chunks.feed(data)
        if len(self._content) > self._cap_bytes or len(self._raw) > 2 * self._cap_bytes:
            raise TooLarge

    @property
    def is_complete(self) -> bool:
        """True if the framing is satisfied."""
        if self._chunks is not None:
            return self._chunks.is_complete
        return len(self._raw) >= self._length if self._length is not None else self.is_closed and self._ends_at_close

    @property
    def has_surplus(self) -> bool:
        """True if more arrived than was announced."""
        return self._length is not None and len(self._raw) > self._length

    @property
    def first(self) -> bytes:
        return bytes(self._content[:_EDGE_BYTES])

    @property
    def last(self) -> bytes:
        return bytes(self._content[-_EDGE_BYTES:])

    def content(self) -> bytes:
        if self._chunks is not None and self._chunks.is_broken:
            return _SIZE_LINE.sub(b"", b"\r\n" + bytes(self._raw))
        if self._length is not None and not self.is_longer:
            return bytes(self._raw[: self._length])
        return bytes(self._content)

    @property
    def _content(self) -> bytearray:
        return self._raw if self._chunks is None or self._chunks.is_broken else self._chunks.content


def _number(lengths: set[str]) -> int | None:
    """Return the announced length; None if there is none, if it is no number, or if there are several."""
    text = next(iter(lengths)) if len(lengths) == 1 else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


class _Chunks:
    """The decoder of a chunked body (RFC 9112, 7.1). `is_broken`: a size line is wrong; the decoder then stops."""

    def __init__(self) -> None:
        self.content = bytearray()
        self.is_complete = False
        self.is_broken = False
        self._pending = bytearray()
        self._left: int | None = None  # of the present chunk; None: a size line comes next

    def feed(self, data: bytes) -> None:
        self._pending += data
        while self._pending and not self.is_complete and not self.is_broken and self._step():
            pass

    def _step(self) -> bool:
        """Decode a size line or a piece of a chunk. Return False if more bytes are needed."""
        if self._left:
            piece = self._pending[: self._left]
            self.content += piece
            del self._pending[: len(piece)]
            self._left -= len(piece)
            return True
        end = self._pending.find(b"\n")
        if end < 0:
            self.is_broken = len(self._pending) > _MAX_SIZE_LINE or self._pending.startswith(
                (b"<", b"\xef")
            )  # of a BOM
            return False
        line = bytes(self._pending[:end]).partition(b";")[0].strip()
        del self._pending[: end + 1]
        if not line and self._left == 0:  # the line end behind a chunk
            self._left = None
            return True
        if not _HEX.fullmatch(line) or self._left == 0:
            self.is_broken = True
            return False
        self._left = int(line, 16)
        self.is_complete = self._left == 0
        return True


def _unpacked(content: bytes, packing: str, cap_bytes: int) -> bytes:
    """Return the content without gzip or deflate. Content that begins with "<" is not packed, whatever its header says.

    Some devices pack without a header that says so, or send deflate without the frame of zlib (RFC 9110, 8.4.1.2).
    Raise CameraBadAnswer or TooLarge.
    """
    if packing == "identity" and content.startswith(b"\x1f\x8b"):
        packing = "gzip"
    if packing == "identity" or not content or content.lstrip()[:1] == b"<":
        return content
    if packing not in _PACKINGS:
        raise CameraBadAnswer("The device's answer is compressed in an unknown format.")
    for wbits in (47, -15):  # gzip or zlib, detected; the bare data
        try:
            unpacked = zlib.decompressobj(wbits).decompress(content, cap_bytes + 1)
        except zlib.error:
            continue
        if len(unpacked) > cap_bytes:
            raise TooLarge
        return unpacked
    raise CameraBadAnswer("The device's answer cannot be decompressed.")
