"""The RTP header extension of ONVIF replay: the time of each frame, and the gaps of the recording.

ONVIF Streaming Specification, "Replay", RTP header extension: profile 0xABAC, three words: the frame's UTC time as an
NTP time stamp, the bits C, E, D and T, and the low byte of the CSeq of the PLAY that the packet answers.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

_PROFILE = 0xABAC
_LAYOUT = struct.Struct(">HHIIBB")
_NTP_EPOCH_S = 2_208_988_800  # 1900 to 1970


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
    """Parse a header extension, with its four bytes of header. None if it is another extension."""
    if len(extension) < _LAYOUT.size:
        return None
    profile, words, seconds, fraction, bits, cseq = _LAYOUT.unpack_from(extension)
    if profile != _PROFILE or words < 3:
        return None
    device_s = seconds - _NTP_EPOCH_S + fraction / 4_294_967_296
    if seconds < 0x80000000:  # NTP's second era begins in 2036 (RFC 4330, 3)
        device_s += 4_294_967_296
    return ReplayStamp(
        device_s, bool(bits & 0x80), bool(bits & 0x40), bool(bits & 0x20), bool(bits & 0x10), play_cseq=cseq
    )
