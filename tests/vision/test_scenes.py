"""Drawn scenes with movements at known times: what the watcher finds, and what it must not take for a movement."""

from __future__ import annotations

import itertools
import statistics
from collections.abc import Callable

import pytest

from tests.vision.encoded import GOP, Scene
from tests.vision.scenes import FPS
from tests.vision.watching import Report, report

HARMLESS = ("headlights", "infrared", "flicker", "shake", "clouds")
SCENES = ("night", *HARMLESS)


@pytest.fixture(scope="module")
def reports(scene_of: Callable[[str], Scene]) -> dict[str, Report]:
    return {name: report(scene_of(name)) for name in SCENES}


pytestmark = pytest.mark.slow


def test_at_least_80_percent_of_the_movements_are_found(reports: dict[str, Report]) -> None:
    found = sum(each.found for each in reports.values())
    missed = [(name, movement) for name, each in reports.items() for movement in each.missed]
    assert found / (found + len(missed)) >= 0.80, missed


def test_at_most_two_movements_are_false_and_none_by_light_or_shaking(reports: dict[str, Report]) -> None:
    assert len([*itertools.chain.from_iterable(each.false for each in reports.values())]) <= 2
    assert {name: reports[name].false for name in HARMLESS} == dict.fromkeys(HARMLESS, ())


def test_the_start_of_a_movement_is_known_within_half_a_second(reports: dict[str, Report]) -> None:
    errors_s = [*itertools.chain.from_iterable(each.errors_s for each in reports.values())]
    assert statistics.median(errors_s) <= 0.5


def test_a_movement_is_known_a_second_after_the_next_key_frame(reports: dict[str, Report]) -> None:
    """One movement begins right after the infrared switch, while the background is new."""
    limit_s = GOP / FPS + 1.0
    late = [name for name, each in reports.items() for delay_s in each.delays_s if delay_s > limit_s]
    assert late in ([], ["infrared"])


def test_at_most_two_percent_of_the_quiet_time_are_flagged(reports: dict[str, Report]) -> None:
    flagged_s, quiet_s = (sum(getattr(each, name) for each in reports.values()) for name in ("flagged_s", "quiet_s"))
    assert quiet_s > 60, "too little to judge"
    assert flagged_s / quiet_s <= 0.02, {name: each.flagged_s for name, each in reports.items()}


def test_nothing_is_reported_while_the_background_is_new(reports: dict[str, Report]) -> None:
    assert {name: [start_s for start_s in each.starts if start_s < 10] for name, each in reports.items()} == {
        name: [] for name in SCENES
    }


def test_every_picture_finds_movements_between_key_frames_too(scene_of: Callable[[str], Scene]) -> None:
    for name in ("headlights", "night"):
        found = report(scene_of(name), every_picture=True)
        assert len(found.missed) <= 1, (name, found.missed)
        assert not found.false, name
        assert statistics.median(found.errors_s) <= 0.5, name
