"""The sequence parameter set of H.264 (ITU-T H.264 sections 7.3.2.1.1 and E.1): exact reading, reordering, levels.

A decoder may hold as many frames for reordering as the level allows (4 to 16) unless VUI has a bitstream_restriction.
Many cameras leave it out, although they send no B-frames. Hardware decoders then show each frame that much later.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from media.codecs.bits import BitReader, BitsEnded, BitWriter, escaped, unescaped

_SPS = 7
_MAX_BYTES = 1024
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})
_PROFILES = _HIGH_PROFILES | {66, 77, 88}
_MOST_FRAMES = 16
_EXTENDED_ASPECT_RATIO = 255
_BEFORE_RESTRICTION = 8  # flags of an empty VUI before bitstream_restriction_flag
_SAME_RATE = 1.05
_FIRST_LEVEL = 10

# Table A-1: level_idc, macroblocks a second, macroblocks a frame. Level 1b (9) allows no more than level 1.
_LEVELS = (
    (10, 1_485, 99),
    (11, 3_000, 396),
    (12, 6_000, 396),
    (13, 11_880, 396),
    (20, 11_880, 396),
    (21, 19_800, 792),
    (22, 20_250, 1_620),
    (30, 40_500, 1_620),
    (31, 108_000, 3_600),
    (32, 216_000, 5_120),
    (40, 245_760, 8_192),
    (41, 245_760, 8_192),
    (42, 522_240, 8_704),
    (50, 589_824, 22_080),
    (51, 983_040, 36_864),
    (52, 2_073_600, 36_864),
    (60, 4_177_920, 139_264),
    (61, 8_355_840, 139_264),
    (62, 16_711_680, 139_264),
)

Bits = tuple[int, int]
"""Some bits as a number, and their count."""


@dataclass(frozen=True, slots=True)
class Restriction:
    """bitstream_restriction (section E.1.1). `limits`: its fields before the two that are named here."""

    max_num_reorder_frames: int
    max_dec_frame_buffering: int
    # Any motion vector, and the size limits that are inferred for a missing restriction (section E.2.1).
    limits: tuple[int, ...] = (1, 2, 1, 15, 15)


@dataclass(frozen=True, slots=True)
class Sps:
    """One sequence parameter set, read to its last bit.

    `head`: everything before vui_parameters_present_flag. `vui`: the fields of VUI before bitstream_restriction_flag;
    those of an empty VUI if there is none. `frame_rate`: frames per second by VUI; None if it has none.
    """

    head: Bits
    vui: Bits
    restriction: Restriction | None
    level: int
    order_count_type: int
    max_num_ref_frames: int
    width_in_macroblocks: int
    height_in_macroblocks: int
    frame_rate: float | None

    @property
    def is_in_decoding_order(self) -> bool:
        """True if no stream with this sps shows frames in another order (section 8.2.1: pic_order_cnt_type 2)."""
        return self.order_count_type == 2


@lru_cache(maxsize=64)
def parse_sps(nal: bytes) -> Sps | None:
    """Return the contents of an sps. None unless every bit of it is understood."""
    if not 4 <= len(nal) <= _MAX_BYTES or nal[0] & 0x1F != _SPS or nal[1] not in _PROFILES:
        return None
    if escaped(unescaped(nal[1:])) != nal[1:]:
        return None
    try:
        return _parse(nal)
    except BitsEnded:
        return None


def _parse(nal: bytes) -> Sps | None:
    bits = BitReader(nal[1:])
    whole = bits.left
    if skip_profile(bits) > 3 or bits.ue() > 12:  # chroma_format_idc, log2_max_frame_num_minus4
        return None
    order_count_type = skip_order_count(bits)
    max_num_ref_frames = bits.ue()
    bits.u(1)
    width, map_height = bits.ue() + 1, bits.ue() + 1
    frames_only = bits.u(1)
    if not frames_only:
        bits.u(1)
    bits.u(1)  # direct_8x8_inference_flag
    if bits.u(1):
        for _ in range(4):
            bits.ue()
    head = _bits_between(nal, whole, bits.left)
    vui, rate, restriction = (0, _BEFORE_RESTRICTION), None, None
    if bits.u(1):
        start = bits.left
        rate = _skip_vui(bits)
        vui = _bits_between(nal, start, bits.left)
        restriction = _read_restriction(bits) if bits.u(1) else None
    if order_count_type > 2 or max_num_ref_frames > _MOST_FRAMES:
        return None
    if not bits.u(1) or bits.left > 7 or bits.u(bits.left):  # rbsp_trailing_bits
        return None
    height = map_height * (2 - frames_only)
    level = nal[3]
    return Sps(head, vui, restriction, level, order_count_type, max_num_ref_frames, width, height, rate)


def _bits_between(nal: bytes, left_before: int, left_after: int) -> Bits:
    """Return the bits between two places, which are numbers of bits that are left."""
    bits = BitReader(nal[1:])
    bits.u(bits.left - left_before)
    return bits.u(left_before - left_after), left_before - left_after


def skip_profile(bits: BitReader) -> int:
    """Skip an sps up to log2_max_frame_num_minus4. Return chroma_format_idc."""
    profile = bits.u(8)
    bits.u(16)
    bits.ue()
    return _skip_high_profile(bits) if profile in _HIGH_PROFILES else 1


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


def skip_order_count(bits: BitReader) -> int:
    """Skip the fields of the picture order count. Return pic_order_cnt_type."""
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
    return kind


def _skip_vui(bits: BitReader) -> float | None:
    """Skip VUI up to bitstream_restriction_flag (section E.1.1). Return its frame rate."""
    if bits.u(1) and bits.u(8) == _EXTENDED_ASPECT_RATIO:
        bits.u(32)
    if bits.u(1):  # overscan_info_present_flag
        bits.u(1)
    if bits.u(1):  # video_signal_type_present_flag
        bits.u(4)
        if bits.u(1):
            bits.u(24)
    if bits.u(1):  # chroma_loc_info_present_flag
        bits.ue()
        bits.ue()
    rate = None
    if bits.u(1):  # timing_info_present_flag
        ticks, scale = bits.u(32), bits.u(32)
        bits.u(1)
        rate = scale / (2 * ticks) if ticks else None
    has_hrd = False
    for _ in range(2):  # NAL units, slices
        if bits.u(1):
            has_hrd = True
            _skip_hrd(bits)
    if has_hrd:
        bits.u(1)  # low_delay_hrd_flag
    bits.u(1)  # pic_struct_present_flag
    return rate


def _skip_hrd(bits: BitReader) -> None:
    """Skip hrd_parameters (section E.1.2)."""
    count = bits.ue() + 1
    if count > 32:
        raise BitsEnded("no such count")
    bits.u(8)
    for _ in range(count):
        bits.ue()
        bits.ue()
        bits.u(1)
    bits.u(20)


def _read_restriction(bits: BitReader) -> Restriction:
    limits = (bits.u(1), *(bits.ue() for _ in range(4)))
    return Restriction(bits.ue(), bits.ue(), limits)


def without_reordering(sps: bytes) -> bytes:
    """Return an sps that says: no frame is shown after a later decoded one, so none must be held.

    `sps` itself if it says so already, or if it cannot be read exactly.
    """
    parsed = parse_sps(sps)
    if parsed is None or (parsed.restriction and parsed.restriction.max_num_reorder_frames == 0):
        return sps
    limits = (parsed.restriction or Restriction(0, 0)).limits
    written = BitWriter()
    written.u(*parsed.head)
    written.u(1, 1)  # vui_parameters_present_flag
    written.u(*parsed.vui)
    written.u(1, 1)  # bitstream_restriction_flag
    written.u(limits[0], 1)
    for number in (*limits[1:], 0, parsed.max_num_ref_frames):
        written.ue(number)
    return sps[:1] + escaped(written.rbsp())


def covering_level(sps: Sps, frame_rate: float) -> int:
    """Return the level_idc of an sps, or the lowest one that covers its frame size at `frame_rate`.

    Cameras write levels that are too low. Chrome decodes in software if the level of the codec string is too low.
    """
    level = _lowest_level(sps.width_in_macroblocks, sps.height_in_macroblocks, frame_rate)
    return sps.level if level is None or level == _FIRST_LEVEL else max(level, sps.level)


def lowest_level(width: int, height: int, frame_rate: float) -> int:
    """Return the lowest level_idc that covers this frame size in pixels at `frame_rate`, or the highest one."""
    return _lowest_level((width + 15) // 16, (height + 15) // 16, frame_rate) or _LEVELS[-1][0]


def _lowest_level(width: int, height: int, frame_rate: float) -> int | None:
    """Return the lowest level_idc for a frame size in macroblocks; None if no level covers it."""
    size = width * height
    for level, most_per_s, most in _LEVELS:
        # Each side has a limit, too (section A.3.1).
        if size <= most and max(width, height) ** 2 <= 8 * most and size * frame_rate <= most_per_s * _SAME_RATE:
            return level
    return None
