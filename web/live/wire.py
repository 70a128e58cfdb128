"""Parts of the messages of a live socket: the head of binary messages, and checks of fields in JSON messages."""

from __future__ import annotations

import struct
from typing import Any

from core.errors import InvalidRequest

INIT, FRAGMENTS = 1, 2
STARTS_WITH_KEY = 1
HEAD = struct.Struct(">BBHdd")
_MAX_TEXT = 512
_BINARY = 0x82  # the last frame of a binary message (RFC 6455, section 5.2)


def binary_frame_head(payload_bytes: int) -> bytes:
    """Return the head of an unmasked WebSocket frame: a binary message of this size (RFC 6455, section 5.2)."""
    if payload_bytes < 126:
        return struct.pack(">BB", _BINARY, payload_bytes)
    if payload_bytes < 65_536:
        return struct.pack(">BBH", _BINARY, 126, payload_bytes)
    return struct.pack(">BBQ", _BINARY, 127, payload_bytes)


def read_int(message: dict[str, Any], name: str, least: int, most: int) -> int:
    """Raise InvalidRequest for a missing field, another type, or a value out of range."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
        raise InvalidRequest.of_field(name, f"a whole number from {least} to {most}")
    return value


def read_number(message: dict[str, Any], name: str, least: float, most: float) -> float:
    """Raise InvalidRequest for a missing field, another type, NaN, or a value out of range."""
    value = message.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise InvalidRequest.of_field(name, f"a number from {least:g} to {most:g}")
    return float(value)


def read_text(message: dict[str, Any], name: str) -> str:
    """Raise InvalidRequest for a missing field, another type, or an empty or too long text."""
    value = message.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:
        raise InvalidRequest.of_field(name, f"a text of 1 to {_MAX_TEXT} characters")
    return value
