"""Searches in a part of the picture: something moved there, or the scene changed there and stayed so.

Movements are judged as those of a channel, with the learned background of the region alone. A lasting change is the
local correlation of two probes, each the median of some pictures: the same scene has it by day and by infrared light.
"""

from __future__ import annotations

from collections import OrderedDict

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from vision.background import Background, Difference
from vision.decoder import HEIGHT, WIDTH, DecodingFailed, Grey, KeyFrameDecoder, grey_of, jpeg_of, small_grey_of
from vision.messages import Failed, Point, Region, RegionCompare, RegionOpen, RegionPair, RegionPicture
from vision.zones import NO_CELLS, Zones, packed, polygon_mask

_LEAST_OF_REGION = 0.012  # a blob
_LEAST_OF_PICTURE = 0.001
_FLOOR = 12.0
_THUMB_WIDTH = 320
_MOST_SIDE, _LEAST_SIDE = 320, 48  # of the region in pixels after shrinking
_MOST_PROBES, _MOST_OF_PROBE = 64, 9
_WINDOW = 9
_LEAST_DEVIATION = 7.0
_ALIKE = 0.45


class RegionSearch:
    """One search. Pictures of another size begin its background anew."""

    def __init__(self, opened: RegionOpen) -> None:
        self._opened = opened
        self._decoder = KeyFrameDecoder(opened.codec)
        self._background = Background(floor=_FLOOR, blur=3, with_gain=True)
        self._whole = Background()
        self._zones = Zones(())
        self._size: tuple[int, int] | None = None
        self._mask: NDArray[np.uint8] = np.zeros((0, 0), np.uint8)
        self._probes: OrderedDict[int, list[Grey]] = OrderedDict()

    def look(self, picture: RegionPicture) -> Region | Failed:
        """Judge a picture of a search for movements, or add it to its probe."""
        try:
            frame = self._decoder.decode(picture.body)
            region = self._region_of(frame)
            if self._opened.mode == "changed":
                self._add(picture, region)
                return Region(picture.id, picture.time_ms, 0.0, 0.0, True, packed(NO_CELLS))
            return self._judged(picture, frame, region)
        except DecodingFailed:
            return Failed("decoder", id=picture.id, time_ms=picture.time_ms)

    def compare(self, asked: RegionCompare) -> RegionPair | Failed:
        """Return the difference of two probes."""
        a, b = (self._probes.get(probe_ms) for probe_ms in (asked.a_ms, asked.b_ms))
        if not a or not b or a[0].shape != b[0].shape:
            return Failed("too_few_pictures", id=asked.id)
        return RegionPair(asked.id, asked.a_ms, asked.b_ms, lasting_difference(_median(a), _median(b), self._mask))

    def _judged(self, picture: RegionPicture, frame: av.VideoFrame, region: Grey) -> Region:
        if picture.is_after_gap:
            self._background.begin_anew()
            self._whole.begin_anew()
        inside = int(np.count_nonzero(self._mask))
        least = max(4.0, _LEAST_OF_REGION * inside)
        difference = self._background.judge(region, least, self._mask)
        cells = self._cells(self._whole.judge(small_grey_of(frame), _LEAST_OF_PICTURE * WIDTH * HEIGHT))
        if difference is None or difference.is_light:
            return Region(picture.id, picture.time_ms, 0.0, 0.0, True, cells)
        share = min(1.0, sum(part.pixels for part in difference.parts) / inside)
        contrast, thumb = 0.0, b""
        if difference.parts:
            contrast = min(255.0, self._background.contrast(region, difference.mask))
            thumb = jpeg_of(frame, _THUMB_WIDTH)
        return Region(picture.id, picture.time_ms, share, contrast, False, cells, thumb)

    def _cells(self, difference: Difference | None) -> bytes:
        if difference is None or difference.is_light:
            return packed(NO_CELLS)
        return packed(self._zones.counted(difference.parts).cells)

    def _add(self, picture: RegionPicture, region: Grey) -> None:
        probe = self._probes.setdefault(picture.time_ms if picture.probe_ms is None else picture.probe_ms, [])
        if len(probe) < _MOST_OF_PROBE:
            probe.append(region)
        if len(self._probes) > _MOST_PROBES:
            self._probes.popitem(last=False)

    def _region_of(self, frame: av.VideoFrame) -> Grey:
        """Return the polygon's rectangle of a picture at half size, within the bounds of both sides."""
        grey = grey_of(frame)
        height, width = grey.shape
        left, top, right, bottom = _rectangle(self._opened.points, width, height)
        wide, high = right - left, bottom - top
        scale = min(1.0, _MOST_SIDE / max(wide, high), max(0.5, _LEAST_SIDE / min(wide, high)))
        size = (max(1, round(wide * scale)), max(1, round(high * scale)))
        if self._size != (width, height):
            self._size = (width, height)
            whole = polygon_mask(self._opened.points, width, height)[top:bottom, left:right]
            self._mask = np.asarray(cv2.resize(whole, size, interpolation=cv2.INTER_NEAREST), np.uint8)
            if not self._mask.any():
                self._mask[:] = 255  # a polygon thinner than a pixel
            self._background.begin_anew()
            self._whole.begin_anew()
        return np.asarray(cv2.resize(grey[top:bottom, left:right], size, interpolation=cv2.INTER_AREA), np.uint8)


def _rectangle(points: tuple[Point, ...], width: int, height: int) -> tuple[int, int, int, int]:
    xs, ys = [x * width for x, _ in points], [y * height for _, y in points]
    left, top = min(int(min(xs)), width - 1), min(int(min(ys)), height - 1)
    return left, top, min(width, max(left + 1, round(max(xs)))), min(height, max(top + 1, round(max(ys))))


def _median(pictures: list[Grey]) -> NDArray[np.float32]:
    return np.asarray(np.median(np.stack(pictures), axis=0), np.float32)


def lasting_difference(a: NDArray[np.float32], b: NDArray[np.float32], mask: NDArray[np.uint8]) -> float:
    """Return the share (0 to 1) of the mask in which two pictures have different patterns, in any light."""
    size = (_WINDOW, _WINDOW)
    a, b = cv2.blur(a, (3, 3)), cv2.blur(b, (3, 3))  # type: ignore[assignment]
    mean_a, mean_b = cv2.blur(a, size), cv2.blur(b, size)
    variance_a = np.maximum(cv2.blur(a * a, size) - mean_a * mean_a, 0)
    variance_b = np.maximum(cv2.blur(b * b, size) - mean_b * mean_b, 0)
    common = cv2.blur(a * b, size) - mean_a * mean_b
    steady = _LEAST_DEVIATION**2 / 4
    alike = (common + steady) / np.sqrt((variance_a + steady) * (variance_b + steady))
    is_textured = np.maximum(variance_a, variance_b) > _LEAST_DEVIATION**2
    differs = ((alike < _ALIKE) & is_textured).astype(np.uint8) * 255
    differs = np.asarray(cv2.medianBlur(differs, 5), np.uint8) & mask
    return float(np.count_nonzero(differs)) / max(1, int(np.count_nonzero(mask)))
