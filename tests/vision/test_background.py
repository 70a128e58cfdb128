"""The learned background on drawn pictures, without a decoder."""

from __future__ import annotations

from collections.abc import Iterator

import cv2
import numpy as np
import pytest

from tests.vision.scenes import HEIGHT, WIDTH, Picture, burn_clock, street
from vision.background import GRACE, Background, Difference
from vision.clock_mask import ClockMask

_LEAST = 0.001 * 320 * 180


def _noisy(count: int, picture: Picture | None = None) -> Iterator[Picture]:
    chance = np.random.default_rng(5)
    noise = [np.round(chance.normal(0, 2, (HEIGHT, WIDTH))).astype(np.int16) for _ in range(6)]
    empty = street() if picture is None else picture
    for number in range(count):
        yield np.clip(empty + noise[number % 6], 0, 255).astype(np.uint8)


def _small(picture: Picture) -> Picture:
    return np.asarray(cv2.resize(picture, (320, 180), interpolation=cv2.INTER_AREA), np.uint8)


def _judged(background: Background, pictures: Iterator[Picture]) -> list[Difference | None]:
    return [background.judge(_small(picture), _LEAST) for picture in pictures]


def _with_object(picture: Picture, left: int = 300, top: int = 200) -> Picture:
    changed = picture.copy()
    changed[top : top + 60, left : left + 30] = 230
    return changed


def test_the_first_pictures_are_learned_and_not_judged() -> None:
    judged = _judged(Background(), _noisy(GRACE + 3))
    assert judged[: GRACE + 1] == [None] * (GRACE + 1)
    assert all(each is not None and not each.parts for each in judged[GRACE + 1 :])


def test_an_object_is_found_where_it_is() -> None:
    background = Background()
    _judged(background, _noisy(8))
    (found,) = _judged(background, _noisy(1, _with_object(street())))
    assert found is not None
    (part,) = found.parts
    assert abs(part.left - 150) <= 4
    assert abs(part.top - 100) <= 4
    assert abs(part.width - 15) <= 7
    assert abs(part.height - 30) <= 7


def test_an_object_that_comes_to_rest_is_learned() -> None:
    background = Background()
    _judged(background, _noisy(8))
    judged = _judged(background, _noisy(14, _with_object(street())))
    assert judged[0] is not None
    assert judged[0].parts
    assert judged[-1] is not None
    assert not judged[-1].parts


def test_an_object_that_passes_leaves_no_ghost() -> None:
    background = Background()
    _judged(background, _noisy(8))
    (found,) = _judged(background, _noisy(1, _with_object(street())))
    assert found is not None
    assert found.parts
    assert all(each is not None and not each.parts for each in _judged(background, _noisy(4)))


def test_other_light_begins_the_background_anew() -> None:
    background = Background()
    _judged(background, _noisy(8))
    darker = (street() * 0.5).astype(np.uint8)
    judged = _judged(background, _noisy(GRACE + 3, darker))
    assert judged[0] is not None
    assert judged[0].is_light
    assert not any(each is not None and (each.parts or each.is_light) for each in judged[1:])
    assert judged[-1] is not None


def test_a_shadow_on_a_pattern_is_no_movement() -> None:
    background = Background()
    _judged(background, _noisy(8))
    shadow = street().astype(np.float32)
    shadow[240:320, 200:420] *= 0.6
    (found,) = _judged(background, _noisy(1, shadow.astype(np.uint8)))
    assert found is not None
    assert not found.parts
    assert not found.is_light


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.5, 1.3])
def test_a_quiet_hour_with_a_burnt_in_clock_has_no_movement(scale: float) -> None:
    """1,800 key frames, one in 2 s, with large digits, too."""
    background, clock = Background(), ClockMask()
    moving_s = []
    for number, picture in enumerate(_noisy(1_800)):
        burn_clock(picture, 3_000 + 2 * number, scale)  # the hour changes, too
        small = _small(picture)
        clock.learn(small)
        found = background.judge(small, _LEAST, clock.mask)
        if found is not None and (found.parts or found.is_light):
            moving_s.append(2 * number)
    assert not moving_s


def test_the_place_of_a_clock_is_left_out_and_nothing_else() -> None:
    clock = ClockMask()
    for number, picture in enumerate(_noisy(20)):
        burn_clock(picture, 2 * number, 1.0)
        clock.learn(_small(picture))
    assert clock.mask is not None
    assert not clock.mask[8:14, 10:120].any()
    assert np.count_nonzero(clock.mask[30:]) == clock.mask[30:].size


def test_pictures_without_a_clock_have_no_mask() -> None:
    clock = ClockMask()
    for picture in _noisy(20):
        clock.learn(_small(picture))
    assert clock.mask is None
