"""The learned background: the mean and the variance of each pixel over key frames, and what differs from it.

Pixels of a moving object change the background slowly, so that no ghost remains behind it. An object that stands still
is learned within about ten key frames.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.decoder import Grey

Mask = NDArray[np.uint8]  # 255 where something moves, otherwise 0
Levels = NDArray[np.float32]

GRACE = 3  # pictures after a new beginning that are learned and not judged
_LEAST_RATE = 0.15
_MOVING_RATE = 0.04
_STANDING_RATE = 0.25
_STANDING_CHANGE = 10.0
_MOST_DEVIATION = 48.0
_SIGMAS = 4.0
_LIGHT_SHARE = 0.35
_SAME_TEXTURE, _LEAST_TEXTURE = 0.90, 4.0
_SAME_RELIEF, _LEAST_RELIEF = 0.80, 0.04
_AROUND = (15, 15)
_EDGE = 4


@dataclass(frozen=True, slots=True)
class MovingPart:
    """A connected part of the mask, in pixels of the small picture."""

    left: int
    top: int
    width: int
    height: int
    pixels: int
    mask: Mask  # of the rectangle only

    @property
    def rows_columns(self) -> tuple[slice, slice]:
        return slice(self.top, self.top + self.height), slice(self.left, self.left + self.width)


@dataclass(frozen=True, slots=True)
class Difference:
    """The parts of a picture that move. `is_light`: so much differs that the light or the camera has changed."""

    parts: tuple[MovingPart, ...]
    is_light: bool
    mask: Mask


class Background:
    """The background of one channel or region. All pictures have the same size."""

    def __init__(self, *, floor: float = 16.0, blur: int = 5, with_gain: bool = False) -> None:
        self._floor, self._blur, self._with_gain = floor, blur, with_gain
        self._mean: Levels = np.zeros((0, 0), np.float32)
        self._variance: Levels = self._mean
        self._before: Levels = self._mean
        self._learned = 0

    @property
    def is_ready(self) -> bool:
        """True if pictures can be judged."""
        return self._learned > GRACE

    def begin_anew(self) -> None:
        self._learned = 0

    def judge(self, picture: Grey, least_pixels: float, within: Mask | None = None) -> Difference | None:
        """Compare a picture with the background under a mask, and learn it. None if the background is not ready."""
        levels = self._levels(picture)
        if not self.is_ready or levels.shape != self._mean.shape:
            self._learn_quickly(levels)
            return None
        difference = self._difference(levels, least_pixels, within)
        if difference.is_light:
            self.begin_anew()
            self._learn_quickly(levels)
            return difference
        self._learn(levels, difference.mask)
        return difference

    def compare(self, picture: Grey, least_pixels: float, within: Mask | None = None) -> Difference | None:
        """Compare a picture as `judge` does, and learn nothing."""
        levels = self._levels(picture)
        if not self.is_ready or levels.shape != self._mean.shape:
            return None
        return self._difference(levels, least_pixels, within)

    def learn_newest(self, mask: Mask) -> None:
        """Take over the newest picture as the background under a mask."""
        np.copyto(self._mean, self._before, where=mask > 0)

    def contrast(self, picture: Grey, mask: Mask) -> float:
        """Return the mean difference from the background under a mask, in grey levels."""
        if not self.is_ready or not mask.any():
            return 0.0
        return float(cv2.mean(cv2.absdiff(self._levels(picture), self._mean), mask)[0])

    def _levels(self, picture: Grey) -> Levels:
        levels = cv2.blur(picture, (self._blur, self._blur)).astype(np.float32)
        if self._with_gain and levels.shape == self._mean.shape and self._learned:
            gain = float(np.median(self._mean)) / max(1.0, float(np.median(levels)))
            levels *= np.float32(min(2.0, max(0.5, gain)))
        return levels

    def _difference(self, levels: Levels, least_pixels: float, within: Mask | None) -> Difference:
        apart = cv2.absdiff(levels, self._mean)
        bar = np.maximum(self._floor, _SIGMAS * np.sqrt(self._variance))
        mask = np.asarray(cv2.compare(apart, bar, cv2.CMP_GT), np.uint8)
        mask = cleaned(mask, self._blur, within)
        parts = moving_parts(mask, least_pixels)
        is_light = sum(part.pixels for part in parts) > _LIGHT_SHARE * mask.size
        if not is_light:
            parts = tuple(part for part in parts if not self._is_same_texture(levels, part))
        return Difference(parts, is_light, mask)

    def _is_same_texture(self, levels: Levels, part: MovingPart) -> bool:
        """True if a part shows the background in another light: a shadow, a headlight."""
        return is_same_texture(levels[part.rows_columns], self._mean[part.rows_columns], part.mask)

    def _learn_quickly(self, levels: Levels) -> None:
        if not self._learned or levels.shape != self._mean.shape:
            self._mean, self._variance, self._learned = levels.copy(), np.zeros_like(levels), 1
        else:
            self._learned += 1
            rate = 1 / self._learned
            apart = cv2.absdiff(levels, self._mean)
            self._variance += rate * (np.minimum(apart, _MOST_DEVIATION) ** 2 - self._variance)
            self._mean += rate * (levels - self._mean)
        self._before = levels

    def _learn(self, levels: Levels, mask: Mask) -> None:
        self._learned += 1
        rate = np.full(levels.shape, max(_LEAST_RATE, 1 / self._learned), np.float32)
        if mask.any():
            moves = mask > 0
            stands = cv2.absdiff(levels, self._before) < _STANDING_CHANGE
            rate[moves] = _MOVING_RATE
            rate[moves & stands] = _STANDING_RATE
        apart = cv2.absdiff(levels, self._mean)
        self._variance += np.minimum(rate, _LEAST_RATE) * (np.minimum(apart, _MOST_DEVIATION) ** 2 - self._variance)
        self._mean += rate * (levels - self._mean)
        self._before = levels


def cleaned(mask: Mask, size: int, within: Mask | None) -> Mask:
    """Return a mask without single pixels, and with nothing outside of `within`."""
    clean = np.asarray(cv2.dilate(cv2.medianBlur(mask, size), np.ones((3, 3), np.uint8)), np.uint8)
    return clean if within is None else clean & within


def moving_parts(mask: Mask, least_pixels: float) -> tuple[MovingPart, ...]:
    """Return the connected parts of a mask that have at least `least_pixels`, the largest first."""
    count, labels, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    found = []
    for label in range(1, count):
        left, top, width, height, pixels = (int(value) for value in stats[label])
        if pixels >= least_pixels:
            inside = labels[top : top + height, left : left + width] == label
            found.append(MovingPart(left, top, width, height, pixels, inside.astype(np.uint8) * 255))
    return tuple(sorted(found, key=lambda part: -part.pixels))


def is_same_texture(now: Levels, before: Levels, mask: Mask) -> bool:
    """True if two pictures have the same pattern under the mask, and there is a pattern.

    The second look compares each pixel with its surroundings, since the light of a lamp fades from its centre.
    """
    inside = _without_edge(mask) > 0
    if _correlation(now[inside], before[inside], _LEAST_TEXTURE) > _SAME_TEXTURE:
        return True
    relief_now, relief_before = now / (cv2.blur(now, _AROUND) + 1), before / (cv2.blur(before, _AROUND) + 1)
    return _correlation(relief_now[inside], relief_before[inside], _LEAST_RELIEF) > _SAME_RELIEF


def _without_edge(mask: Mask) -> Mask:
    """Return the inner part of a mask, whose edge mixes both pictures. A small mask stays as it is."""
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0.0)
    inner = np.asarray(cv2.erode(framed, np.ones((3, 3), np.uint8), iterations=_EDGE), np.uint8)[1:-1, 1:-1]
    return inner if 2 * np.count_nonzero(inner) >= np.count_nonzero(mask) else mask


def _correlation(now: Levels, before: Levels, least_deviation: float) -> float:
    """Return the normalised correlation (-1 to 1), 0 if `before` has no pattern."""
    now, before = now - now.mean(), before - before.mean()
    product = float(np.sqrt((now * now).sum() * (before * before).sum()))
    if product <= 0 or float(np.sqrt((before * before).mean())) < least_deviation:
        return 0.0
    return float((now * before).sum()) / product
