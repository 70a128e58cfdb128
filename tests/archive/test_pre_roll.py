"""The last seconds before an event come from memory."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from archive.pre_roll import NEWS_TAKES_S, PreRoll, PreRollBudget
from core.archive import GapReason
from media.codecs.access_unit import AUDIO
from media.units import UnitDescription
from tests.archive.collecting import DESCRIPTION, CollectingTarget, audio, frame

FPS = 10
T0 = 1_800_000_000.0


class Camera:
    """Sends frames to a pre-roll, with a key frame each `gop` frames."""

    def __init__(self, pre_roll: PreRoll, gop: int, size: int = 1000) -> None:
        self.pre_roll = pre_roll
        self.gop = gop
        self.size = size
        self.number = 0
        pre_roll.on_description(DESCRIPTION)

    @property
    def now_s(self) -> float:
        """The time of the last frame."""
        return T0 + (self.number - 1) / FPS

    def send(self, frames: int) -> None:
        for _ in range(frames):
            unit = frame(self.number, is_key=self.number % self.gop == 0, size=self.size)
            self.number += 1
            self.pre_roll.on_units([unit, audio(self.number)], [self.now_s, self.now_s])


@pytest.fixture
def target() -> CollectingTarget:
    return CollectingTarget()


@pytest.fixture
def budget() -> Iterator[PreRollBudget]:
    made = PreRollBudget(max_bytes=800_000)
    yield made
    assert made.held_bytes >= 0


@pytest.mark.parametrize("gop", [1, 7, 10, 50, 300])
@pytest.mark.parametrize("moment", [0, 1, 3, 6])
def test_the_first_picture_of_an_event_is_never_later_than_asked(
    target: CollectingTarget, gop: int, moment: int
) -> None:
    budget = PreRollBudget(max_bytes=8_000_000)
    pre_roll = PreRoll(target, budget, pre_s=10.0)
    camera = Camera(pre_roll, gop)
    camera.send(700 + moment)
    assert not target.stretches
    triggered_s = camera.now_s
    pre_roll.begin(triggered_s)
    (stretch,) = target.stretches
    assert triggered_s - 10.0 - gop / FPS <= stretch.utc_s[0] <= triggered_s - 10.0
    camera.send(20)
    assert stretch.utc_s == sorted(stretch.utc_s)
    assert len({unit.parts for unit in stretch.units if unit.track != AUDIO}) == target.frames
    assert stretch.utc_s[-1] == camera.now_s
    assert budget.held_bytes == 0


def test_the_recording_ends_with_the_group_and_holds_the_next_one(
    target: CollectingTarget, budget: PreRollBudget
) -> None:
    pre_roll = PreRoll(target, budget, pre_s=2.0)
    camera = Camera(pre_roll, gop=10)
    camera.send(45)
    pre_roll.begin()
    camera.send(8)
    pre_roll.end()
    camera.send(4)
    assert target.stretches[0].end is None
    camera.send(30)
    first = target.stretches[0]
    assert first.end is GapReason.NO_EVENT
    assert first.utc_s[-1] == T0 + 5.9
    pre_roll.begin(camera.now_s)
    second = target.stretches[1]
    assert second.utc_s[0] == T0 + 6.0, "the ring begins where the stretch has ended: nothing twice, nothing lost"
    assert second.descriptions == [DESCRIPTION]


def test_an_event_during_the_last_group_continues_the_stretch(target: CollectingTarget, budget: PreRollBudget) -> None:
    pre_roll = PreRoll(target, budget, pre_s=2.0)
    camera = Camera(pre_roll, gop=10)
    camera.send(25)
    pre_roll.begin()
    pre_roll.end()
    camera.send(3)
    pre_roll.begin()
    camera.send(30)
    assert len(target.stretches) == 1
    assert target.frames == 58


def test_other_parameter_sets_in_the_ring_are_described_there(target: CollectingTarget, budget: PreRollBudget) -> None:
    pre_roll = PreRoll(target, budget, pre_s=5.0)
    camera = Camera(pre_roll, gop=10)
    camera.send(20)
    other = UnitDescription(DESCRIPTION.video, (b"other sps", b"pps"))
    pre_roll.on_description(other)
    camera.send(20)
    pre_roll.begin()
    assert target.stretches[0].descriptions == [DESCRIPTION, other]
    assert target.frames == 40


def test_a_ring_that_is_too_large_drops_its_oldest_groups(target: CollectingTarget, budget: PreRollBudget) -> None:
    pre_roll = PreRoll(target, budget, pre_s=60.0)
    camera = Camera(pre_roll, gop=10, size=5000)
    camera.send(305)
    assert 50_000 < budget.held_bytes <= 100_000
    pre_roll.begin()
    assert target.stretches[0].units[0].is_key
    assert target.stretches[0].utc_s[0] == T0 + 29.0


def test_a_group_larger_than_the_ring_waits_for_the_next_key_frame(
    target: CollectingTarget, budget: PreRollBudget
) -> None:
    pre_roll = PreRoll(target, budget, pre_s=60.0)
    camera = Camera(pre_roll, gop=100, size=5000)
    camera.send(90)
    assert budget.held_bytes == 0
    pre_roll.begin()
    camera.send(5)
    assert not target.stretches, "no stretch begins within a group"
    camera.send(10)
    assert target.stretches[0].utc_s[0] == T0 + 10.0


def test_a_pre_roll_that_the_memory_cuts_tells_its_length(target: CollectingTarget, budget: PreRollBudget) -> None:
    pre_roll = PreRoll(target, budget, pre_s=60.0)
    camera = Camera(pre_roll, gop=10, size=1000)  # 15.6 kB a second, and 100 kB at most
    camera.send(60)
    assert pre_roll.cut_to_s is None
    camera.send(605)
    held_s = camera.now_s - (pre_roll.held_from_utc_s or 0.0)
    assert pre_roll.cut_to_s == pytest.approx(held_s - NEWS_TAKES_S, abs=1.1)
    assert 2.0 < (pre_roll.cut_to_s or 0.0) < 3.5
    pre_roll.begin(camera.now_s)
    assert pre_roll.cut_to_s is not None, "still known during the event"
    pre_roll.end()
    pre_roll.pre_s = 2.0
    assert pre_roll.cut_to_s is None
    camera.send(100)
    pre_roll.pre_s = 60.0
    assert pre_roll.cut_to_s is None, "nothing was cut since"


def test_all_rings_share_one_budget(target: CollectingTarget) -> None:
    budget = PreRollBudget(max_bytes=60_000)
    cameras = [Camera(PreRoll(target, budget, pre_s=60.0), gop=5, size=500) for _ in range(16)]
    for _ in range(400):
        for camera in cameras:
            camera.send(1)
        assert budget.held_bytes <= 60_000
    assert budget.held_bytes > 20_000


def test_a_large_stream_takes_no_memory_from_a_small_one(target: CollectingTarget) -> None:
    budget = PreRollBudget(max_bytes=1_000_000)
    small = Camera(PreRoll(target, budget, pre_s=5.0), gop=10, size=100)
    large = [Camera(PreRoll(target, budget, pre_s=60.0), gop=10, size=2000) for _ in range(12)]
    for _ in range(300):
        for camera in (small, *large):
            camera.send(1)
        one_frame_each = 13 * 2600
        assert budget.held_bytes <= 1_000_000 + one_frame_each
    assert small.pre_roll.cut_to_s is None
    assert (small.pre_roll.held_from_utc_s or 0.0) <= small.now_s - 5.0
    cuts = [camera.pre_roll.cut_to_s for camera in large]
    assert all(cut_s is not None and cut_s < 5.0 for cut_s in cuts)


def test_held_units_come_as_such_and_live_ones_follow(target: CollectingTarget, budget: PreRollBudget) -> None:
    pre_roll = PreRoll(target, budget, pre_s=2.0)
    camera = Camera(pre_roll, gop=10)
    camera.send(25)
    pre_roll.begin()
    assert target.held == 50
    camera.send(10)
    assert target.held == 50
    assert target.frames == 35


def test_the_end_of_a_feed_empties_the_ring_and_ends_the_stretch(
    target: CollectingTarget, budget: PreRollBudget
) -> None:
    pre_roll = PreRoll(target, budget, pre_s=10.0)
    camera = Camera(pre_roll, gop=10)
    camera.send(30)
    pre_roll.on_end(GapReason.PAUSED)
    assert budget.held_bytes == 0
    pre_roll.begin()
    assert not target.stretches, "nothing of the time before is kept"
    Camera(pre_roll, gop=10).send(5)
    pre_roll.on_end(GapReason.DEVICE_AWAY)
    Camera(pre_roll, gop=10).send(5)
    assert [stretch.end for stretch in target.stretches] == [GapReason.DEVICE_AWAY, None]
