"""The fault `audio`: a channel has bad audio or none, and good video. Recordings have its wrong descriptions only."""

from __future__ import annotations

import random
import struct

from simulator.audio import AudioLoop

AUDIO_KINDS = ("refused", "none", "broken", "encrypted", "other_rate", "adts", "zero_stamps", "unknown_codec", "g722")
_RATES = {"config=1408": "config=1188"}  # 16 kHz becomes 48 kHz
_HEAD_BYTES = 4  # the AU headers
_KEPT_BYTES = 3  # of an AAC frame: its first element begins like audio


def description(loop: AudioLoop, kind: str | None) -> tuple[str, str]:
    """rtpmap and fmtp of the SDP."""
    if kind == "unknown_codec":
        return f"AMR/{loop.rate}", ""
    if kind == "g722":  # 64 kbit/s, as G.711
        return f"G722/{loop.rate}", ""
    fmtp = loop.fmtp
    if kind == "other_rate":
        for right, wrong in _RATES.items():
            fmtp = fmtp.replace(right, wrong)
    return loop.rtpmap, fmtp


def payload(loop: AudioLoop, data: bytes, kind: str | None) -> bytes:
    """The RTP payload that is sent instead of `data`."""
    chance = random.Random(data)
    if kind == "encrypted":
        return data[:_HEAD_BYTES] + chance.randbytes(len(data) - _HEAD_BYTES)
    if kind == "broken":
        kept = data[:_HEAD_BYTES] + bytes(_KEPT_BYTES)
        return kept + chance.randbytes(max(0, len(data) - len(kept)))
    if kind == "adts" and loop.codec == "aac":
        frame = data[_HEAD_BYTES:]
        length = len(frame) + 7
        # AAC LC, 16 kHz, mono, no checksum; the buffer's fullness is not stated.
        return struct.pack(">I", 0xFFF16040 | length >> 11) + _tail(length) + frame
    return data


def _tail(length: int) -> bytes:
    return bytes([length >> 3 & 0xFF, (length & 7) << 5 | 0x1F, 0xFC])


def timestamp(stamp: int, kind: str | None) -> int:
    """The RTP time stamp that is sent instead of `stamp`."""
    return 0 if kind == "zero_stamps" else stamp
