"""RTP packets into frames of MJPEG (RFC 2435). A frame stays in its payloads: ffmpeg makes the JPEG of them.

A frame is whole if its payloads follow each other without a gap from offset 0 on. Each frame can be decoded by itself.
"""

from __future__ import annotations

from collections.abc import Sequence

from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.client.depacketizing import PlaceFrame
from media.rtsp.client.rtp import Delivery, RtpPacket, single_packets
from media.rtsp.client.track_times import TickCounter

_HEADER_BYTES = 8  # section 3.1: type-specific, fragment offset (3), type, Q, width / 8, height / 8
_RESTART_HEADER_BYTES = 4  # section 3.1.7, of the types 64 to 127
_MAX_FRAME_BYTES = 16 * 1024 * 1024


class MjpegDepacketizer:
    """One track of MJPEG, with the interface of depacketizing.VideoDepacketizer."""

    def __init__(self, clock_rate: int, *, delivery: Delivery = Delivery.STREAM, place: PlaceFrame) -> None:
        self._clock_rate = clock_rate
        self._place = place
        self._last_ticks = 0
        self._has_loss = delivery is Delivery.DATAGRAMS
        self._ticks = TickCounter()
        self._size = b""
        self._payloads: list[bytes] = []
        self._next_offset = 0
        self._first: RtpPacket | None = None
        self._has_joined = False  # a frame has begun: the first packets may belong to one that began before them
        self._is_damaged = False
        self._frames_dropped_before = 0
        self.frames_dropped = 0
        self.damage = ""

    @property
    def parameter_sets(self) -> tuple[bytes, ...]:
        return (self._size,) if self._size else ()

    @property
    def is_described(self) -> bool:
        return bool(self._size)

    def push(self, packets: Sequence[RtpPacket]) -> list[AccessUnit]:
        """Return the frames that these packets complete."""
        units: list[AccessUnit] = []
        for packet in single_packets(packets):
            has_loss = self._has_loss and packet.lost_before > 0
            if has_loss and self._first is not None:
                self._damage("lost packets")
            if len(packet.payload) <= _HEADER_BYTES:
                continue
            offset = int.from_bytes(packet.payload[1:4], "big")
            if self._first is not None and (offset == 0 or packet.timestamp != self._first.timestamp):
                self._end(units)
            self._take(packet, offset)
            if packet.marker and self._first is not None:
                self._end(units)
        return units

    def flush_marked(self) -> list[AccessUnit]:
        """Return nothing: a frame never waits after its marker."""
        return []

    def _take(self, packet: RtpPacket, offset: int) -> None:
        payload = packet.payload
        if self._first is None:
            if offset and not self._has_joined:
                return
            self._first = packet
            self._has_joined = True
        if offset != self._next_offset:
            self._damage("a missing piece of a frame")
        if offset == 0:
            self._size = payload[6:8]
        self._next_offset = offset + len(payload) - _header_bytes(payload)
        if self._next_offset > _MAX_FRAME_BYTES or self._next_offset <= offset:  # the second: it holds no data
            self._damage("a frame larger than the app accepts")
        if not self._is_damaged:
            self._payloads.append(payload)

    def _damage(self, what: str) -> None:
        self._is_damaged = True
        self.damage = what
        self._payloads.clear()

    def _end(self, units: list[AccessUnit]) -> None:
        first, self._first = self._first, None
        if first is not None and not self._is_damaged:
            ticks = self._ticks.extend(first.timestamp)
            went_back, self._last_ticks = ticks < self._last_ticks, ticks
            units.append(
                AccessUnit(
                    VIDEO,
                    tuple(self._payloads),
                    ticks,
                    self._clock_rate,
                    is_key=True,
                    frames_dropped_before=self._frames_dropped_before,
                    time_s=self._place(ticks, first.arrived_s, clock_went_back=went_back),
                    arrived_s=first.arrived_s,
                    parameter_sets=self.parameter_sets,
                )
            )
            self._frames_dropped_before = 0
        elif self._is_damaged:
            self.frames_dropped += 1
            self._frames_dropped_before += 1
        self._payloads = []
        self._next_offset = 0
        self._is_damaged = False


def _header_bytes(payload: bytes) -> int:
    """Return the size of all headers before the picture's data, with the quantization tables (section 3.1.8)."""
    size = _HEADER_BYTES
    if 64 <= payload[4] < 128:
        size += _RESTART_HEADER_BYTES
    if not any(payload[1:4]) and payload[5] >= 128:
        size += 4 + int.from_bytes(payload[size + 2 : size + 4], "big")
    return size
