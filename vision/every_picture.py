"""Every picture instead of key frames only: OpenCV's mixture of Gaussians (MOG2) on a quarter of the pixels, at 5 fps.

For channels whose key frames are rare, or where a movement shorter than a group of pictures matters.
"""

from __future__ import annotations

from collections import deque

import cv2
import numpy as np

from vision.background import Difference, Mask, MovingPart, cleaned, is_same_texture, moving_parts
from vision.decoder import HEIGHT, WIDTH, Grey

INTERVAL_MS = 190  # 5 pictures a second, whatever the rounding of their times
_SCALE = 2
_HISTORY, _VARIANCES = 300, 50.0
_GRACE = 10
_LIGHT_SHARE = 0.35


class MovingMixture:
    """The background of one channel as a mixture. A movement is confirmed if 2 of 3 pictures have it."""

    def __init__(self) -> None:
        self._mixture = cv2.createBackgroundSubtractorMOG2(_HISTORY, _VARIANCES, detectShadows=False)
        self._seen = 0
        self._moving: deque[bool] = deque(maxlen=3)

    def begin_anew(self) -> None:
        self.__init__()  # type: ignore[misc]

    def judge(self, picture: Grey, least_pixels: float, within: Mask | None = None) -> Difference | None:
        """Return the moving parts in pixels of the small picture. None while the background is new."""
        size = (WIDTH // _SCALE, HEIGHT // _SCALE)
        small = cv2.blur(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), (3, 3))
        self._seen += 1
        is_new = self._seen <= _GRACE
        mask = np.asarray(self._mixture.apply(small, learningRate=0.1 if is_new else -1), np.uint8)
        if is_new:
            return None
        small_within = None if within is None else np.ascontiguousarray(within[::_SCALE, ::_SCALE])
        mask = cleaned(mask, 3, small_within)
        parts = moving_parts(mask, least_pixels / _SCALE**2)
        if sum(part.pixels for part in parts) > _LIGHT_SHARE * mask.size:
            self.begin_anew()
            return Difference((), True, mask)
        learned = np.asarray(self._mixture.getBackgroundImage(), np.float32)
        now = np.asarray(small, np.float32)
        found = tuple(
            _scaled(part)
            for part in parts
            if not is_same_texture(now[part.rows_columns], learned[part.rows_columns], part.mask)
        )
        return Difference(found, False, mask)

    def confirms(self, is_moving: bool) -> bool:
        """True if the newest picture moves, and one of the two before it."""
        self._moving.append(is_moving)
        return is_moving and sum(self._moving) >= 2


def _scaled(part: MovingPart) -> MovingPart:
    mask = np.kron(part.mask, np.ones((_SCALE, _SCALE), np.uint8))
    left, top, width, height = (_SCALE * value for value in (part.left, part.top, part.width, part.height))
    return MovingPart(left, top, width, height, _SCALE**2 * part.pixels, mask)
