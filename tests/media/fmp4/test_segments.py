"""Segments made of access units, checked with ffmpeg."""

from __future__ import annotations

import random
import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from core.records import AudioFormat, VideoFormat
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.ffmpeg import find_ffmpeg
from media.fmp4.tracks import TrackError, video_track
from tests.media.encoded import CLOCK_RATE, FPS, encoded, with_b_frames
from tests.media.fmp4.decoding import decoded
from tests.media.fmp4.film import ALAW, START_S, STEP, builder, builder_of, joined, made, picture

pytestmark = pytest.mark.usefixtures("cut")


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_every_frame_has_its_time(tmp_path: Path, codec: str) -> None:
    film = encoded(codec)
    segments = made([picture(index, codec) for index in range(len(film.pictures))], builder(codec))
    assert [segment.duration_s for segment in segments] == pytest.approx([2.0, 2.0, 2.0])
    assert [segment.start_device_s for segment in segments] == [START_S, START_S + 2, START_S + 4]
    assert [segment.init is not None for segment in segments] == [True, False, False]
    frames = decoded(tmp_path, joined(segments))
    assert [time for time, _, _ in frames] == pytest.approx([index / FPS for index in range(60)])
    assert len({checksum for _, _, checksum in frames}) == 60


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_each_segment_can_be_decoded_without_those_before(tmp_path: Path, codec: str) -> None:
    film = encoded(codec)
    segments = made([picture(index, codec) for index in range(len(film.pictures))], builder(codec))
    init = segments[0].init or b""
    for segment in segments[1:]:
        assert len(decoded(tmp_path, init + segment.data)) == 2 * FPS


def test_b_frames_are_shown_in_display_order(tmp_path: Path) -> None:
    film, shown = with_b_frames()
    assert list(shown) != sorted(shown)
    units = [
        AccessUnit(VIDEO, nals, place * STEP, CLOCK_RATE, index in film.keys, START_S + place / FPS)
        for index, (nals, place) in enumerate(zip(film.pictures, shown, strict=True))
    ]
    segments = made(units, builder_of(film.sets))
    assert [segment.duration_s for segment in segments] == pytest.approx([2.0, 2.0, 2.0])
    frames = decoded(tmp_path, joined(segments))
    first_s = frames[0][0]  # ffmpeg delays the whole track by its largest negative offset
    assert [time - first_s for time, _, _ in frames] == pytest.approx([index / FPS for index in range(60)])
    sent = b"".join(b"\0\0\0\1" + nal for nals in (film.sets, *film.pictures) for nal in nals)
    (tmp_path / "sent.264").write_bytes(sent)
    command = [str(find_ffmpeg()), "-v", "error", "-i", str(tmp_path / "sent.264"), "-fps_mode", "passthrough"]
    wanted = subprocess.run([*command, "-f", "framemd5", "-"], capture_output=True, check=True, text=True).stdout
    checksums = [line.split(",")[5].strip() for line in wanted.splitlines() if not line.startswith("#")]
    assert [checksum for _, _, checksum in frames] == checksums


def test_frames_before_the_first_key_frame_are_dropped() -> None:
    [segment, *_] = made([picture(index) for index in range(7, 60)], builder())
    assert segment.start_device_s == START_S + 1


def test_a_gap_is_a_discontinuity_on_a_continuous_timeline(tmp_path: Path) -> None:
    later = [picture(index, device_s=START_S + 3600 + index / FPS) for index in range(30, 60)]
    segments = made([picture(index) for index in range(25)] + later, builder())
    assert [segment.starts_discontinuity for segment in segments] == [False, False, True, False]
    assert segments[2].start_device_s == START_S + 3603
    times = [time for time, _, _ in decoded(tmp_path, joined(segments))]
    assert times == pytest.approx([index / FPS for index in range(55)])


@pytest.mark.parametrize("mark", ["ends_section", "is_discontinuous"])
def test_marks_of_the_device_are_discontinuities(mark: str) -> None:
    def marked(index: int) -> AccessUnit:
        is_it = index == (29 if mark == "ends_section" else 30)
        return (
            replace(picture(index), ends_section=is_it)
            if mark == "ends_section"
            else replace(picture(index), is_discontinuous=is_it)
        )

    segments = made([marked(index) for index in range(60)], builder())
    assert [segment.starts_discontinuity for segment in segments] == [False, False, True, False]
    assert segments[2].start_device_s == START_S + 3


@pytest.mark.parametrize("jump", [-(2**31), -900_000, 900_000, 2**40])
def test_timestamp_jumps_lose_no_frames(tmp_path: Path, jump: int) -> None:
    units = [picture(index) for index in range(30)]
    units += [picture(index, ticks=1_000_000 + index * STEP + jump) for index in range(30, 60)]
    segments = made(units, builder())
    assert sum(segment.duration_s for segment in segments) == pytest.approx(6.0)
    assert len(decoded(tmp_path, joined(segments))) == 60


def test_frames_with_equal_timestamps_have_a_duration(tmp_path: Path) -> None:
    segments = made([picture(index, ticks=5000) for index in range(10)], builder())
    assert all(segment.duration_s > 0 for segment in segments)
    assert len(decoded(tmp_path, joined(segments))) == 10


def test_segments_are_cut_even_without_key_frames() -> None:
    film = encoded("h264")
    units = [replace(picture(0), ticks=index * STEP, device_s=None, is_key=index == 0) for index in range(500)]
    segments = made(units, builder())
    assert [segment.duration_s for segment in segments] == pytest.approx([20.0, 20.0, 10.0])
    assert film.keys


def test_codec_strings_match_the_parameter_sets() -> None:
    assert re.fullmatch(r"avc1\.(42|4D|64|F4)[0-9A-F]{4}", builder().tracks[0].codec_string)
    assert re.fullmatch(r"hvc1\.1\.6\.L\d+(\.[0-9A-F]+)*", builder("hevc").tracks[0].codec_string)


@pytest.mark.parametrize(
    "sets", [(), (b"\x67",), (b"\x67\x42\x00\x0a", b"\x68\xce"), (b"\x67" + bytes(40), b"\x68\xce")]
)
def test_invalid_parameter_sets_are_refused(sets: tuple[bytes, ...]) -> None:
    with pytest.raises(TrackError):
        video_track(VideoFormat("h264"), sets)


@pytest.mark.parametrize("seed", range(20))
def test_hostile_times_cause_no_error_and_no_endless_segment(seed: int) -> None:
    rng = random.Random(seed)
    audio = rng.choice([None, ALAW, AudioFormat("aac", 16_000, 1)])
    build = builder(audio=audio, config=b"\x14\x08")
    steps = [3600] * 20 + [0, -3600, 9000, 400_000, 440_000, 2**31, -(2**31), 2**40, -(2**40)]
    ticks = sound_ticks = 0
    for _ in range(200):
        ticks += rng.choice(steps)
        sound_ticks += rng.choice(steps)
        device_s = rng.choice([None, 0.0, START_S + ticks / CLOCK_RATE, rng.uniform(-1e12, 1e12)])
        marks = [rng.random() < share for share in (0.2, 0.02, 0.02)]
        units = [
            AccessUnit(VIDEO, (bytes(9),), ticks, CLOCK_RATE, marks[0], device_s, marks[1], marks[2]),
            AccessUnit(AUDIO, (bytes(rng.choice([0, 1, 320, 9000])),), sound_ticks, 8000, True, device_s),
        ]
        for segment in (segment for unit in units for segment in build.push(unit)):
            assert 0 < segment.duration_s < 30
            assert len(segment.data) < 1_000_000
