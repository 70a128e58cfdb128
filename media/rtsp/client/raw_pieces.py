"""Frames in Annex B that a device cuts into RTP payloads as they are, without fragmentation units.

The first payload of a frame begins with a start code, and the others with any bytes. Most devices with start codes in
their payloads cut properly, so the payloads of a frame are held until one of them decides.
"""

from __future__ import annotations

from media.codecs.nal import split_at_start_codes, without_start_code
from media.codecs.video import VideoCodec

_MAX_BYTES = 16 * 1024 * 1024
_DECIDE_AFTER = 25  # frames of which each payload may be a packet of its own
_H264_PACKETS = range(24, 30)  # types of RFC 6184 that no NAL unit has
_HEVC_PACKETS = range(48, 51)  # RFC 7798
_STARTS, _OTHER_FLAGS = 0x80, 0x60


class RawPieces:
    """The payloads of a unit that has begun with a start code.

    `is_cut`: True if a payload was no packet by itself, False if the payloads are packets, None before that is known.
    """

    def __init__(self, codec: VideoCodec) -> None:
        self._is_h264 = codec.name == "h264"
        self._header_bytes = codec.functions.HEADER_BYTES
        self._pieces: list[bytes] = []
        self._bytes = 0
        self._undecided = 0
        self.is_cut: bool | None = None
        self.has_begun = False  # since the last end of a frame

    @property
    def is_open(self) -> bool:
        return bool(self._pieces)

    def begin(self, payload: bytes) -> bool:
        """Hold a payload with a start code. Return False if it is a packet by itself."""
        packet = without_start_code(payload[:16])
        if not self.is_cut and self._kind(packet) in (_H264_PACKETS if self._is_h264 else _HEVC_PACKETS):
            self.is_cut = False
            return False
        self.has_begun = True
        self._pieces = [payload]
        self._bytes = len(payload)
        return True

    def add(self, payload: bytes) -> bool:
        """Hold a further payload of the frame. Return False if the payloads are too many bytes."""
        if self.is_cut is None:
            self.is_cut = self._decide(payload)
        self._pieces.append(payload)
        self._bytes += len(payload)
        return self._bytes <= _MAX_BYTES

    def take(self) -> list[bytes]:
        """Return the payloads and forget them."""
        pieces, self._pieces = self._pieces, []
        return pieces

    @property
    def is_one(self) -> bool:
        """True if the payloads belong together. Without a sure sign, their sizes tell: all but the last are full."""
        sizes = [len(piece) for piece in self._pieces]
        are_full = len(sizes) > 1 and set(sizes[:-1]) == {sizes[0]} and sizes[-1] <= sizes[0]
        return bool(self.is_cut) or (self.is_cut is None and are_full)

    def units(self) -> list[bytes]:
        """Return the NAL units of the payloads as one, and forget the payloads."""
        return split_at_start_codes(without_start_code(b"".join(self.take())))

    def end_frame(self) -> None:
        """Count a frame that has decided nothing. Call it only while `is_cut` is None."""
        self.has_begun = False
        self._undecided += 1
        if self._undecided >= _DECIDE_AFTER:
            self.is_cut = False

    def _kind(self, packet: bytes) -> int:
        if not packet:
            return 0
        return packet[0] & 0x1F if self._is_h264 else packet[0] >> 1 & 0x3F

    def _decide(self, payload: bytes) -> bool | None:
        """Return the meaning of a payload behind another one with a start code; None if it may be either."""
        if payload[:2] == b"\0\0" or len(payload) <= self._header_bytes:
            return None
        kind = self._kind(payload)
        has_no_header = payload[0] >= 0x80  # forbidden_zero_bit
        if self._is_h264:
            has_no_header = has_no_header or kind in {0, 30, 31}
        else:  # a camera has one layer (nuh_layer_id)
            has_no_header = has_no_header or kind > 50 or bool(payload[0] & 1 or payload[1] >> 3 or not payload[1] & 7)
        if has_no_header:
            return True
        flags = payload[self._header_bytes]
        is_first_fragment = kind == (28 if self._is_h264 else 49) and flags & _STARTS and not flags & _OTHER_FLAGS
        if is_first_fragment and flags & 0x1F in ({1, 5, 6, 7, 8} if self._is_h264 else {0, 1, 19, 20, 21}):
            return False
        return None
