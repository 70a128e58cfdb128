"""The RTP header extension of ONVIF replay: the time of each frame, and the gaps of the recording.

ONVIF Streaming Specification, "Replay", RTP header extension: profile 0xABAC, three words: the frame's UTC time as an
NTP time stamp, the bits C, E, D and T, and the low byte of the CSeq of the PLAY that the packet answers. With JPEG,
the extension of ONVIF's JPEG over RTP follows inside of the same header extension.

Some devices put the three words into an element of RFC 8285, or behind the JPEG extension, or declare a wrong length.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_PROFILE = 0xABAC
_JPEG_PROFILES = frozenset({0xFFD8, 0xFFFF})  # ONVIF Streaming Specification 5.2.2, "JPEG over RTP"
_ONE_BYTE_PROFILE = 0xBEDE  # RFC 8285 section 4.2
_TWO_BYTE_PROFILES = range(0x1000, 0x1010)  # RFC 8285 section 4.3
_HEADER = struct.Struct(">HH")
_TIME = struct.Struct(">II")
_BODY_BYTES = 12
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970
_ERA_S = 4_294_967_296
_YEAR_2000_S = 946_684_800


@dataclass(frozen=True, slots=True)
class ReplayStamp:
    """`device_s`: seconds since 1970 by the device. `play_cseq`: the low eight bits of PLAY's CSeq.

    `is_clean` (C): decoding can begin here. `ends_section` (E): a gap follows. `is_discontinuous` (D): a gap lies
    before this frame. `is_terminal` (T): the recording's last frame.
    """

    device_s: float
    is_clean: bool
    ends_section: bool
    is_discontinuous: bool
    is_terminal: bool
    play_cseq: int


def read_stamp(extension: bytes) -> ReplayStamp | None:
    """Parse a header extension, with its four bytes of header. None if it carries no time of a replay."""
    if len(extension) < _HEADER.size + _TIME.size:
        return None
    profile, words = _HEADER.unpack_from(extension)
    body = extension[_HEADER.size :]
    if profile == _PROFILE:
        return _stamp(body) if words >= _TIME.size // 4 else None
    if profile in _JPEG_PROFILES:
        return _behind_jpeg(body)
    if profile == _ONE_BYTE_PROFILE or profile in _TWO_BYTE_PROFILES:
        elements = _elements(body, 1 if profile == _ONE_BYTE_PROFILE else 2)
        return next((stamp for data in elements if (stamp := _stamp_of_element(data)) is not None), None)
    return None


def extension_bytes(packet: bytes, start: int) -> int:
    """Return the length of the header extension that begins at `start`, with its four bytes of header.

    It is the declared length, except for a replay extension whose length is declared in bytes instead of words, or
    reaches to the end of the packet: that one has three words.
    """
    profile, words = _HEADER.unpack_from(packet, start)
    declared: int = _HEADER.size + 4 * words
    if profile != _PROFILE or words <= _BODY_BYTES // 4:
        return declared
    real = _HEADER.size + _BODY_BYTES
    if start + declared >= len(packet) > start + real:
        return real
    is_in_bytes = words in (_BODY_BYTES, real) and _HEADER.unpack_from(packet, start + real)[0] not in _JPEG_PROFILES
    return real if is_in_bytes else declared


def _stamp(body: bytes) -> ReplayStamp:
    """Read the three words; the bits and the CSeq are 0 if the third one is missing."""
    seconds, fraction = _TIME.unpack_from(body)
    bits, cseq = body[8:10] if len(body) >= 10 else (0, 0)
    device_s = seconds - _NTP_EPOCH_S + fraction / _ERA_S
    if seconds < 0x80000000:  # NTP's second era begins in 2036 (RFC 4330, 3)
        device_s += _ERA_S
    return ReplayStamp(
        device_s, bool(bits & 0x80), bool(bits & 0x40), bool(bits & 0x20), bool(bits & 0x10), play_cseq=cseq
    )


def _stamp_of_element(data: bytes) -> ReplayStamp | None:
    """Elements have no names in RTP: one that is long enough and has a time since 2000 is taken for the three words."""
    if len(data) < _TIME.size or _TIME.unpack_from(data)[0] < _YEAR_2000_S + _NTP_EPOCH_S:
        return None
    return _stamp(data)


def _behind_jpeg(body: bytes) -> ReplayStamp | None:
    for place in range(0, len(body) - _HEADER.size - _TIME.size + 1, 4):
        if _HEADER.unpack_from(body, place)[0] == _PROFILE:
            return read_stamp(body[place:])
    return None


def _elements(body: bytes, header_bytes: int) -> Iterator[bytes]:
    """Yield the data of each element (RFC 8285 section 4). A byte 0 between elements is padding."""
    place = 0
    while place + header_bytes <= len(body):
        if body[place] == 0:
            place += 1
            continue
        length = (body[place] & 0x0F) + 1 if header_bytes == 1 else body[place + 1]
        place += header_bytes
        yield body[place : place + length]
        place += length
