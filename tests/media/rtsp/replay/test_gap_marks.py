"""Bits E, D and T of a replay's frames, from recorders that set them where they belong, or on every frame."""

from __future__ import annotations

from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.replay.gap_marks import GapMarks

RATE = 90_000


def frame(at_s: float, *, starts: bool = False, ends: bool = False) -> AccessUnit:
    ticks = round(at_s * RATE)
    return AccessUnit(
        VIDEO, (b"\x65",), ticks, RATE, device_s=1000.0 + at_s, is_discontinuous=starts, ends_section=ends
    )


def marks(frames: list[AccessUnit]) -> tuple[list[int], list[int]]:
    """Return the indexes of the frames with a believed D, and of those with a believed E."""
    checker = GapMarks()
    checked = [checker.checked(unit) for unit in frames]
    return (
        [index for index, unit in enumerate(checked) if unit.is_discontinuous],
        [index for index, unit in enumerate(checked) if unit.ends_section],
    )


def test_marks_at_a_gap_are_believed() -> None:
    frames = [frame(index * 0.04, starts=index == 0, ends=index == 9) for index in range(10)]
    frames += [frame(3600 + index * 0.04, starts=index == 0) for index in range(10)]
    assert marks(frames) == ([0, 10], [9])


def test_marks_on_every_frame_are_no_gap() -> None:
    assert marks([frame(index * 0.04, starts=True, ends=True) for index in range(10)]) == ([0], [])


def test_marks_on_every_frame_show_a_gap_where_time_jumps() -> None:
    frames = [frame(index * 0.04 + (600 if index > 4 else 0), starts=True, ends=True) for index in range(10)]
    assert marks(frames) == ([0, 5], [])


def test_key_frames_alone_lie_far_apart_without_a_gap() -> None:
    frames = [frame(index * 10.0, starts=True) for index in range(6)]
    assert marks(frames)[0] == [0, 1], "the usual step is known with the second frame"


def ends(terminal: list[bool]) -> list[bool]:
    checker = GapMarks()
    return [checker.is_end(index * 3600, is_terminal=is_it) for index, is_it in enumerate(terminal)]


def test_the_last_frame_is_the_one_with_the_bit() -> None:
    assert ends([False, False, True]) == [False, False, True]
    assert ends([True, True, True]) == [False, False, False]


def test_several_packets_of_the_last_frame_count_once() -> None:
    checker = GapMarks()
    assert not checker.is_end(0, is_terminal=False)
    assert [checker.is_end(3600, is_terminal=is_it) for is_it in (False, True, False)] == [False, True, True]


def test_a_single_frame_may_be_the_last_one() -> None:
    checker = GapMarks()
    assert not checker.is_end(0, is_terminal=True)
    assert checker.may_be_only_frame
    assert not checker.is_end(3600, is_terminal=True)
    assert not checker.may_be_only_frame
