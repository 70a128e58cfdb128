"""The times that the pieces of a file show: of frames from their places, of subtitles a proportion of all."""

from __future__ import annotations

from datetime import datetime, timedelta

from evidence.hashes import PIECE_BYTES
from exports.records import ExportFile, FileKind
from media.mp4.places import FramePlaces

PieceTimes = tuple[datetime, datetime] | None


def piece_times(file: ExportFile, size_bytes: int, places: FramePlaces | None) -> list[PieceTimes]:
    """Return begin and end of each piece, None where they are not known. `places`: of the frames, if they are known."""
    spans = [(start, min(start + PIECE_BYTES, size_bytes)) for start in range(0, max(1, size_bytes), PIECE_BYTES)]
    if file.kind is FileKind.SUBTITLES and size_bytes:
        return [(_proportion(file, start / size_bytes), _proportion(file, end / size_bytes)) for start, end in spans]
    first = _first_frame(file)
    if first is None or places is None:
        return [None for _ in spans]
    return [_after(first, places.times_between(start, end)) for start, end in spans]


def _proportion(file: ExportFile, part: float) -> datetime:
    return file.start + (file.end - file.start) * part


def _first_frame(file: ExportFile) -> datetime | None:
    """Return the time of the first frame: a copy has none before its shown start."""
    if file.is_derived:
        return file.start
    return file.origin.delivered_start if file.origin is not None else None


def _after(first: datetime, times_s: tuple[float, float] | None) -> PieceTimes:
    return (first + timedelta(seconds=times_s[0]), first + timedelta(seconds=times_s[1])) if times_s else None
