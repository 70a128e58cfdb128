"""Sorts video packets into frames, and holds the packets since the last key frame for consumers that join.

It works on RTP payloads, without putting access units together: consumers get the packets as the device sent them.
"""

from __future__ import annotations

from dataclasses import replace

from media.codecs.nal import PayloadKind
from media.codecs.video import VideoCodec
from media.rtsp.client.rtp import VIDEO, RtpPacket
from media.rtsp.live.statistics import FlowStatistics

MAX_HELD_BYTES = 12 * 1024 * 1024
_PACKET_OVERHEAD_BYTES = 200  # memory of a packet besides its payload


class GopBuffer:
    """`packets` begin with the last key frame once `has_key` is True.

    `sets` are the newest parameter sets by type; `sets_changed` counts their changes.
    """

    def __init__(self, codec: VideoCodec, sets: dict[str, bytes], statistics: FlowStatistics) -> None:
        self._codec = codec
        self._statistics = statistics
        self.sets = sets
        self.sets_changed = 0
        self.packets: list[RtpPacket] = []
        self.has_key = False
        self._held_bytes = 0
        self._frame_start = 0  # index in `packets` of the present frame's first packet
        self._frame_timestamp: int | None = None
        self._frame_has_slices = True
        self._frame_is_marked = False
        self._frame_has_sets = False
        self._frame_is_key = False

    @property
    def is_too_large(self) -> bool:
        """True if more is held without a key frame than we keep."""
        return self._held_bytes > MAX_HELD_BYTES

    def hold(self, packet: RtpPacket) -> None:
        """Keep a packet for consumers that join. Audio only from a key frame on."""
        if self.has_key or packet.track == VIDEO:
            self.packets.append(packet)
            self._held_bytes += len(packet.payload) + _PACKET_OVERHEAD_BYTES

    def clear(self) -> None:
        """Forget everything: consumers that join wait for the next key frame."""
        self.packets.clear()
        self._held_bytes = 0
        self._frame_start = 0
        self.has_key = False

    def take_video(self, packet: RtpPacket, batch: list[RtpPacket]) -> bool:
        """Assign a packet to its frame. True if a key frame begins with it; call hold() with the packet afterwards.

        At a key frame the packets of the group before are dropped. Parameter sets that the device does not send before
        it are added to `packets` and to `batch`.
        """
        info = self._codec.inspect_payload(packet.payload)
        kind = info.kind
        if kind is PayloadKind.OTHER:
            return False
        is_leading = kind is PayloadKind.LEADING
        is_other_time = packet.timestamp != self._frame_timestamp
        # GStreamer repeats the parameter sets before every slice of a key frame: they do not begin another frame.
        begins = is_other_time or (is_leading and self._frame_is_marked)
        if self._frame_has_slices and begins and kind is not PayloadKind.CONTINUATION:
            self._begin_frame(packet.timestamp)
            self._frame_has_slices = False
        if not is_leading:
            self._frame_has_slices = True
            self._frame_timestamp = packet.timestamp
        self._frame_is_marked = packet.marker and self._frame_has_slices
        if info.parameter_sets:
            self._learn_sets(info.parameter_sets)
            self._frame_has_sets = True
        # Some encoders refresh without IDR; a slice after parameter sets means that decoding may begin there.
        may_enter = kind is PayloadKind.KEY or (kind is PayloadKind.SLICE and self._frame_has_sets)
        if not may_enter or self._frame_is_key:
            return False
        self._frame_is_key = True
        self._begin_group(packet, batch)
        return True

    def _begin_frame(self, timestamp: int) -> None:
        self._statistics.count_frame()
        if not self.has_key:
            self.packets.clear()
            self._held_bytes = 0
        self._frame_start = len(self.packets)
        self._frame_timestamp = timestamp
        self._frame_has_sets = self._frame_is_key = False

    def _begin_group(self, packet: RtpPacket, batch: list[RtpPacket]) -> None:
        del self.packets[: self._frame_start]
        self._frame_start = 0
        if not self._frame_has_sets and self._codec.has_all(self.sets):
            # These sets are in the SDP only; MPEG-TS and players that join later need them in the stream. They carry
            # the loss before the key frame, too: the lost packets may be the end of the frame before.
            for set_type in self._codec.parameter_set_types:
                added = replace(packet, payload=self.sets[set_type], marker=False, extension=b"")
                self.packets.append(added)
                batch.append(added)
        self._held_bytes = sum(len(held.payload) + _PACKET_OVERHEAD_BYTES for held in self.packets)
        self.has_key = True
        self._statistics.count_key_frame(packet.time_s)

    def _learn_sets(self, nals: tuple[bytes, ...]) -> None:
        for nal in nals:
            set_type = self._codec.parameter_set_type(nal)
            if set_type and self.sets.get(set_type) != nal:
                self.sets[set_type] = nal
                self.sets_changed += 1
