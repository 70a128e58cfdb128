"""The video codecs that we carry, behind one interface."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.records import VideoFormat
from media.codecs import h264, h265
from media.codecs.nal import PayloadInfo

ParameterSets = Mapping[str, bytes]  # "vps", "sps" or "pps" -> NAL unit


@dataclass(frozen=True, slots=True)
class VideoCodec:
    """`name` as in FFmpeg, `encoding` as in SDP. The functions are those of media/codecs/h264.py and h265.py.

    `parameter_set_types`: those that a decoder needs, in sending order.
    """

    name: str
    encoding: str
    parameter_set_types: tuple[str, ...]
    inspect_payload: Callable[[bytes], PayloadInfo]
    parameter_set_type: Callable[[bytes], str | None]
    frame_size: Callable[[bytes], tuple[int, int] | None]

    def has_all(self, sets: ParameterSets) -> bool:
        return all(kind in sets for kind in self.parameter_set_types)

    def video_format(self, sets: ParameterSets) -> VideoFormat:
        size = self.frame_size(sets["sps"]) if "sps" in sets else None
        return VideoFormat(self.name, *(size or (None, None)))


H264 = VideoCodec("h264", "H264", ("sps", "pps"), h264.inspect_payload, h264.parameter_set_type, h264.frame_size)
HEVC = VideoCodec("hevc", "H265", ("vps", "sps", "pps"), h265.inspect_payload, h265.parameter_set_type, h265.frame_size)
BY_ENCODING = {"h264": H264, "h265": HEVC, "hevc": HEVC}
