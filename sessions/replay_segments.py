"""What a replay session needs of the container, and no more."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from core.errors import CameraBadAnswer
from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AccessUnit
from media.fmp4.segments import Part, Segment, SegmentBuilder
from media.fmp4.tracks import TrackError


class SegmentMaker(Protocol):
    """Access units in, segments out. `codecs` as in RFC 6381; `init`: the init section of all there is to come."""

    @property
    def init(self) -> bytes: ...
    @property
    def codecs(self) -> str: ...
    def push(self, unit: AccessUnit) -> Sequence[Segment]: ...
    def flush(self) -> Sequence[Segment]:
        """What is left, whole or not."""
        ...


TakePart = Callable[[Part], None]
MakeSegments = Callable[[VideoFormat, AudioFormat | None, tuple[bytes, ...], bytes, TakePart], SegmentMaker]


def make_segments(
    video: VideoFormat,
    audio: AudioFormat | None,
    parameter_sets: tuple[bytes, ...],
    audio_config: bytes,
    on_part: TakePart,
) -> SegmentMaker:
    """Segments of fragmented MP4, the first of one GOP: a recorder that keeps to real time lets a player wait for it.
    `on_part` gets each part of them as soon as it is there.

    CameraBadAnswer where the device describes its pictures wrongly."""
    try:
        return SegmentBuilder(video, audio, parameter_sets, audio_config, first_target_s=0.0, on_part=on_part)
    except TrackError as error:
        raise CameraBadAnswer("The recording's pictures are not described in a way that can be played.") from error
