"""H.264 (ITU-T H.264): roles of NAL units, slice headers, parameter sets, and the frame size in them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from media.codecs.bits import BitReader, BitsEnded
from media.codecs.h264_sps import skip_order_count, skip_profile
from media.codecs.nal import MAX_SIDE, NalKind

HEADER_BYTES = 1
_IDR, _SPS, _PPS = 5, 7, 8
_INTRA_SLICES = frozenset({2, 4, 7, 9})  # I and SI (table 7-6)
_BIDIRECTIONAL_SLICES = frozenset({1, 6})  # B
_INTER_TYPES = frozenset({1, 2})  # NAL units with the header of a slice that may refer to other frames

NAL_KINDS = tuple(
    {
        1: NalKind.SLICE,
        2: NalKind.SLICE,  # data partition A has the slice header
        3: NalKind.MORE,
        4: NalKind.MORE,
        _IDR: NalKind.KEY_SLICE,
        6: NalKind.SEI,
        _SPS: NalKind.SET,
        _PPS: NalKind.SET,
        13: NalKind.LEADING,
        14: NalKind.LEADING,
        15: NalKind.LEADING,
        19: NalKind.MORE,
        20: NalKind.MORE,
        21: NalKind.MORE,
    }.get(nal_type, NalKind.IGNORED)
    for nal_type in range(32)
)


def nal_type(nal: bytes) -> int:
    """Return nal_unit_type (section 7.3.1)."""
    return nal[0] & 0x1F


RECOVERY_POINT = b"\x06\x06\x01\xc4\x80"
"""A SEI NAL unit: decoding may begin at this frame (section D.1.8; recovery_frame_cnt 0)."""


def is_idr(nal: bytes) -> bool:
    """True for a slice of a frame at which no later frame refers to an earlier one."""
    return nal[0] & 0x1F == _IDR


def slice_position(nal: bytes) -> int:
    """Return a number that grows from slice to slice of a frame: first_mb_in_slice (section 7.3.3). 0 if unreadable."""
    try:
        return BitReader(nal[1:9]).ue()
    except BitsEnded:
        return 0


def is_intra(nal: bytes) -> bool:
    """True if a slice refers to no other frame: slice_type is I or SI."""
    try:
        bits = BitReader(nal[1:17])
        bits.ue()
        return bits.ue() in _INTRA_SLICES
    except BitsEnded:
        return False


def is_bidirectional(nal: bytes) -> bool:
    """True for a B slice."""
    if nal[0] & 0x1F not in _INTER_TYPES or len(nal) < 2:
        return False
    first = nal[1]
    if first >= 0x80:  # first_mb_in_slice 0: slice_type is in the other seven bits
        return first >> 4 == 0b1010 or first >> 2 == 0b100111
    try:
        bits = BitReader(nal[1:17])
        bits.ue()
        return bits.ue() in _BIDIRECTIONAL_SLICES
    except BitsEnded:
        return False


@dataclass(frozen=True, slots=True)
class _FieldLayout:
    """The fields of an sps on which the place of field_pic_flag in a slice header depends."""

    frame_num_bits: int
    has_colour_plane: bool
    frames_only: bool


def is_second_field(first: bytes, second: bytes, sps: bytes) -> bool:
    """True if two slices, both with first_mb_in_slice 0, are the two fields of one frame (section 7.4.1.2.4).

    Interlaced cameras send both fields with one time stamp.
    """
    layout = _field_layout(sps)
    if layout is None or layout.frames_only:
        return False
    try:
        one, other = _field(first, layout), _field(second, layout)
    except BitsEnded:
        return False
    return one is not None and other is not None and one[0] == other[0] and one[1] != other[1]


def _field(nal: bytes, layout: _FieldLayout) -> tuple[int, int] | None:
    """Return frame_num and bottom_field_flag of a slice. None if it codes a whole frame."""
    bits = BitReader(nal[1:33])
    for _ in range(3):  # first_mb_in_slice, slice_type, pic_parameter_set_id
        bits.ue()
    if layout.has_colour_plane:
        bits.u(2)
    frame_num = bits.u(layout.frame_num_bits)
    return (frame_num, bits.u(1)) if bits.u(1) else None


@lru_cache(maxsize=64)
def _field_layout(sps: bytes) -> _FieldLayout | None:
    try:
        bits = BitReader(sps[1:256])
        chroma = skip_profile(bits)
        frame_num_bits = bits.ue() + 4
        skip_order_count(bits)
        bits.ue()  # max_num_ref_frames
        bits.u(1)
        bits.ue()
        bits.ue()
        return _FieldLayout(frame_num_bits, chroma == 3 and _has_separate_planes(sps), bool(bits.u(1)))
    except BitsEnded:
        return None


def _has_separate_planes(sps: bytes) -> bool:
    bits = BitReader(sps[4:64])
    bits.ue()
    bits.ue()
    return bool(bits.u(1))


def parameter_set_type(nal: bytes) -> str | None:
    """Return "sps" or "pps"; None for other NAL units."""
    return {_SPS: "sps", _PPS: "pps"}.get(nal[0] & 0x1F) if nal else None


def set_id(nal: bytes) -> int:
    """Return the id of a parameter set (sections 7.3.2.1.1 and 7.3.2.2). 0 if it cannot be read."""
    return _number(nal[4:12] if nal[0] & 0x1F == _SPS else nal[1:9], 0)


def referred_set_id(nal: bytes) -> int:
    """Return the id of the sps that a pps refers to. 0 for an sps, and if it cannot be read."""
    return _number(nal[1:17], 1) if nal[0] & 0x1F == _PPS else 0


def pps_id(nal: bytes) -> int:
    """Return the id of the pps that a slice refers to (section 7.3.3). 0 if it cannot be read."""
    return _number(nal[1:17], 2)


def _number(data: bytes, skipped: int) -> int:
    """Return the ue(v) after `skipped` others; 0 if it cannot be read."""
    try:
        bits = BitReader(data)
        for _ in range(skipped):
            bits.ue()
        return bits.ue()
    except BitsEnded:
        return 0


def frame_size(sps: bytes) -> tuple[int, int] | None:
    """Return width and height after cropping (section 7.3.2.1.1). None if `sps` cannot be read."""
    try:
        return _frame_size(BitReader(sps[1:256]))
    except BitsEnded:
        return None


def _frame_size(bits: BitReader) -> tuple[int, int] | None:
    chroma = skip_profile(bits)
    bits.ue()  # log2_max_frame_num_minus4
    skip_order_count(bits)
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
        left_and_right, top_and_bottom = ((bits.ue() + bits.ue()) * unit for unit in (across, down))
        if left_and_right < width and top_and_bottom < height:  # decoders ignore others
            width, height = width - left_and_right, height - top_and_bottom
    return (width, height) if 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE else None
