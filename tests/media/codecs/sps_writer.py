"""Writes any sps of H.264 for the tests (ITU-T H.264 sections 7.3.2.1.1 and E.1), and takes parts out of real ones."""

from __future__ import annotations

from hypothesis import strategies as st

from media.codecs.bits import BitWriter, escaped
from media.codecs.h264_sps import Restriction, parse_sps

HIGH_PROFILES = (100, 110, 122, 244, 44, 83, 86, 118, 128, 134, 135, 138, 139)
PROFILES = (66, 77, 88, *HIGH_PROFILES)


def without_restriction(sps: bytes, *, keeps_vui: bool) -> bytes:
    """Return an encoder's sps without its bitstream_restriction, or without all of its VUI."""
    parsed = parse_sps(sps)
    assert parsed is not None
    writer = BitWriter()
    writer.u(*parsed.head)
    writer.u(keeps_vui, 1)
    if keeps_vui:
        writer.u(*parsed.vui)
        writer.u(0, 1)
    return sps[:1] + escaped(writer.rbsp())


@st.composite
def any_sps(draw: st.DrawFn) -> tuple[bytes, int, Restriction | None]:
    """Draw an sps; return it with its max_num_ref_frames and its restriction."""
    writer = BitWriter()
    flags = st.booleans()
    profile = draw(st.sampled_from(PROFILES))
    writer.u(profile, 8)
    writer.u(draw(st.integers(0, 255)), 8)
    writer.u(draw(st.sampled_from([9, 10, 11, 13, 22, 30, 31, 32, 40, 41, 42, 50, 51, 52, 62])), 8)
    writer.ue(draw(st.integers(0, 31)))
    if profile in HIGH_PROFILES:
        _write_high(draw, writer)
    writer.ue(draw(st.integers(0, 12)))
    _write_order_count(draw, writer)
    refs = draw(st.integers(0, 16))
    writer.ue(refs)
    writer.u(draw(flags), 1)
    writer.ue(draw(st.integers(0, 1000)))
    writer.ue(draw(st.integers(0, 1000)))
    frames_only = draw(flags)
    writer.u(frames_only, 1)
    if not frames_only:
        writer.u(draw(flags), 1)
    writer.u(draw(flags), 1)
    has_cropping = draw(flags)
    writer.u(has_cropping, 1)
    for _ in range(4 * has_cropping):
        writer.ue(draw(st.integers(0, 7)))
    has_vui = draw(flags)
    writer.u(has_vui, 1)
    restriction = _write_vui(draw, writer) if has_vui else None
    return bytes([draw(st.sampled_from([0x27, 0x47, 0x67]))]) + escaped(writer.rbsp()), refs, restriction


def _write_high(draw: st.DrawFn, writer: BitWriter) -> None:
    flags = st.booleans()
    chroma = draw(st.integers(0, 3))
    writer.ue(chroma)
    if chroma == 3:
        writer.u(draw(flags), 1)
    writer.ue(draw(st.integers(0, 6)))
    writer.ue(draw(st.integers(0, 6)))
    writer.u(draw(flags), 1)
    has_lists = draw(flags)
    writer.u(has_lists, 1)
    for index in range((12 if chroma == 3 else 8) * has_lists):
        has_list = draw(flags)
        writer.u(has_list, 1)
        last = following = 8
        for _ in range((16 if index < 6 else 64) * has_list):
            if following:
                delta = draw(st.integers(-128, 127))
                writer.se(delta)
                following = (last + delta) % 256
            last = following or last


def _write_order_count(draw: st.DrawFn, writer: BitWriter) -> None:
    kind = draw(st.integers(0, 2))
    writer.ue(kind)
    if kind == 0:
        writer.ue(draw(st.integers(0, 12)))
    elif kind == 1:
        offsets = st.integers(-70_000, 70_000)
        writer.u(draw(st.booleans()), 1)
        writer.se(draw(offsets))
        writer.se(draw(offsets))
        cycle = draw(st.lists(offsets, max_size=20))
        writer.ue(len(cycle))
        for offset in cycle:
            writer.se(offset)


class _Vui:
    """Draws the fields of VUI and writes them."""

    def __init__(self, draw: st.DrawFn, writer: BitWriter) -> None:
        self._draw = draw
        self._writer = writer

    def flag(self) -> bool:
        drawn = self._draw(st.booleans())
        self._writer.u(drawn, 1)
        return drawn

    def bits(self, count: int) -> int:
        drawn = self._draw(st.integers(0, (1 << count) - 1))
        self._writer.u(drawn, count)
        return drawn

    def number(self, most: int) -> int:
        drawn = self._draw(st.integers(0, most))
        self._writer.ue(drawn)
        return drawn

    def write_signal(self) -> None:
        """Write everything before the timing."""
        if self.flag():
            ratio = self._draw(st.sampled_from([1, 255]))
            self._writer.u(ratio, 8)
            if ratio == 255:
                self.bits(32)
        if self.flag():
            self.flag()
        if self.flag():
            self.bits(4)
            if self.flag():
                self.bits(24)
        if self.flag():
            self.number(5)
            self.number(5)

    def write_timing(self) -> None:
        """Write the timing, both hrd_parameters and pic_struct_present_flag."""
        if self.flag():
            self.bits(32)
            self.bits(32)
            self.flag()
        has_hrd = False
        for _ in range(2):
            if self.flag():
                has_hrd = True
                count = self.number(31) + 1
                self.bits(8)
                for _ in range(count):
                    self.number(70_000)
                    self.number(70_000)
                    self.flag()
                self.bits(20)
        if has_hrd:
            self.flag()
        self.flag()

    def write_restriction(self) -> Restriction | None:
        if not self.flag():
            return None
        limits = (int(self.flag()), *(self.number(16) for _ in range(4)))
        return Restriction(self.number(16), self.number(16), limits)


def _write_vui(draw: st.DrawFn, writer: BitWriter) -> Restriction | None:
    vui = _Vui(draw, writer)
    vui.write_signal()
    vui.write_timing()
    return vui.write_restriction()
