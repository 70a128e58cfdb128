"""Compares one part of pictures: has something moved there, and has it changed for good? For searches in recordings.

Both judgements bear other light: the background of a movement is corrected for gain, and a lasting change is judged by
the structure of the surfaces, so that day and night look the same.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
_Grey = NDArray[np.float32]
_Mask = NDArray[np.bool_]

LEAST_SHARE = 0.012
"""The least changed part of a region that counts as a movement."""

_LONGEST_SIDE = 192  # of the compared picture, in pixels
_SHORTEST_SIDE = 12
_LEAST_DIFFERENCE = 16.0  # grey levels
_FIRST_VARIANCE = 36.0
_LEAST_VARIANCE, _MOST_VARIANCE = 4.0, 40.0
_VARIANCES = 16.0
_LEAST_ALPHA = 0.15
_WHOLE_SIZE = (64, 36)
_LIGHT_CHANGED = 4.0  # grey levels, the median of the whole picture: infrared light, lamps, or the camera has moved
_GRACE = 1  # pictures after it, while the exposure settles
_LEAST_AROUND = 150  # pixels of the whole picture that tell the gain
_LEAST_PIXELS = 16
_SOLID = 0.4  # rain and noise make blobs with holes
_SAME_TEXTURE = 0.8
_LEAST_TEXTURE = 3.0  # grey levels
_SAME_PART = 0.6  # of a blob's pixels
_PROBE_PICTURES = 3
_MOST_PROBES = 96
_WINDOW = 9
_LEAST_DEVIATION = 5.0  # grey levels: less is a surface without structure
_SAME_STRUCTURE = 0.45
_OTHER_BRIGHTNESS = 40.0


@dataclass(frozen=True, slots=True)
class Judgement:
    """`share`: the changed part of the region. `contrast`: mean difference there in grey levels.

    `is_reset`: the light has changed, or the camera has moved; the background is the present picture now.
    """

    share: float
    contrast: float
    is_reset: bool = False


class RegionComparison:
    """One region of one stream. `points`: its polygon, in fractions of width and height. For one thread.

    Pictures may change their size: the comparison begins anew. Probes of mode "changed" stay comparable.
    """

    def __init__(self, points: Sequence[tuple[float, float]], mode: str) -> None:
        self._points = np.array(points, dtype=np.float64)
        self.mode = mode
        self._shape: tuple[int, int] | None = None  # of the pictures
        self._mask: _Mask = np.zeros((0, 0), np.bool_)
        self._average: _Grey | None = None
        self._variance: _Grey | None = None
        self._whole: _Grey = np.zeros((0, 0), np.float32)  # the learned picture, small
        self._around: _Mask = np.zeros((0, 0), np.bool_)  # the part of it that tells the gain of the region
        self._count = 0
        self._grace = 0
        self._probes: OrderedDict[int, list[_Grey]] = OrderedDict()

    # ---- something moved -------------------------------------------------------------------------

    def moved(self, luma: Luma, *, is_after_gap: bool = False) -> Judgement:
        """Judge the next picture in order of time. The first one after a gap is the background of the next ones."""
        grey, whole = self._part(luma), _small(luma)
        if is_after_gap or self._average is None or self._variance is None:
            self._begin(grey, whole)
            return Judgement(0.0, 0.0, is_reset=True)
        gain = _gain(whole[self._around], self._whole[self._around])
        if self._is_other_light(whole):
            self._begin(grey, whole)
            self._grace = _GRACE
            return Judgement(0.0, 0.0, is_reset=True)
        background = self._average * gain
        difference = np.abs(grey - background)
        changed = difference * difference > np.maximum(_LEAST_DIFFERENCE**2, _VARIANCES * self._variance)
        changed = self._blobs(changed & self._mask, grey, background)
        share = _share(changed, self._mask)
        contrast = float(difference[changed].mean()) if share else 0.0
        self._learn(grey, background, whole)
        if self._grace:
            self._grace -= 1
            return Judgement(0.0, 0.0)
        return Judgement(share, contrast) if share >= LEAST_SHARE else Judgement(0.0, 0.0)

    def _is_other_light(self, whole: _Grey) -> bool:
        """True if most of the whole picture has changed beyond its gain. An object may fill a small region."""
        background = self._whole * _gain(whole, self._whole)
        return float(np.median(np.abs(whole - background))) > _LIGHT_CHANGED

    def _begin(self, grey: _Grey, whole: _Grey) -> None:
        self._average, self._whole = grey, whole
        self._variance = np.full_like(grey, _FIRST_VARIANCE)
        self._count = 1
        self._grace = 0

    def _learn(self, grey: _Grey, background: _Grey, whole: _Grey) -> None:
        self._count += 1
        alpha = np.float32(max(_LEAST_ALPHA, 1.0 / self._count))
        self._whole = self._whole + alpha * (whole - self._whole)
        difference = grey - background
        self._average = self._average + alpha * (grey - self._average) if self._average is not None else grey
        variance = self._variance if self._variance is not None else np.full_like(grey, _FIRST_VARIANCE)
        # A passing object must not make its way insensitive.
        seen = np.minimum(difference * difference, 2.0 * np.maximum(variance, _FIRST_VARIANCE))
        self._variance = np.clip(variance + alpha * (seen - variance), _LEAST_VARIANCE, _MOST_VARIANCE)

    def _blobs(self, changed: _Mask, grey: _Grey, background: _Grey) -> _Mask:
        """Return the changed pixels of large blobs that are no change of light."""
        cleaned = cv2.medianBlur(changed.astype(np.uint8), 3)
        joined = cv2.dilate(cleaned, np.ones((3, 3), np.uint8))
        count, labels, _, _ = cv2.connectedComponentsWithStats(joined, connectivity=8)
        if count == 1:
            return np.zeros(changed.shape, np.bool_)
        least = max(_LEAST_PIXELS, LEAST_SHARE * np.count_nonzero(self._mask))
        is_light = _is_same_texture(grey, background)
        kept = np.zeros(changed.shape, np.bool_)
        for number in range(1, count):
            blob = (labels == number) & self._mask
            if np.count_nonzero(blob & changed) < max(least, _SOLID * np.count_nonzero(blob)):
                continue
            if np.count_nonzero(is_light[blob]) < _SAME_PART * np.count_nonzero(blob):
                kept |= blob
        return kept

    # ---- lasting changes ------------------------------------------------------------------------

    def keep(self, luma: Luma, probe_ms: int) -> None:
        """Add a picture to a probe: the median of up to three pictures, in which a passing object disappears."""
        pictures = self._probes.setdefault(probe_ms, [])
        self._probes.move_to_end(probe_ms)
        if len(pictures) < _PROBE_PICTURES:
            pictures.append(self._part(luma))
        while len(self._probes) > _MOST_PROBES:
            self._probes.popitem(last=False)

    def difference(self, a_ms: int, b_ms: int) -> float:
        """Return the part of the region whose structure differs between two probes. Raise KeyError if one is missing.

        The structure is compared in small windows, each with its own brightness and contrast.
        """
        a, b = (_median(self._probes[probe_ms]) for probe_ms in (a_ms, b_ms))
        if a.shape != b.shape:
            b = cv2.resize(b, (a.shape[1], a.shape[0]), interpolation=cv2.INTER_AREA).astype(np.float32)
        mask = self._mask if self._mask.shape == a.shape else np.ones(a.shape, np.bool_)
        correlation, a_deviation, b_deviation = _correlated(a, b)
        more = np.maximum(a_deviation, b_deviation)
        less = np.minimum(a_deviation, b_deviation)
        # Lamps at night flatten structures, so that one of both may have little contrast.
        has_structure = (more > _LEAST_DEVIATION) & (more > 0.0)
        is_other = has_structure & (correlation < _SAME_STRUCTURE)
        is_gone = (more > 3.0 * _LEAST_DEVIATION) & (less < more / 6.0)
        changed: Any = ((is_other | is_gone) & mask).astype(np.uint8)
        changed = cv2.morphologyEx(changed, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
        return _share(changed, mask)

    # ---- the part of the picture -----------------------------------------------------------------

    def _part(self, luma: Luma) -> _Grey:
        """Return the blurred bounding box of the region, at most 192 pixels wide or high."""
        height, width = luma.shape
        lower, upper = self._points.min(axis=0), self._points.max(axis=0)
        left, top = int(lower[0] * width), int(lower[1] * height)
        right = min(width, max(left + 4, int(np.ceil(upper[0] * width))))
        bottom = min(height, max(top + 4, int(np.ceil(upper[1] * height))))
        left, top = min(left, right - 4), min(top, bottom - 4)
        part: Any = luma[top:bottom, left:right]
        longest = max(right - left, bottom - top)
        scale = min(0.5, _LONGEST_SIDE / longest)
        scale = max(scale, min(1.0, _SHORTEST_SIDE / min(right - left, bottom - top)))
        size = (max(4, round((right - left) * scale)), max(4, round((bottom - top) * scale)))
        small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
        if self._shape != (height, width):
            self._shape = (height, width)
            self._mask = self._mask_of(size, (left / width, top / height), (right / width, bottom / height))
            self._average = None
            self._around = self._around_region()
        return np.asarray(cv2.GaussianBlur(small, (3, 3), 0), np.float32)

    def _around_region(self) -> _Mask:
        """Return the surroundings of the region in the small whole picture, without the region unless that is large."""
        width, height = _WHOLE_SIZE
        lower, upper = self._points.min(axis=0), self._points.max(axis=0)
        left, top = np.floor((2 * lower - upper).clip(0, 1) * (width, height)).astype(int)
        right, bottom = np.ceil((2 * upper - lower).clip(0, 1) * (width, height)).astype(int)
        around = np.zeros((height, width), np.uint8)
        around[top:bottom, left:right] = 1
        outside = around.copy()
        cv2.fillPoly(outside, [np.round(self._points * (width, height)).astype(np.int32)], 0)
        for mask in (outside, around):
            if np.count_nonzero(mask) >= _LEAST_AROUND:
                return mask.astype(np.bool_)
        return np.ones((height, width), np.bool_)

    def _mask_of(self, size: tuple[int, int], lower: tuple[float, float], upper: tuple[float, float]) -> _Mask:
        width, height = size
        scaled = (self._points - np.array(lower)) / (np.array(upper) - np.array(lower)) * np.array([width, height])
        mask = np.zeros((height, width), np.uint8)
        cv2.fillPoly(mask, [np.round(scaled).astype(np.int32)], 1)
        return mask.astype(np.bool_) if mask.any() else np.ones((height, width), np.bool_)


def _share(changed: NDArray[Any], mask: _Mask) -> float:
    return int(np.count_nonzero(changed)) / max(1, int(np.count_nonzero(mask)))


def _small(luma: Luma) -> _Grey:
    """Return the whole picture with 64 by 36 pixels."""
    return cv2.resize(luma, _WHOLE_SIZE, interpolation=cv2.INTER_AREA).astype(np.float32)


def _gain(grey: _Grey, background: _Grey) -> np.float32:
    """Return how much brighter a picture is than its background, by its median, from 0.5 to 2."""
    return np.float32(min(2.0, max(0.5, float(np.median((grey + 1.0) / (background + 1.0))))))


def _is_same_texture(grey: _Grey, background: _Grey) -> _Mask:
    """Return the pixels around which both show the same structure, so that a shadow or a lamp made the difference."""
    correlation, deviation, _ = _correlated(background, grey)
    return (correlation > _SAME_TEXTURE) & (deviation > _LEAST_TEXTURE)


def _correlated(a: _Grey, b: _Grey) -> tuple[_Grey, _Grey, _Grey]:
    """Return the correlation of the windows around each pixel, and the deviations in both pictures."""
    a_mean, a_deviation = _local(a)
    b_mean, b_deviation = _local(b)
    together = cv2.boxFilter(a * b, cv2.CV_32F, (_WINDOW, _WINDOW)) - a_mean * b_mean
    return together / np.maximum(a_deviation * b_deviation, 1.0), a_deviation, b_deviation


def _median(pictures: Sequence[_Grey]) -> _Grey:
    same = [picture for picture in pictures if picture.shape == pictures[0].shape]
    return np.median(np.stack(same), axis=0).astype(np.float32)


def _local(grey: _Grey) -> tuple[_Grey, _Grey]:
    """Return mean and deviation of the window around each pixel."""
    mean = np.asarray(cv2.boxFilter(grey, cv2.CV_32F, (_WINDOW, _WINDOW)), np.float32)
    square = np.asarray(cv2.boxFilter(grey * grey, cv2.CV_32F, (_WINDOW, _WINDOW)), np.float32)
    return mean, np.sqrt(np.maximum(square - mean * mean, 0.0))
