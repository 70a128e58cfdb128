"""A synthetic day of key frames with known movements, for region searches: a yard by day and by infrared at night.

Clouds change the light, rain falls, a clock is burnt in, walkers cross the picture inside and outside of the searched
region, and a crate disappears at a known time. All of it follows from a seed.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.uint8]
WIDTH, HEIGHT = 320, 180
REGION = ((0.55, 0.35), (0.95, 0.35), (0.95, 0.9), (0.55, 0.9))
_CRATE = (200, 105, 236, 135)  # left, top, right, bottom; inside the region


@dataclass(frozen=True, slots=True)
class Walk:
    """A movement of key frames [first, last]. `is_inside`: it crosses the region."""

    first: int
    last: int
    is_inside: bool
    height: int


@dataclass(frozen=True)
class RegionDay:
    """A day of `count` key frames, `step_s` apart. `removed_at`: the first key frame without the crate."""

    count: int = 1000
    step_s: int = 4
    removed_at: int = 637
    seed: int = 7

    @cached_property
    def walks(self) -> tuple[Walk, ...]:
        """Every 12 key frames one walk, two in three of them outside of the region."""
        rng = np.random.default_rng(self.seed)
        found = []
        for number, first in enumerate(range(20, self.count - 12, 12)):
            first += int(rng.integers(0, 4))
            if abs(first - self.removed_at) < 12:  # the removal has its own time
                continue
            length = int(rng.integers(2, 6))
            found.append(Walk(first, first + length - 1, number % 3 == 0, int(rng.integers(26, 60))))
        return tuple(found)

    @property
    def inside(self) -> tuple[Walk, ...]:
        return tuple(walk for walk in self.walks if walk.is_inside)

    def has_crate(self, index: int) -> bool:
        return index < self.removed_at

    def is_night(self, index: int) -> bool:
        """True for the middle of the day's key frames: the camera sees infrared light."""
        return 0.42 <= index / self.count < 0.6

    def picture(self, index: int) -> Luma:
        """Return the key frame with this number."""
        rng = np.random.default_rng(self.seed * 100_003 + index)
        scene = (self._with_crate if self.has_crate(index) else self._empty).copy()
        for walk in self.walks:
            if walk.first <= index <= walk.last:
                _draw_walker(scene, walk, (index - walk.first + 0.5) / (walk.last - walk.first + 1))
        if self.is_night(index):
            scene = 0.45 * (scene - 110.0) + 70.0 + self._lamp
            noise = 5.0
        else:
            cloud = 1.0 - 0.35 * max(0.0, np.sin(index / 23.0)) * np.clip(self._slope + np.sin(index / 61.0), 0.0, 1.0)
            scene *= cloud * (0.75 + 0.25 * np.sin(np.pi * index / self.count))
            noise = 2.0
        if 0.2 <= index / self.count < 0.3:
            _draw_rain(scene, rng)
        scene += rng.normal(0.0, noise, scene.shape).astype(np.float32)
        shown = np.clip(scene, 0, 255).astype(np.uint8)
        cv2.putText(shown, f"{index:06d}", (4, 12), cv2.FONT_HERSHEY_SIMPLEX, 0.4, 235, 1)
        return shown

    # ---- the scene -------------------------------------------------------------------------------

    @cached_property
    def _slope(self) -> NDArray[np.float32]:
        return np.tile(np.linspace(-0.4, 0.8, WIDTH, dtype=np.float32), (HEIGHT, 1))

    @cached_property
    def _lamp(self) -> NDArray[np.float32]:
        y, x = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
        lamp: NDArray[np.float32] = 50.0 * np.exp(-((x - 210) ** 2 + (y - 90) ** 2) / 9000.0)
        return lamp

    @cached_property
    def _empty(self) -> NDArray[np.float32]:
        rng = np.random.default_rng(self.seed)
        ground = cv2.GaussianBlur(rng.normal(0, 130, (HEIGHT, WIDTH)).astype(np.float32), (0, 0), 3)
        scene = np.full((HEIGHT, WIDTH), 118.0, np.float32) + ground
        scene[:60] += 30
        for left in range(0, WIDTH, 40):
            cv2.rectangle(scene, (left, 18), (left + 22, 44), float(60 + 40 * (left // 40 % 3)), -1)
        cv2.line(scene, (0, 62), (WIDTH, 62), 40.0, 2)
        cv2.line(scene, (150, 64), (110, HEIGHT), 190.0, 2)
        return scene

    @cached_property
    def _with_crate(self) -> NDArray[np.float32]:
        scene = self._empty.copy()
        left, top, right, bottom = _CRATE
        cv2.rectangle(scene, (left, top), (right, bottom), 62.0, -1)
        for x in range(left + 4, right, 8):
            cv2.line(scene, (x, top + 2), (x, bottom - 2), 170.0, 2)
        return scene


def _draw_walker(scene: NDArray[np.float32], walk: Walk, progress: float) -> None:
    lower, upper = (185, 295) if walk.is_inside else (10, 150)
    x, foot = int(lower + progress * (upper - lower)), 158 if walk.is_inside else 150
    width = max(8, walk.height // 3)
    is_dark = walk.first % 2 == 0
    cv2.rectangle(scene, (x - width // 2, foot - walk.height), (x + width // 2, foot), 38.0 if is_dark else 225.0, -1)
    cv2.circle(scene, (x, foot - walk.height), width // 2, 205.0 if is_dark else 60.0, -1)


def _draw_rain(scene: NDArray[np.float32], rng: np.random.Generator) -> None:
    for x, y in zip(rng.integers(0, WIDTH, 60), rng.integers(0, HEIGHT, 60), strict=True):
        cv2.line(scene, (int(x), int(y)), (int(x) + 1, int(y) + 7), 200.0, 1)
