"""RTP packets into access units: H.264 (RFC 6184), H.265 (RFC 7798), AAC (RFC 3640), G.711 (RFC 3551).

Payloads are untrusted: every length is checked, and the size of a unit is bounded. An incomplete frame is discarded.
The frames after it are passed on: decoders cope, and for a viewer a smear is better than a wait for the key frame.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.codecs.bits import BitReader, BitsEnded
from media.codecs.video import ParameterSets, VideoCodec
from media.rtsp.client.onvif_replay_extension import ReplayStamp, read_stamp
from media.rtsp.client.rtp import RtpPacket
from media.rtsp.client.sdp import AudioTrack

_MAX_UNIT_BYTES = 16 * 1024 * 1024
_MAX_PARTS = 4096
_MAX_SETS = 16
_AAC_FRAME_TICKS = 1024
_H264_IGNORED = frozenset({9, 10, 11, 12})  # delimiter, ends of sequence and stream, filler
_H265_IGNORED = frozenset({35, 36, 37, 38})


class _TickCounter:
    """Continues RTP's 32-bit time stamps beyond their wrap (RFC 3550 section 5.1)."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._ticks = 0

    def extend(self, timestamp: int) -> int:
        if self._last is None:
            self._ticks = timestamp
        else:
            self._ticks += ((timestamp - self._last + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        self._last = timestamp
        return self._ticks


class _DeviceTime:
    """The device's time of each unit: its stamp's, otherwise counted on by ticks from the last one with a stamp."""

    def __init__(self, clock_rate: int, start_device_s: float | None = None) -> None:
        self._clock_rate = clock_rate
        self._start_s = start_device_s
        self._known: tuple[int, float] | None = None

    def of(self, stamp: ReplayStamp | None, ticks: int) -> float | None:
        if stamp is not None:
            self._known = (ticks, stamp.device_s)
            return stamp.device_s
        if self._known is None:
            if self._start_s is None:
                return None
            self._known = (ticks, self._start_s)
        return self._known[1] + (ticks - self._known[0]) / self._clock_rate


class VideoDepacketizer:
    """One track of H.264 or H.265, from its first packet on. `sets`: the parameter sets in the SDP.

    `parameter_sets` also has those that come in band; `sets_changed` counts the changes.
    `start_device_s`: the first unit's time if the device sends no stamps.
    """

    def __init__(
        self, codec: VideoCodec, sets: ParameterSets, clock_rate: int, start_device_s: float | None = None
    ) -> None:
        self._codec = codec
        self._is_h264 = codec.name == "h264"
        self._header_bytes = 1 if self._is_h264 else 2
        self._ignored_types = _H264_IGNORED if self._is_h264 else _H265_IGNORED
        self._clock_rate = clock_rate
        self._ticks = _TickCounter()
        self._device_time = _DeviceTime(clock_rate, start_device_s)
        self._sets: dict[tuple[str, int], bytes] = {}
        self.sets_changed = 0
        self._is_discontinuity = False
        self._dropped_frames = 0  # since the last complete one
        for nal in sets.values():
            self._take_set(nal)
        self._start_unit(None)

    @property
    def parameter_sets(self) -> tuple[bytes, ...]:
        """NAL units in sending order: vps, sps, pps; there may be several pps."""
        order = {set_type: index for index, set_type in enumerate(self._codec.parameter_set_types)}
        return tuple(nal for (set_type, _), nal in sorted(self._sets.items(), key=lambda item: order[item[0][0]]))

    @property
    def is_described(self) -> bool:
        """True once there is a parameter set of each type, as decoding needs."""
        return {set_type for set_type, _ in self._sets} >= set(self._codec.parameter_set_types)

    def push(self, packets: Sequence[RtpPacket]) -> list[AccessUnit]:
        """Return the units that these packets complete. Packets of one track, in the order of sequence numbers."""
        units: list[AccessUnit] = []
        for packet in packets:
            if self._timestamp is not None and packet.timestamp != self._timestamp:
                if packet.lost_before:
                    self._is_damaged = True  # the lost packets may be the frame's end
                self._end_unit(units)
            if self._timestamp is None:
                self._start_unit(packet.timestamp, packet.time_s)
            if packet.lost_before:
                self._is_damaged = True
            if packet.extension and (stamp := read_stamp(packet.extension)) is not None:
                self._take_stamp(stamp)
            self._take_payload(packet.payload)
            if packet.marker and (
                self._has_slices or self._is_damaged
            ):  # some devices set the marker on leading NAL units, too
                self._end_unit(units)
        return units

    def _start_unit(self, timestamp: int | None, time_s: float = 0.0) -> None:
        self._timestamp = timestamp
        self._time_s = time_s
        self._parts: list[bytes] = []
        self._bytes = 0
        self._fragments: list[bytes] | None = None
        self._has_slices = False
        self._is_key = False
        self._is_damaged = False
        self._stamp: ReplayStamp | None = None
        self._ends_section = False

    def _take_stamp(self, stamp: ReplayStamp) -> None:
        if self._stamp is None:
            self._stamp = stamp
        self._ends_section = self._ends_section or stamp.ends_section or stamp.is_terminal

    def _end_unit(self, units: list[AccessUnit]) -> None:
        if self._timestamp is None:
            return
        ticks = self._ticks.extend(self._timestamp)
        device_s = self._device_time.of(self._stamp, ticks)
        is_discontinuous = self._is_discontinuity or (self._stamp is not None and self._stamp.is_discontinuous)
        is_incomplete = self._is_damaged or self._fragments is not None
        if is_incomplete:
            self._dropped_frames += 1
        if not self._has_slices or is_incomplete:
            self._is_discontinuity = is_discontinuous or self._ends_section  # for the next complete frame
        else:
            self._is_discontinuity = False
            units.append(
                AccessUnit(
                    VIDEO,
                    tuple(self._parts),
                    ticks,
                    self._clock_rate,
                    is_key=self._is_key,
                    device_s=device_s,
                    is_discontinuous=is_discontinuous,
                    ends_section=self._ends_section,
                    time_s=self._time_s,
                    dropped_before=self._dropped_frames,
                )
            )
            self._dropped_frames = 0
        self._start_unit(None)

    # -- payloads ----------------------------------------------------------------------------------

    def _take_payload(self, payload: bytes) -> None:
        if len(payload) <= self._header_bytes:
            return
        kind = payload[0] & 0x1F if self._is_h264 else payload[0] >> 1 & 0x3F
        if kind == (28 if self._is_h264 else 49):
            self._take_fragment(payload)
        elif self._is_h264 and kind == 24:
            self._take_aggregate(payload, 1)
        elif not self._is_h264 and kind == 48:
            self._take_aggregate(payload, 2)
        elif kind < (24 if self._is_h264 else 48):
            self._take_nal(payload)
        else:
            self._is_damaged = True  # interleaved and multi-time packets: sdp.py refuses such streams

    def _take_aggregate(self, payload: bytes, position: int) -> None:
        while position + 2 < len(payload):
            stop = position + 2 + (payload[position] << 8 | payload[position + 1])
            if stop > len(payload):
                self._is_damaged = True
                return
            self._take_nal(payload[position + 2 : stop])
            position = stop

    def _take_fragment(self, payload: bytes) -> None:
        """Take an FU-A (RFC 6184 section 5.8) or FU (RFC 7798 section 4.4.3)."""
        head = self._header_bytes + 1
        if len(payload) <= head:
            return
        flags = payload[head - 1]
        if flags & 0x80:
            if self._is_h264:
                header = bytes([payload[0] & 0xE0 | flags & 0x1F])
            else:
                header = bytes([payload[0] & 0x81 | (flags & 0x3F) << 1, payload[1]])
            self._fragments = [header]
        if self._fragments is None:
            self._is_damaged = True  # the start of the NAL unit is missing
            return
        self._bytes += len(payload)
        if self._bytes > _MAX_UNIT_BYTES:
            self._is_damaged = True
            self._fragments = None
            return
        self._fragments.append(payload[head:])
        if flags & 0x40:
            nal = b"".join(self._fragments)
            self._fragments = None
            self._bytes -= len(nal)  # counted again below
            self._take_nal(nal)

    def _take_nal(self, nal: bytes) -> None:
        if len(nal) <= self._header_bytes:
            return
        kind = nal[0] & 0x1F if self._is_h264 else nal[0] >> 1 & 0x3F
        if kind in self._ignored_types:
            return
        if self._codec.parameter_set_type(nal) is not None:
            self._take_set(nal)
            return
        self._bytes += len(nal)
        if self._bytes > _MAX_UNIT_BYTES or len(self._parts) >= _MAX_PARTS:
            self._is_damaged = True
            return
        self._parts.append(nal)
        if not self._has_slices and (1 <= kind <= 5 if self._is_h264 else kind < 32):
            self._has_slices = True
            # A frame's first slice has first_mb_in_slice 0 or first_slice_segment_in_pic_flag; otherwise it is missing.
            self._is_damaged = self._is_damaged or nal[self._header_bytes] < 0x80
        self._is_key = self._is_key or (kind == 5 if self._is_h264 else 16 <= kind <= 21)

    def _take_set(self, nal: bytes) -> None:
        """Keep the newest parameter set of each type, of pps the newest with each id."""
        set_type = self._codec.parameter_set_type(nal)
        if set_type is None or len(nal) > 4096:
            return
        key = (set_type, self._pps_id(nal) if set_type == "pps" else 0)
        if self._sets.get(key) != nal and (key in self._sets or len(self._sets) < _MAX_SETS):
            self._sets[key] = nal
            self.sets_changed += 1

    def _pps_id(self, nal: bytes) -> int:
        """Return pps_pic_parameter_set_id, which comes first in both codecs. 0 if it cannot be read."""
        try:
            return BitReader(nal[self._header_bytes : self._header_bytes + 8]).ue()
        except BitsEnded:
            return 0


class AudioDepacketizer:
    """One track of AAC or G.711, see can_carry()."""

    def __init__(self, track: AudioTrack, start_device_s: float | None = None) -> None:
        self._clock_rate = track.clock_rate
        self._is_aac = track.format.codec == "aac"
        self._ticks = _TickCounter()
        self._device_time = _DeviceTime(track.clock_rate, start_device_s)
        self._fragments: list[bytes] = []
        self._joining: int | None = None  # time stamp of the fragments
        numbers = dict(re.findall(r"(\w+)=(\d+)", track.fmtp.lower()))
        self._size_bits = int(numbers.get("sizelength", 13))
        self._index_bits = int(numbers.get("indexlength", 3))
        self._delta_bits = int(numbers.get("indexdeltalength", 3))

    @staticmethod
    def can_carry(track: AudioTrack) -> bool:
        return track.format.codec in {"aac", "pcm_alaw", "pcm_mulaw"}

    def push(self, packets: Sequence[RtpPacket]) -> list[AccessUnit]:
        units: list[AccessUnit] = []
        for packet in packets:
            ticks = self._ticks.extend(packet.timestamp)
            stamp = read_stamp(packet.extension) if packet.extension else None
            device_s = self._device_time.of(stamp, ticks)
            if packet.lost_before:
                self._fragments.clear()
            frames = self._aac_frames(packet) if self._is_aac else [packet.payload]
            for index, frame in enumerate(frames):
                shift = index * _AAC_FRAME_TICKS
                units.append(
                    AccessUnit(
                        AUDIO,
                        (frame,),
                        ticks + shift,
                        self._clock_rate,
                        is_key=True,
                        device_s=None if device_s is None else device_s + shift / self._clock_rate,
                        is_discontinuous=index == 0 and stamp is not None and stamp.is_discontinuous,
                        time_s=packet.time_s + shift / self._clock_rate,
                    )
                )
        return units

    def _aac_frames(self, packet: RtpPacket) -> list[bytes]:
        """Return the frames of a packet (RFC 3640 section 3.2): first all headers, then frames or a part of one."""
        payload = packet.payload
        if len(payload) < 4 or self._size_bits == 0:
            return []
        header_bits = payload[0] << 8 | payload[1]
        header_bytes = (header_bits + 7) // 8
        position = 2 + header_bytes
        if position > len(payload):
            return []
        headers = int.from_bytes(payload[2:position], "big") >> (header_bytes * 8 - header_bits)
        sizes: list[int] = []
        left = header_bits
        while left > 0:
            width = self._size_bits + (self._delta_bits if sizes else self._index_bits)
            if width > left:
                break
            left -= width
            sizes.append((headers >> left & (1 << width) - 1) >> (width - self._size_bits))
        if len(sizes) == 1 and sizes[0] > len(payload) - position:
            return self._join(packet.timestamp, payload[position:], sizes[0], is_last=packet.marker)
        frames = []
        for size in sizes:
            if not 0 < size <= len(payload) - position:
                break
            frames.append(payload[position : position + size])
            position += size
        return frames

    def _join(self, timestamp: int, part: bytes, size: int, *, is_last: bool) -> list[bytes]:
        if timestamp != self._joining:
            self._joining = timestamp
            self._fragments.clear()
        self._fragments.append(part)
        if not is_last and len(self._fragments) < 64:
            return []
        whole, self._fragments = b"".join(self._fragments), []
        return [whole] if len(whole) == size else []
