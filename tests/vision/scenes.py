"""Scenes of a drawn street with movements at known times, encoded as H.264: 640x360, 15 fps, a key frame each 2 s.

Each scene has seeded movements (a walker 150, 60 or 22 pixels tall, a car) and one disturbance, such as rain or
headlights. All but the clean one have a clock that changes each second.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
WIDTH, HEIGHT, FPS = 640, 360, 15
SCENES = (
    *("day", "night", "flicker", "rain", "snow", "shake"),
    *("infrared", "bush", "clouds", "headlights", "clean"),
)


@dataclass(frozen=True, slots=True)
class Movement:
    """An object that walks or drives from x0 to x1. It comes from behind a wall at x0 and goes behind one at x1."""

    start_s: float
    length_s: float
    height: int
    width: int
    foot_y: int
    x0: float
    x1: float
    grey: int

    @property
    def end_s(self) -> float:
        return self.start_s + self.length_s

    def draw(self, picture: Picture, now_s: float) -> None:
        if not self.start_s <= now_s < self.end_s:
            return
        left = self.x0 + (self.x1 - self.x0) * (now_s - self.start_s) / self.length_s - self.width / 2
        walls = sorted((self.x0, self.x1))
        x0, x1 = round(max(left, walls[0], 0)), round(min(left + self.width, walls[1], WIDTH))
        top = self.foot_y - self.height
        if x1 <= x0:
            return
        if self.width > self.height:
            draw_car(picture, x0, x1, self.foot_y, self.height, self.grey)
            return
        head = self.height // 6
        middle = (x0 + x1) // 2
        picture[top : top + head, max(0, middle - head // 2) : middle + 1 + head // 2] = min(255, self.grey + 40)
        picture[top + head : self.foot_y - self.height // 3, x0:x1] = self.grey
        stride = abs(np.sin(6 * now_s)) * self.width / 3
        for leg in (round(middle - stride), round(middle + stride)):
            picture[self.foot_y - self.height // 3 : self.foot_y, max(x0, leg - 1 - self.width // 8) : leg + 1] = 40


def draw_car(picture: Picture, x0: int, x1: int, foot_y: int, height: int, grey: int) -> None:
    """Draw a body and a cabin with dark windows."""
    top = foot_y - height
    picture[top + height // 2 : foot_y, x0:x1] = grey
    picture[top : top + height // 2, x0 + (x1 - x0) // 4 : x1 - (x1 - x0) // 4] = grey // 2


@dataclass(frozen=True, slots=True)
class Visit:
    """A car that comes from the left edge, parks from `parks_s` to `leaves_s`, and leaves to the right edge."""

    parks_s: float
    leaves_s: float
    x: int
    foot_y: int = 300
    grey: int = 225
    height: int = 48
    width: int = 130

    def draw(self, picture: Picture, now_s: float) -> None:
        along = min(now_s - self.parks_s, 0.0) + max(now_s - self.leaves_s, 0.0)
        x0 = round(self.x + 160 * along)
        if -self.width < x0 < WIDTH:
            draw_car(picture, max(0, x0), min(WIDTH, x0 + self.width), self.foot_y, self.height, self.grey)

    @property
    def comes_s(self) -> float:
        return self.parks_s - (self.x + self.width) / 160

    @property
    def is_gone_s(self) -> float:
        return self.leaves_s + (WIDTH - self.x) / 160


def street(seed: int = 1) -> Picture:
    """Return an empty street with the texture of a real one."""
    chance = np.random.default_rng(seed)
    picture = np.full((HEIGHT, WIDTH), 150, np.float32)
    picture[:110] = np.linspace(215, 180, 110)[:, None]
    for left in range(0, WIDTH, 130):
        grey, top = chance.integers(95, 170), int(chance.integers(30, 80))
        picture[top:190, left : left + 118] = grey
        for y in range(top + 10, 170, 28):
            for x in range(left + 10, left + 100, 26):
                picture[y : y + 16, x : x + 14] = grey + chance.integers(-55, 45)
    picture[230:330] = 92
    picture[278:282, ::1] = np.where(np.arange(WIDTH) % 60 < 34, 200, 92)
    picture[190:230] = 140
    cv2.circle(picture, (560, 150), 55, 70.0, -1)
    for size, strength in ((2, 5.0), (6, 7.0), (24, 8.0)):
        small = chance.normal(0, strength, (HEIGHT // size + 2, WIDTH // size + 2)).astype(np.float32)
        picture += cv2.resize(small, (WIDTH + 2 * size, HEIGHT + 2 * size))[:HEIGHT, :WIDTH]
    return np.clip(picture, 0, 255).astype(np.uint8)


def movements_of(seed: int, length_s: int, every_s: float = 13.5) -> tuple[Movement, ...]:
    """Return movements from the 12th second on, `every_s` apart, sizes in turn."""
    chance = random.Random(seed)
    found = []
    start_s, size = 12.0, seed
    while start_s + 7 < length_s:
        begins_s, is_leftward = start_s + chance.uniform(-0.5, 0.5), chance.random() < 0.5
        height, width, foot_y, way, takes_s = (
            (150, 50, 345, 640, 6.5),
            (60, 20, 262, 240, 6.0),
            (48, 130, 300, 900, 4.0),
            (22, 9, 226, 110, 6.0),
        )[size % 4]
        x0 = chance.uniform(60, WIDTH - way - 60) if way < WIDTH else (WIDTH - way) / 2
        ends = (x0, x0 + way)
        grey = chance.choice((35, 50, 215, 235))
        found.append(Movement(begins_s, takes_s, height, width, foot_y, *(ends[::-1] if is_leftward else ends), grey))
        start_s, size = start_s + every_s, size + 1
    return tuple(found)


# ---- disturbances: each gets the picture with its objects, the time, and the scene's chance ---------


class _Weather:
    """The disturbance of a scene, and its sensor's noise."""

    def __init__(self, name: str, seed: int, length_s: int) -> None:
        self._change: Callable[[Picture, float], Picture] = getattr(self, f"_{name}", self._day)
        self._chance = np.random.default_rng(seed)
        strength = {"night": 6.0, "headlights": 3.0, "clean": 0.0}.get(name, 1.8)
        noise = self._chance.normal(0, strength, (8, HEIGHT + 16, WIDTH + 16))
        self._noise = np.clip(np.round(noise), -40, 40).astype(np.int16)
        self._length_s = length_s
        self._flakes = self._chance.uniform(0, 1, (120, 3))
        self._shift = np.zeros(2)
        x, y = np.linspace(-1, 1, WIDTH)[None, :], np.linspace(-1, 1, HEIGHT)[:, None]
        self._glow = (1.25 - 0.5 * (x**2 + y**2)).astype(np.float32)  # of the camera's own infrared lamps

    def picture(self, drawn: Picture, now_s: float, number: int) -> Picture:
        changed = self._change(drawn, now_s)
        y, x = self._chance.integers(0, 16, 2)
        noise = self._noise[number % 8, y : y + HEIGHT, x : x + WIDTH]
        return cv2.add(changed, noise, dtype=cv2.CV_8U)  # type: ignore[return-value]

    def _day(self, picture: Picture, now_s: float) -> Picture:
        return picture

    def _night(self, picture: Picture, now_s: float) -> Picture:
        return _scaled(picture, 0.35, 12)

    def _flicker(self, picture: Picture, now_s: float) -> Picture:
        bands = 6 * np.sin(np.arange(HEIGHT) / 28 + 9.1 * now_s) + 7 * np.sin(8.3 * now_s)
        return cv2.add(picture, np.repeat(bands[:, None], WIDTH, 1).astype(np.int16), dtype=cv2.CV_8U)  # type: ignore[return-value]

    def _rain(self, picture: Picture, now_s: float) -> Picture:
        wet = picture.copy()
        for x, y, long in self._chance.integers((0, 0, 8), (WIDTH, HEIGHT, 24), (140, 3)):
            cv2.line(wet, (int(x), int(y)), (int(x) + 2, int(y + long)), 205.0, 1)
        return cv2.addWeighted(picture, 0.6, wet, 0.4, 0)  # type: ignore[return-value]

    def _snow(self, picture: Picture, now_s: float) -> Picture:
        white = picture.copy()
        for x, y, speed in self._flakes:
            place = (
                int(x * WIDTH + 12 * np.sin(2 * now_s + 9 * y)),
                int((y + now_s * (0.1 + 0.2 * speed)) % 1 * HEIGHT),
            )
            cv2.circle(white, place, 2 + int(speed * 3), 250.0, -1)
        return white

    def _shake(self, picture: Picture, now_s: float) -> Picture:
        self._shift = np.clip(0.7 * self._shift + self._chance.normal(0, 0.9, 2), -2.5, 2.5)
        by = np.array([[1, 0, self._shift[0]], [0, 1, self._shift[1]]], np.float32)
        return cv2.warpAffine(picture, by, (WIDTH, HEIGHT), borderMode=cv2.BORDER_REPLICATE)  # type: ignore[return-value]

    def _infrared(self, picture: Picture, now_s: float) -> Picture:
        since_s = now_s - 0.35 * self._length_s
        if since_s < 0 or now_s > 0.8 * self._length_s:
            return picture
        exposure = 1.5 - min(0.5, since_s)  # it settles within half a second
        return cv2.multiply(_scaled(picture, 0.5, 45), self._glow, scale=exposure, dtype=cv2.CV_8U)  # type: ignore[return-value]

    def _bush(self, picture: Picture, now_s: float) -> Picture:
        moved = picture.copy()
        rows = np.arange(100, 205)
        sway = np.round(3 * np.sin(2.1 * now_s + rows / 20)).astype(int)
        for row, by in zip(rows, sway, strict=True):
            moved[row, 505:615] = np.roll(picture[row, 505:615], by)
        return moved

    def _clouds(self, picture: Picture, now_s: float) -> Picture:
        x, y = np.arange(16)[None, :], np.arange(9)[:, None]
        shade = 0.8 + 0.2 * np.sin(x / 3 + now_s / 2.5 + np.sin(y / 2 + now_s / 7))
        return cv2.multiply(picture, cv2.resize(shade, (WIDTH, HEIGHT)), dtype=cv2.CV_8U)  # type: ignore[return-value]

    def _headlights(self, picture: Picture, now_s: float) -> Picture:
        dusk = _scaled(picture, 0.5, 8)
        since_s = (now_s - 9.0) % 10.0
        if since_s > 2.2:
            return dusk
        x = np.arange(WIDTH) - (since_s / 2.2 * 900 - 130)
        y = np.arange(HEIGHT) - 215
        light = np.exp(-(x[None, :] ** 2) / 9000 - y[:, None] ** 2 / 3500).astype(np.float32)
        return cv2.multiply(dusk, 1 + 1.3 * light, dtype=cv2.CV_8U)  # type: ignore[return-value]


def _scaled(picture: Picture, by: float, plus: float) -> Picture:
    scaled: Picture = np.clip(picture * np.float32(by) + np.float32(plus), 0, 255).astype(np.uint8)
    return scaled


def pictures(
    name: str, seed: int, length_s: int, movements: Iterable[Movement | Visit], fps: int = FPS
) -> Iterator[Picture]:
    """Yield the pictures of a scene."""
    empty = street(seed)
    weather = _Weather(name, seed, length_s)
    for number in range(length_s * fps):
        now_s = number / fps
        drawn = empty.copy()
        for movement in movements:
            movement.draw(drawn, now_s)
        changed = weather.picture(drawn, now_s, number)
        if name != "clean":
            burn_clock(changed, int(now_s))
        yield changed


def burn_clock(picture: Picture, second: int, scale: float = 0.55) -> None:
    """Write date and time into the upper left corner, as cameras do."""
    text = f"2026-11-30 {7 + second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}"
    place = (8, round(8 + 22 * scale))
    for grey, thick in ((0.0, 4), (255.0, 1)):
        cv2.putText(picture, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, grey, thick)
