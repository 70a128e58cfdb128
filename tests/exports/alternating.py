"""Video whose parameter sets alternate between two films, each second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from core.records import VideoFormat
from exports.disk import SpaceCheck
from exports.parameter_sets import have_several_sets, insert_sets
from exports.pieces import Formats, Piece, files_of
from exports.range_pieces import RangePieces
from media.codecs.access_unit import VIDEO, AccessUnit
from media.fmp4.tracks import video_track
from media.mp4.video import VideoSamples
from media.mp4.writer import Mp4Writer
from tests.media.encoded import CLOCK_RATE, FPS, Encoded, encoded
from tests.media.fmp4.film import START_S
from tests.media.mp4.stretch import CREATED

SECONDS = 6


def films(codec: str, *, sizes: Sequence[str] = ("320x180", "320x180")) -> list[Encoded]:
    """Return two films of a second-long GOP whose parameter sets have the same ids and other contents."""
    found = [encoded(codec, SECONDS, sizes[0]), encoded(codec, SECONDS, sizes[1], preset="faster")]
    assert not set(found[0].sets) <= set(found[1].sets)
    return found


def formats_of(film: Encoded, size: str = "320x180") -> Formats:
    width, height = map(int, size.split("x"))
    return Formats(VideoFormat(film.codec, width, height), None, film.sets)


def units() -> Iterator[tuple[int, int]]:
    """Yield the film and the index of each frame."""
    for index in range(SECONDS * FPS):
        yield index // FPS % 2, index


def unit(film: Encoded, index: int) -> AccessUnit:
    return AccessUnit(
        VIDEO,
        film.pictures[index],
        1_000_000 + index * CLOCK_RATE // FPS,
        CLOCK_RATE,
        is_key=index in film.keys,
        device_s=START_S + index / FPS,
    )


def read_pieces(folder: Path, found: Sequence[Encoded], formats: Sequence[Formats]) -> Sequence[Piece]:
    """Return the pieces of a range in which the two films alternate."""
    pieces = RangePieces(folder, START_S, START_S + SECONDS)
    for film, index in units():
        pieces.describe(formats[film])
        pieces.take_frame(unit(found[film], index))
    pieces.finish()
    return pieces.whole


def write_file(folder: Path, pieces: Sequence[Piece]) -> Path:
    """Write the only file of these pieces."""
    (of_one,) = files_of(pieces)
    assert have_several_sets(of_one)
    video, paths = VideoSamples(), []
    for piece in of_one:
        paths.append(folder / f"{piece.number}.sets")
        video.extend(insert_sets(piece, paths[-1], SpaceCheck(folder, 0)))
    formats = of_one[0].notes.formats
    track = video_track(formats.video, formats.parameter_sets)
    writer = Mp4Writer(track, video, None, shown_from_s=START_S, shown_until_s=START_S + SECONDS, created_utc=CREATED)
    path = folder / "alternating.mp4"
    with path.open("wb") as target:
        writer.write(target, [paths], lambda: None)
    return path
