"""The time in replayed frames: burnt into their top sixteen lines, for people and for programs.

The upper eight lines hold 40 equal cells of 8 pixels: white, black, 36 bits of the time in tenths of a second since
1970 by the device's clock (most significant first), even parity, odd parity. The lower eight lines hold it as text.

The archive's frames are a loop that is encoded once, with one slice for each row of macroblocks (ITU-T H.264, 7.4.3).
For each moment the first slice is replaced by one made here, of uncompressed macroblocks (I_PCM, 7.3.5) that show the
moment's time. So frames of any time exist immediately, without an encoder.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from simulator.font import text_cells

ROWS = 16
_CELL_PX = 8
_MB_PX = 16
_WHITE, _BLACK, _GREY = 235, 16, 128
_INK_ROW = 8
_I_PCM_IN_I, _I_PCM_IN_P = 25, 30  # mb_type, tables 7-11 and 7-13 (5 more in P slices)


def time_bits(tenths: int) -> list[int]:
    """The 40 cells of a time, 1 for white."""
    bits = [tenths >> (35 - place) & 1 for place in range(36)]
    parity = sum(bits) & 1
    return [1, 0, *bits, parity, 1 - parity]


def time_lines(tenths: int, width: int) -> list[bytearray]:
    """The sixteen lines of luma; `width` is at least 320."""
    cells = b"".join(bytes([_WHITE if bit else _BLACK]) * _CELL_PX for bit in time_bits(tenths))
    upper = cells + bytes([_BLACK]) * (width - len(cells))
    lines = [bytearray(upper) for _ in range(_INK_ROW)]
    lines += [bytearray([_BLACK]) * width for _ in range(ROWS - _INK_ROW)]
    moment = datetime.fromtimestamp(tenths // 10, UTC)
    for column, row in text_cells(f"{moment:%Y-%m-%d %H:%M:%S}.{tenths % 10}"):
        lines[_INK_ROW + row][2 + column] = _WHITE
    return lines


# -- bits --------------------------------------------------------------------------------------------------------------


class _Reader:
    """RBSP bits, most significant first (ITU-T H.264, 7.2, 9.1)."""

    def __init__(self, data: bytes) -> None:
        self._bits = int.from_bytes(data, "big")
        self._left = 8 * len(data)

    def u(self, count: int) -> int:
        self._left -= count
        if self._left < 0:
            raise ValueError("the NAL unit ends too early")
        return self._bits >> self._left & ((1 << count) - 1)

    def ue(self) -> int:
        zeros = 0
        while not self.u(1):
            zeros += 1
        return (1 << zeros) - 1 + self.u(zeros)


class _Writer:
    def __init__(self) -> None:
        self._bits: list[str] = []
        self._out = bytearray()

    def u(self, value: int, count: int) -> None:
        self._bits.append(f"{value:0{count}b}" if count else "")

    def ue(self, value: int) -> None:
        text = f"{value + 1:b}"
        self._bits.append("0" * (len(text) - 1) + text)

    def align(self) -> None:
        text = "".join(self._bits)
        text += "0" * (-len(text) % 8)
        self._bits = []
        if text:
            self._out += int(text, 2).to_bytes(len(text) // 8, "big")

    def raw(self, data: bytes) -> None:
        """Write whole bytes, after bits that align them."""
        self.align()
        self._out += data

    def done(self) -> bytes:
        self.u(1, 1)  # rbsp_stop_one_bit
        self.align()
        return bytes(self._out)


def _unescaped(nal: bytes) -> bytes:
    return nal.replace(b"\x00\x00\x03", b"\x00\x00")


def _escaped(rbsp: bytes) -> bytes:
    """The RBSP with emulation prevention bytes (7.4.1)."""
    out = bytearray()
    zeros = 0
    for byte in rbsp:
        if zeros >= 2 and byte <= 3:
            out.append(3)
            zeros = 0
        out.append(byte)
        zeros = 0 if byte else zeros + 1
    return bytes(out)


# -- slices ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SliceWriter:
    """Writes the first slices of a stream. `width_mbs`: macroblocks in a row."""

    frame_num_bits: int
    width_mbs: int
    has_deblocking_control: bool

    @classmethod
    def of_sets(cls, sps: bytes, pps: bytes) -> SliceWriter:
        """Read a baseline SPS and a CAVLC PPS (7.3.2.1, 7.3.2.2), without start codes. Raise ValueError for others."""
        read = _Reader(_unescaped(sps[1:]))
        profile = read.u(8)
        read.u(16)
        read.ue()
        if profile not in (66, 77, 88):
            raise ValueError("not a profile without chroma formats")
        frame_num_bits = read.ue() + 4
        if read.ue() != 2:
            raise ValueError("pic_order_cnt_type is not 2")
        read.ue()
        read.u(1)
        width_mbs = read.ue() + 1
        read = _Reader(_unescaped(pps[1:]))
        read.ue()
        read.ue()
        if read.u(1):
            raise ValueError("CABAC")
        read.u(1)
        if read.ue():
            raise ValueError("slice groups")
        read.ue()
        read.ue()
        if read.u(1):
            raise ValueError("weighted prediction")
        read.u(2)
        for _ in range(3):
            read.ue()
        return cls(frame_num_bits, width_mbs, bool(read.u(1)))

    def slice_with(self, model: bytes, lines: list[bytearray]) -> bytes:
        """Return a NAL unit that shows sixteen lines, to replace `model`, the first slice of a frame."""
        is_idr = model[0] & 0x1F == 5
        is_reference = bool(model[0] >> 5 & 3)
        read = _Reader(_unescaped(model[1:40]))
        if read.ue() != 0:
            raise ValueError("not the first slice")
        kind = read.ue() % 5
        if kind not in (0, 2):
            raise ValueError("neither I nor P")
        pps_id = read.ue()
        frame_num = read.u(self.frame_num_bits)
        write = _Writer()
        write.ue(0)
        write.ue(kind)
        write.ue(pps_id)
        write.u(frame_num, self.frame_num_bits)
        if is_idr:
            write.ue(read.ue())  # idr_pic_id
        if kind == 0:
            write.u(0, 2)  # num_ref_idx_active_override_flag, ref_pic_list_modification_flag_l0
        if is_reference:
            write.u(0, 2 if is_idr else 1)  # dec_ref_pic_marking(), all flags 0
        write.ue(0)  # slice_qp_delta
        if self.has_deblocking_control:
            write.ue(1)  # disable_deblocking_filter_idc
        for block in _blocks(lines, self.width_mbs):
            if kind == 0:
                write.ue(0)  # mb_skip_run
            write.ue(_I_PCM_IN_P if kind == 0 else _I_PCM_IN_I)
            write.raw(block)
        return model[:1] + _escaped(write.done())


def _blocks(lines: list[bytearray], count: int) -> Iterator[bytes]:
    """Macroblocks of 16 by 16 luma and two 8 by 8 chroma samples."""
    chroma = bytes([_GREY]) * (2 * _MB_PX * _MB_PX // 4)
    for number in range(count):
        left = number * _MB_PX
        yield b"".join(bytes(line[left : left + _MB_PX]) for line in lines) + chroma


def put_time(frame: bytearray, width: int, height: int, tenths: int) -> None:
    """Draw a time into a yuv420p frame that is to be encoded."""
    frame[: ROWS * width] = b"".join(map(bytes, time_lines(tenths, width)))
    luma, chroma = width * height, width * height // 4
    grey = bytes([_GREY]) * (ROWS // 2 * (width // 2))
    for start in (luma, luma + chroma):
        frame[start : start + len(grey)] = grey
