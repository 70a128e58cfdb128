"""H.265: the contents of RTP payloads (RFC 7798), parameter sets, and the frame size in them (ITU-T H.265)."""

from __future__ import annotations

from media.codecs.bits import BitReader, BitsEnded
from media.codecs.nal import MAX_SIDE, PayloadInfo, PayloadKind, combined, units_of_aggregate

_VPS, _SPS, _PPS, _DELIMITER, _PREFIX_SEI = 32, 33, 34, 35, 39
_AGGREGATE, _FRAGMENT = 48, 49
_SETS = {_VPS: "vps", _SPS: "sps", _PPS: "pps"}
_LEADING = frozenset({*_SETS, _DELIMITER, _PREFIX_SEI})
_KINDS = dict.fromkeys(range(10), PayloadKind.SLICE)
_KINDS |= dict.fromkeys(range(16, 22), PayloadKind.KEY)  # BLA, IDR, CRA: section 7.4.2.2
_KINDS |= dict.fromkeys(_LEADING, PayloadKind.LEADING)
_INFOS = {kind: PayloadInfo(_KINDS.get(kind, PayloadKind.OTHER)) for kind in range(64)}
_SLICES = frozenset({PayloadKind.KEY, PayloadKind.SLICE})
_OTHER = PayloadInfo(PayloadKind.OTHER)
_CONTINUATION = PayloadInfo(PayloadKind.CONTINUATION)


def inspect_payload(payload: bytes) -> PayloadInfo:
    """Return the kind of an RTP payload and the parameter sets in it. `payload` is not empty."""
    nal_type = payload[0] >> 1 & 0x3F
    if nal_type == _FRAGMENT:
        if len(payload) < 4:
            return _OTHER
        return _info(payload[2] & 0x3F, payload[3] if payload[2] & 0x80 else 0)
    if nal_type == _AGGREGATE:
        return combined(map(_inspect_nal, units_of_aggregate(payload, 2)))
    return _inspect_nal(payload)


def _inspect_nal(nal: bytes) -> PayloadInfo:
    nal_type = nal[0] >> 1 & 0x3F
    if nal_type in _SETS:
        return PayloadInfo(PayloadKind.LEADING, (nal,))
    return _info(nal_type, nal[2]) if len(nal) > 2 else _OTHER


def _info(nal_type: int, first_byte: int) -> PayloadInfo:
    """`first_byte`: the one after the header. Its highest bit is first_slice_segment_in_pic_flag."""
    info = _INFOS[nal_type]
    return info if first_byte & 0x80 or info.kind not in _SLICES else _CONTINUATION


def parameter_set_type(nal: bytes) -> str | None:
    """Return "vps", "sps" or "pps"; None for other NAL units."""
    return _SETS.get(nal[0] >> 1 & 0x3F) if len(nal) > 2 else None


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
        width -= (bits.ue() + bits.ue()) * across
        height -= (bits.ue() + bits.ue()) * down
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
