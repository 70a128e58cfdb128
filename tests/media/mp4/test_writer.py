"""Progressive MP4: decoded by ffmpeg, compared with the NAL units that went in."""

from __future__ import annotations

import hashlib
import math
import subprocess
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from core.records import AudioFormat
from media.codecs.nal import split_at_start_codes
from media.commands import aac_command
from media.ffmpeg import find_ffmpeg
from media.mp4.audio import copy_audio, read_adts, write_pcm
from media.mp4.video import VideoSamples, video_times
from tests.media.encoded import CLOCK_RATE, FPS, encoded, with_b_frames
from tests.media.fmp4.decoding import TONE
from tests.media.fmp4.film import ALAW, START_S, picture
from tests.media.mp4.stretch import elementary_stream, ffmpegs, frame_s, shown_s, write_file

pytestmark = pytest.mark.programs

FRAMES = 60


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=["bundled", "system"][: len(ffmpegs())])
def test_every_frame_is_decoded_at_its_time(tmp_path: Path, codec: str, ffmpeg: Path) -> None:
    path, writer, _ = write_file(tmp_path, encoded(codec), [picture(index, codec) for index in range(FRAMES)])
    times = shown_s(path, ffmpeg)
    assert len(times) == FRAMES
    assert times[0] == 0.0
    assert all(after - before == pytest.approx(1 / FPS, abs=0.001) for before, after in pairwise(times))
    assert writer.length_s == pytest.approx(FRAMES / FPS)


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_the_nal_units_are_those_that_went_in(tmp_path: Path, codec: str) -> None:
    film = encoded(codec)
    path, _, _ = write_file(tmp_path, film, [picture(index, codec) for index in range(FRAMES)])
    found = [nal for nal in split_at_start_codes(elementary_stream(path, codec)) if nal not in film.sets]
    assert found == [part for nals in film.pictures[:FRAMES] for part in nals]


@pytest.mark.parametrize("first", [0, 1, 7, 10, 15])
@pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=["bundled", "system"][: len(ffmpegs())])
def test_the_first_shown_frame_is_the_requested_one(tmp_path: Path, first: int, ffmpeg: Path) -> None:
    units = [picture(index) for index in range(FRAMES)]
    whole, _, _ = write_file(tmp_path, encoded("h264"), units, name="whole.mp4")
    path, writer, _ = write_file(tmp_path, encoded("h264"), units, from_s=frame_s(first), until_s=frame_s(45))
    assert checksums(path, ffmpeg)[: 45 - first] == checksums(whole, ffmpeg)[first:45]
    assert shown_s(path, ffmpeg)[0] == 0.0
    assert writer.length_s == pytest.approx((45 - first) / FPS)


def checksums(path: Path, ffmpeg: Path) -> list[str]:
    options = ["-v", "error", "-i", str(path), "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"]
    run = subprocess.run([str(ffmpeg), *options], capture_output=True, text=True, check=True)
    return [line.split(",")[5].strip() for line in run.stdout.splitlines() if not line.startswith("#")]


@pytest.mark.parametrize("ffmpeg", ffmpegs(), ids=["bundled", "system"][: len(ffmpegs())])
def test_b_frames_are_shown_in_their_order(tmp_path: Path, ffmpeg: Path) -> None:
    film, shown = with_b_frames()
    units = [
        replace(picture(0), parts=nals, is_key=index in film.keys, device_s=frame_s(shown[index]))
        for index, nals in enumerate(film.pictures)
    ]
    path, writer, _ = write_file(tmp_path, film, units)
    times = shown_s(path, ffmpeg)
    assert times[0] == 0.0
    assert [round(time_s * FPS) for time_s in times] == list(range(len(units)))
    assert writer.length_s == pytest.approx(len(units) / FPS)


def test_repeated_time_stamps_still_give_increasing_times() -> None:
    samples = VideoSamples()
    for index in range(8):
        samples.add(START_S + (index // 2) / FPS, 1, is_key=index % 4 == 0)
    times = video_times(samples)
    assert all(before < after for before, after in pairwise(times.decoding))
    assert min(shown - at for at, shown in zip(times.decoding, times.showing, strict=True)) == 0


def test_the_checksum_is_that_of_the_file(tmp_path: Path) -> None:
    path, _, written = write_file(tmp_path, encoded("h264"), [picture(index) for index in range(20)])
    content = path.read_bytes()
    assert written.sha256 == hashlib.sha256(content).hexdigest()
    assert written.size_bytes == len(content)
    assert content.index(b"moov") < content.index(b"mdat")


def test_g711_becomes_aac_at_the_time_of_the_video(tmp_path: Path) -> None:
    """The tone begins two seconds after the video, and has a gap of one second."""
    units = [(START_S + 2.0 + index / 50, TONE[:160]) for index in range(200) if not 50 <= index < 100]
    with (tmp_path / "sound.pcm").open("wb") as target:
        count = write_pcm(ALAW, units, START_S, frame_s(FRAMES), target)
    assert count == 8000 * FRAMES // FPS == (tmp_path / "sound.pcm").stat().st_size
    command = aac_command(find_ffmpeg(), "pcm_alaw", 8000, 1, "sound.pcm", "sound.adts")
    subprocess.run(command, check=True, cwd=tmp_path)
    with (tmp_path / "sound.adts").open("rb") as source, (tmp_path / "audio").open("wb") as target:
        audio = read_adts(source, target)
    assert audio is not None
    pictures = [picture(index) for index in range(FRAMES)]
    path, _, _ = write_file(
        tmp_path, encoded("h264"), pictures, audio=(audio, tmp_path / "audio"), from_s=frame_s(5), until_s=frame_s(55)
    )
    heard = loudness(path)
    expected = [2.0 <= index / 50 + 0.5 < 3.0 or 4.0 <= index / 50 + 0.5 < 6.0 for index in range(len(heard))]
    wrong = [index for index, (is_loud, due) in enumerate(zip(heard, expected, strict=True)) if is_loud != due]
    assert all(min(abs(index - edge) for edge in (75, 125, 175)) <= 2 for index in wrong)
    assert len(heard) == pytest.approx(250, abs=4)
    assert len(shown_s(path)) == 50


def loudness(path: Path) -> list[bool]:
    """True for each fiftieth of a second in which a tone is heard."""
    options = ["-v", "error", "-i", str(path), "-map", "0:a", "-f", "s16be", "-ar", "8000", "-"]
    pcm = subprocess.run([str(find_ffmpeg()), *options], capture_output=True, check=True).stdout
    pieces = [memoryview(pcm)[at : at + 320] for at in range(0, len(pcm) - 319, 320)]
    values = [[int.from_bytes(piece[at : at + 2], "big", signed=True) for at in range(0, 320, 2)] for piece in pieces]
    return [math.sqrt(sum(value * value for value in piece) / len(piece)) > 500 for piece in values]


def test_aac_is_copied_as_it_is(tmp_path: Path) -> None:
    with (tmp_path / "tone.pcm").open("wb") as target:
        target.write(TONE * 6)
    command = aac_command(find_ffmpeg(), "pcm_alaw", 8000, 1, "tone.pcm", "tone.adts")
    subprocess.run(command, check=True, cwd=tmp_path)
    with (tmp_path / "tone.adts").open("rb") as source, (tmp_path / "frames").open("wb") as target:
        encoded_tone = read_adts(source, target)
    assert encoded_tone is not None
    frames = []
    content = (tmp_path / "frames").read_bytes()
    for size in encoded_tone.sizes:
        frames.append(content[:size])
        content = content[size:]
    units = [(START_S + index * 1024 / 8000, frame) for index, frame in enumerate(frames)]
    audio_format, config = AudioFormat("aac", 8000, 1), bytes.fromhex("1588")
    with (tmp_path / "audio").open("wb") as target:
        audio = copy_audio(audio_format, config, units, START_S, frame_s(FRAMES), target)
    assert audio is not None
    assert (tmp_path / "audio").read_bytes()[: sum(map(len, frames[:40]))] == b"".join(frames[:40])
    pictures = [picture(index) for index in range(FRAMES)]
    path, _, _ = write_file(tmp_path, encoded("h264"), pictures, audio=(audio, tmp_path / "audio"))
    assert len(shown_s(path, stream="a")) >= 46


def test_an_hour_needs_little_memory_for_its_tables() -> None:
    samples = VideoSamples()
    for index in range(90_000):
        samples.add(START_S + index / 25, 20_000, is_key=index % 50 == 0)
    held = samples.times_s.itemsize * len(samples) + samples.sizes.itemsize * len(samples) + len(samples.keys)
    assert held < 1_500_000
    assert samples.usual_step_s == pytest.approx(0.04)
    assert CLOCK_RATE == 90_000
