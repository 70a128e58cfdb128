"""Video whose parameter sets alternate between two films, each second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from core.records import VideoFormat
from exports.disk import SpaceCheck
from exports.formats.stretch import stretch_of
from exports.parameter_sets import with_sets
from exports.pieces import Formats, Piece, files_of
from exports.range_pieces import RangePieces
from exports.records import ExportRange
from media.codecs.access_unit import VIDEO, AccessUnit
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
    wanted = ExportRange(1, 1, *(datetime.fromtimestamp(START_S + at_s, UTC) for at_s in (0, SECONDS)))
    stretch = stretch_of(of_one, wanted)
    assert stretch is not None
    stretch = with_sets(stretch, folder, SpaceCheck(folder, 0))
    writer = Mp4Writer(
        stretch.video_track(),
        stretch.video,
        None,
        shown_from_s=START_S,
        shown_until_s=START_S + SECONDS,
        created_utc=CREATED,
    )
    path = folder / "alternating.mp4"
    with path.open("wb") as target:
        writer.write(target, [stretch.video_paths], lambda: None)
    return path
