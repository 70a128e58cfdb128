"""Times of recordings: a recorder's stamps count only where the request or its answer confirms them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from media.codecs.access_unit import VIDEO, AccessUnit
from media.rtsp.replay.frame_times import FrameTimes

RATE = 90_000
ASKED_S = 1_795_477_000.4
ZERO_S = 2_085_978_496.0  # 2036: the stamp of NTP time 0
HOUR_S = 3600.0


def frame(index: int, told_s: float | None = None) -> AccessUnit:
    """Return a frame at 25 fps."""
    return AccessUnit(VIDEO, (b"\x65",), 1000 + index * RATE // 25, RATE, is_key=index == 0, device_s=told_s)


def labels(times: FrameTimes, told: list[float]) -> list[tuple[float, bool]]:
    """Return the time after the request and the confirmation of each frame."""
    found = [times.of_frame(frame(index, told_s), is_stamped=True) for index, told_s in enumerate(told)]
    return [(round(time_s - ASKED_S, 3), is_confirmed) for time_s, is_confirmed in found]


def stamps(start_s: float, step_s: float = 0.04) -> list[float]:
    return [start_s + index * step_s for index in range(4)]


@pytest.mark.parametrize(
    ("told_s", "range_s", "first_s", "is_confirmed"),
    [
        (ASKED_S - 1.4, None, -1.4, True),
        (ASKED_S - 1.4, ASKED_S, -1.4, True),
        (ASKED_S - 40, ASKED_S, -40, True),  # a long GOP
        (ASKED_S + 5000, ASKED_S + 5000, 5000, True),  # the recording goes on behind a gap
        (ASKED_S - 90_000, ASKED_S - 90_000, -90_000, True),  # it plays from its beginning
        (ASKED_S - 1.4, ASKED_S + 700, -1.4, True),  # the Range is wrong
        (ASKED_S + 8 * HOUR_S - 1.4, ASKED_S, -1.4, True),  # local time
        (ASKED_S - 3.5 * HOUR_S - 1.4, ASKED_S, -1.4, True),
        (ASKED_S + 5.75 * HOUR_S - 1.4, None, -1.4, False),  # the answer does not confirm it
        (ASKED_S + 8 * HOUR_S, ASKED_S + 8 * HOUR_S, 8 * HOUR_S, False),  # a gap, or local time in both
        (ZERO_S + ASKED_S - 1.4, None, -1.4, True),  # seconds since 1970
        (ZERO_S + ASKED_S - 1.4, ASKED_S - 3, -1.4, True),
        (ZERO_S + ASKED_S + 5000, ASKED_S, 0, False),
        (ZERO_S, ASKED_S, 0, False),
        (ZERO_S, ASKED_S - 3, -3, False),
        (ZERO_S, None, 0, False),
        (ASKED_S + 366 * 86_400, ASKED_S, 0, False),
        (ASKED_S + 20 * HOUR_S + 500, ASKED_S, 0, False),  # the present time
        (ASKED_S + 15 * HOUR_S, ASKED_S, 0, False),  # no zone is so far away
        (ASKED_S - 1.4, ZERO_S, -1.4, True),
        (0.0, ASKED_S, 0, False),
    ],
)
def test_a_stamp_counts_only_if_request_or_answer_confirms_it(
    told_s: float, range_s: float | None, first_s: float, is_confirmed: bool
) -> None:
    times = FrameTimes(ASKED_S, range_s)
    found = labels(times, stamps(told_s))
    assert [time_s for time_s, _ in found] == pytest.approx([first_s + index * 0.04 for index in range(4)], abs=0.002)
    assert {confirmed for _, confirmed in found} == {is_confirmed}


def test_a_single_stamp_of_zeros_does_not_move_the_time() -> None:
    told = stamps(ASKED_S)
    told[2] = ZERO_S
    assert [time_s for time_s, _ in labels(FrameTimes(ASKED_S, None), told)] == pytest.approx([0, 0.04, 0.08, 0.12])


def test_a_leaked_frame_of_the_old_position_does_not_spoil_the_play() -> None:
    times = FrameTimes(ASKED_S, ASKED_S)
    keys = [replace(frame(index, told_s), is_key=True) for index, told_s in enumerate((17.0, ASKED_S - 0.6))]
    found = [times.of_frame(unit, is_stamped=True) for unit in keys]
    assert found == [(ASKED_S, False), (ASKED_S - 0.6, True)]


def test_stamps_that_stand_still_are_counted_on_and_not_confirmed() -> None:
    found = labels(FrameTimes(ASKED_S, ASKED_S), [ASKED_S] * 250)
    assert [time_s for time_s, _ in found] == pytest.approx([index * 0.04 for index in range(250)], abs=0.002)
    assert found[10][1]
    assert not found[-1][1]


def test_stamps_of_whole_seconds_are_confirmed() -> None:
    start_s = float(int(ASKED_S))
    found = labels(FrameTimes(ASKED_S, None), [start_s + index // 25 for index in range(250)])
    assert [time_s + ASKED_S - start_s for time_s, _ in found] == pytest.approx(
        [at * 0.04 for at in range(250)], abs=0.01
    )
    assert all(is_confirmed for _, is_confirmed in found)


def test_a_gap_in_the_middle_is_kept() -> None:
    told = [*stamps(ASKED_S), *stamps(ASKED_S + 7000)]
    assert [time_s for time_s, _ in labels(FrameTimes(ASKED_S, None), told)][4] == pytest.approx(7000)


def test_frames_before_the_first_stamp_do_not_decide() -> None:
    times = FrameTimes(ASKED_S, ASKED_S)
    assert times.of_frame(frame(0), is_stamped=False) == (ASKED_S, True)
    time_s, is_confirmed = times.of_frame(frame(1, ZERO_S), is_stamped=True)
    assert time_s == pytest.approx(ASKED_S + 0.04)
    assert not is_confirmed


@pytest.mark.parametrize(
    ("range_s", "start_s", "is_confirmed"),
    [
        (None, ASKED_S, False),
        (ASKED_S - 2, ASKED_S - 2, True),
        (ASKED_S - 30 * 86_400 - 100, ASKED_S - 30 * 86_400 - 100, True),
        (ASKED_S + 8 * HOUR_S, ASKED_S, False),  # local time
        (ASKED_S + 400 * 86_400, ASKED_S, False),
    ],
)
def test_frames_without_stamps_begin_at_a_plausible_range(
    range_s: float | None, start_s: float, is_confirmed: bool
) -> None:
    times = FrameTimes(ASKED_S, range_s)
    assert times.of_frame(frame(0), is_stamped=False) == (start_s, is_confirmed)
    assert times.of_frame(frame(25), is_stamped=False)[0] == pytest.approx(start_s + 1)


@pytest.mark.parametrize(("off_s", "is_confirmed"), [(-2.0, True), (900.0, False)])
def test_a_sender_report_confirms_a_time_that_nothing_else_does(off_s: float, is_confirmed: bool) -> None:
    times = FrameTimes(ASKED_S, None)
    assert times.of_frame(frame(0), is_stamped=False, reported_s=ASKED_S + off_s) == (ASKED_S, is_confirmed)


def test_audio_is_moved_like_the_frames() -> None:
    local = FrameTimes(ASKED_S, ASKED_S)
    labels(local, stamps(ASKED_S + 8 * HOUR_S))
    assert local.of_audio(ASKED_S + 8 * HOUR_S + 1, is_stamped=True) == pytest.approx(ASKED_S + 1)
    assert local.of_audio(ASKED_S + 1, is_stamped=False) == ASKED_S + 1
    wrong = FrameTimes(ASKED_S, ASKED_S)
    labels(wrong, stamps(ZERO_S))
    assert wrong.of_audio(ZERO_S, is_stamped=True) is None
    assert wrong.of_audio(ASKED_S, is_stamped=False) == ASKED_S


def test_b_frames_keep_their_order() -> None:
    times = FrameTimes(ASKED_S, None)
    units = [replace(frame(0), ticks=1000 + place * 3600) for place in (0, 3, 1, 2)]
    found = [times.of_frame(unit, is_stamped=False)[0] - ASKED_S for unit in units]
    assert found == pytest.approx([0, 0.12, 0.04, 0.08])
