"""Places of frames on a recording's time line."""

from __future__ import annotations

import pytest

from exports.timeline import FrameTimeline
from media.codecs.access_unit import VIDEO, AccessUnit

RATE = 90_000
START_S = 1_790_000_000.0


def frame(index: int, device_s: float, *, ticks: int | None = None, fps: int = 10) -> AccessUnit:
    """Every fourth frame is a key frame."""
    at = index * RATE // fps if ticks is None else ticks
    return AccessUnit(VIDEO, (b"x",), at, RATE, index % 4 == 0, device_s)


def test_key_frames_have_the_devices_time_and_others_follow_by_rtp() -> None:
    """The recorder's clock runs 1 % slower than its RTP time stamps, and the frames between are stamped unevenly."""
    timeline = FrameTimeline()
    places = [
        timeline.place(frame(index, START_S + index * 0.099 + (0.03 if index % 4 else 0.0))) for index in range(12)
    ]
    assert places[::4] == [pytest.approx(START_S + index * 0.099, abs=1e-6) for index in (0, 4, 8)]
    assert places[1:4] == [pytest.approx(START_S + index / 10, abs=1e-6) for index in (1, 2, 3)]


def test_stamps_of_whole_seconds_do_not_move_key_frames() -> None:
    timeline = FrameTimeline()
    places = [timeline.place(frame(index, float(int(START_S + index / 10)))) for index in range(40)]
    assert places == [pytest.approx(START_S + index / 10, abs=0.011) for index in range(40)]


def test_places_do_not_depend_on_an_interruption() -> None:
    units = [frame(index, START_S + index / 10) for index in range(24)]
    whole = FrameTimeline()
    expected = [whole.place(unit) for unit in units]
    again = FrameTimeline()
    again.begin()  # the RTP time stamps of the new play() begin somewhere else
    moved = [frame(index, START_S + index / 10, ticks=777_777 + index * 9000) for index in range(12, 24)]
    assert [again.place(unit) for unit in moved] == expected[12:]


def test_a_step_of_time_is_a_gap() -> None:
    timeline = FrameTimeline()
    timeline.place(frame(0, START_S))
    assert not timeline.is_gap(frame(1, START_S + 0.1))
    assert timeline.is_gap(frame(1, START_S + 60.1))
    assert timeline.is_gap(frame(1, START_S + 6.0, ticks=6 * RATE))
    assert not timeline.is_gap_after(START_S, START_S + 0.9)
    assert timeline.is_gap_after(START_S, START_S + 1.1)
