"""The drawn polygon of a search, in fractions of the picture's width and height."""

from __future__ import annotations

import math
from collections.abc import Sequence

from core.errors import InvalidRequest
from core.records import Channel
from searches.records import Point

MOST_POINTS = 32
LEAST_PIXELS = 24
"""A region with fewer pixels of the recorded picture in a direction gives unsure answers."""

_LEAST_SIDE = 0.005
_USUAL_SIZE = (640, 360)


def polygon_of(points: Sequence[Sequence[float]] | None, box: Sequence[float] | None) -> tuple[Point, ...]:
    """Return the polygon of a request, which names its points or a box. Raise InvalidRequest."""
    if (points is None) == (box is None):
        raise InvalidRequest.of_field("box", "either a box [x, y, width, height] or points")
    if box is not None:
        if len(box) != 4 or not all(math.isfinite(number) for number in box):
            raise InvalidRequest.of_field("box", "four numbers: x, y, width, height")
        x, y, width, height = box
        return _checked(((x, y), (x + width, y), (x + width, y + height), (x, y + height)), "box")
    found = points or ()
    if not 3 <= len(found) <= MOST_POINTS or any(len(point) != 2 for point in found):
        raise InvalidRequest.of_field("points", f"3 to {MOST_POINTS} pairs of numbers")
    return _checked(tuple((point[0], point[1]) for point in found), "points")


def _checked(points: tuple[Point, ...], field: str) -> tuple[Point, ...]:
    rounding = 1e-6
    if not all(math.isfinite(v) and -rounding <= v <= 1 + rounding for point in points for v in point):
        raise InvalidRequest.of_field(field, "inside the picture: from 0 to 1")
    inside = tuple((min(1.0, max(0.0, x)), min(1.0, max(0.0, y))) for x, y in points)
    if min(size_of(inside)) < _LEAST_SIDE or area_of(inside) < _LEAST_SIDE**2 / 2:
        raise InvalidRequest.of_field(field, "larger: it has no area")
    return inside


def size_of(points: Sequence[Point]) -> tuple[float, float]:
    """Return width and height of the bounding box."""
    xs, ys = [x for x, _ in points], [y for _, y in points]
    return max(xs) - min(xs), max(ys) - min(ys)


def area_of(points: Sequence[Point]) -> float:
    """Return the area (shoelace formula); parts of a polygon that crosses itself may cancel each other."""
    following = [*points[1:], points[0]]
    return abs(sum(x * ny - nx * y for (x, y), (nx, ny) in zip(points, following, strict=True))) / 2


def is_small(points: Sequence[Point], channel: Channel) -> bool:
    """True if the region has fewer than 24 pixels in a direction, in the smallest video of the channel."""
    videos = [profile.video for profile in channel.profiles if profile.video is not None]
    sizes = [(video.width, video.height) for video in videos if video.width and video.height]
    width, height = min(sizes, default=_USUAL_SIZE)
    wide, high = size_of(points)
    return min(wide * (width or 0), high * (height or 0)) < LEAST_PIXELS


def contains(points: Sequence[Point], x: float, y: float) -> bool:
    """True if a point lies inside the polygon (even-odd rule)."""
    is_inside = False
    last_x, last_y = points[-1]
    for at_x, at_y in points:
        if (at_y > y) != (last_y > y) and x < (last_x - at_x) * (y - at_y) / (last_y - at_y) + at_x:
            is_inside = not is_inside
        last_x, last_y = at_x, at_y
    return is_inside


def overlaps(points: Sequence[Point], box: tuple[float, float, float, float]) -> bool:
    """True if a box (x, y, width, height) and the polygon overlap: one has a corner or the middle of the other."""
    x, y, width, height = box
    corners = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x + width / 2, y + height / 2)]
    if any(contains(points, *corner) for corner in corners):
        return True
    middle = (sum(px for px, _ in points) / len(points), sum(py for _, py in points) / len(points))
    return any(x <= px <= x + width and y <= py <= y + height for px, py in (*points, middle))
