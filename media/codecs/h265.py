"""H.265 as it lies in RTP (RFC 7798): where a picture begins, which one is a key frame, its size."""

from __future__ import annotations

from media.codecs.bits import BitReader, BitsEnded
from media.codecs.nal import MAX_SIDE, PayloadInfo, PayloadKind, inspect_aggregate

_VPS, _SPS, _PPS, _DELIMITER, _PREFIX_SEI = 32, 33, 34, 35, 39
_AGGREGATE, _FRAGMENT = 48, 49
_SETS = {_VPS: "vps", _SPS: "sps", _PPS: "pps"}
_LEADING = frozenset({*_SETS, _DELIMITER, _PREFIX_SEI})
_KINDS = dict.fromkeys(range(10), PayloadKind.SLICE)
_KINDS |= dict.fromkeys(range(16, 22), PayloadKind.KEY)  # BLA, IDR, CRA: section 7.4.2.2
_KINDS |= dict.fromkeys(_LEADING, PayloadKind.LEADING)
_SIGHTINGS = {kind: PayloadInfo(_KINDS.get(kind, PayloadKind.OTHER)) for kind in range(64)}
_PICTURES = frozenset({PayloadKind.KEY, PayloadKind.SLICE})
_NOTHING = PayloadInfo(PayloadKind.OTHER)
_GOES_ON = PayloadInfo(PayloadKind.CONTINUATION)


def inspect_payload(payload: bytes) -> PayloadInfo:
    """What this RTP payload begins, and the parameter sets that lie in it whole."""
    kind = payload[0] >> 1 & 0x3F
    if kind == _FRAGMENT:
        if len(payload) < 4:
            return _NOTHING
        return _of_kind(payload[2] & 0x3F, payload[3] if payload[2] & 0x80 else 0)
    if kind == _AGGREGATE:
        return inspect_aggregate(
            payload,
            header_bytes=2,
            kind_of=lambda nal: _of_kind(nal[0] >> 1 & 0x3F, nal[2] if len(nal) > 2 else 0).kind,
            is_set=lambda nal: nal[0] >> 1 & 0x3F in _SETS,
        )
    if kind in _SETS:
        return PayloadInfo(PayloadKind.LEADING, (payload,))
    return _of_kind(kind, payload[2]) if len(payload) > 2 else _NOTHING


def _of_kind(kind: int, first_byte: int) -> PayloadInfo:
    """`first_byte`: behind the header. Its highest bit is first_slice_segment_in_pic_flag."""
    info = _SIGHTINGS[kind]
    return info if first_byte & 0x80 or info.kind not in _PICTURES else _GOES_ON


def parameter_set_type(nal: bytes) -> str | None:
    """Which parameter set a NAL unit is: "vps", "sps", "pps", or None."""
    return _SETS.get(nal[0] >> 1 & 0x3F) if len(nal) > 2 else None


def frame_size(sps: bytes) -> tuple[int, int] | None:
    """Width and height of the cropped picture (section 7.3.2.2.1); None when it cannot be read."""
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
        width -= (bits.ue() + bits.ue()) * across
        height -= (bits.ue() + bits.ue()) * down
    return (width, height) if 0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE else None


def skip_profile_tier_level(bits: BitReader, sub_layers: int) -> None:
    """Section 7.3.3."""
    bits.u(88)
    bits.u(8)
    present = [(bits.u(1), bits.u(1)) for _ in range(sub_layers)]
    if sub_layers:
        bits.u(2 * (8 - sub_layers))
    for has_profile, has_level in present:
        bits.u(88 * has_profile + 8 * has_level)
