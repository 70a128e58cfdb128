"""What a replay session needs of the container, and no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from core.errors import CameraBadAnswer
from core.records import AudioFormat, VideoFormat
from media.access_unit import AccessUnit
from media.fmp4.segments import Segment, SegmentBuilder
from media.fmp4.tracks import TrackError


class SegmentMaker(Protocol):
    """Access units in, segments out."""

    def push(self, unit: AccessUnit) -> Sequence[Segment]: ...
    def flush(self) -> Sequence[Segment]:
        """What is left, whole or not."""
        ...


MakeSegments = Callable[[VideoFormat, AudioFormat | None, tuple[bytes, ...], bytes], SegmentMaker]


def make_segments(
    video: VideoFormat, audio: AudioFormat | None, parameter_sets: tuple[bytes, ...], audio_config: bytes
) -> SegmentMaker:
    """Segments of fragmented MP4, the first of one GOP: a recorder that keeps to real time lets a player wait for it.

    CameraBadAnswer where the device describes its pictures wrongly."""
    try:
        return SegmentBuilder(video, audio, parameter_sets, audio_config, first_target_s=0.0)
    except TrackError as error:
        raise CameraBadAnswer("The recording's pictures are not described in a way that can be played.") from error
