"""The sps of H.264 without VUI, as most cameras send it (ITU-T H.264 section 7.3.2.1.1), of any profile and level."""

from __future__ import annotations

import re

_SPS = 7
_HIGH = 100
_PROFILES = {"baseline": 66, "main": 77, "high": _HIGH}
_LEVELS = ("3.1", "4.0", "4.1", "5.0", "5.1")
SPS_KINDS = tuple(f"{profile} {level}" for profile in _PROFILES for level in _LEVELS)
# chroma_format_idc 1, bit depths of 8, no bypass, no scaling matrix: lower profiles imply these values
_HIGH_FIELDS = "010" + "1" + "1" + "0" + "0"


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


def without_vui(sps: bytes, kind: str | None = None) -> bytes:
    """Return an sps of the recorder's encoder without its VUI. It has no scaling lists and no picture order type 1.

    `kind`, one of SPS_KINDS, names a profile and a level instead of the encoder's. The encoder uses no tool that is
    missing in Baseline, so its frames are valid in each of the three.
    """
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
    if kind is not None:
        text = _of_kind(text, profile, kind)
    text += "0" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big")
    return sps[:1] + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", data)


def _of_kind(text: str, encoded_profile: int, kind: str) -> str:
    """Return the bits of an sps of a low profile with the profile and level of `kind`."""
    if encoded_profile >= _HIGH:
        raise ValueError("the recorder encodes without the tools of High")
    profile, level = kind.split()
    number = _PROFILES[profile]
    sps_id = _Bits(b"")
    sps_id.text, sps_id.at = text, 24
    sps_id.skip_number()
    head = f"{number:08b}{0:08b}{round(10 * float(level)):08b}{text[24 : sps_id.at]}"
    return head + (_HIGH_FIELDS if number >= _HIGH else "") + text[sps_id.at :]
