"""H.264 and H.265 elementary streams: cut into access units, packed into RTP payloads, described for SDP.

RFC 6184 (H.264, non-interleaved mode) and RFC 7798 (H.265, no DONL fields).
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from simulator.layout import Codec

MTU_PAYLOAD_BYTES = 1400

_H264_SPS, _H264_PPS, _H264_AUD, _H264_IDR = 7, 8, 9, 5
_H265_VPS, _H265_SPS, _H265_PPS, _H265_AUD = 32, 33, 34, 35


@dataclass(frozen=True, slots=True)
class AccessUnit:
    """One coded frame as the RTP payloads that carry it; parameter sets travel with every key frame."""

    payloads: tuple[bytes, ...]
    is_key: bool


@dataclass(slots=True)
class ParameterSets:
    """The last parameter sets seen, without start codes; `vps` is H.265 only."""

    vps: bytes = b""
    sps: bytes = b""
    pps: bytes = b""


def nal_type(codec: Codec, nal: bytes) -> int:
    """nal_unit_type of a NAL unit without start code."""
    return nal[0] & 0x1F if codec == "h264" else nal[0] >> 1 & 0x3F


def _is_slice(codec: Codec, kind: int) -> bool:
    return 1 <= kind <= 5 if codec == "h264" else kind < 32


def _is_key(codec: Codec, kind: int) -> bool:
    return kind == _H264_IDR if codec == "h264" else 16 <= kind <= 21


def _starts_frame(codec: Codec, nal: bytes) -> bool:
    """first_mb_in_slice = 0 (one bit of ue(v)), first_slice_segment_in_pic_flag."""
    return bool(nal[1 if codec == "h264" else 2] & 0x80)


def split_nals(data: bytes) -> tuple[list[bytes], bytes]:
    """The complete NAL units of an Annex B stream, and the rest that a later piece may continue (start code first)."""
    nals: list[bytes] = []
    start = data.find(b"\x00\x00\x01")
    if start < 0:
        return [], data
    while True:
        following = data.find(b"\x00\x00\x01", start + 3)
        if following < 0:
            return nals, data[start:]
        nal = data[start + 3 : following].rstrip(b"\x00")
        if len(nal) > 2:
            nals.append(nal)
        start = following


@dataclass
class AccessUnitParser:
    """Turns an Annex B stream that arrives in pieces into access units.

    An access unit is complete when the next one begins, or at `finish`. `packs`: its payloads are RTP payloads,
    otherwise whole NAL units.
    """

    codec: Codec
    sets: ParameterSets = field(default_factory=ParameterSets)
    packs: bool = True
    _rest: bytes = b""
    _pending: list[bytes] = field(default_factory=list)
    _has_slice: bool = False

    def feed(self, piece: bytes) -> list[AccessUnit]:
        """Return the access units that this piece completes."""
        nals, self._rest = split_nals(self._rest + piece)
        return list(self._cut(nals))

    def finish(self) -> list[AccessUnit]:
        """Return the last access unit, in a list that is empty if there is none."""
        nals, _ = split_nals(self._rest + b"\x00\x00\x01")
        self._rest = b""
        units = list(self._cut(nals))
        if self._has_slice:
            units.append(self._close())
        return units

    def _cut(self, nals: Iterable[bytes]) -> Iterator[AccessUnit]:
        for nal in nals:
            kind = nal_type(self.codec, nal)
            is_slice = _is_slice(self.codec, kind)
            if self._has_slice and (not is_slice or _starts_frame(self.codec, nal)):
                yield self._close()
            if kind == (_H264_AUD if self.codec == "h264" else _H265_AUD):
                continue
            self._keep_set(kind, nal)
            self._pending.append(nal)
            self._has_slice = self._has_slice or is_slice

    def _keep_set(self, kind: int, nal: bytes) -> None:
        names = {_H264_SPS: "sps", _H264_PPS: "pps"}
        if self.codec == "h265":
            names = {_H265_VPS: "vps", _H265_SPS: "sps", _H265_PPS: "pps"}
        if kind in names:
            setattr(self.sets, names[kind], nal)

    def _close(self) -> AccessUnit:
        nals, self._pending, self._has_slice = self._pending, [], False
        is_key = any(_is_key(self.codec, nal_type(self.codec, nal)) for nal in nals)
        if not self.packs:
            return AccessUnit(tuple(nals), is_key)
        return AccessUnit(tuple(payload for nal in nals for payload in packetize(self.codec, nal)), is_key)


def packetize(codec: Codec, nal: bytes) -> list[bytes]:
    """One NAL unit as RTP payloads: whole if it fits, otherwise as fragmentation units (FU-A, type 28; FU, type 49)."""
    if len(nal) <= MTU_PAYLOAD_BYTES:
        return [nal]
    if codec == "h264":
        prefix, kind, body = bytes([nal[0] & 0xE0 | 28]), nal[0] & 0x1F, nal[1:]
    else:
        prefix, kind, body = bytes([nal[0] & 0x81 | 49 << 1, nal[1]]), nal[0] >> 1 & 0x3F, nal[2:]
    most = MTU_PAYLOAD_BYTES - len(prefix) - 1
    pieces = [body[at : at + most] for at in range(0, len(body), most)]
    last = len(pieces) - 1
    return [
        prefix + bytes([kind | (0x80 if place == 0 else 0) | (0x40 if place == last else 0)]) + piece
        for place, piece in enumerate(pieces)
    ]


def sdp_format(codec: Codec, sets: ParameterSets) -> tuple[str, str]:
    """rtpmap's encoding and fmtp's parameters."""
    vps, sps, pps = (base64.b64encode(part).decode() for part in (sets.vps, sets.sps, sets.pps))
    if codec == "h264":
        level = sets.sps[1:4].hex().upper()
        return "H264/90000", f"packetization-mode=1;profile-level-id={level};sprop-parameter-sets={sps},{pps}"
    return "H265/90000", f"sprop-vps={vps};sprop-sps={sps};sprop-pps={pps}"
