"""H.265 (ITU-T H.265): roles of NAL units, slice headers, parameter sets, and the frame size in them."""

from __future__ import annotations

from media.codecs.bits import BitReader, BitsEnded
from media.codecs.nal import MAX_SIDE, NalKind

HEADER_BYTES = 2
_VPS, _SPS, _PPS, _PREFIX_SEI, _SUFFIX_SEI = 32, 33, 34, 39, 40
_SETS = {_VPS: "vps", _SPS: "sps", _PPS: "pps"}
_IDR = frozenset({19, 20})

_KINDS = dict.fromkeys(range(10), NalKind.SLICE)
_KINDS |= dict.fromkeys(range(16, 22), NalKind.KEY_SLICE)  # BLA, IDR, CRA: section 7.4.2.2
_KINDS |= dict.fromkeys(_SETS, NalKind.SET)
_KINDS |= {_PREFIX_SEI: NalKind.SEI, _SUFFIX_SEI: NalKind.TRAILING}
NAL_KINDS = tuple(_KINDS.get(nal_type, NalKind.IGNORED) for nal_type in range(64))

_P_SLICE, _I_SLICE = 1, 2


def nal_type(nal: bytes) -> int:
    """Return nal_unit_type (section 7.3.1.2)."""
    return nal[0] >> 1 & 0x3F


RECOVERY_POINT = b""
"""Decoders of H.265 begin at an IRAP picture only."""


def is_idr(nal: bytes) -> bool:
    """True for a slice of a frame at which no later frame refers to an earlier one. False for CRA and BLA."""
    return nal[0] >> 1 & 0x3F in _IDR


def slice_position(nal: bytes) -> int:
    """Return a number that grows from slice to slice of a frame.

    slice_segment_address follows fields that are equal in all further slices of a frame (section 7.3.6.1), so the
    first bits as a number are enough.
    """
    return int.from_bytes(nal[2:8].ljust(6, b"\0"), "big") & 0x7FFF_FFFF_FFFF


def is_intra(nal: bytes) -> bool:
    """True if the first slice of a frame is an I slice (section 7.3.6.1), if its pps has no extra slice header bits."""
    return _slice_type(nal) == _I_SLICE


def is_bidirectional(nal: bytes) -> bool:
    """True for a B slice; for a slice that is not the first of its frame, and an unreadable one, too."""
    return nal[2:3] < b"\x80" or _slice_type(nal) not in {_P_SLICE, _I_SLICE}


def _slice_type(nal: bytes) -> int | None:
    """Return the slice_type of the first slice of a frame (section 7.3.6.1), None if it cannot be read."""
    try:
        bits = BitReader(nal[2:18])
        bits.u(1)  # first_slice_segment_in_pic_flag
        if 16 <= nal_type(nal) <= 23:
            bits.u(1)
        bits.ue()
        return bits.ue()
    except BitsEnded:
        return None


def is_second_field(first: bytes, second: bytes, sps: bytes) -> bool:  # noqa: ARG001 - the interface of a codec
    """Return False: in H.265 each field is a frame."""
    return False


def parameter_set_type(nal: bytes) -> str | None:
    """Return "vps", "sps" or "pps"; None for other NAL units."""
    return _SETS.get(nal[0] >> 1 & 0x3F) if len(nal) > 2 else None


def set_id(nal: bytes) -> int:
    """Return the id of a parameter set (sections 7.3.2.1 to 7.3.2.3). 0 if it cannot be read."""
    kind = nal_type(nal)
    try:
        bits = BitReader(nal[2:256])
        if kind == _VPS:
            return bits.u(4)
        if kind == _SPS:
            bits.u(4)
            sub_layers = bits.u(3)
            bits.u(1)
            skip_profile_tier_level(bits, sub_layers)
        return bits.ue()
    except BitsEnded:
        return 0


def referred_set_id(nal: bytes) -> int:
    """Return the id of the sps that a pps refers to, or of the vps that an sps refers to. 0 if it cannot be read."""
    try:
        bits = BitReader(nal[2:18])
        if nal_type(nal) == _SPS:
            return bits.u(4)
        if nal_type(nal) != _PPS:
            return 0
        bits.ue()
        return bits.ue()
    except BitsEnded:
        return 0


def pps_id(nal: bytes) -> int:
    """Return the id of the pps that a slice refers to (section 7.3.6.1). 0 if it cannot be read."""
    try:
        bits = BitReader(nal[2:18])
        bits.u(1)  # first_slice_segment_in_pic_flag
        if 16 <= nal_type(nal) <= 23:
            bits.u(1)
        return bits.ue()
    except BitsEnded:
        return 0


def frame_size(sps: bytes) -> tuple[int, int] | None:
    """Return width and height after cropping (section 7.3.2.2.1). None if `sps` cannot be read."""
    try:
        return _frame_size(BitReader(sps[2:256]))
    except BitsEnded:
        return None


def _frame_size(bits: BitReader) -> tuple[int, int] | None:
    bits.u(4)
    sub_layers = bits.u(3)
    bits.u(1)
    skip_profile_tier_level(bits, sub_layers)
    bits.ue()  # sps_seq_parameter_set_id
    chroma = bits.ue()
    if chroma == 3:
        bits.u(1)
    width = bits.ue()
    height = bits.ue()
    if bits.u(1):  # conformance_window_flag
        across = 2 if chroma in {1, 2} else 1
        down = 2 if chroma == 1 else 1
        left_and_right, top_and_bottom = ((bits.ue() + bits.ue()) * unit for unit in (across, down))
        if left_and_right < width and top_and_bottom < height:  # decoders ignore others
            width, height = width - left_and_right, height - top_and_bottom
    return (width, height) if 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE else None


def skip_profile_tier_level(bits: BitReader, sub_layers: int) -> None:
    """Skip profile_tier_level() (section 7.3.3)."""
    bits.u(88)
    bits.u(8)
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.u(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.u(88 * has_profile + 8 * has_level)
