"""Formats that change within a range: one file as long as a player can follow, otherwise several, up to a limit."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from core.errors import LimitReached
from exports import range_pieces
from exports.pieces import files_of
from exports.range_pieces import RangePieces
from media.ffmpeg import find_ffmpeg
from tests.exports import alternating
from tests.media.encoded import FPS, Encoded
from tests.media.fmp4.film import START_S
from tests.media.mp4.stretch import ffmpegs

CODECS = ("h264", "hevc")


def hashes_of_film(film: Encoded) -> list[str]:
    data = b"".join(b"\0\0\0\1" + nal for picture in (film.sets, *film.pictures) for nal in picture)
    return hashes(find_ffmpeg(), ["-f", film.codec, "-i", "-"], data)


def hashes(ffmpeg: Path, source: list[str], data: bytes | None = None) -> list[str]:
    """Return a hash of each decoded frame. Fail on any message of ffmpeg."""
    command = [str(ffmpeg), "-v", "warning", *source, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    run = subprocess.run(command, input=data, capture_output=True, check=True)
    assert data is not None or not run.stderr, run.stderr
    return [line.split(b",")[-1].decode().strip() for line in run.stdout.splitlines() if not line.startswith(b"#")]


@pytest.mark.slow
@pytest.mark.parametrize("codec", CODECS)
def test_alternating_parameter_sets_stay_in_one_file(tmp_path: Path, codec: str) -> None:
    films = alternating.films(codec)
    pieces = alternating.read_pieces(tmp_path / "range", films, [alternating.formats_of(film) for film in films])
    path = alternating.write_file(tmp_path, pieces)
    of_films = [hashes_of_film(film) for film in films]
    expected = [of_films[film][index] for film, index in alternating.units()]
    for ffmpeg in ffmpegs():
        assert hashes(ffmpeg, ["-i", str(path)]) == expected
        for second in range(alternating.SECONDS):  # each key frame can be sought
            sought = hashes(ffmpeg, ["-ss", f"{second}", "-i", str(path)])
            assert sought == expected[second * FPS :]


@pytest.mark.parametrize("codec", CODECS)
def test_one_set_of_parameters_is_not_repeated_in_the_frames(tmp_path: Path, codec: str) -> None:
    film, _ = alternating.films(codec)
    formats = alternating.formats_of(film)
    (piece,) = alternating.read_pieces(tmp_path, [film, film], [formats, formats])
    size = sum(4 + len(nal) for picture in film.pictures for nal in picture)
    assert piece.video_path.stat().st_size == size


def test_another_frame_size_begins_another_file(tmp_path: Path) -> None:
    sizes = ("320x180", "160x90")
    films = alternating.films("h264", sizes=sizes)
    formats = [alternating.formats_of(film, size) for film, size in zip(films, sizes, strict=True)]
    assert len(files_of(alternating.read_pieces(tmp_path, films, formats))) == alternating.SECONDS


def test_a_range_of_too_many_files_ends_with_a_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(range_pieces, "MOST_FILES", 3)
    sizes = ("320x180", "160x90")
    films = alternating.films("h264", sizes=sizes)
    formats = [alternating.formats_of(film, size) for film, size in zip(films, sizes, strict=True)]
    with pytest.raises(LimitReached) as refusal:
        alternating.read_pieces(tmp_path, films, formats)
    assert refusal.value.code == "too_many_files"


def test_frames_carry_their_sets_also_behind_a_restart(tmp_path: Path) -> None:
    films = alternating.films("h264")
    formats = [alternating.formats_of(film) for film in films]
    whole = alternating.read_pieces(tmp_path / "whole", films, formats)
    expected = b"".join(piece.video_path.read_bytes() for piece in whole)
    for frames in (5, 15, 25):
        folder = tmp_path / f"{frames}"
        for begins in (0, 1):
            pieces = RangePieces(folder, START_S, START_S + alternating.SECONDS)
            pieces.load()
            pieces.begin_play()
            for film, index in alternating.units():
                pieces.describe(formats[film])
                if begins or index < frames:
                    pieces.take_frame(alternating.unit(films[film], index))
            if begins:
                pieces.finish()
            else:
                pieces.finish_before_last_key()
        assert b"".join(piece.video_path.read_bytes() for piece in pieces.whole) == expected
