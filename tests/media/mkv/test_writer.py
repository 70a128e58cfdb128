"""Matroska files: decoded by ffmpeg, compared with the frames and the audio that went in."""

from __future__ import annotations

import hashlib
import re
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AccessUnit
from media.codecs.nal import split_at_start_codes
from media.ffmpeg import find_ffmpeg
from media.fmp4.tracks import video_track
from media.mkv.audio import AudioUnits, describe_audio
from media.mkv.writer import MkvNames, MkvWriter
from tests.media import sounds
from tests.media.encoded import FPS, Encoded, encoded, with_b_frames
from tests.media.fmp4.decoding import TONE
from tests.media.fmp4.film import ALAW, START_S, picture
from tests.media.mp4.stretch import CREATED, ffmpegs, frame_s, shown_s, video_on_disk

pytestmark = pytest.mark.programs

FRAMES = 60
IDS = ["bundled", "system"][: len(ffmpegs())]


def write_file(
    folder: Path,
    film: Encoded,
    units: list[AccessUnit],
    audio: tuple[AudioFormat, list[tuple[float, bytes]]] | None = None,
    config: bytes = b"",
) -> tuple[Path, str]:
    """Return the file and its SHA-256."""
    found = None
    if audio is not None:
        description = describe_audio(audio[0], config)
        assert description is not None
        found = AudioUnits(description)
        found.times_s.extend(time_s for time_s, _ in audio[1])
        found.sizes.extend(len(data) for _, data in audio[1])
        (folder / "audio").write_bytes(b"".join(data for _, data in audio[1]))
    samples = video_on_disk(units, folder / "video")
    track = video_track(VideoFormat(film.codec), film.sets)
    names = MkvNames("Gate, Hof & Tür", "2026-11-22 10:00:00 UTC")
    writer = MkvWriter(track, samples, found, names, marked_s=frame_s(7), created_utc=CREATED)
    path = folder / "film.mkv"
    with path.open("wb") as file:
        written = writer.write(file, [[folder / "video"], [folder / "audio"]], lambda: None)
    assert path.stat().st_size == written.size_bytes
    return path, written.sha256


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=IDS)
def test_every_frame_is_decoded_at_its_time(tmp_path: Path, codec: str, ffmpeg: Path) -> None:
    path, sha256 = write_file(tmp_path, encoded(codec), [picture(index, codec) for index in range(FRAMES)])
    assert shown_s(path, ffmpeg) == [pytest.approx(index / FPS, abs=0.0001) for index in range(FRAMES)]
    assert hashlib.sha256(path.read_bytes()).hexdigest() == sha256


def test_uneven_times_are_kept_to_a_tenth_of_a_millisecond(tmp_path: Path) -> None:
    times_s = [index / FPS + index % 7 * 0.0013 for index in range(FRAMES)]
    units = [picture(index, device_s=START_S + time_s) for index, time_s in enumerate(times_s)]
    path, _ = write_file(tmp_path, encoded("h264"), units)
    assert packets_s(path) == [pytest.approx(time_s, abs=0.00006) for time_s in times_s]


def packets_s(path: Path, ffmpeg: Path | None = None, *options: str) -> list[float]:
    """Return the times of the video's packets. Fail on any error message of ffmpeg."""
    command = [str(ffmpeg or find_ffmpeg()), "-v", "error", "-copyts", *options, "-i", str(path), "-map", "0:v"]
    run = subprocess.run([*command, "-c", "copy", "-f", "framecrc", "-"], capture_output=True, text=True, check=True)
    assert not run.stderr
    rows = [line.split(",") for line in run.stdout.splitlines() if not line.startswith("#")]
    assert "#tb 0: 1/10000" in run.stdout
    return [int(row[2]) / 10_000 for row in rows]


@pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=IDS)
def test_b_frames_are_shown_in_their_order(tmp_path: Path, ffmpeg: Path) -> None:
    film, shown = with_b_frames()
    units = [
        replace(picture(0), parts=nals, is_key=index in film.keys, device_s=frame_s(shown[index]))
        for index, nals in enumerate(film.pictures)
    ]
    path, _ = write_file(tmp_path, film, units)
    assert [round(time_s * FPS) for time_s in shown_s(path, ffmpeg)] == list(range(len(units)))


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_nal_units_are_those_that_went_in(tmp_path: Path, codec: str) -> None:
    film = encoded(codec)
    path, _ = write_file(tmp_path, film, [picture(index, codec) for index in range(FRAMES)])
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(path), "-map", "0:v", "-c", "copy", "-f", codec, "-"]
    stream = subprocess.run(command, capture_output=True, check=True).stdout
    found = [nal for nal in split_at_start_codes(stream) if nal not in film.sets]
    assert found == [part for nals in film.pictures[:FRAMES] for part in nals]


def audio_of(path: Path, form: str, ffmpeg: Path) -> bytes:
    """Return the audio as ffmpeg copies it out of the file. Fail on any error of ffmpeg."""
    command = [str(ffmpeg), "-v", "error", "-i", str(path), "-map", "0:a", "-c", "copy", "-f", form, "-"]
    run = subprocess.run(command, capture_output=True, check=True)
    assert not run.stderr
    return run.stdout


@pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=IDS)
@pytest.mark.parametrize(
    ("codec", "form"), [("pcm_alaw", "alaw"), ("pcm_mulaw", "mulaw"), ("pcm_s16be", "s16be"), ("adpcm_g722", "g722")]
)
def test_plain_audio_is_copied_as_it_is(tmp_path: Path, codec: str, form: str, ffmpeg: Path) -> None:
    units = [(START_S + 0.007 + index / 50, TONE[index : index + 160]) for index in range(200)]
    path, _ = write_file(
        tmp_path,
        encoded("h264"),
        [picture(index) for index in range(FRAMES)],
        (AudioFormat(codec, 16_000 if codec == "adpcm_g722" else 8000, 1), units),
    )
    assert audio_of(path, form, ffmpeg) == b"".join(data for _, data in units)
    assert len(shown_s(path, ffmpeg)) == FRAMES


@pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=IDS)
def test_aac_and_opus_are_copied_as_they_are(tmp_path: Path, ffmpeg: Path) -> None:
    pictures = [picture(index) for index in range(FRAMES)]
    frames = sounds.aac_frames()
    units = [(START_S + index * 1024 / 16_000, frame) for index, frame in enumerate(frames)]
    path, _ = write_file(
        tmp_path, encoded("h264"), pictures, (AudioFormat("aac", 16_000, 1), units), bytes.fromhex("1408")
    )
    assert audio_of(path, "data", ffmpeg) == b"".join(frames)
    assert len(shown_s(path, ffmpeg, "a")) == pytest.approx(len(frames), abs=1)
    packets = sounds.opus_packets()
    units = [(START_S + index / 50, packet) for index, packet in enumerate(packets)]
    path, _ = write_file(tmp_path, encoded("h264"), pictures, (AudioFormat("opus", 48_000, 1), units))
    assert audio_of(path, "data", ffmpeg) == b"".join(packets)
    assert len(shown_s(path, ffmpeg, "a")) == pytest.approx(len(packets), abs=1)


def test_g726_is_not_described() -> None:
    """Its bit rate is not known any more."""
    assert describe_audio(AudioFormat("g726", 8000, 1)) is None


@pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=IDS)
def test_a_player_seeks_to_key_frames_by_the_cues(tmp_path: Path, ffmpeg: Path) -> None:
    units = [(START_S + index / 50, TONE[:160]) for index in range(300)]
    path, _ = write_file(tmp_path, encoded("h264"), [picture(index) for index in range(FRAMES)], (ALAW, units))
    times = packets_s(path, ffmpeg, "-noaccurate_seek", "-ss", "3.5")
    assert times == [pytest.approx(index / FPS, abs=0.0001) for index in range(30, FRAMES)]


def test_a_chapter_and_the_date_tell_the_times(tmp_path: Path) -> None:
    path, _ = write_file(tmp_path, encoded("h264"), [picture(index) for index in range(FRAMES)])
    command = [str(find_ffmpeg()), "-v", "info", "-i", str(path), "-f", "ffmetadata", "-"]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "title=Gate, Hof & Tür" in run.stdout
    assert re.search(r"creation_time +: 2026-11-22T10:00:00.000000Z", run.stderr)
    assert "START=700000000\n" in run.stdout
    assert "title=2026-11-22 10:00:00 UTC" in run.stdout


def test_a_gap_without_frames_begins_another_cluster(tmp_path: Path) -> None:
    """A place in a cluster has 16 bits."""
    units = [picture(index, device_s=START_S + index / FPS + (8.0 if index >= 5 else 0.0)) for index in range(10)]
    path, _ = write_file(tmp_path, encoded("h264"), units)
    times = shown_s(path)
    assert max(after - before for before, after in pairwise(times)) == pytest.approx(8.1, abs=0.001)
