"""The comparison of one part of pictures, over a synthetic day with infrared light, clouds and rain."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from tests.vision.region_day import HEIGHT, REGION, WIDTH, Luma, RegionDay
from vision.regions import Judgement, RegionComparison

_SMALL = ((0.66, 0.6), (0.72, 0.6), (0.72, 0.85), (0.66, 0.85))
_GHOST = 3  # key frames that an object in the first background is seen to leave


@pytest.fixture(scope="module")
def day() -> RegionDay:
    return RegionDay()


@pytest.fixture(scope="module")
def pictures(day: RegionDay) -> Sequence[Luma]:
    return [day.picture(index) for index in range(day.count)]


def _judged(points: Sequence[tuple[float, float]], pictures: Sequence[Luma]) -> list[Judgement]:
    comparison = RegionComparison(points, "moved")
    return [comparison.moved(picture) for picture in pictures]


def _probe(comparison: RegionComparison, pictures: Sequence[Luma], index: int) -> None:
    for near in (index - 8, index, index + 8):
        comparison.keep(pictures[min(max(near, 0), len(pictures) - 1)], index)


@pytest.mark.slow
def test_each_walk_through_the_region_is_found(day: RegionDay, pictures: Sequence[Luma]) -> None:
    judged = _judged(REGION, pictures)
    found = [walk for walk in day.inside if any(judged[at].share for at in range(walk.first, walk.last + 1))]
    assert len(day.inside) >= 20
    assert len(found) >= 0.95 * len(day.inside)


@pytest.mark.slow
def test_nothing_else_of_the_day_is_a_movement(day: RegionDay, pictures: Sequence[Luma]) -> None:
    """Walks elsewhere, clouds, rain and both changes of light are none. The removal of the crate is one."""
    judged = _judged(REGION, pictures)
    true = {at for walk in day.inside for at in range(walk.first, walk.last + 1 + _GHOST)}
    true |= set(range(day.removed_at, day.removed_at + 8))
    assert not [at for at, one in enumerate(judged) if one.share and at not in true]


@pytest.mark.slow
def test_other_light_begins_the_background_anew(day: RegionDay, pictures: Sequence[Luma]) -> None:
    resets = [at for at, one in enumerate(_judged(REGION, pictures)) if one.is_reset]
    switches = [at for at in range(1, day.count) if day.is_night(at) != day.is_night(at - 1)]
    assert resets == [0, *switches]


@pytest.mark.slow
def test_probes_differ_only_across_the_removal(day: RegionDay, pictures: Sequence[Luma]) -> None:
    """By day and by night: probes of the same side look the same."""
    comparison = RegionComparison(REGION, "changed")
    probes = [0, 40, 180, 300, 415, 450, 520, 590, 625, 660, 720, 800, 870, 960]
    for index in probes:
        _probe(comparison, pictures, index)
    across: list[float] = []
    same: list[float] = []
    for a in probes:
        for b in probes:
            if a < b:
                is_across = day.has_crate(a) != day.has_crate(b)
                (across if is_across else same).append(comparison.difference(a, b))
    assert max(same) < 0.03
    assert min(across) > 0.09


def _yard() -> Luma:
    return RegionDay().picture(5)


def test_an_object_that_fills_a_small_region_is_a_movement() -> None:
    """Most of the region changes, but not the whole picture: that is no change of light."""
    comparison = RegionComparison(_SMALL, "moved")
    for _ in range(4):
        comparison.moved(_yard())
    filled = _yard()
    filled[90:165, 195:240] = 245
    judged = comparison.moved(filled)
    assert judged.share > 0.7
    assert judged.contrast > 40
    assert not judged.is_reset


def test_the_first_picture_after_a_gap_is_no_movement() -> None:
    comparison = RegionComparison(REGION, "moved")
    comparison.moved(_yard())
    other = _yard()
    other[80:160, 200:280] = 10
    assert comparison.moved(other, is_after_gap=True) == Judgement(0.0, 0.0, is_reset=True)
    assert not comparison.moved(other).share


def test_pictures_of_another_size_begin_anew() -> None:
    comparison = RegionComparison(REGION, "moved")
    comparison.moved(_yard())
    larger = np.kron(_yard(), np.ones((2, 2), np.uint8)).astype(np.uint8)
    assert comparison.moved(larger).is_reset
    assert not comparison.moved(larger).share


@pytest.mark.parametrize("size", [(8, 8), (HEIGHT, WIDTH), (1080, 1920)])
@pytest.mark.parametrize(
    "points", [((0.0, 0.0), (0.001, 0.0), (0.0, 0.001)), ((0.999, 0.999), (1.0, 0.999), (1.0, 1.0)), REGION]
)
def test_any_polygon_fits_any_picture(points: Sequence[tuple[float, float]], size: tuple[int, int]) -> None:
    comparison = RegionComparison(points, "moved")
    picture = np.full(size, 90, np.uint8)
    assert comparison.moved(picture).is_reset
    assert comparison.moved(picture).share == 0.0
    comparison.keep(picture, 1)
    comparison.keep(picture, 2)
    assert comparison.difference(1, 2) == 0.0


def test_a_probe_that_was_never_kept_is_an_error() -> None:
    comparison = RegionComparison(REGION, "changed")
    comparison.keep(_yard(), 1)
    with pytest.raises(KeyError):
        comparison.difference(1, 2)


def test_a_passer_by_in_one_of_three_pictures_is_no_change() -> None:
    comparison = RegionComparison(REGION, "changed")
    passed = _yard()
    passed[100:160, 220:240] = 230
    for probe_ms, shown in ((1, [_yard(), passed, _yard()]), (2, [_yard()] * 3)):
        for picture in shown:
            comparison.keep(picture, probe_ms)
    assert comparison.difference(1, 2) < 0.01
