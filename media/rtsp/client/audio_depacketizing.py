"""RTP packets into access units of audio: AAC (RFC 3640), G.711 (RFC 3551)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from media.codecs.access_unit import AUDIO, AccessUnit
from media.rtsp.client.onvif_replay_extension import read_stamp
from media.rtsp.client.rtp import RtpPacket
from media.rtsp.client.sdp import AudioTrack
from media.rtsp.client.track_times import DeviceTime, TickCounter

_AAC_FRAME_TICKS = 1024


class AudioDepacketizer:
    """One track of AAC or G.711, see can_carry()."""

    def __init__(self, track: AudioTrack, start_device_s: float | None = None) -> None:
        self._clock_rate = track.clock_rate
        self._is_aac = track.format.codec == "aac"
        self._ticks = TickCounter()
        self._device_time = DeviceTime(track.clock_rate, start_device_s)
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
