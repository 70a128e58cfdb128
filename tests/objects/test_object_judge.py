"""The rule by which objects of pictures become objects that come and go."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from objects.judge import Better, Came, Gone, ObjectJudge, Step, is_inside
from objects.records import Look, ObjectZone
from vision.objects_messages import Recognized

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LEFT = ObjectZone("Left", ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0)))


def look(at_s: float, zones: tuple[ObjectZone, ...] = ()) -> Look:
    return Look((1, 1), NOON + timedelta(seconds=at_s), f"{at_s}".encode(), b"", zones)


def person(score: float, x: float = 0.1, kind: str = "person") -> Recognized:
    return Recognized(kind, kind, score, (x, 0.2, 0.2, 0.5))


class Scene:
    def __init__(self, zones: tuple[ObjectZone, ...] = ()) -> None:
        self.judge = ObjectJudge()
        self._zones = zones

    def see(self, at_s: float, *objects: Recognized) -> list[Step]:
        return self.judge.take(look(at_s, self._zones), objects)


def came(steps: list[Step]) -> list[tuple[str, float, float]]:
    """Return kind, seconds after noon and score of objects that came."""
    return [
        (step.kind, (step.start - NOON).total_seconds(), step.found.score) for step in steps if isinstance(step, Came)
    ]


def test_a_sure_object_comes_with_its_first_picture() -> None:
    assert came(Scene().see(0, person(0.6))) == [("person", 0.0, 0.6)]


def test_an_unsure_object_comes_with_the_second_of_three_pictures() -> None:
    scene = Scene()
    assert not scene.see(0, person(0.5))
    assert not scene.see(1)
    assert came(scene.see(2, person(0.45))) == [("person", 0.0, 0.5)]


def test_an_unsure_object_of_one_picture_in_three_does_not_come() -> None:
    scene = Scene()
    for second in range(12):
        assert not scene.see(second, *([person(0.59)] if second % 3 == 0 else []))


def test_kinds_come_on_their_own() -> None:
    found = came(Scene().see(0, person(0.9), person(0.8, kind="vehicle"), person(0.4, kind="animal")))
    assert found == [("person", 0.0, 0.9), ("vehicle", 0.0, 0.8)]


def test_other_objects_do_not_come() -> None:
    assert not Scene().see(0, Recognized("chair", "", 0.99, (0.1, 0.1, 0.5, 0.5)))


def test_a_present_object_does_not_come_again_and_better_pictures_replace_the_first() -> None:
    scene = Scene()
    scene.see(0, person(0.6))
    steps = [step for second in range(1, 9) for step in scene.see(second, person(0.6 + 0.045 * second))]
    assert all(isinstance(step, Better) for step in steps)
    assert [step.look.at for step in steps if isinstance(step, Better)] == [look(2).at, look(4).at]


def test_an_object_has_gone_after_ten_seconds_without_it() -> None:
    scene = Scene()
    scene.see(0, person(0.7))
    assert not scene.see(9)
    assert not scene.see(9.5, person(0.4))
    assert scene.see(20) == [Gone("person", look(9.5).at)]
    assert scene.judge.is_empty


def test_all_objects_have_gone_when_the_movement_ends() -> None:
    scene = Scene()
    scene.see(0, person(0.7), person(0.7, kind="vehicle"))
    scene.see(3, person(0.7))
    assert set(scene.judge.end()) == {Gone("person", look(3).at), Gone("vehicle", look(0).at)}
    assert not scene.judge.end()


def test_only_objects_in_a_zone_come_and_have_its_name() -> None:
    scene = Scene((LEFT,))
    assert not scene.see(0, person(0.9, x=0.6))
    (step,) = scene.see(1, person(0.95, x=0.6), person(0.7, x=0.1))
    assert isinstance(step, Came)
    assert (step.zone, step.found.score) == ("Left", 0.7)


@pytest.mark.parametrize(
    ("point", "expected"), [((0.5, 0.3), True), ((0.5, 0.9), False), ((0.05, 0.05), False), ((0.31, 0.31), True)]
)
def test_a_point_is_inside_a_polygon_that_is_not_convex(point: tuple[float, float], expected: Any) -> None:
    arrow = ((0.1, 0.1), (0.9, 0.1), (0.9, 0.9), (0.5, 0.5), (0.1, 0.9))
    assert is_inside(point, arrow) is expected
