"""NAL units of H.264 and H.265: their roles in a frame, Annex B start codes, and SEI messages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

MAX_SIDE = 16384
_START_CODE = b"\0\0\1"
_LENGTH_BYTES = 4
_match_start_code = re.compile(rb"\x00{2,7}\x01").match
_search_end_of_start_code = re.compile(_START_CODE[1:]).search  # a tenth of the time that `in` takes
_SEARCHED_BYTES = 1024  # of a SEI: user data of any size may follow
_RECOVERY_POINT = 6  # the same payload type in ITU-T H.264 D.2.8 and H.265 D.2.8


class NalKind(Enum):
    """The role of a NAL unit in its frame."""

    SLICE = "slice"
    KEY_SLICE = "key slice"  # decoding can begin at this frame: IDR, BLA, CRA
    MORE = "more"  # continues a frame: data partitions B and C, slices of further layers
    SET = "parameter set"
    SEI = "sei"  # belongs to the frame after it
    LEADING = "leading"  # belongs to the frame after it
    TRAILING = "trailing"  # belongs to the frame before it
    IGNORED = "ignored"  # delimiter, end of sequence, filler, unspecified types


def split_at_start_codes(data: bytes) -> list[bytes]:
    """Return the NAL units in `data`, without start codes and trailing zeros. Nearly always `data` itself is the unit.

    A NAL unit never contains 00 00 01 (ITU-T H.264 section 7.4.1) and never ends with 00 (section B.1). Encoders that
    write Annex B (V380, Amatek, Revotech) leave start codes in RTP payloads and in SDP.
    """
    if data[-1:] != b"\0" and not _has_start_code(data):
        return [data]
    return [unit for piece in data.split(_START_CODE) if (unit := piece.rstrip(b"\0"))]


def _has_start_code(data: bytes) -> bool:
    found = _search_end_of_start_code(data)
    return found is not None and data.find(_START_CODE, max(0, found.start() - 1)) >= 0


def starts_with_start_code(payload: bytes) -> bool:
    return _match_start_code(payload) is not None


def without_start_code(payload: bytes) -> bytes:
    """Return an RTP payload without the start code that it begins with, and the zeros that may precede it."""
    found = _match_start_code(payload)
    return payload[found.end() :] if found else payload


def split_at_lengths(data: bytes) -> list[bytes] | None:
    """Return the NAL units in `data` if each has its length in four bytes before it, as in MP4. Otherwise None."""
    units: list[bytes] = []
    position = 0
    while position < len(data):
        start = position + _LENGTH_BYTES
        position = start + int.from_bytes(data[position:start], "big")
        if not start < position <= len(data):
            return None
        units.append(data[start:position].rstrip(b"\0"))
    return units


def has_recovery_point(sei: bytes, header_bytes: int) -> bool:
    """True if a SEI NAL unit contains a recovery point message."""
    return _RECOVERY_POINT in _message_types(sei[header_bytes:_SEARCHED_BYTES])


def _message_types(data: bytes) -> Iterator[int]:
    """Yield the payload types of SEI messages (ITU-T H.264 section 7.3.2.3.1)."""
    plain = data.replace(b"\0\0\3", b"\0\0")
    position = 0
    while position + 2 <= len(plain):
        numbers = []
        for _ in range(2):  # type and size
            number = 0
            while position < len(plain) and plain[position] == 0xFF:
                number += 0xFF
                position += 1
            if position >= len(plain):
                return
            numbers.append(number + plain[position])
            position += 1
        yield numbers[0]
        position += numbers[1]
