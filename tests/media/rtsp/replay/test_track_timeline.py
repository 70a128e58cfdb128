"""One track over several PLAYs: each unit once, on one time line."""

from __future__ import annotations

from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.replay.track_timeline import TrackTimeline

RATE = 90_000


def unit(ticks: int, device_s: float | None) -> AccessUnit:
    return AccessUnit(VIDEO, (b"frame",), ticks, RATE, is_key=True, device_s=device_s)


def test_units_repeated_after_another_play_are_dropped() -> None:
    line = TrackTimeline()
    assert [line.place(unit(1000 + step * RATE, 50.0 + step)) for step in range(3)][-1] == unit(1000 + 2 * RATE, 52.0)
    line.begin()
    again = [line.place(unit(777_000 + step * RATE, 51.0 + step)) for step in range(4)]
    assert again[:2] == [None, None]
    assert again[2] == unit(1000 + 3 * RATE, 53.0)
    assert again[3] == unit(1000 + 4 * RATE, 54.0)


def test_time_that_passed_between_two_plays_passes_in_ticks() -> None:
    line = TrackTimeline()
    line.place(unit(0, 50.0))
    line.begin()
    assert line.is_skipping
    assert line.place(unit(5, 60.5)) == unit(round(10.5 * RATE), 60.5)
    assert not line.is_skipping


def test_no_unit_is_dropped_if_the_device_sends_no_times() -> None:
    line = TrackTimeline()
    line.place(unit(100, None))
    line.begin()
    assert line.place(unit(9000, None)) == unit(100, None)
    assert line.place(unit(9500, None)) == unit(600, None)
