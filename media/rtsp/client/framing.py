"""Splits the bytes of one TCP connection into RTSP messages and interleaved frames (RFC 2326 section 10.12).

Frames are the fast path: about 350 per second at 4 Mbit/s, for sixteen streams at a time. The buffer is fixed, so that
no sender makes it grow. Other bytes are skipped, up to a limit: older Dahua firmware sometimes leaves bytes of a frame
out and continues.
"""

from __future__ import annotations

import re
from dataclasses import replace
from struct import Struct

from media.rtsp.client.messages import (
    MAX_BODY_BYTES,
    MAX_HEAD_BYTES,
    MessageError,
    Request,
    Response,
    body_length,
    parse_head,
)

_BUFFER_BYTES = 128 * 1024
_MAX_GARBAGE_BYTES = 64 * 1024
_DOLLAR = 0x24
_FRAME_HEADER = Struct(">BBH")  # dollar sign, channel, length
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_MESSAGE_START = re.compile(rb"(?i:RTSP)(?:/\d|[ \t]+\d{3})|[A-Z_]{3,16} ")
_MAYBE_MESSAGE_START = re.compile(rb"[A-Z_/]{0,16}|(?i:RTSP/?|RTS|RT|R)")
_START = re.compile(rb"\$|(?i:RTSP)/\d")
_FRAME = re.compile(rb"\$[\x00-\x1f][\s\S]{2}[\x80-\xbf]")
_AFTER_BODY = re.compile(_FRAME.pattern + rb"|(?i:RTSP)/\d")
_FILLER = b"\r\n\0 "

Frame = tuple[int, bytes]  # channel, payload


class FramingError(ValueError):
    """The sender breaks the protocol for longer than we skip, or sends more than we accept."""


class WebServerError(FramingError):
    """A web server answers on this port."""


class Splitter:
    """Receives bytes in its own buffer (for asyncio's BufferedProtocol); returns frames and messages in order.

    `expects_description`: the answer to a DESCRIBE is due. Its body may lack a Content-Length, or have a wrong one;
    `is_incomplete` is True while an answer waits for its body, of which `missing_bytes` have not come (0: unknown).
    take_incomplete() ends it after a silence.
    `accepts_http`: answers of HTTP count as answers, for a tunnel.
    """

    def __init__(self, *, accepts_http: bool = False) -> None:
        self._accepts_http = accepts_http
        self.expects_description = False
        self.is_incomplete = False
        self.missing_bytes = 0
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._end = 0
        self._garbage_bytes = 0
        self._is_out_of_sync = False

    def free_space(self) -> memoryview:
        """Return the memory for the next bytes. It is never empty, because no unit is as large as the buffer."""
        return self._view[self._end :]

    def received(self, count: int) -> list[Frame | Request | Response]:
        """Return the units that are complete after `count` more bytes. Raises FramingError; then stop using it."""
        self._end += count
        self.is_incomplete = False
        units: list[Frame | Request | Response] = []
        position = 0
        while position < self._end:
            if self._buffer[position] == _DOLLAR and self._may_be_frame(position):
                following = self._take_frames(position, units)
            else:
                following = self._take_other(position, units)
            if following == position:
                break
            position = following
        if position:
            left = self._end - position
            self._buffer[:left] = self._buffer[position : self._end]
            self._end = left
        return units

    def take_incomplete(self) -> list[Frame | Request | Response]:
        """Return the answer that waits for its body, with the bytes that have come, and the units after it.

        Return nothing while a description of known length has not come up to its first medium. Raises FramingError.
        """
        if not self.is_incomplete:
            return []
        head = _HEAD_END.search(self._buffer, 0, self._end)
        message = parse_head(bytes(self._view[: head.start()])) if head else None
        if not head or not isinstance(message, Response):
            return []
        stop = min(self._end, self._end_of_body(head.end()))
        message = replace(message, body=bytes(self._view[head.end() : stop]))
        if self.expects_description and self.missing_bytes and b"m=" not in message.body:
            return []
        left = self._end - stop
        self._buffer[:left] = self._buffer[stop : self._end]
        self._end = left
        return [message, *self.received(0)]

    def _take_frames(self, position: int, units: list[Frame | Request | Response]) -> int:
        buffer, view, end = self._buffer, self._view, self._end
        following = position
        while end - following >= 4:
            dollar, channel, length = _FRAME_HEADER.unpack_from(buffer, following)
            start = following + 4
            stop = start + length
            if dollar != _DOLLAR or stop > end:
                break
            units.append((channel, bytes(view[start:stop])))
            following = stop
        if following > position:
            self._garbage_bytes = 0
            self._is_out_of_sync = False
        return following

    def _may_be_frame(self, position: int) -> bool:
        """False for a dollar sign after garbage that no plausible header follows: it may be payload data."""
        if not self._is_out_of_sync or self._end - position < 5:
            return True
        return self._buffer[position + 1] < 32 and self._buffer[position + 4] & 0xC0 == 0x80

    def _take_other(self, position: int, units: list[Frame | Request | Response]) -> int:
        if self._buffer[position] in _FILLER:
            return self._skip_to(position, position + 1)
        if _MESSAGE_START.match(self._buffer, position, self._end):
            return self._take_message(position, units)
        if self._buffer.startswith(b"HTTP/", position):
            if self._accepts_http:
                return self._take_message(position, units)
            raise WebServerError("a web server answers")
        if self._end - position <= 16 and _MAYBE_MESSAGE_START.fullmatch(self._buffer, position, self._end):
            return position
        self._is_out_of_sync = True
        return self._skip_to(position, self._next_start(position + 1))

    def _take_message(self, position: int, units: list[Frame | Request | Response]) -> int:
        limit = min(self._end, position + MAX_HEAD_BYTES)
        found = _HEAD_END.search(self._buffer, position, limit)
        if not found:
            if self._end - position >= MAX_HEAD_BYTES:
                raise FramingError("headers larger than the app accepts")
            return position
        try:
            message = parse_head(bytes(self._view[position : found.start()]))
            length = self._body_length(message, found.end())
        except MessageError as error:
            raise FramingError(str(error)) from None
        stop = self._end_of_body(found.end()) if length is None else found.end() + length
        if stop > self._end:
            self.is_incomplete = isinstance(message, Response)
            self.missing_bytes = stop - self._end if length is not None else 0
            return position
        units.append(replace(message, body=bytes(self._view[found.end() : stop])) if length != 0 else message)
        self._garbage_bytes = 0
        self._is_out_of_sync = False
        return stop

    def _body_length(self, message: Request | Response, start: int) -> int | None:
        """Return the length of a body that begins at `start`; None if only a silence can show its end."""
        if not isinstance(message, Response):
            return body_length(message.headers)
        if message.is_http and message.status == 200:
            return 0  # a tunnel begins
        if not self.expects_description or message.status != 200:
            return 0 if _FRAME.match(self._buffer, start, self._end) else _stated_length(message)
        stated = set(message.headers.all("content-length"))
        if len(stated) > 1 or not re.fullmatch(r"\d+", message.headers.get("content-length"), re.ASCII):
            return None
        length = body_length(message.headers)
        rest = bytes(self._view[start + length : self._end]).lstrip(_FILLER)
        is_too_short = rest and not _START.match(rest) and not _MESSAGE_START.match(rest)
        return None if is_too_short else length

    def _end_of_body(self, start: int) -> int:
        """Return the end of a body of unknown length: the start of the next unit, otherwise a place after all bytes."""
        found = _AFTER_BODY.search(self._buffer, start, self._end)
        if (found.start() if found else self._end) - start > MAX_BODY_BYTES:
            raise FramingError("a body larger than the app accepts")
        return found.start() if found else self._end + 1

    def _next_start(self, position: int) -> int:
        found = _START.search(self._buffer, position, self._end)
        return found.start() if found else self._end

    def _skip_to(self, position: int, following: int) -> int:
        self._garbage_bytes += following - position
        if self._garbage_bytes > _MAX_GARBAGE_BYTES:
            raise FramingError("neither RTSP nor media")
        return following


def _stated_length(answer: Response) -> int:
    """Return Content-Length; 0 if it is no number. Raises MessageError if it is too large."""
    stated = answer.headers.get("content-length")
    return body_length(answer.headers) if re.fullmatch(r"\d+", stated, re.ASCII) else 0
