"""AAC frames out of RTP payloads, in every packing that devices use: judged by the bytes, not by the description.

- AU headers (RFC 3640 section 3.2), with the lengths of the SDP or, where these do not fit, with usual ones.
- ADTS, with or without AU headers before it.
- A plain frame for each packet, without AU headers.
- LATM (RFC 6416), with the configuration in the SDP or in band.

Payloads are untrusted: every length is checked.
"""

from __future__ import annotations

import re
from typing import Protocol

from media.codecs import aac, latm
from media.codecs.aac import AacConfig
from media.rtsp.client.rtp import RtpPacket
from media.rtsp.client.sdp_audio import AudioTrack

_MAX_PARTS = 64
_MAX_PADDING_BYTES = 64  # behind frames whose AU headers are as described
_LITTLE_PADDING_BYTES = 4
_MAX_EXCESS_BYTES = 8
_LOAS_SYNC = 0x2B7
_UNREADABLE = [b""]
_USUAL_LENGTHS = ((13, 3, 3), (16, 0, 0), (13, 0, 0), (6, 2, 2))


class AacPayloads(Protocol):
    """Splits payloads. `config`: the configuration in the stream itself (ADTS, LATM); None if there is none."""

    config: AacConfig | None

    def frames(self, packet: RtpPacket) -> list[bytes]:
        """Return the frames that this packet completes, and an empty one for bytes that cannot be read.

        Packets in order; `lost_before` begins anew.
        """
        ...


def aac_payloads(track: AudioTrack) -> AacPayloads:
    return GenericPayloads(track) if track.mux_config is None else LatmPayloads(track.mux_config)


class GenericPayloads:
    """MPEG4-GENERIC: an AacPayloads."""

    def __init__(self, track: AudioTrack) -> None:
        numbers = dict(re.findall(r"(\w+)=(\d+)", track.fmtp.lower()))
        announced = tuple(int(numbers.get(name, usual)) for name, usual in _DEFAULTS)
        self._lengths: list[tuple[int, ...]] = list(dict.fromkeys((announced, *_USUAL_LENGTHS)))
        self._has_headers: bool | None = None
        self._parts: list[bytes] = []
        self._size = 0  # of the frame that `_parts` become
        self._timestamp: int | None = None  # of the parts
        self._latm: LatmPayloads | None = None  # of a device that sends LATM with sync words nevertheless
        self.config: AacConfig | None = None

    def frames(self, packet: RtpPacket) -> list[bytes]:
        payload = packet.payload
        if self._latm is None and _is_loas(payload):
            self._latm = LatmPayloads(b"")
        if self._latm is not None:
            frames = self._latm.frames(packet)
            self.config = self._latm.config
            return frames
        if packet.lost_before or packet.timestamp != self._timestamp:
            self._parts.clear()
        if self._parts and self._has_headers is False:
            return self._join(payload, is_last=packet.marker)
        if (length := aac.adts_length(payload)) is not None:
            if length > len(payload):
                return self._begin(packet, payload, length)
            return self._without_adts(payload)
        if (found := self._sizes(payload, is_last=packet.marker)) is not None:
            self._has_headers = True
            position, sizes = found
            if len(sizes) == 1 and sizes[0] > len(payload) - position:
                if self._parts:
                    return self._join(payload[position:], is_last=packet.marker)
                return self._begin(packet, payload[position:], sizes[0], is_last=packet.marker)
            return self._cut(payload, position, sizes)
        return _UNREADABLE if self._has_headers else [payload]

    def _sizes(self, payload: bytes, *, is_last: bool) -> tuple[int, list[int]] | None:
        """Return the place of the first frame and the sizes in the AU headers. None if there are no AU headers."""
        described = _read_headers(payload, self._lengths[0])
        for lengths in self._lengths:
            is_described = lengths is self._lengths[0]
            found = _read_headers(payload, lengths)
            left = len(payload) - found[0] - sum(found[1]) if found and found[1] else -1
            if found and 0 <= left <= (_MAX_PADDING_BYTES if is_described else _LITTLE_PADDING_BYTES):
                if is_described:
                    return found
                if all(found[1]) and not self._is_part(described, payload, is_last=is_last):
                    self._lengths = [lengths]
                    return found
        if described is None or not described[1]:
            return None
        position, sizes = described
        if sizes == [0]:
            return position, [len(payload) - position]
        if not self._parts and (fitting := _without_excess(sizes, len(payload) - position, is_last=is_last)):
            return position, fitting
        is_part = len(sizes) == 1 and len(payload) - position < sizes[0] <= aac.MAX_FRAME_BYTES
        return described if is_part or self._has_headers else None

    def _is_part(self, described: tuple[int, list[int]] | None, payload: bytes, *, is_last: bool) -> bool:
        """True if the described header is that of a part of a frame, whose bytes may look like other headers."""
        if described is None or len(described[1]) != 1 or described[1][0] <= len(payload) - described[0]:
            return False
        return described[1][0] == self._size if self._parts else not is_last

    def _cut(self, payload: bytes, position: int, sizes: list[int]) -> list[bytes]:
        frames: list[bytes] = []
        for size in sizes:
            if not 0 < size <= len(payload) - position:
                break
            frames += self._without_adts(payload[position : position + size])
            position += size
        return frames

    def _without_adts(self, data: bytes) -> list[bytes]:
        if aac.adts_length(data) is None:
            return [data]
        split = aac.split_adts(data)
        if not split:
            return []
        self.config = split[-1][0]
        return [frame for _, frame in split]

    def _begin(self, packet: RtpPacket, part: bytes, size: int, *, is_last: bool = False) -> list[bytes]:
        if self._has_headers is None:
            self._has_headers = False
        self._timestamp, self._size = packet.timestamp, size
        return self._join(part, is_last=is_last)

    def _join(self, part: bytes, *, is_last: bool) -> list[bytes]:
        self._parts.append(part)
        length = sum(map(len, self._parts))
        is_whole = length >= self._size or (is_last and self._has_headers)
        if not is_whole and len(self._parts) < _MAX_PARTS:
            return []
        whole, self._parts = b"".join(self._parts), []
        return self._without_adts(whole) if length == self._size else []


_DEFAULTS = (("sizelength", 13), ("indexlength", 3), ("indexdeltalength", 3))


def _is_loas(payload: bytes) -> bool:
    """True for an AudioSyncStream of LATM (ISO/IEC 14496-3 section 1.7.2): its sync word, and the right length."""
    word = int.from_bytes(payload[:3], "big")
    return word >> 13 == _LOAS_SYNC and word & 0x1FFF == len(payload) - 3 > 0


def _read_headers(payload: bytes, lengths: tuple[int, ...]) -> tuple[int, list[int]] | None:
    """Read the AU header section. `lengths`: of the fields size, index, and index delta, in bits."""
    size_bits, index_bits, delta_bits = lengths
    if len(payload) < 3 or size_bits == 0:
        return None
    header_bits = payload[0] << 8 | payload[1]
    if header_bits * 8 == size_bits + index_bits:  # some devices count bytes
        header_bits *= 8
    header_bytes = (header_bits + 7) // 8
    position = 2 + header_bytes
    if position > len(payload):
        return None
    headers = int.from_bytes(payload[2:position], "big") >> (header_bytes * 8 - header_bits)
    sizes: list[int] = []
    left = header_bits
    while left > 0:
        width = size_bits + (delta_bits if sizes else index_bits)
        if width > left:
            break
        left -= width
        sizes.append((headers >> left & (1 << width) - 1) >> (width - size_bits))
    return position, sizes


def _without_excess(sizes: list[int], left: int, *, is_last: bool) -> list[int] | None:
    """Return sizes that fit, if all are too large for the `left` bytes of frames by the same few bytes.

    Some encoders count bytes of the packet with each frame. The first part of a frame that is cut has no marker.
    """
    excess, rest = divmod(sum(sizes) - left, len(sizes))
    if rest or not 0 < excess <= _MAX_EXCESS_BYTES or not (is_last or len(sizes) > 1):
        return None
    return [size - excess for size in sizes]


class LatmPayloads:
    """MP4A-LATM: an AacPayloads."""

    def __init__(self, mux_config: bytes) -> None:
        self._known = latm.read_mux_config(mux_config) if mux_config else None
        self._is_in_band: bool | None = None
        self._parts: list[bytes] = []
        self._timestamp: int | None = None
        self.config: AacConfig | None = self._known.aac if self._known else None

    def frames(self, packet: RtpPacket) -> list[bytes]:
        if packet.lost_before or packet.timestamp != self._timestamp:
            self._parts.clear()
        self._timestamp = packet.timestamp
        self._parts.append(packet.payload)
        element = latm.read_element(b"".join(self._parts), self._known, is_in_band=self._is_in_band)
        if element is None:
            if packet.marker or len(self._parts) >= _MAX_PARTS:
                self._parts.clear()
                return _UNREADABLE
            return []
        self._parts.clear()
        self._known, self._is_in_band = element.config, element.is_in_band
        self.config = self._known.aac
        return element.frames
