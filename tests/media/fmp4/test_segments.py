"""Segments made of access units, checked with ffmpeg."""

from __future__ import annotations

import random
import re
import struct
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from core.records import AudioFormat, VideoFormat
from media.codecs import flac
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.ffmpeg import find_ffmpeg
from media.fmp4.segments import Part, Segment, SegmentBuilder
from media.fmp4.tracks import TrackError, video_track
from tests.media.encoded import CLOCK_RATE, FPS, encoded, with_b_frames
from tests.media.fmp4.decoding import TONE, VALUES, decoded

START_S = 1_790_000_000.0
ALAW = AudioFormat("pcm_alaw", 8000, 1)
STEP = CLOCK_RATE // FPS


PARTS: list[Part] = []


@pytest.fixture(autouse=True, params=["whole", "in parts"])
def cut(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run each test with and without a consumer of parts."""
    PARTS.clear()
    if request.param == "in parts":
        monkeypatch.setitem(globals(), "SegmentBuilder", partial(SegmentBuilder, on_part=PARTS.append))


def builder(codec: str = "h264", audio: AudioFormat | None = None, config: bytes = b"") -> SegmentBuilder:
    return SegmentBuilder(VideoFormat(codec, 320, 180), audio, encoded(codec).sets, config)


def picture(index: int, codec: str = "h264", *, device_s: float | None = None, ticks: int | None = None) -> AccessUnit:
    film = encoded(codec)
    return AccessUnit(
        VIDEO,
        film.pictures[index],
        1_000_000 + index * STEP if ticks is None else ticks,
        CLOCK_RATE,
        is_key=index in film.keys,
        device_s=START_S + index / FPS if device_s is None else device_s,
    )


def audio_unit(index: int, samples: int = 160) -> AccessUnit:
    at = index * samples % 8000
    return AccessUnit(
        AUDIO, (TONE[at : at + samples],), 777 + index * samples, 8000, True, START_S + index * samples / 8000
    )


def made(units: Sequence[AccessUnit], build: SegmentBuilder) -> list[Segment]:
    segments = [segment for unit in units for segment in build.push(unit)]
    segments += build.flush()
    assert not PARTS or [part.data for part in PARTS] == pieces(segments)
    return segments


def pieces(segments: Sequence[Segment]) -> list[bytes]:
    """Return the fragments of the segments: a moof with its mdat each."""
    content = b"".join(segment.data for segment in segments)
    found, place = [], 0
    while place < len(content):
        end = place
        for kind in (b"moof", b"mdat"):
            assert content[end + 4 : end + 8] == kind
            end += int.from_bytes(content[end : end + 4], "big")
        found.append(content[place:end])
        place = end
    return found


def joined(segments: Sequence[Segment]) -> bytes:
    return b"".join((segment.init or b"") + segment.data for segment in segments)


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
    segments = made(units, SegmentBuilder(VideoFormat("h264"), None, film.sets))
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


def test_segments_are_cut_even_without_key_frames() -> None:
    film = encoded("h264")
    units = [replace(picture(0), ticks=index * STEP, device_s=None, is_key=index == 0) for index in range(500)]
    segments = made(units, builder())
    assert [segment.duration_s for segment in segments] == pytest.approx([20.0, 20.0, 10.0])
    assert film.keys


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


def test_codec_strings_match_the_parameter_sets() -> None:
    assert re.fullmatch(r"avc1\.(42|4D|64|F4)[0-9A-F]{4}", builder().tracks[0].codec_string)
    assert re.fullmatch(r"hvc1\.1\.6\.L\d+(\.[0-9A-F]+)*", builder("hevc").tracks[0].codec_string)


@pytest.mark.parametrize(
    "sets", [(), (b"\x67",), (b"\x67\x42\x00\x0a", b"\x68\xce"), (b"\x67" + bytes(40), b"\x68\xce")]
)
def test_invalid_parameter_sets_are_refused(sets: tuple[bytes, ...]) -> None:
    with pytest.raises(TrackError):
        video_track(VideoFormat("h264"), sets)


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


# ---- parts ---------------------------------------------------------------------------------------


def parts_of(units: Sequence[AccessUnit], build: SegmentBuilder) -> list[Part]:
    made(units, build)
    return list(PARTS)


in_parts = pytest.mark.parametrize("cut", ["in parts"], indirect=True)


@in_parts
def test_the_first_part_is_sent_once_its_end_is_certain() -> None:
    build = builder()
    build.push(picture(0))
    build.push(picture(1))
    assert not PARTS  # a B-frame between these two may follow
    build.push(picture(2))
    assert [(part.start_s, part.start_device_s, part.is_key) for part in PARTS] == [(0.0, START_S, True)]


@in_parts
def test_parts_follow_without_a_gap_and_have_capture_times() -> None:
    later = [picture(index, device_s=START_S + 3600 + index / FPS) for index in range(30, 60)]
    parts = parts_of([picture(index) for index in range(25)] + later, builder())
    times, at_s = [], 0.0
    for part in parts:
        frames = frames_in(part)
        assert part.start_s == pytest.approx(at_s)
        at_s += frames / FPS
        times += [(part.start_device_s or 0.0) + number / FPS for number in range(frames)]
    assert at_s == pytest.approx(5.5)
    assert max(map(frames_in, parts)) <= 0.2 * FPS + 1
    told = [START_S + index / FPS for index in range(25)] + [START_S + 3600 + index / FPS for index in range(30, 60)]
    assert times == pytest.approx(told)


def frames_in(part: Part) -> int:
    """Return the sample count of the trun box (ISO/IEC 14496-12, 8.8.8).

    A part without a key frame cannot be decoded alone, so its frames cannot be counted with ffmpeg.
    """
    place = part.data.index(b"trun") + 8
    return int.from_bytes(part.data[place : place + 4], "big")


@in_parts
def test_parts_do_not_split_reordered_frames() -> None:
    film, shown = with_b_frames()
    units = [
        AccessUnit(VIDEO, nals, place * STEP, CLOCK_RATE, index in film.keys, START_S + place / FPS)
        for index, (nals, place) in enumerate(zip(film.pictures, shown, strict=True))
    ]
    parts = parts_of(units, SegmentBuilder(VideoFormat("h264"), None, film.sets))
    assert [part.start_s for part in parts] == pytest.approx([0.0, 2.0, 4.0])


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


@in_parts
def test_missing_audio_delays_the_first_frames_by_at_most_a_second(tmp_path: Path) -> None:
    build = builder(audio=ALAW)
    for index in range(19):
        build.push(replace(picture(index), is_key=index == 0))
    content = build.init + b"".join(part.data for part in PARTS)
    assert decoded(tmp_path, content, "a"), "there is silence before the segment is complete"


@in_parts
def test_a_part_includes_the_audio_of_its_frames(tmp_path: Path) -> None:
    units: list[AccessUnit] = []
    for index in range(60):
        units += [audio_unit(index * 5 + part) for part in range(5)] if index else []
        units.append(picture(index))
    build = builder(audio=ALAW)
    parts = parts_of(units, build)
    first = decoded(tmp_path, build.init + b"".join(part.data for part in parts[:3]), "a")
    assert parts[3].start_s <= first[-1][0] + first[-1][1] <= parts[3].start_s + 0.3
