"""H.264: the contents of RTP payloads (RFC 6184), parameter sets, and the frame size in them (ITU-T H.264)."""

from __future__ import annotations

from media.codecs.bits import BitReader, BitsEnded
from media.codecs.nal import MAX_SIDE, PayloadInfo, PayloadKind, combined, units_of_aggregate

_SLICE, _IDR, _SEI, _SPS, _PPS, _DELIMITER = 1, 5, 6, 7, 8, 9
_STAP_A, _FU_A = 24, 28
_LEADING = frozenset({_SEI, _SPS, _PPS, _DELIMITER})
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_OTHER = PayloadInfo(PayloadKind.OTHER)
_LEADING_INFO = PayloadInfo(PayloadKind.LEADING)
_CONTINUATION = PayloadInfo(PayloadKind.CONTINUATION)
_FIRST_SLICES = {_IDR: PayloadInfo(PayloadKind.KEY), _SLICE: PayloadInfo(PayloadKind.SLICE)}


def inspect_payload(payload: bytes) -> PayloadInfo:
    """Return the kind of an RTP payload and the parameter sets in it. `payload` is not empty."""
    nal_type = payload[0] & 0x1F
    if nal_type == _FU_A:
        if len(payload) < 3:
            return _OTHER
        return _info(payload[1] & 0x1F, payload[2] if payload[1] & 0x80 else 0)
    if nal_type == _STAP_A:
        return combined(map(_inspect_nal, units_of_aggregate(payload, 1)))
    return _inspect_nal(payload)


def _inspect_nal(nal: bytes) -> PayloadInfo:
    nal_type = nal[0] & 0x1F
    if nal_type in {_SPS, _PPS}:
        return PayloadInfo(PayloadKind.LEADING, (nal,))
    return _info(nal_type, nal[1]) if len(nal) > 1 else _OTHER


def _info(nal_type: int, first_byte: int) -> PayloadInfo:
    """`first_byte`: the one after the header. Its highest bit is set if first_mb_in_slice is 0, at a frame's start."""
    if nal_type in _LEADING:
        return _LEADING_INFO
    info = _FIRST_SLICES.get(nal_type, _OTHER)
    return info if first_byte & 0x80 or info is _OTHER else _CONTINUATION


def parameter_set_type(nal: bytes) -> str | None:
    """Return "sps" or "pps"; None for other NAL units."""
    return {_SPS: "sps", _PPS: "pps"}.get(nal[0] & 0x1F) if nal else None


def frame_size(sps: bytes) -> tuple[int, int] | None:
    """Return width and height after cropping (section 7.3.2.1.1). None if `sps` cannot be read."""
    try:
        return _frame_size(BitReader(sps[1:256]))
    except BitsEnded:
        return None


def _frame_size(bits: BitReader) -> tuple[int, int] | None:
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    chroma = _skip_high_profile(bits) if profile in _HIGH_PROFILES else 1
    bits.ue()  # log2_max_frame_num_minus4
    _skip_order_count(bits)
    bits.ue()  # max_num_ref_frames
    bits.u(1)
    width = (bits.ue() + 1) * 16
    map_height = (bits.ue() + 1) * 16
    frames_only = bits.u(1)
    if not frames_only:
        bits.u(1)
    bits.u(1)  # direct_8x8_inference_flag
    height = map_height * (2 - frames_only)
    if bits.u(1):
        across = 1 if chroma in {0, 3} else 2
        down = (2 if chroma == 1 else 1) * (2 - frames_only)
        width -= (bits.ue() + bits.ue()) * across
        height -= (bits.ue() + bits.ue()) * down
    return (width, height) if 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE else None


def _skip_high_profile(bits: BitReader) -> int:
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    bits.ue()
    bits.ue()
    bits.u(1)
    if bits.u(1):  # seq_scaling_matrix_present_flag
        for index in range(12 if chroma == 3 else 8):
            if bits.u(1):
                _skip_scaling_list(bits, 16 if index < 6 else 64)
    return chroma


def _skip_scaling_list(bits: BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + bits.se()) & 0xFF
        last = following or last


def _skip_order_count(bits: BitReader) -> None:
    kind = bits.ue()
    if kind == 0:
        bits.ue()
    elif kind == 1:
        bits.u(1)
        bits.se()
        bits.se()
        cycle = bits.ue()
        if cycle > 255:
            raise BitsEnded("no such cycle")
        for _ in range(cycle):
            bits.se()
