"""The sps of H.264 without VUI, as most cameras send it (ITU-T H.264 section 7.3.2.1.1)."""

from __future__ import annotations

import re

_SPS = 7
_HIGH = 100


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.text = "".join(f"{byte:08b}" for byte in data)
        self.at = 0

    def skip(self, count: int) -> str:
        self.at += count
        return self.text[self.at - count : self.at]

    def skip_number(self) -> int:
        zeros = self.text.index("1", self.at) - self.at
        return int(self.skip(2 * zeros + 1), 2) - 1


def is_sps(nal: bytes) -> bool:
    return nal[0] & 0x1F == _SPS


def without_vui(sps: bytes) -> bytes:
    """Return an sps of the recorder's encoder without its VUI. It has no scaling lists and no picture order type 1."""
    bits = _Bits(sps[1:].replace(b"\0\0\3", b"\0\0"))
    profile = int(bits.skip(8), 2)
    bits.skip(16)
    bits.skip_number()  # seq_parameter_set_id
    if profile >= _HIGH:
        for _ in range(3):  # chroma_format_idc, bit depths
            bits.skip_number()
        bits.skip(2)
    bits.skip_number()  # log2_max_frame_num_minus4
    if bits.skip_number() == 0:  # pic_order_cnt_type
        bits.skip_number()
    bits.skip_number()  # max_num_ref_frames
    bits.skip(1)
    bits.skip_number()
    bits.skip_number()
    if bits.skip(1) == "0":  # frame_mbs_only_flag
        bits.skip(1)
    bits.skip(1)
    if bits.skip(1) == "1":  # frame_cropping_flag
        for _ in range(4):
            bits.skip_number()
    text = bits.text[: bits.at] + "01"  # no VUI, stop bit
    text += "0" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big")
    return sps[:1] + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", data)
