"""Key frames are assigned to times of a grid: never further away than one group of pictures."""

from __future__ import annotations

import random

import pytest

from pictures.placing import GroupLength, Placing


def placed(times: list[int], step_s: int, frames: list[float], group: GroupLength | None = None) -> dict[int, float]:
    """Return the frame of each time, for frames that come in order and then end."""
    placing = Placing(times, step_s, group or GroupLength())
    found: dict[int, float] = {}
    last_s = 0.0
    for frame_s in frames:
        for time_s, is_this in placing.take(frame_s):
            found[time_s] = frame_s if is_this else last_s
        last_s = frame_s
    found |= dict.fromkeys(placing.finish(), last_s)
    return found


def recorder_frames(start_s: float, end_s: float, step_s: int, group_s: float, phase_s: float = 0.0) -> list[float]:
    """Return the key frames of a PLAY with Frames: intra/<step>, from the key frame at or before `start_s` on."""
    at_s = start_s - (start_s - phase_s) % group_s
    frames = [at_s]
    while at_s < end_s:
        at_s += group_s
        if at_s - frames[-1] >= step_s - 1e-9:
            frames.append(at_s)
    return frames


def test_frames_on_the_grid_are_its_pictures() -> None:
    assert placed([0, 10, 20], 10, [0.0, 10.0, 20.0, 30.0]) == {0: 0.0, 10: 10.0, 20: 20.0}


def test_a_frame_before_each_time_is_its_picture() -> None:
    assert placed([100, 110], 10, [98.5, 108.5, 118.5]) == {100: 98.5, 110: 108.5}


def test_a_fine_grid_repeats_a_frame() -> None:
    assert placed([0, 1, 2, 3, 4], 1, [0.0, 2.0, 4.0]) == {0: 0.0, 1: 0.0, 2: 2.0, 3: 2.0, 4: 4.0}


def test_a_first_frame_behind_a_gap_is_no_picture() -> None:
    assert placed([0, 10, 20], 10, [19.5, 29.5]) == {20: 19.5}


def test_a_recording_that_begins_after_the_time_is_its_picture() -> None:
    assert placed([0, 10], 10, [0.8, 10.8]) == {0: 0.8, 10: 10.8}


@pytest.mark.parametrize("group_s", [0.5, 1.0, 1.96, 2.04, 3.0, 4.0, 7.0, 10.0, 12.5, 19.0])
@pytest.mark.parametrize("step_s", [1, 10, 60])
def test_no_picture_is_further_away_than_one_group(group_s: float, step_s: int) -> None:
    """Times that are left out get another PLAY, which begins at the first of them: all have a picture in the end."""
    rng = random.Random(f"{group_s}/{step_s}")
    group = GroupLength()
    left = [1000 * step_s + step_s * number for number in range(120)]
    phase_s = rng.uniform(0, group_s)
    plays = 0
    while left:
        frames = recorder_frames(left[0], left[-1] + step_s, step_s, group_s, phase_s)
        found = placed(left, step_s, frames, group)
        assert left[0] in found
        for time_s, frame_s in found.items():
            assert abs(time_s - frame_s) <= max(group_s, 1.0) + 0.06
        left = [time_s for time_s in left if time_s not in found]
        plays += 1
    assert plays < 60
    assert group.least_s <= max(group_s, 1.0) + 0.001


def test_one_gap_makes_no_long_group() -> None:
    group = GroupLength()
    placed([0, 10, 20, 30], 10, [0.0, 10.0, 35.0, 45.0], group)
    assert group.least_s <= 3.0
