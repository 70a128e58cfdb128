"""Splits the bytes of one TCP connection into RTSP messages and interleaved frames (RFC 2326 section 10.12).

Frames are the fast path: about 350 per second at 4 Mbit/s, for sixteen streams at a time. The buffer is fixed, so that
no sender makes it grow. Other bytes are skipped, up to a limit: older Dahua firmware sometimes leaves bytes of a frame
out and continues.
"""

from __future__ import annotations

import re
from dataclasses import replace

from media.rtsp.client.messages import MAX_HEAD_BYTES, MessageError, Request, Response, body_length, parse_head

_BUFFER_BYTES = 128 * 1024
_MAX_GARBAGE_BYTES = 64 * 1024
_DOLLAR = 0x24
_HEAD_END = re.compile(rb"\r?\n\r?\n")
_MESSAGE_START = re.compile(rb"RTSP/\d|[A-Z_]{3,16} ")
_MAYBE_MESSAGE_START = re.compile(rb"[A-Z_/]{0,16}")
_START = re.compile(rb"\$|RTSP/\d")
_FILLER = b"\r\n\0 "

Frame = tuple[int, bytes]  # channel, payload


class FramingError(ValueError):
    """The sender breaks the protocol for longer than we skip, or sends more than we accept."""


class Splitter:
    """Receives bytes in its own buffer (for asyncio's BufferedProtocol); returns frames and messages in order."""

    def __init__(self) -> None:
        self._buffer = bytearray(_BUFFER_BYTES)
        self._view = memoryview(self._buffer)
        self._end = 0
        self._garbage_bytes = 0
        self._is_out_of_sync = False
        self.skipped_bytes = 0

    def free_space(self) -> memoryview:
        """Return the memory for the next bytes. It is never empty, because no unit is as large as the buffer."""
        return self._view[self._end :]

    def received(self, count: int) -> list[Frame | Request | Response]:
        """Return the units that are complete after `count` more bytes. Raises FramingError; then stop using it."""
        self._end += count
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

    def _take_frames(self, position: int, units: list[Frame | Request | Response]) -> int:
        buffer, view, end = self._buffer, self._view, self._end
        while end - position >= 4 and buffer[position] == _DOLLAR:
            start = position + 4
            stop = start + (buffer[position + 2] << 8 | buffer[position + 3])
            if stop > end:
                break
            units.append((buffer[position + 1], bytes(view[start:stop])))
            position = stop
            self._garbage_bytes = 0
            self._is_out_of_sync = False
        return position

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
            raise FramingError("a web server answers")
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
            length = body_length(message.headers)
        except MessageError as error:
            raise FramingError(str(error)) from None
        stop = found.end() + length
        if stop > self._end:
            return position
        units.append(replace(message, body=bytes(self._view[found.end() : stop])) if length else message)
        self._garbage_bytes = 0
        self._is_out_of_sync = False
        return stop

    def _next_start(self, position: int) -> int:
        found = _START.search(self._buffer, position, self._end)
        return found.start() if found else self._end

    def _skip_to(self, position: int, following: int) -> int:
        self.skipped_bytes += following - position
        self._garbage_bytes += following - position
        if self._garbage_bytes > _MAX_GARBAGE_BYTES:
            raise FramingError("neither RTSP nor media")
        return following
