"""Judges by the packets if a device sends H.264 where its description says H.265, or the reverse.

The sps of each codec is no parameter set of the other one: its first byte has another type there.
"""

from __future__ import annotations

from collections.abc import Sequence

from media.codecs.video import H264, HEVC, VideoCodec
from media.rtsp.client.payloads import PayloadReader
from media.rtsp.client.rtp import RtpPacket, single_packets

_MOST_PACKETS = 20_000  # longer than a group of pictures, whose key frame has the parameter sets
_OTHER = {"h264": HEVC, "hevc": H264}
_SPS = {"h264": b"\x27\x47\x67", "hevc": b"\x42"}  # first bytes
_HEADERS = {"h264": (0x1F, (7, 24)), "hevc": (0x7E, (33 << 1, 48 << 1))}  # mask, and the types of sps and aggregates


def other_codec(codec: VideoCodec) -> VideoCodec | None:
    """Return the codec that a device may mean if it names this one; None for MJPEG."""
    return _OTHER.get(codec.name)


def is_sps(codec: VideoCodec, nal: bytes) -> bool:
    """True for an sps of this codec from which a frame size can be read."""
    return len(nal) > 4 and nal[0] in _SPS[codec.name] and codec.formats.frame_size(nal) is not None


class CodecJudge:
    """Looks at the packets of one track. `found` is the other codec once its sps has come, and none of `codec`."""

    def __init__(self, codec: VideoCodec) -> None:
        other = other_codec(codec)
        self.found: VideoCodec | None = None
        self._candidates: tuple[VideoCodec, ...] = (codec, other) if other is not None else ()
        self._left = _MOST_PACKETS

    def look(self, packets: Sequence[RtpPacket]) -> bool:
        """Look at these packets. False once they need no more looks."""
        for packet in single_packets(packets):
            self._left -= 1
            for codec in self._candidates:
                if _has_sps(codec, packet.payload):
                    self.found = codec if codec is not self._candidates[0] else None
                    return False
        return bool(self._candidates) and self._left > 0


def _has_sps(codec: VideoCodec, payload: bytes) -> bool:
    mask, types = _HEADERS[codec.name]
    if len(payload) < 4 or (payload[0] & mask not in types and payload[:2] != b"\0\0"):
        return False
    reader = PayloadReader(codec)
    units = reader.take(payload)
    if reader.holds_raw:
        units += reader.take_raw()
    return any(is_sps(codec, nal) for nal in units)
