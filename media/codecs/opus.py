"""Opus (RFC 6716): the length of a packet, and a packet of silence."""

from __future__ import annotations

RATE = 48_000  # of all Opus in MP4 and RTP, whatever was recorded
SILENT_PACKET = b"\xf8\xff\xfe"  # 20 ms of CELT in mono
SILENT_SAMPLES = 960
_SILK_MS, _HYBRID_MS, _CELT_MS = (10, 20, 40, 60), (10, 20), (2.5, 5, 10, 20)
_MAX_SAMPLES = 5760  # 120 ms, section 3.4


def sample_count(packet: bytes) -> int | None:
    """Return the samples of a packet at RATE (section 3.1). None for bytes that are no packet."""
    if not packet:
        return None
    config, code = packet[0] >> 3, packet[0] & 3
    if config < 12:
        length_ms: float = _SILK_MS[config % 4]
    elif config < 16:
        length_ms = _HYBRID_MS[config % 2]
    else:
        length_ms = _CELT_MS[config % 4]
    if code == 3 and len(packet) < 2:
        return None
    frames = packet[1] & 0x3F if code == 3 else 2 if code else 1
    samples = int(length_ms * RATE / 1000) * frames
    return samples if 0 < samples <= _MAX_SAMPLES else None
