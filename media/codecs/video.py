"""The video codecs that we carry, behind one interface."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from core.records import VideoFormat
from media.codecs import h264, h265
from media.codecs.nal import NalKind

ParameterSets = Mapping[str, bytes]  # "vps", "sps" or "pps" -> NAL unit


class _Functions(Protocol):
    """The functions of media/codecs/h264.py and h265.py."""

    HEADER_BYTES: int
    NAL_KINDS: tuple[NalKind, ...]
    RECOVERY_POINT: bytes

    def nal_type(self, nal: bytes) -> int: ...
    def is_idr(self, nal: bytes) -> bool: ...
    def is_intra(self, nal: bytes) -> bool: ...
    def slice_position(self, nal: bytes) -> int: ...
    def is_second_field(self, first: bytes, second: bytes, sps: bytes) -> bool: ...
    def parameter_set_type(self, nal: bytes) -> str | None: ...
    def frame_size(self, sps: bytes) -> tuple[int, int] | None: ...


@dataclass(frozen=True, slots=True)
class VideoCodec:
    """`name` as in FFmpeg, `encoding` as in SDP.

    `parameter_set_types`: those that a decoder needs, in sending order.
    """

    name: str
    encoding: str
    parameter_set_types: tuple[str, ...]
    functions: _Functions

    def parameter_set_type(self, nal: bytes) -> str | None:
        """Return the type of a parameter set, as in `parameter_set_types`; None for other NAL units."""
        return self.functions.parameter_set_type(nal)

    def has_all(self, sets: ParameterSets) -> bool:
        return all(kind in sets for kind in self.parameter_set_types)

    def video_format(self, sets: ParameterSets) -> VideoFormat:
        size = self.functions.frame_size(sets["sps"]) if "sps" in sets else None
        return VideoFormat(self.name, *(size or (None, None)))


H264 = VideoCodec("h264", "H264", ("sps", "pps"), h264)
HEVC = VideoCodec("hevc", "H265", ("vps", "sps", "pps"), h265)
BY_ENCODING = {"h264": H264, "h265": HEVC, "hevc": HEVC}
