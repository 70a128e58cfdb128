"""The video codecs that we carry, behind one face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from core.records import VideoFormat
from media.codecs import h264, h265
from media.codecs.nal import Sighting

ParameterSets = Mapping[str, bytes]  # "vps", "sps", "pps" -> NAL unit


@dataclass(frozen=True, slots=True)
class VideoCodec:
    """`slots` names the parameter sets without which nothing can be decoded, in sending order."""

    name: str
    encoding: str
    slots: tuple[str, ...]
    look_at: Callable[[bytes], Sighting]
    set_slot: Callable[[bytes], str | None]
    picture_size: Callable[[bytes], tuple[int, int] | None]

    def has_all(self, sets: ParameterSets) -> bool:
        return all(slot in sets for slot in self.slots)

    def video_format(self, sets: ParameterSets) -> VideoFormat:
        size = self.picture_size(sets["sps"]) if "sps" in sets else None
        return VideoFormat(self.name, *(size or (None, None)))


H264 = VideoCodec("h264", "H264", ("sps", "pps"), h264.look_at, h264.set_slot, h264.picture_size)
HEVC = VideoCodec("hevc", "H265", ("vps", "sps", "pps"), h265.look_at, h265.set_slot, h265.picture_size)
BY_ENCODING = {"h264": H264, "h265": HEVC, "hevc": HEVC}
