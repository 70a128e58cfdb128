"""A stretch of a range without a gap: the pieces of one file, and what of them is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from exports.pieces import Formats, Piece
from exports.records import ExportRange
from media.fmp4.tracks import Track, video_track
from media.mp4.video import VideoSamples


@dataclass(frozen=True, slots=True)
class Stretch:
    """Times are by the device's clock, in seconds since 1970. `first_s`: of the first frame that is shown.

    `video_paths`: the files with the samples of the video, one for each piece.
    """

    pieces: Sequence[Piece]
    video: VideoSamples
    from_s: float
    until_s: float
    first_s: float
    video_paths: Sequence[Path]

    @property
    def formats(self) -> Formats:
        """The formats of all pieces."""
        return self.pieces[0].notes.formats

    @property
    def begins_s(self) -> float:
        """The time of the first frame, which may be before the range."""
        return self.video.times_s[0]

    @property
    def ends_s(self) -> float:
        """The end of the last frame, which may be behind the range."""
        return self.video.end_s

    @property
    def has_audio(self) -> bool:
        return self.formats.audio is not None and any(len(piece.tables()[1].sizes) for piece in self.pieces)

    @property
    def frames_lost(self) -> int:
        return sum(piece.notes.frames_lost for piece in self.pieces)

    @property
    def is_time_confirmed(self) -> bool:
        return all(piece.notes.is_time_confirmed for piece in self.pieces)

    def video_track(self) -> Track:
        return video_track(self.formats.video, self.formats.parameter_sets)

    def true_utc(self, device_s: float) -> datetime:
        return datetime.fromtimestamp(device_s - self.pieces[0].notes.correction_s, UTC)

    def audio_units(self) -> Iterator[tuple[float, bytes]]:
        for piece in self.pieces:
            yield from piece.audio_units()


def stretch_of(pieces: Sequence[Piece], wanted: ExportRange) -> Stretch | None:
    """Return the stretch of these pieces. None if no frame is in the range."""
    video = VideoSamples()
    for piece in pieces:
        video.extend(piece.tables()[0])
    correction_s = pieces[0].notes.correction_s
    from_s = wanted.start.timestamp() + correction_s
    until_s = wanted.end.timestamp() + correction_s
    first_s = video.first_shown_s(from_s)
    if first_s is None or first_s >= until_s:
        return None
    return Stretch(pieces, video, from_s, until_s, first_s, [piece.video_path for piece in pieces])
