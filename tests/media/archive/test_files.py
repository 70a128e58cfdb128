"""Units that go into an archive file come out again."""

from __future__ import annotations

import os
import random
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.records import AudioFormat, VideoFormat
from media.archive.file_builder import ArchiveFileBuilder
from media.archive.file_reader import ArchiveFile, ArchiveFileError
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.fmp4.tracks import TrackError
from media.units import UnitDescription
from tests.media.archive.archived import ALAW, BEGAN_S, Source, description, film, write_file
from tests.media.encoded import encoded, renumbered

MS_S = 0.001
NAL = st.binary(max_size=24).map(lambda data: data + b"\x80")
STEPS_S = st.one_of(st.just(0.04), st.floats(0.001, 0.2), st.sampled_from([0.0, 3.0, 12.0, -0.05, -0.5]))


@st.composite
def sources(draw: st.DrawFn) -> Source:
    """Draw frames of any sizes and times, with gaps, with audio of 20 ms between them.

    Frames may go back in time, but not before their key frame, and not in a long GOP (test_groups.py has these).
    """
    source = Source()
    at_s = latest_s = key_s = BEGAN_S
    audio_s = BEGAN_S + draw(st.floats(0.0, 0.5))
    frames = st.tuples(st.lists(NAL, min_size=1, max_size=3), STEPS_S, st.integers(0, 9), st.integers(0, 2))
    for index, (parts, step_s, kind, pieces) in enumerate(draw(st.lists(frames, min_size=1, max_size=60))):
        is_key = index == 0 or kind == 0
        key_s = max(at_s, latest_s + MS_S) if is_key and index else key_s
        at_s = max(at_s, key_s if latest_s - key_s < 1.5 else latest_s)
        source.frame(tuple(parts), at_s, is_key=is_key, is_leading=not is_key and kind == 1)
        for _ in range(pieces):
            source.audio(bytes([kind]) * 160, audio_s)
            audio_s += 0.02 + draw(st.sampled_from([0.0, 0.0, 0.0003, -0.0003, 0.3]))
        latest_s = max(latest_s, at_s)
        at_s += step_s
    return source


def units_of(path: Path) -> list[AccessUnit]:
    with ArchiveFile.open(path) as file:
        return [unit for fragment in file.fragments() for unit in file.read_units(fragment)]


def check_units(found: list[AccessUnit], source: Source) -> None:
    for track in (VIDEO, AUDIO):
        came = [unit for unit in found if unit.track == track]
        went = source.track(track)
        assert [(unit.parts, unit.is_leading) for unit in came] == [(unit.parts, unit.is_leading) for unit, _ in went]
        assert [unit.device_s for unit in came] == pytest.approx([at_s for _, at_s in went], abs=MS_S)
        for unit in came:
            assert unit.ticks / unit.clock_rate == pytest.approx(unit.device_s, abs=MS_S)
    assert [unit.is_key for unit in found if unit.track == VIDEO] == [unit.is_key for unit, _ in source.track(VIDEO)]


@pytest.mark.parametrize("codec", ["h264", "hevc"])
@pytest.mark.parametrize("is_closed", [True, False], ids=["closed", "open"])
def test_units_come_out_as_they_went_in(tmp_path: Path, codec: str, is_closed: bool) -> None:
    source = film(codec)
    built = write_file(tmp_path / "film.mp4", description(codec), source, is_closed=is_closed)
    with ArchiveFile.open(tmp_path / "film.mp4") as file:
        assert file.description == description(codec)
        fragments = file.fragments()
        assert [(item.start_utc_ms, item.is_key) for item in fragments] == [
            (item.start_utc_ms, item.is_key) for item in built
        ]
        assert [file.read_fragment(fragment) for fragment in fragments] == [fragment.data for fragment in built]
    units = units_of(tmp_path / "film.mp4")
    check_units(units, source)
    assert {unit.parameter_sets for unit in units if unit.is_key} == {description(codec).parameter_sets}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sources())
def test_any_units_come_out_as_they_went_in(tmp_path: Path, source: Source) -> None:
    write_file(tmp_path / "film.mp4", description(audio=ALAW), source)
    check_units(units_of(tmp_path / "film.mp4"), source)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(sources())
def test_the_index_says_what_the_fragments_say(tmp_path: Path, source: Source) -> None:
    built = write_file(tmp_path / "film.mp4", description(audio=ALAW), source)
    with ArchiveFile.open(tmp_path / "film.mp4") as file:
        index = file.index()
        assert index is not None
        for indexed, walked, fragment in zip(index.fragments, file.walk(), built, strict=True):
            assert indexed[:2] + indexed[4:] == walked[:2] + walked[4:]
            assert (indexed.start_utc_ms, indexed.end_utc_ms) == (fragment.start_utc_ms, fragment.end_utc_ms)
            assert abs(indexed.start_utc_ms - walked.start_utc_ms) <= 1
            assert abs(indexed.end_utc_ms - walked.end_utc_ms) <= 1


def test_frames_keep_their_times_if_the_clock_is_set_back(tmp_path: Path) -> None:
    whole = film()
    late_s = [at_s - (1.5 if index >= 30 else 0.0) for index, at_s in enumerate(whole.utc_s)]
    source = Source(whole.units, late_s)
    write_file(tmp_path / "film.mp4", description(), source)
    check_units(units_of(tmp_path / "film.mp4"), source)


def test_audio_of_other_kinds_comes_out_as_it_went_in(tmp_path: Path) -> None:
    for audio, config, piece_s, data in (
        (AudioFormat("pcm_mulaw", 8000, 1), b"", 0.02, bytes(range(160))),
        (AudioFormat("pcm_s16be", 16_000, 2), b"", 0.02, bytes(1280)),
        (AudioFormat("aac", 16_000, 1), b"\x14\x08", 0.064, b"\x01\x00\x00\x07"),
        (AudioFormat("aac", 48_000, 2), b"\x11\x90", 1024 / 48_000, b"\x21\x00\x49\x90\x02\x19"),
        (AudioFormat("opus", 48_000, 1), b"", 0.02, b"\xf8\xff\xfe"),
    ):
        source = film(seconds=3)
        for number in range(40):
            source.audio(data, BEGAN_S + number * piece_s, audio.sample_rate or 0)
        path = tmp_path / "film.mp4"
        source = in_order(source)
        write_file(path, description(audio=audio, config=config), source)
        with ArchiveFile.open(path) as file:
            assert (file.description.audio, file.description.audio_config) == (audio, config)
        check_units(units_of(path), source)


def in_order(source: Source) -> Source:
    """Return the units sorted by time, frames first."""
    order = sorted(range(len(source.units)), key=lambda at: (source.utc_s[at], source.units[at].track))
    return Source([source.units[at] for at in order], [source.utc_s[at] for at in order])


def test_audio_may_begin_a_second_before_the_first_frame(tmp_path: Path) -> None:
    source, kept = film(seconds=3), Source()
    for after_s in (-1.5, -1.2, -0.9, -0.2, 0.3, 0.8):
        source.audio(bytes(160), BEGAN_S + after_s)
        kept.audio(bytes(160), BEGAN_S + after_s)
    write_file(tmp_path / "film.mp4", description(audio=ALAW), in_order_of_arrival(source))
    heard = [unit.device_s for unit in units_of(tmp_path / "film.mp4") if unit.track == AUDIO]
    assert heard == pytest.approx(kept.utc_s[2:], abs=MS_S)


def test_nothing_is_left_out_of_audio_that_is_kept(tmp_path: Path) -> None:
    for name, audio in (("a.mp4", AudioFormat("pcm_alaw", 8000, 1)), ("b.mp4", None)):
        write_file(tmp_path / name, description(audio=audio), film(seconds=2))
        with ArchiveFile.open(tmp_path / name) as file:
            assert file.description.audio_left_out == ""


def in_order_of_arrival(source: Source) -> Source:
    """Return the units with the audio behind the first frame."""
    audio = [at for at, unit in enumerate(source.units) if unit.track == AUDIO]
    order = [0, *audio, *range(1, audio[0])]
    return Source([source.units[at] for at in order], [source.utc_s[at] for at in order])


@pytest.mark.parametrize(("codec", "name"), [("adpcm_g722", "G.722"), ("g726", "G.726"), ("strange", "strange")])
def test_audio_without_a_name_in_mp4_is_left_out_and_named(tmp_path: Path, codec: str, name: str) -> None:
    source = film(seconds=2)
    source.audio(bytes(160), BEGAN_S + 0.5)
    write_file(tmp_path / "film.mp4", description(audio=AudioFormat(codec, 16_000, 1)), source)
    with ArchiveFile.open(tmp_path / "film.mp4") as file:
        assert file.description.audio is None
        assert file.description.audio_left_out == f"recordings on the server cannot hold {name}"
    assert [unit.parts for unit in units_of(tmp_path / "film.mp4")] == list(encoded("h264").pictures[:20])


@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_all_parameter_sets_come_out(tmp_path: Path, codec: str) -> None:
    by_type: dict[int, list[bytes]] = {}
    for nal in (*encoded(codec).sets, *(renumbered(codec, nal) for nal in encoded(codec).sets)):
        by_type.setdefault(nal[0], []).append(nal)
    sets = tuple(nal for nals in by_type.values() for nal in nals)
    write_file(tmp_path / "film.mp4", UnitDescription(VideoFormat(codec, 320, 180), sets), film(codec, 2))
    assert units_of(tmp_path / "film.mp4")[0].parameter_sets == sets


def test_parameter_sets_that_describe_no_video_are_refused() -> None:
    with pytest.raises(TrackError):
        ArchiveFileBuilder(UnitDescription(VideoFormat("h264"), (b"\x67",)))


def test_a_fragment_that_was_not_written_is_not_in_the_index(tmp_path: Path) -> None:
    path = tmp_path / "film.mp4"
    builder = ArchiveFileBuilder(description())
    source = film(seconds=2)
    first = builder.fragment(source.units[:10], source.utc_s[:10])
    size = builder.size_bytes
    builder.fragment(source.units[10:], source.utc_s[10:])
    builder.discard_last()
    assert builder.size_bytes == size
    path.write_bytes(builder.init_section() + first.data + builder.index())
    with ArchiveFile.open(path) as file:
        index = file.index()
        assert index is not None
        assert [fragment.offset for fragment in index.fragments] == [len(builder.init_section())]


def test_a_key_frame_can_be_read_alone(tmp_path: Path) -> None:
    write_file(tmp_path / "film.mp4", description(audio=ALAW), film())
    with ArchiveFile.open(tmp_path / "film.mp4") as file:
        for fragment in file.fragments():
            assert file.read_key_frame(fragment) == file.read_units(fragment)[0]


def test_playing_from_a_time_begins_with_the_key_frame_before(tmp_path: Path) -> None:
    source = Source()
    for index in range(500):
        source.frame((b"\x41\x80",), BEGAN_S + index / 25, is_key=index % 250 == 0)
    write_file(tmp_path / "film.mp4", description(), source)
    with ArchiveFile.open(tmp_path / "film.mp4") as file:
        fragments = file.fragments()
        for after_s, begins_s in ((-5.0, 0), (0.0, 0), (4.0, 0), (9.9, 0), (10.0, 10), (13.0, 10), (500.0, 10)):
            found = fragments[file.fragment_at(round((BEGAN_S + after_s) * 1000))]
            assert found.is_key
            assert found.start_utc_ms == pytest.approx((BEGAN_S + begins_s) * 1000, abs=1)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_damaged_fragments_raise_a_named_error(tmp_path: Path, data: st.DataObject) -> None:
    path = tmp_path / "film.mp4"
    write_file(path, description(audio=ALAW), film(seconds=1))
    with ArchiveFile.open(path) as file:
        [fragment] = file.fragments()
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content)
    with suppress(ArchiveFileError):
        units_of(path)
    with suppress(ArchiveFileError), ArchiveFile.open(path) as file:
        file.read_key_frame(fragment)


def test_a_file_is_hardly_larger_than_its_frames(tmp_path: Path) -> None:
    rng, source = random.Random(3), Source()
    for index in range(500):  # 4 Mbit/s, with times that vary by a millisecond
        source.frame((bytes(20_000),), BEGAN_S + index / 25 + rng.uniform(0, MS_S), is_key=index % 50 == 0)
        source.audio(bytes(320), BEGAN_S + index / 25)
    write_file(tmp_path / "film.mp4", description(audio=ALAW), source)
    payload = sum(len(unit.parts[0]) for unit in source.units)
    assert (tmp_path / "film.mp4").stat().st_size < 1.001 * payload


def test_a_seek_reads_the_index_and_no_head_on_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "film.mp4"
    source = Source()
    for index in range(600):
        source.frame((b"\x41\x80",), BEGAN_S + index, is_key=True)
    write_file(path, description(), source)
    reads = read_lengths(monkeypatch)
    for after_s in (0, 300, 599):
        reads.clear()
        with ArchiveFile.open(path) as file:
            fragment = file.fragments()[file.fragment_at(round((BEGAN_S + after_s) * 1000))]
            assert fragment.start_utc_ms == pytest.approx((BEGAN_S + after_s) * 1000, abs=1)
        assert len(reads) <= 6, "the description, and the index with its length"


def test_an_open_file_that_grows_is_not_walked_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "film.mp4"
    built = write_file(path, description(), film(seconds=6), is_closed=False)
    size = path.stat().st_size
    reads = read_lengths(monkeypatch)
    with ArchiveFile.open(path, size - len(built[-1].data)) as file:
        assert len(file.fragments()) == 5
        reads.clear()
        assert len(file.fragments()) == 5
        file.extend(size)
        assert len(file.fragments()) == 6
        assert len(reads) == 1


def read_lengths(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Return a list that gets the length of each read from now on."""
    lengths: list[int] = []
    pread_of_os = os.pread

    def pread(descriptor: int, length: int, place: int) -> bytes:
        lengths.append(length)
        return pread_of_os(descriptor, length, place)

    monkeypatch.setattr("os.pread", pread)
    return lengths
