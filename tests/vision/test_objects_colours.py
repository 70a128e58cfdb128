"""Names of colours, and histograms that are near for similar objects."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from vision.objects_colours import colours_of, histogram_of, is_without_colour, to_hsv
from vision.objects_messages import HISTOGRAM_BYTES

WHOLE = (0.0, 0.0, 1.0, 1.0)
# Blue, green, red, as seen by a camera: not the pure ones.
SEEN = {
    "black": (30, 28, 32),
    "white": (235, 238, 240),
    "grey": (130, 128, 126),
    "red": (45, 40, 180),
    "yellow": (50, 200, 215),
    "green": (60, 130, 50),
    "blue": (170, 90, 40),
    "brown": (40, 70, 110),
}


def halves(upper: str, lower: str) -> Any:
    picture = np.zeros((120, 60, 3), np.uint8)
    picture[:60], picture[60:] = SEEN[upper], SEEN[lower]
    return to_hsv(picture)


@pytest.mark.parametrize("name", SEEN)
def test_a_body_of_one_colour_has_its_name(name: str) -> None:
    assert colours_of(halves(name, name), WHOLE, "animal") == (name,)


def test_a_person_has_the_colours_of_both_halves() -> None:
    assert colours_of(halves("red", "blue"), WHOLE, "person") == ("red", "blue")
    assert colours_of(halves("black", "black"), WHOLE, "person") == ("black",)


def test_a_vehicle_has_the_colour_of_its_paint() -> None:
    """Its windows and tyres are larger."""
    hsv = halves("black", "red")
    assert colours_of(hsv, WHOLE, "vehicle") == ("red",)
    assert colours_of(halves("black", "black"), WHOLE, "vehicle") == ("black",)


def test_a_tiny_object_has_no_colour() -> None:
    assert colours_of(halves("red", "red"), (0.5, 0.5, 0.05, 0.05), "person") == ()


def test_a_box_at_the_edge_of_the_picture_has_a_histogram() -> None:
    for box in ((0.99, 0.99, 0.01, 0.01), (0.0, 0.0, 0.001, 0.001), (1.0, 1.0, 0.0, 0.0)):
        assert len(histogram_of(halves("red", "red"), box)) == HISTOGRAM_BYTES


def _nearness(one: bytes, other: bytes) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True)) / (2 * 255 * 255)


def test_histograms_are_near_only_for_similar_objects() -> None:
    red_blue = histogram_of(halves("red", "blue"), WHOLE)
    assert _nearness(red_blue, red_blue) == pytest.approx(1.0, abs=0.02)
    assert _nearness(red_blue, histogram_of(halves("blue", "red"), WHOLE)) < 0.1
    assert _nearness(red_blue, histogram_of(halves("red", "green"), WHOLE)) == pytest.approx(0.5, abs=0.05)


def test_a_picture_is_without_colour_in_infrared_light_alone() -> None:
    noise = np.random.default_rng(5).integers(0, 4, (120, 60, 3), np.uint8)
    grey = np.full((120, 60, 3), 120, np.uint8) + noise
    assert is_without_colour(to_hsv(grey))
    with_a_red_car = grey.copy()
    with_a_red_car[50:70, 20:40] = SEEN["red"]
    assert not is_without_colour(to_hsv(with_a_red_car))
