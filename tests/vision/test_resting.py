"""Objects that come to rest and leave again: a movement each, and none while they stand."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest

from core.events import ClosedWhy
from tests.vision.encoded import EncodedUnit, encoded
from tests.vision.scenes import Movement, Visit, pictures
from tests.vision.watching import movements
from vision.messages import CAME_TO_REST, LEFT, Open

_FPS, _GOP = 5, 10
FIRST, SECOND = Visit(16.0, 64.0, 260), Visit(90.0, 128.0, 262)
PASSER = Movement(42.0, 6.0, 60, 20, 306, 150, 420, 40)  # in front of the parked car
STOPPER = Visit(40.0, 50.0, 300, foot_y=310, grey=40, height=44, width=70)  # covers most of the parked car

pytestmark = pytest.mark.slow


@cache
def _units(name: str, length_s: int, objects: Sequence[Visit | Movement]) -> tuple[EncodedUnit, ...]:
    return tuple(encoded(pictures(name, 3, length_s, tuple(objects), _FPS), gop=_GOP, fps=_FPS))


def _found(
    name: str, length_s: int, *objects: Visit | Movement, every_picture: bool = False
) -> list[tuple[float, float, str]]:
    """Return the beginning, the end and the rest of each movement."""
    found = []
    opened = Open("1:1", "h264", 0.001, every_picture=every_picture)
    for one in movements(_units(name, length_s, objects), opened):
        assert one.closed.why is ClosedWhy.TOLD
        found.append((one.start_ms / 1000, one.closed.end_ms / 1000, one.closed.rest))
    return found


@pytest.mark.parametrize("name", ["day", "night"])
@pytest.mark.parametrize("every_picture", [False, True])
def test_a_car_that_parks_twice_is_two_movements_each_time(name: str, every_picture: bool) -> None:
    found = _found(name, 150, FIRST, SECOND, PASSER, every_picture=every_picture)
    rests = [rest for _, _, rest in found]
    assert rests[:3] == [CAME_TO_REST, "", LEFT]
    if not every_picture:  # the mixture of every picture knows the car again
        assert rests[3:] == [CAME_TO_REST, LEFT]
    begins = (FIRST.comes_s, PASSER.start_s, FIRST.leaves_s, SECOND.comes_s, SECOND.leaves_s)
    assert [start_s for start_s, _, _ in found] == pytest.approx(begins, abs=0.5)
    ends = {1: PASSER.end_s, 2: FIRST.is_gone_s, 4: SECOND.is_gone_s}
    assert {number: found[number][1] for number in ends} == pytest.approx(ends, abs=2.5), "no ghost stays"


def test_a_parked_car_that_is_uncovered_does_not_move() -> None:
    _, (start_s, end_s, rest), *more = _found("day", 90, FIRST, STOPPER)
    assert rest == ""
    assert start_s == pytest.approx(STOPPER.comes_s, abs=0.5)
    assert end_s == pytest.approx(STOPPER.is_gone_s, abs=2.5)
    assert [rest for _, _, rest in more] == [LEFT]


def test_a_car_that_was_there_before_has_left() -> None:
    ((start_s, _, rest),) = _found("day", 80, Visit(-60.0, 30.0, 260))
    assert rest == LEFT
    assert start_s == pytest.approx(30.0, abs=0.5)
