"""AAC in LATM (ISO/IEC 14496-3 section 1.7.3): multiplexed audio, as RTP carries it in MP4A-LATM (RFC 6416).

Only one programme with one layer is read, which is all that cameras send.
"""

from __future__ import annotations

from dataclasses import dataclass

from media.codecs.aac import MAX_FRAME_BYTES, AacConfig, read_config_bits, read_rate
from media.codecs.bits import BitReader, BitsEnded

_LOAS_HEAD_BYTES = 3
_WITH_SBR = frozenset({5, 29})
_SBR_FOLLOWS, _PS_FOLLOWS = 0x2B7, 0x548  # 11 bits each, section 1.6.6.1
_PLAIN_TYPES = frozenset({1, 2, 3, 4})  # Main, LC, SSR, LTP: their GASpecificConfig has no further parts


@dataclass(frozen=True, slots=True)
class MuxConfig:
    """A StreamMuxConfig. `frames`: AAC frames in an element; `other_bits`: length of data besides the audio."""

    aac: AacConfig
    frames: int
    other_bits: int


def read_mux_config(config: bytes) -> MuxConfig | None:
    """Parse a StreamMuxConfig, such as `config` in an SDP. None if it is broken, or of a kind that we do not read.

    GStreamer ends it after the AudioSpecificConfig: zeros stand for the rest.
    """
    try:
        return _mux_config(BitReader(config + bytes(3), is_escaped=False))
    except BitsEnded:
        return None


@dataclass(frozen=True, slots=True)
class Element:
    """An AudioMuxElement. `is_in_band`: it says whether a configuration follows, as with `cpresent=1`."""

    config: MuxConfig
    frames: list[bytes]
    is_in_band: bool


def read_element(element: bytes, known: MuxConfig | None, *, is_in_band: bool | None = None) -> Element | None:
    """Parse an AudioMuxElement. None if it cannot be read.

    `known`: the configuration of the SDP or of an element before. `is_in_band`: of the elements before. The
    lengths tell the two kinds apart; `cpresent` in the SDP is often wrong.
    """
    element = _without_sync(element)
    plain = Element(known, _plain_frames(element, known), is_in_band=False) if known else None
    if plain and plain.frames and not is_in_band:
        return plain
    found = _in_band(element, known)
    return found or (plain if plain and plain.frames else None)


def _in_band(element: bytes, known: MuxConfig | None) -> Element | None:
    try:
        bits = BitReader(element, is_escaped=False)
        config = known if bits.u(1) else _mux_config(bits)
        if config is None:
            return None
        frames = [_frame(bits) for _ in range(config.frames)]
    except BitsEnded:
        return None
    return Element(config, frames, is_in_band=True) if bits.left < config.other_bits + 8 else None


def _plain_frames(element: bytes, config: MuxConfig) -> list[bytes]:
    """Return the frames of an element without configuration; none if the lengths do not fit."""
    frames = []
    position = 0
    for _ in range(config.frames):
        size = 0
        while position < len(element) and element[position] == 255:
            size += 255
            position += 1
        if position >= len(element):
            return []
        size += element[position]
        position += 1
        frames.append(element[position : position + size])
        position += size
    return frames if position + (config.other_bits + 7) // 8 == len(element) and all(frames) else []


def _without_sync(element: bytes) -> bytes:
    """Remove the header of LOAS (section 1.7.2), which some cameras leave before each element."""
    if len(element) > _LOAS_HEAD_BYTES and element[0] == 0x56 and element[1] & 0xE0 == 0xE0:
        length = (element[1] & 0x1F) << 8 | element[2]
        if length + _LOAS_HEAD_BYTES == len(element):
            return element[_LOAS_HEAD_BYTES:]
    return element


def _frame(bits: BitReader) -> bytes:
    size = 0
    while (byte := bits.u(8)) == 255:
        size += 255
        if size > MAX_FRAME_BYTES:  # each step costs as much as the element is long
            raise BitsEnded("a frame longer than AAC has")
    size += byte
    return bits.u(size * 8).to_bytes(size, "big")


def _mux_config(bits: BitReader) -> MuxConfig | None:
    version = bits.u(1)
    if version and bits.u(1):
        return None
    if version:
        _value(bits)  # taraBufferFullness
    bits.u(1)  # all streams have the same time framing
    frames = bits.u(6) + 1
    if bits.u(4) or bits.u(3):
        return None  # several programmes or layers
    if version:
        length = _value(bits)
        config = read_config_bits(BitReader(bits.u(length).to_bytes((length + 7) // 8, "big"), is_escaped=False))
    else:
        config = _audio_config(bits)
    if config is None or bits.u(3):
        return None  # no frames of variable length
    bits.u(8)  # latmBufferFullness
    other_bits = _other_bits(bits, version) if bits.u(1) else 0
    if bits.u(1):
        bits.u(8)  # a checksum
    return MuxConfig(config, frames, other_bits)


def _audio_config(bits: BitReader) -> AacConfig | None:
    """Read an AudioSpecificConfig to its end, which only its contents tell."""
    config = read_config_bits(bits)
    if config is None or not config.channels:
        return None
    object_type = bits.u(5) if config.object_type in _WITH_SBR else config.object_type
    if object_type not in _PLAIN_TYPES:
        return None
    bits.u(1)  # frames of 960 samples
    if bits.u(1):
        bits.u(14)  # the delay of a core coder
    bits.u(1)  # an extension, which these types do not have
    _skip_sbr(bits)
    return config


def _skip_sbr(bits: BitReader) -> None:
    """Skip what encoders append about SBR and PS (section 1.6.2.1). No readable StreamMuxConfig goes on with its bits.

    The core is what counts: decoders find SBR in the frames.
    """
    if bits.peek(11) != _SBR_FOLLOWS:
        return
    bits.u(11)
    if bits.u(5) not in _WITH_SBR or not bits.u(1):
        return
    read_rate(bits)
    if bits.peek(11) == _PS_FOLLOWS:
        bits.u(12)


def _other_bits(bits: BitReader, version: int) -> int:
    if version:
        return _value(bits)
    length = 0
    while True:
        has_more = bits.u(1)
        length = length << 8 | bits.u(8)
        if not has_more:
            return length


def _value(bits: BitReader) -> int:
    """Read LatmGetValue."""
    size = bits.u(2) + 1
    return bits.u(8 * size)
