"""The video codecs that we carry, behind one interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from core.records import VideoFormat
from media.codecs import h264, h265, mjpeg
from media.codecs.nal import NalKind

ParameterSets = Mapping[str, bytes]  # "vps", "sps" or "pps" -> NAL unit; MJPEG has its "size" instead


class _Formats(Protocol):
    """The functions that each codec's module has."""

    def parameter_set_type(self, data: bytes, /) -> str | None: ...
    def frame_size(self, data: bytes, /) -> tuple[int, int] | None: ...


class _NalFunctions(Protocol):
    """The functions of media/codecs/h264.py and h265.py for NAL units."""

    HEADER_BYTES: int
    NAL_KINDS: tuple[NalKind, ...]
    RECOVERY_POINT: bytes

    def nal_type(self, nal: bytes) -> int: ...
    def set_id(self, nal: bytes) -> int: ...
    def referred_set_id(self, nal: bytes) -> int: ...
    def pps_id(self, nal: bytes) -> int: ...
    def is_idr(self, nal: bytes) -> bool: ...
    def is_intra(self, nal: bytes) -> bool: ...
    def is_bidirectional(self, nal: bytes) -> bool: ...
    def slice_position(self, nal: bytes) -> int: ...
    def is_second_field(self, first: bytes, second: bytes, sps: bytes) -> bool: ...


@dataclass(frozen=True, slots=True)
class VideoCodec:
    """`name` as in FFmpeg, `encoding` as in SDP.

    `parameter_set_types`: those that a decoder needs, in sending order; `size_set` is the one with the frame's size.
    `has_fragments`: browsers decode it, so that it becomes fragments; ffmpeg converts other codecs.
    """

    name: str
    encoding: str
    parameter_set_types: tuple[str, ...]
    formats: _Formats
    nal_functions: _NalFunctions | None = None
    size_set: str = "sps"
    has_fragments: bool = True

    @property
    def title(self) -> str:
        """The name for users: H.264, H.265 or MJPEG."""
        return {"H264": "H.264", "H265": "H.265"}.get(self.encoding, "MJPEG")

    @property
    def functions(self) -> _NalFunctions:
        """The functions for NAL units. Raises ValueError for MJPEG, which has none."""
        if self.nal_functions is None:
            raise ValueError(f"{self.name} has no NAL units")
        return self.nal_functions

    def parameter_set_type(self, nal: bytes) -> str | None:
        """Return the type of a parameter set, as in `parameter_set_types`; None for other NAL units."""
        return self.formats.parameter_set_type(nal)

    def named_sets(self, nals: Sequence[bytes]) -> dict[str, bytes]:
        """Return the parameter sets among these NAL units, by type."""
        return {kind: nal for nal in nals if (kind := self.parameter_set_type(nal))}

    def has_all(self, sets: ParameterSets) -> bool:
        return all(kind in sets for kind in self.parameter_set_types)

    def video_format(self, sets: ParameterSets) -> VideoFormat:
        size = self.formats.frame_size(sets[self.size_set]) if self.size_set in sets else None
        return VideoFormat(self.name, *(size or (None, None)))


H264 = VideoCodec("h264", "H264", ("sps", "pps"), h264, h264)
HEVC = VideoCodec("hevc", "H265", ("vps", "sps", "pps"), h265, h265)
MJPEG = VideoCodec("mjpeg", "JPEG", (mjpeg.SIZE,), mjpeg, size_set=mjpeg.SIZE, has_fragments=False)
BY_ENCODING = {"h264": H264, "h265": HEVC, "hevc": HEVC, "jpeg": MJPEG}
