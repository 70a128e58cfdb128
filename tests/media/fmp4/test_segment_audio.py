"""The audio of segments: G.711 as FLAC, AAC, gaps and clock jumps."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from core.records import AudioFormat
from media.codecs import flac
from media.codecs.access_unit import AUDIO, AccessUnit
from media.ffmpeg import find_ffmpeg
from tests.media.encoded import FPS
from tests.media.fmp4.decoding import VALUES, decoded
from tests.media.fmp4.film import ALAW, START_S, audio_unit, builder, joined, made, picture

pytestmark = [pytest.mark.programs, pytest.mark.usefixtures("cut")]


def decoded_samples(tmp_path: Path, content: bytes) -> list[int]:
    """Return the audio samples that ffmpeg decodes. Fail on any message of ffmpeg."""
    (tmp_path / "film.mp4").write_bytes(content)
    command = [str(find_ffmpeg()), "-v", "warning", "-xerror", "-i", str(tmp_path / "film.mp4"), "-map", "0:a"]
    run = subprocess.run([*command, "-f", "s16be", "-"], capture_output=True, check=True)
    assert not run.stderr
    return list(struct.unpack(f">{len(run.stdout) // 2}h", run.stdout))


def g711(units: Sequence[AccessUnit]) -> list[int]:
    return [VALUES[code] for unit in units for code in unit.parts[0]]


def test_g711_becomes_flac_sample_for_sample(tmp_path: Path) -> None:
    units: list[AccessUnit] = []
    for index in range(60):
        units.append(picture(index))
        units += [audio_unit(index * 5 + part) for part in range(5)]
    content = joined(made(units, builder(audio=ALAW)))
    assert decoded_samples(tmp_path, content) == g711([audio_unit(index) for index in range(300)])


def test_audio_that_starts_late_follows_silence(tmp_path: Path) -> None:
    units: list[AccessUnit] = [picture(0)]
    units += [audio_unit(index) for index in range(100, 300)]  # two seconds late
    units += [picture(index) for index in range(1, 60)]
    samples = decoded_samples(tmp_path, joined(made(units, builder(audio=ALAW))))
    assert samples == [0] * 16_000 + g711([audio_unit(index) for index in range(100, 300)])


def test_a_gap_in_the_audio_is_silence_to_the_sample(tmp_path: Path) -> None:
    units: list[AccessUnit] = []
    for index in range(60):
        units.append(picture(index))
        if not 20 <= index < 40:
            units += [audio_unit(index * 5 + part) for part in range(5)]
    samples = decoded_samples(tmp_path, joined(made(units, builder(audio=ALAW))))
    assert len(samples) == 48_000
    assert samples[:16_000] == g711([audio_unit(index) for index in range(100)])
    assert not any(samples[16_000:32_000])
    assert samples[32_000:] == g711([audio_unit(index) for index in range(200, 300)])


def test_announced_audio_without_data_becomes_silence(tmp_path: Path) -> None:
    """Without silence a player would wait for the audio forever."""
    samples = decoded_samples(tmp_path, joined(made([picture(index) for index in range(60)], builder(audio=ALAW))))
    assert not any(samples)
    assert len(samples) / 8000 == pytest.approx(5.75, abs=0.01)


def test_segments_hold_their_audio_except_for_the_last_second(tmp_path: Path) -> None:
    segments = made([picture(index) for index in range(60)], builder(audio=ALAW))
    init = segments[0].init or b""
    heard_in = [decoded(tmp_path, init + segment.data, "a") for segment in segments]
    ends = [max(time + length for time, length, _ in frames) for frames in heard_in]
    assert ends == pytest.approx([1.0, 3.0, 5.75], abs=0.01)


@pytest.mark.parametrize("jump_s", [-1000, 1000])
def test_audio_with_a_clock_jump_is_placed_by_device_time(tmp_path: Path, jump_s: int) -> None:
    units: list[AccessUnit] = []
    for index in range(60):
        units.append(picture(index))
        for part in range(5):
            unit = audio_unit(index * 5 + part)
            units.append(replace(unit, ticks=unit.ticks + (jump_s * 8000 if index >= 30 else 0)))
    content = joined(made(units, builder(audio=ALAW)))
    assert decoded_samples(tmp_path, content) == g711([audio_unit(index) for index in range(300)])


def test_audio_begins_with_the_video_after_a_discontinuity(tmp_path: Path) -> None:
    units: list[AccessUnit] = []
    for index in range(60):
        gap_s = 3600.0 if index >= 30 else 0.0
        units.append(picture(index, device_s=START_S + gap_s + index / FPS))
        for part in range(5):
            unit = audio_unit(index * 5 + part)
            units.append(replace(unit, device_s=(unit.device_s or 0.0) + gap_s))
    segments = made(units, builder(audio=ALAW))
    assert [segment.starts_discontinuity for segment in segments] == [False, False, True, False]
    assert decoded_samples(tmp_path, joined(segments)) == g711([audio_unit(index) for index in range(300)])
    frames = decoded(tmp_path, (segments[0].init or b"") + segments[2].data, "a")
    assert frames[0][0] == pytest.approx(3.0, abs=0.001)


def test_audio_with_a_clock_unlike_its_sample_rate_is_placed_right(tmp_path: Path) -> None:
    units: list[AccessUnit] = []
    for index in range(60):
        units.append(picture(index))
        for part in range(5):
            unit = audio_unit(index * 5 + part)
            units.append(replace(unit, ticks=unit.ticks * 6, clock_rate=48_000))
    samples = decoded_samples(tmp_path, joined(made(units, builder(audio=ALAW))))
    assert samples == g711([audio_unit(index) for index in range(300)])


@pytest.mark.parametrize("channels", [1, 2])
def test_aac_is_copied_and_its_gaps_are_silent(tmp_path: Path, channels: int) -> None:
    frames = aac_frames(channels)
    config = bytes([0x14, channels << 3])  # LC, 16 kHz
    audio = AudioFormat("aac", 16_000, channels)
    units: list[AccessUnit] = []
    for index in range(60):
        units.append(picture(index))
        for number in range(len(frames)):
            start_s = number * 1024 / 16_000
            if index / FPS <= start_s < (index + 1) / FPS and not 2.0 <= start_s < 4.0:
                units.append(AccessUnit(AUDIO, (frames[number],), 99 + number * 1024, 16_000, True, START_S + start_s))
    samples = decoded_samples(tmp_path, joined(made(units, builder(audio=audio, config=config))))
    assert len(samples) / channels / 16_000 == pytest.approx(6.0, abs=0.2)
    second = 16_000 * channels
    assert not any(samples[int(2.2 * second) : int(3.9 * second)])
    assert max(samples[second : 2 * second]) > 1000
    assert max(samples[int(4.5 * second) : int(5.5 * second)]) > 1000


def aac_frames(channels: int) -> list[bytes]:
    """Return the AAC frames of a six-second tone, without their ADTS headers."""
    source = ["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=16000:duration=6", "-ac", str(channels)]
    command = [str(find_ffmpeg()), "-v", "error", *source, "-c:a", "aac", "-f", "adts", "-"]
    raw = subprocess.run(command, capture_output=True, check=True).stdout
    frames = []
    while raw:
        size = (raw[3] & 3) << 11 | raw[4] << 3 | raw[5] >> 5
        frames.append(raw[7 if raw[1] & 1 else 9 : size])
        raw = raw[size:]
    return frames


def test_missing_audio_does_not_delay_video_segments() -> None:
    segments = made([picture(index) for index in range(60)], builder(audio=ALAW))
    assert [segment.duration_s for segment in segments] == pytest.approx([2.0, 2.0, 2.0])


def test_unsupported_audio_is_left_out() -> None:
    assert len(builder(audio=AudioFormat("adpcm_g722", 8000, 1)).tracks) == 1
    assert [track.codec_string for track in builder(audio=AudioFormat("aac", 16000, 1), config=b"\x14\x08").tracks][
        1
    ] == "mp4a.40.2"


@pytest.mark.parametrize("codec", ["pcm_alaw", "pcm_mulaw"])
def test_every_g711_code_decodes_like_ffmpeg(tmp_path: Path, codec: str) -> None:
    codes = bytes(range(256))
    (tmp_path / "codes").write_bytes(codes)
    kind = {"pcm_alaw": "alaw", "pcm_mulaw": "mulaw"}[codec]
    command = [*(str(find_ffmpeg()), "-v", "error", "-f", kind, "-ar", "8000"), "-i", str(tmp_path / "codes")]
    wanted = subprocess.run([*command, "-f", "s16be", "-"], capture_output=True, check=True).stdout
    assert flac.pcm_of_g711(codec, codes) == wanted


@pytest.mark.parametrize("number", [0, 127, 128, 2047, 2048, 65_535, 65_536, 2**21, 2**26, 2**31 - 1])
def test_flac_frames_have_valid_numbers(tmp_path: Path, number: int) -> None:
    """Checked with ffmpeg's parser, which fails on a wrong frame header or checksum."""
    pcm = struct.pack(">160h", *range(160))
    stream = b"fLaC" + bytes([0x80]) + (34).to_bytes(3, "big") + flac.stream_info(8000, 1)
    (tmp_path / "one.flac").write_bytes(stream + flac.frame(pcm, number, 8000))
    command = [str(find_ffmpeg()), "-v", "warning", "-err_detect", "explode+crccheck", "-xerror"]
    run = subprocess.run(
        [*command, "-i", str(tmp_path / "one.flac"), "-f", "s16be", "-"], capture_output=True, check=True
    )
    assert run.stdout == pcm


def test_audio_sent_in_two_second_blocks_is_complete(tmp_path: Path) -> None:
    """Some recorders send two seconds of video and then two seconds of audio; the first audio is awaited no longer."""
    units: list[AccessUnit] = []
    for begin in range(0, 60, 20):
        units += [picture(index) for index in range(begin, begin + 20)]
        units += [audio_unit(index) for index in range(begin * 5, begin * 5 + 100)]
    samples = decoded_samples(tmp_path, joined(made(units, builder(audio=ALAW))))
    whole = g711([audio_unit(index) for index in range(300)])
    assert 0 <= len(samples) - len(whole) <= 800  # up to 0.1 s of shift is not corrected
    assert samples[-40_000:] == whole[-40_000:]
