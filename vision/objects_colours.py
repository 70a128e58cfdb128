"""The colours of a detected object: names for people, and a histogram to find similar objects."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.objects_labels import PERSON, VEHICLE
from vision.objects_messages import COLOURS

Picture = NDArray[np.uint8]
Box = tuple[float, float, float, float]

_HUES, _SATURATIONS, _VALUES = 16, 3, 4
_LEAST_SHARE = 0.22  # of a part, for a colour that counts
_MOST_OF_PART = 2
_LEAST_SIDE = 8  # pixels; smaller objects have no sure colour
_GREY_MEAN, _GREY_MOST = 12, 40  # of the saturation in an infrared picture

# Rows and columns of an object's box: begins and ends, as shares.
_PERSON_PARTS = ((0.15, 0.50, 0.25, 0.75), (0.52, 0.90, 0.25, 0.75))
_VEHICLE_PARTS = ((0.15, 0.80, 0.10, 0.90),)
_OTHER_PARTS = ((0.20, 0.80, 0.20, 0.80),)


def to_hsv(picture: Picture) -> Picture:
    """Return the picture (blue, green, red) as hue (0 to 179), saturation and value."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2HSV), np.uint8)


def is_without_colour(hsv: Picture) -> bool:
    """True for a picture by infrared light, whose colours tell nothing."""
    saturation = hsv[::4, ::4, 1]
    return bool(saturation.mean() < _GREY_MEAN and np.percentile(saturation, 99) < _GREY_MOST)


def colours_of(hsv: Picture, box: Box, kind: str) -> tuple[str, ...]:
    """Return the names of an object's colours: of a person's upper and lower half, otherwise of the body."""
    parts = {PERSON: _PERSON_PARTS, VEHICLE: _VEHICLE_PARTS}.get(kind, _OTHER_PARTS)
    found: dict[str, None] = {}
    for part in parts:
        pixels = _part(hsv, box, part)
        if min(pixels.shape[:2]) * len(parts) >= _LEAST_SIDE:
            found |= dict.fromkeys(_names(pixels, has_glass=kind == VEHICLE))
    return tuple(found)


def histogram_of(hsv: Picture, box: Box) -> bytes:
    """Return HISTOGRAM_BYTES: the roots of the shares of hues, saturations and values, of both halves of the box."""
    halves = []
    for part in ((0.0, 0.5, 0.1, 0.9), (0.5, 1.0, 0.1, 0.9)):
        pixels = _part(hsv, box, part).reshape(-1, 3).astype(np.int32)
        hue = np.minimum(pixels[:, 0] * _HUES // 180, _HUES - 1)
        saturation = pixels[:, 1] * _SATURATIONS // 256
        value = pixels[:, 2] * _VALUES // 256
        hue[saturation == 0] = 0  # the hue of grey is noise
        bins = (hue * _SATURATIONS + saturation) * _VALUES + value
        counts = np.bincount(bins, minlength=_HUES * _SATURATIONS * _VALUES)
        halves.append(np.sqrt(counts / max(1, counts.sum())))
    return np.round(255 * np.concatenate(halves)).astype(np.uint8).tobytes()


def _part(hsv: Picture, box: Box, part: tuple[float, float, float, float]) -> Picture:
    height, width = hsv.shape[:2]
    x, y, box_width, box_height = box
    top, bottom, left, right = part
    rows = slice(int((y + top * box_height) * height), max(1, round((y + bottom * box_height) * height)))
    columns = slice(int((x + left * box_width) * width), max(1, round((x + right * box_width) * width)))
    return hsv[rows, columns]


def _names(pixels: Picture, *, has_glass: bool) -> list[str]:
    """Return the names of the colours with a large share. Glass and tyres are dark, so paint counts before them."""
    counts = np.bincount(_classes(pixels).ravel(), minlength=len(COLOURS)) / max(1, pixels.shape[0] * pixels.shape[1])
    ranked = [int(index) for index in np.argsort(-counts, kind="stable") if counts[index] >= _LEAST_SHARE]
    if has_glass and (painted := [index for index in ranked if COLOURS[index] not in {"black", "grey"}]):
        ranked = painted[:1]
    return [COLOURS[index] for index in ranked[:_MOST_OF_PART]]


def _classes(pixels: Picture) -> NDArray[Any]:
    """Return for each pixel the place of its colour in COLOURS."""
    hue, saturation, value = (pixels[:, :, axis].astype(np.int32) for axis in range(3))
    names = {name: place for place, name in enumerate(COLOURS)}
    conditions = [
        (value < 50, "black"),
        ((saturation < 45) & (value > 185), "white"),
        (saturation < 45, "grey"),
        ((saturation < 70) & (value < 90), "black"),
        ((hue >= 5) & (hue < 22) & (value < 170), "brown"),
        ((hue < 12) | (hue >= 150), "red"),
        (hue < 35, "yellow"),
        (hue < 88, "green"),
    ]
    return np.select([one for one, _ in conditions], [names[name] for _, name in conditions], names["blue"])
