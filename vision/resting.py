"""Objects that come to rest, and objects at rest that leave.

The background learns an object that stands still, so that its place stands out once more when the object leaves. This
memory has the look of such a place with the object and without it: the uncovered ground is one picture of the
departure, not another movement. The look of a parked object is no movement either.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from vision.background import Difference, Mask, MovingPart, is_same_texture
from vision.decoder import Grey
from vision.messages import CAME_TO_REST, LEFT

RESTS_AFTER_MS = 20_000
MOST_RESTING = 20
_MOST_STANDING = 16
_BLUR = (5, 5)
_LEAST_CONTRAST = 8.0  # grey levels between the place with the object and without it
_STANDS = 8.0
_SAME = 24.0
_SAME_PART = 10.0
_NEARER = 0.5  # of the difference from the other look
_INSIDE = 0.7
_SAME_PLACE = 0.6
_FOLLOWS_LIGHT_MS = 60_000

Place = tuple[slice, slice]


@dataclass(slots=True)
class _Standing:
    """An object at one place. `light`: the mean grey of the whole picture at that time, for each of the two looks."""

    place: Place
    mask: Mask
    without: Grey
    light_without: float
    look: Grey
    light: float
    since_ms: int
    followed_ms: int
    has_stood: bool = False
    is_gone: bool = False


@dataclass(frozen=True, slots=True)
class Resting:
    """The answer of one picture. `change`: "", CAME_TO_REST or LEFT. `is_settling`: an object just stands."""

    change: str = ""
    is_settling: bool = False
    learned: Mask | None = None  # where the background is now as in this picture


NOTHING_RESTS = Resting()


class RestingObjects:
    """The memory of one channel. Call without_known() with each judged picture, then follow() with what counts."""

    def __init__(self) -> None:
        self._standing: list[_Standing] = []
        self._resting: list[_Standing] = []
        self._calm: Grey | None = None  # the newest look of each pixel without a movement
        self._levels: Grey = np.zeros((0, 0), np.uint8)
        self._mask: Mask = self._levels
        self._light = 0.0
        self._change = ""
        self._learned: Mask | None = None

    def begin_anew(self) -> None:
        """Forget everything: the camera shows another scene."""
        self._standing, self._resting = [], []
        self._calm = self._learned = None
        self._levels = self._mask = np.zeros((0, 0), np.uint8)
        self._light, self._change = 0.0, ""

    def skip(self) -> None:
        """Forget things that stand for a short time: a picture was not judged, such as that of a switched light."""
        self._standing.clear()
        self._calm = None

    def without_known(self, time_ms: int, picture: Grey, difference: Difference) -> tuple[MovingPart, ...]:
        """Return the moving parts without parked objects, and without ground that an object has uncovered before."""
        self._take(picture, difference)
        known: set[int] = set()
        for one in list(self._resting):
            if not self._mask[one.place].any():
                self._follow_light(one, time_ms)
                continue
            was_gone = one.is_gone
            with_object, without_object = self._distances(one)
            if without_object < min(_SAME, _NEARER * with_object):
                one.is_gone = True
            elif with_object < min(_SAME, _NEARER * without_object):
                one.is_gone = False
            if one.is_gone and not was_gone:
                self._change = LEFT
            elif one.is_gone:
                known |= self._known(difference.parts, one, one.without, one.light_without)
            else:
                known |= self._known(difference.parts, one, one.look, one.light)
        return tuple(part for number, part in enumerate(difference.parts) if number not in known)

    def follow(self, time_ms: int, counting: Sequence[MovingPart]) -> Resting:
        """Follow things that stand still. `counting`: the parts of this picture that count as movements."""
        stays = []
        for one in self._standing:
            with_object, without_object = self._distances(one)
            if with_object >= min(_STANDS, _NEARER * without_object):
                continue
            if not one.has_stood and _is_light(one):
                continue
            one.has_stood = True
            if time_ms - one.since_ms >= RESTS_AFTER_MS:
                self._settle(one)
            else:
                stays.append(one)
        self._standing = stays
        for part in counting[: _MOST_STANDING - len(stays)]:
            self._note(part, time_ms)
        self._remember_calm()
        return Resting(self._change, any(one.has_stood for one in self._standing), self._learned)

    def without_parked(self, picture: Grey, parts: Sequence[MovingPart]) -> tuple[MovingPart, ...]:
        """Return the parts of an earlier picture without parked objects. Learn nothing."""
        if not parts or not self._resting:
            return tuple(parts)
        before = self._levels, self._light
        self._levels, self._light = np.asarray(cv2.blur(picture, _BLUR), np.uint8), float(cv2.mean(picture)[0])
        known: set[int] = set()
        for one in self._resting:
            if not one.is_gone:
                known |= self._known(parts, one, one.look, one.light)
        self._levels, self._light = before
        return tuple(part for number, part in enumerate(parts) if number not in known)

    # ---- inside ------------------------------------------------------------------------------------

    def _take(self, picture: Grey, difference: Difference) -> None:
        self._levels = np.asarray(cv2.blur(picture, _BLUR), np.uint8)
        self._light = float(cv2.mean(picture)[0])
        height, width = picture.shape
        mask = difference.mask
        if mask.shape != picture.shape:
            mask = np.asarray(cv2.resize(mask, (width, height), interpolation=cv2.INTER_NEAREST), np.uint8)
        self._mask = mask
        self._change, self._learned = "", None

    def _follow_light(self, one: _Standing, time_ms: int) -> None:
        """Take over the present look of a parked object; forget an object that is gone."""
        if not one.is_gone and abs(time_ms - one.followed_ms) < _FOLLOWS_LIGHT_MS:
            return
        with_object, without_object = self._distances(one)
        if one.is_gone or without_object < with_object:
            self._resting = [other for other in self._resting if other is not one]
        else:
            one.look, one.light, one.followed_ms = self._levels[one.place].copy(), self._light, time_ms

    def _distances(self, one: _Standing) -> tuple[float, float]:
        """Return how far the place is from its look with the object, and from that without it, in grey levels."""
        return (
            self._distance(one.place, one.mask, one.look, one.light),
            self._distance(one.place, one.mask, one.without, one.light_without),
        )

    def _distance(self, place: Place, mask: Mask, look: Grey, light: float) -> float:
        gain = min(2.0, max(0.5, self._light / max(1.0, light)))
        apart = cv2.absdiff(self._levels[place], cv2.convertScaleAbs(look, alpha=gain))
        return float(cv2.mean(apart, mask)[0])

    def _known(self, parts: Sequence[MovingPart], one: _Standing, look: Grey, light: float) -> set[int]:
        """Return the numbers of the parts at the object's place that look like `look`; let the background learn it."""
        found = set()
        for number, part in enumerate(parts):
            inside = _part_at(part, one.place)
            if _is_inside(part, one.place) and self._distance(one.place, inside, look, light) < _SAME_PART:
                found.add(number)
                self._learn(one.place, inside | one.mask if one.is_gone else inside)
        return found

    def _learn(self, place: Place, mask: Mask) -> None:
        if self._learned is None:
            self._learned = np.zeros_like(self._levels)
        self._learned[place] |= mask

    def _note(self, part: MovingPart, time_ms: int) -> None:
        """Remember the place of a moving part: an object may have come to rest there."""
        place = part.rows_columns
        uncovered = [one for one in self._resting if one.is_gone]
        if self._calm is None or any(_is_inside(part, one.place) for one in (*self._standing, *uncovered)):
            return
        look, without = self._levels[place].copy(), self._calm[place].copy()
        one = _Standing(place, part.mask, without, self._light, look, self._light, time_ms, time_ms)
        if self._distances(one)[1] >= _LEAST_CONTRAST:
            self._standing.append(one)

    def _settle(self, one: _Standing) -> None:
        self._learn(one.place, one.mask)
        if _outline(one.look, one.mask) < _outline(one.without, one.mask):  # something else has left this place
            self._change = self._change or LEFT
            return
        self._change = CAME_TO_REST
        others = [other for other in self._resting if _share(other.place, one.place) < _SAME_PLACE]
        self._resting = [*others, one][-MOST_RESTING:]

    def _remember_calm(self) -> None:
        if self._calm is None or not self._mask.any():
            self._calm = self._levels
        else:
            calm = self._levels.copy()
            np.copyto(calm, self._calm, where=self._mask > 0)
            self._calm = calm


def _part_at(part: MovingPart, place: Place) -> Mask:
    """Return the mask of a part as far as it lies in a place, in the size of the place."""
    rows, columns = place
    found = np.zeros((rows.stop - rows.start, columns.stop - columns.start), np.uint8)
    top, bottom = max(rows.start, part.top), min(rows.stop, part.top + part.height)
    left, right = max(columns.start, part.left), min(columns.stop, part.left + part.width)
    if top < bottom and left < right:
        inside = part.mask[top - part.top : bottom - part.top, left - part.left : right - part.left]
        found[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start] = inside
    return found


def _is_inside(part: MovingPart, place: Place) -> bool:
    """True if most of a part lies in a place."""
    return int(np.count_nonzero(_part_at(part, place))) >= _INSIDE * part.pixels


def _is_light(one: _Standing) -> bool:
    """True if the place shows the same with the supposed object and without it, in another light."""
    return is_same_texture(one.look.astype(np.float32), one.without.astype(np.float32), one.mask)


def _share(one: Place, other: Place) -> float:
    """Return the common part of two places, of both together."""
    common, sizes = 1, [1, 1]
    for a, b in zip(one, other, strict=True):
        common *= max(0, min(a.stop, b.stop) - max(a.start, b.start))
        sizes = [sizes[0] * (a.stop - a.start), sizes[1] * (b.stop - b.start)]
    return common / (sum(sizes) - common)


def _outline(look: Grey, mask: Mask) -> float:
    """Return how sharp the outline of a mask shows in a picture: an object has one, bare ground has none."""
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0.0)
    inner = np.asarray(cv2.erode(framed, np.ones((3, 3), np.uint8), iterations=5), np.uint8)[1:-1, 1:-1]
    ring = cv2.bitwise_and(mask, cv2.bitwise_not(inner))
    across = cv2.convertScaleAbs(cv2.Sobel(look, cv2.CV_16S, 1, 0))
    along = cv2.convertScaleAbs(cv2.Sobel(look, cv2.CV_16S, 0, 1))
    return float(cv2.mean(cv2.addWeighted(across, 0.5, along, 0.5, 0), ring)[0])
