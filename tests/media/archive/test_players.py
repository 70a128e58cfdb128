"""Archive files as other programs see them: the bundled ffmpeg, and the system's."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pytest

from core.records import AudioFormat
from media.codecs import aac
from tests.media.archive.archived import ALAW, BEGAN_S, Source, description, film, write_file
from tests.media.encoded import encoded, with_b_frames
from tests.media.fmp4.decoding import TONE
from tests.media.mp4.stretch import ffmpegs
from tests.media.sounds import aac_frames, opus_packets

pytestmark = pytest.mark.programs

HARMLESS = "Guessed Channel Layout"  # G.711 and PCM never tell it
programs = pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=["bundled", "system"][: len(ffmpegs())])


def run(ffmpeg: Path, *options: str) -> bytes:
    """Return the output of ffmpeg. Fail on any message that is not harmless."""
    done = subprocess.run([str(ffmpeg), "-v", "warning", "-xerror", *options], capture_output=True, check=True)
    complaints = [line for line in done.stderr.decode().splitlines() if HARMLESS not in line]
    assert not complaints
    return done.stdout


def decoded(ffmpeg: Path, path: Path, *options: str) -> list[tuple[float, str]]:
    """Return time and checksum of each frame of the video."""
    asked = ("-i", str(path), "-map", "0:v", "-fps_mode", "passthrough", "-enc_time_base", "1:1000")
    rows = run(ffmpeg, *options, *asked, "-f", "framemd5", "-").decode().splitlines()
    cells = [row.split(",") for row in rows if not row.startswith("#")]
    return [(int(cell[2]) / 1000, cell[5].strip()) for cell in cells]


@lru_cache
def elementary(codec: str) -> bytes:
    """Return the tests' film as an encoder sends it."""
    picture = encoded(codec)
    return b"".join(b"\0\0\0\1" + nal for nals in (picture.sets, *picture.pictures) for nal in nals)


@programs
@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "open"])
def test_ffmpeg_decodes_the_frames_of_the_source(tmp_path: Path, ffmpeg: Path, codec: str, is_closed: bool) -> None:
    write_file(tmp_path / "film.mp4", description(codec), film(codec), is_closed=is_closed)
    (tmp_path / "film").write_bytes(elementary(codec))
    found = decoded(ffmpeg, tmp_path / "film.mp4")
    wanted = decoded(ffmpeg, tmp_path / "film", "-f", codec)
    assert [checksum for _, checksum in found] == [checksum for _, checksum in wanted]
    assert [at_s for at_s, _ in found] == pytest.approx([index / 10 for index in range(60)], abs=0.001)


@programs
def test_ffmpeg_shows_b_frames_in_their_order(tmp_path: Path, ffmpeg: Path) -> None:
    picture, shown = with_b_frames()
    source = Source()
    for index, (nals, place) in enumerate(zip(picture.pictures, shown, strict=True)):
        source.frame(nals, BEGAN_S + place / 10, is_key=index in picture.keys)
    described = description()
    write_file(tmp_path / "film.mp4", type(described)(described.video, picture.sets), source)
    sent = b"".join(b"\0\0\0\1" + nal for nals in (picture.sets, *picture.pictures) for nal in nals)
    (tmp_path / "film.264").write_bytes(sent)
    found = decoded(ffmpeg, tmp_path / "film.mp4")
    assert [checksum for _, checksum in found] == [sum_ for _, sum_ in decoded(ffmpeg, tmp_path / "film.264")]
    first_s = found[0][0]
    assert [at_s - first_s for at_s, _ in found] == pytest.approx([index / 10 for index in range(60)], abs=0.002)


@programs
def test_ffmpeg_keeps_a_gap_of_the_recording(tmp_path: Path, ffmpeg: Path) -> None:
    whole = film()
    late = [at_s + (20.0 if index >= 30 else 0.0) for index, at_s in enumerate(whole.utc_s)]
    write_file(tmp_path / "film.mp4", description(), Source(whole.units, late))
    times_s = [at_s for at_s, _ in decoded(ffmpeg, tmp_path / "film.mp4", "-copyts")]
    assert times_s == pytest.approx([index / 10 + (20.0 if index >= 30 else 0.0) for index in range(60)], abs=0.001)


def with_audio(pieces: Sequence[bytes], piece_s: float, rate: int) -> Source:
    source, picture = Source(), encoded("h264")
    events = [(index / 10, 0, index) for index in range(30)]
    events += [(number * piece_s, 1, number) for number in range(len(pieces))]
    for at_s, track, number in sorted(events):
        if track:
            source.audio(pieces[number], BEGAN_S + at_s, rate)
        else:
            source.frame(picture.pictures[number], BEGAN_S + at_s, is_key=number in picture.keys)
    return source


@programs
@pytest.mark.parametrize("codec", ["alaw", "mulaw"])
def test_ffmpeg_hears_g711_bit_by_bit(tmp_path: Path, ffmpeg: Path, codec: str) -> None:
    sound = TONE * 3
    pieces = [sound[at : at + 160] for at in range(0, len(sound), 160)]
    described = description(audio=AudioFormat(f"pcm_{codec}", 8000, 1))
    write_file(tmp_path / "film.mp4", described, with_audio(pieces, 0.02, 8000))
    heard = run(ffmpeg, "-i", str(tmp_path / "film.mp4"), "-map", "0:a", "-c", "copy", "-f", codec, "-")
    assert heard == sound


@programs
def test_ffmpeg_hears_pcm_bit_by_bit(tmp_path: Path, ffmpeg: Path) -> None:
    sound = bytes(range(256)) * 375  # 3 s of 16 kHz
    pieces = [sound[at : at + 640] for at in range(0, len(sound), 640)]
    write_file(
        tmp_path / "film.mp4", description(audio=AudioFormat("pcm_s16be", 16_000, 1)), with_audio(pieces, 0.02, 16_000)
    )
    assert run(ffmpeg, "-i", str(tmp_path / "film.mp4"), "-map", "0:a", "-f", "s16be", "-") == sound


@programs
def test_ffmpeg_hears_the_aac_of_the_device(tmp_path: Path, ffmpeg: Path) -> None:
    described = description(audio=AudioFormat("aac", 16_000, 1), config=b"\x14\x08")
    write_file(tmp_path / "film.mp4", described, with_audio(aac_frames(), 0.064, 16_000))
    heard = run(ffmpeg, "-i", str(tmp_path / "film.mp4"), "-map", "0:a", "-c", "copy", "-f", "adts", "-")
    assert [frame for _, frame in aac.split_adts(heard) or []] == aac_frames()


@programs
def test_ffmpeg_hears_the_opus_of_the_device(tmp_path: Path, ffmpeg: Path) -> None:
    packets = opus_packets()
    write_file(
        tmp_path / "film.mp4", description(audio=AudioFormat("opus", 48_000, 1)), with_audio(packets, 0.02, 48_000)
    )
    heard = run(ffmpeg, "-i", str(tmp_path / "film.mp4"), "-map", "0:a", "-f", "s16le", "-")
    assert len(heard) // 2 == pytest.approx(len(packets) * 960, abs=960)


@programs
def test_ffmpeg_reads_every_whole_group_of_a_cut_file(tmp_path: Path, ffmpeg: Path) -> None:
    built = write_file(tmp_path / "film.mp4", description(audio=ALAW), film(), is_closed=False)
    content = (tmp_path / "film.mp4").read_bytes()
    (tmp_path / "film.mp4").write_bytes(content[: len(content) - len(built[-1].data)])
    assert len(decoded(ffmpeg, tmp_path / "film.mp4")) == 50
