"""Units become groups of pictures, and a day of them stays on the wall clock."""

from __future__ import annotations

import random
from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.archive.file_builder import ArchiveFileBuilder, BuiltFragment
from media.archive.fragment_boxes import FragmentHead, SampleRun, head_bytes, read_head
from media.archive.groups import GroupCollector, UnitGroup
from media.codecs.access_unit import AUDIO, VIDEO, AccessUnit
from media.fmp4.tracks import AUDIO_ID, VIDEO_ID
from tests.media.archive.archived import ALAW, BEGAN_S, Source, description, fragments_of
from tests.media.encoded import CLOCK_RATE

FRAME = (b"\x41\x80",)


def frames(count: int, gop: int, fps: float = 25.0) -> Source:
    source = Source()
    for index in range(count):
        source.frame(FRAME, BEGAN_S + index / fps, is_key=index % gop == 0)
    return source


def groups_of(source: Source) -> list[UnitGroup]:
    collector = GroupCollector()
    groups = collector.add(source.units, source.utc_s)
    last = collector.flush()
    return [*groups, last] if last else groups


def lengths_s(groups: list[UnitGroup]) -> list[float]:
    return [group.end_utc_s - group.utc_s[0] for group in groups]


def test_a_group_is_a_gop() -> None:
    groups = groups_of(frames(200, gop=50))
    assert [len(group.units) for group in groups] == [50, 50, 50, 50]
    assert lengths_s(groups) == pytest.approx([2.0] * 4)
    assert all(group.is_key for group in groups)


def test_a_long_gop_becomes_groups_of_two_seconds() -> None:
    groups = groups_of(frames(500, gop=250))
    assert lengths_s(groups) == pytest.approx([2.0] * 10)
    assert [group.is_key for group in groups] == [True, False, False, False, False] * 2


def test_key_frames_alone_become_groups_of_half_a_second() -> None:
    assert [len(group.units) for group in groups_of(frames(52, gop=1))] == [13, 13, 13, 13]


def test_frames_before_the_first_key_frame_are_dropped() -> None:
    source = frames(100, gop=50)
    late = Source(source.units[30:], source.utc_s[30:])
    late.audio(bytes(160), BEGAN_S + 4.0)
    assert [len(group.units) for group in groups_of(late)] == [51]
    only_audio = Source()
    only_audio.audio(bytes(160), BEGAN_S)
    assert not groups_of(only_audio)


def test_after_a_flush_a_group_begins_with_a_key_frame() -> None:
    source, collector = frames(100, gop=50), GroupCollector()
    collector.add(source.units[:20], source.utc_s[:20])
    assert len((collector.flush() or UnitGroup()).units) == 20
    assert collector.size_bytes == 0
    assert not collector.add(source.units[20:], source.utc_s[20:])
    assert len((collector.flush() or UnitGroup()).units) == 50


def test_a_gap_belongs_to_no_group() -> None:
    source = frames(100, gop=50)
    late_s = [at_s + (60.0 if index >= 50 else 0.0) for index, at_s in enumerate(source.utc_s)]
    assert lengths_s(groups_of(Source(source.units, late_s))) == pytest.approx([2.0, 2.0])


def test_a_slow_camera_has_no_gaps() -> None:
    groups = groups_of(frames(20, gop=5, fps=0.5))
    assert all(before.end_utc_s == after.utc_s[0] for before, after in pairwise(groups))


def test_a_group_ends_before_frames_that_are_shown_before_its_successor() -> None:
    """In an open GOP, frames that follow a key frame are shown before it."""
    source = Source()
    for begin in (0, 8, 16):
        source.frame(FRAME, BEGAN_S + begin / 8 + (0.0 if begin == 0 else 0.25), is_key=True)
        if begin:
            for place in (0, 1):
                source.frame(FRAME, BEGAN_S + begin / 8 + place / 8, is_leading=True)
        for place in range(1 if begin == 0 else 3, 8):
            source.frame(FRAME, BEGAN_S + begin / 8 + place / 8)
    groups = groups_of(source)
    for before, after in pairwise(groups[1:]):
        assert before.end_utc_s == pytest.approx(min(after.utc_s), abs=0.02)
    built = fragments_of(ArchiveFileBuilder(description()), source)
    assert all(abs(before.end_utc_ms - after.start_utc_ms) <= 20 for before, after in pairwise(built[1:]))


@given(st.integers(0, 2**32), st.integers(1, 4), st.booleans())
def test_a_long_gop_with_b_frames_is_cut_in_display_order(seed: int, b_frames: int, has_pyramid: bool) -> None:
    rng, source = random.Random(seed), Source()
    step_s = 1 / rng.choice([10, 25, 30])
    source.frame(FRAME, BEGAN_S, is_key=True)
    at = 0
    while at * step_s < 12.0:
        at += b_frames + 1
        order = list(range(at - b_frames, at))
        if has_pyramid:
            rng.shuffle(order)
        for place in (at, *order):
            source.frame(FRAME, BEGAN_S + place * step_s)
    groups = groups_of(source)
    assert len(groups) >= 5
    for before, after in pairwise(groups):
        assert max(before.utc_s) < min(after.utc_s)
        assert before.end_utc_s == pytest.approx(min(after.utc_s), abs=step_s * (b_frames + 1))
    ends_at = 0
    for fragment in fragments_of(ArchiveFileBuilder(description()), source):
        run = video_run(fragment)
        assert run.start >= ends_at
        ends_at = run.start + run.length


def test_no_stream_makes_a_group_without_end() -> None:
    stopped, endless, large = Source(), Source(), Source()
    for index in range(20_000):
        stopped.frame(FRAME, BEGAN_S, is_key=index == 0)
        endless.frame(FRAME, BEGAN_S, is_key=True) if index == 0 else endless.audio(bytes(1024), BEGAN_S + index)
    for index in range(40):
        large.frame((bytes(1024 * 1024),), BEGAN_S, is_key=index == 0)
    assert max(len(group.units) for group in groups_of(stopped)) <= 4096
    assert max(group.size_bytes for group in groups_of(endless)) < 2 * 1024 * 1024
    assert max(group.size_bytes for group in groups_of(large)) <= 17 * 1024 * 1024


# -- a day -----------------------------------------------------------------------------------------

FILE_S = 600


def head_of(fragment: BuiltFragment) -> FragmentHead:
    data = bytes(fragment.data)
    return read_head(data[: head_bytes(data)])


def video_run(fragment: BuiltFragment) -> SampleRun:
    stored = head_of(fragment).run_of(VIDEO_ID)
    assert stored
    return stored.run


def a_day(drift_ppm: float, seed: int) -> Iterator[tuple[AccessUnit, float]]:
    """Yield a day of one frame and one piece of audio every four seconds, by our clock.

    The camera's clock is wrong by `drift_ppm`, and its packets come up to 15 ms late. Our clock is slewed by 500 ppm.
    """
    rng = random.Random(seed)
    camera_s = 0.0
    while camera_s < 86_400:
        at_s = camera_s * (1 + drift_ppm / 1e6)
        at_s += BEGAN_S + rng.uniform(0, 0.015) + 0.0005 * max(0.0, at_s - 40_000)
        yield AccessUnit(VIDEO, FRAME, 0, CLOCK_RATE, is_key=round(camera_s) % 8 == 0), at_s
        yield AccessUnit(AUDIO, (bytes(3200),), 0, 8000), at_s
        camera_s += 4.0


@pytest.mark.generated
@pytest.mark.parametrize("drift_ppm", [-200.0, 200.0])
def test_a_day_of_a_drifting_clock_stays_on_the_wall_clock(drift_ppm: float) -> None:
    collector = GroupCollector()
    described = description(audio=ALAW)
    file_began_s, last_end_ms, seen = 0.0, None, 0
    for unit, utc_s in a_day(drift_ppm, seed=1):
        for group in collector.add([unit], [utc_s]):
            if group.utc_s[0] // FILE_S != file_began_s // FILE_S:
                builder, file_began_s = ArchiveFileBuilder(described), group.utc_s[0]
            built = builder.fragment(group.units, group.utc_s, group.end_utc_s)
            head = head_of(built)
            video, audio = head.run_of(VIDEO_ID), head.run_of(AUDIO_ID)
            assert video
            assert audio
            assert abs(head.time.utc_s - group.utc_s[0]) < 0.001
            on_timeline_s = file_began_s + video.run.start / CLOCK_RATE
            assert abs(on_timeline_s - group.utc_s[0]) < 2 / 25, "two frames of a main stream"
            assert last_end_ms in {None, built.start_utc_ms}, "not a frame is lost between two groups or files"
            assert abs(file_began_s + audio.run.start / 8000 - group.utc_s[1]) < 0.001
            last_end_ms = built.end_utc_ms
            seen += len(group.units)
    assert seen >= 2 * 21_600 - 4
