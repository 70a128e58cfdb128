"""NAL units into RTP payloads, for the reader on loopback: single units and fragments (RFC 6184, RFC 7798)."""

from __future__ import annotations

from collections.abc import Sequence

_LIMIT_BYTES = 32_000  # an interleaved frame has at most 65,535 bytes, and ffmpeg's buffer for one 81,920


def nal_payloads(nal: bytes, *, is_h264: bool, limit_bytes: int = _LIMIT_BYTES) -> Sequence[bytes]:
    """Return the payloads for a NAL unit: itself, or FU-A (H.264) or FU (H.265) of at most `limit_bytes`."""
    if len(nal) <= limit_bytes:
        return (nal,)
    if is_h264:
        kind, head, body = nal[0] & 0x1F, bytes([nal[0] & 0xE0 | 28]), nal[1:]
    else:
        kind, head, body = nal[0] >> 1 & 0x3F, bytes([nal[0] & 0x81 | 49 << 1, nal[1]]), nal[2:]
    step = limit_bytes - len(head) - 1
    last = (len(body) - 1) // step
    return [
        b"".join(
            (
                head,
                bytes([(0x80 if index == 0 else 0) | (0x40 if index == last else 0) | kind]),
                body[index * step : (index + 1) * step],
            )
        )
        for index in range(last + 1)
    ]


def audio_payload(data: bytes, *, is_aac: bool) -> bytes:
    """Return the payload of one AAC frame in the mode AAC-hbr (RFC 3640 section 3.3.6), or of other audio."""
    return b"\x00\x10" + (len(data) << 3).to_bytes(2, "big") + data if is_aac else data
