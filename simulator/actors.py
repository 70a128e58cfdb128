"""The moving things of the scenes: cars, people, boats, trains, and their places at each moment of the loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from simulator.canvas import Canvas, Colour, Point, Sprite

Draw = Callable[[Canvas, int], None]

WHITE: Colour = (225, 128, 128)
BLACK: Colour = (24, 128, 128)
GLASS: Colour = (70, 140, 120)
SKIN: Colour = (165, 115, 150)
LAMP: Colour = (215, 80, 145)
RED: Colour = (85, 95, 205)
GREEN: Colour = (120, 80, 75)


@dataclass(frozen=True, slots=True)
class Actor:
    """A thing that moves or blinks, and is at the end of the loop where it was at the beginning.

    `start`, `end`: places of its top left corner, as fractions of the frame.
    `every_s`: seconds from start to end, rounded so that a loop holds whole laps.
    `poses`, `poses_per_s`: its sprites, shown in turns at this rate.
    `duty`: the first part of each lap, from 0 to 1, in which it can be seen.
    `back`: the sprites of the way back; without any it does not return.
    """

    poses: tuple[Sprite, ...]
    start: Point
    end: Point
    every_s: float
    phase: float = 0.0
    poses_per_s: int = 3
    duty: float = 1.0
    back: tuple[Sprite, ...] = ()

    def put(self, frame: bytearray, width: int, height: int, seconds: float, loop_s: int) -> None:
        """Draw it into a yuv420p frame at `seconds` of a loop of `loop_s`."""
        laps = max(1, round(loop_s / self.every_s))
        progress = (seconds / loop_s * laps + self.phase) % 1.0
        if progress >= self.duty:
            return
        along, poses = progress / self.duty, self.poses
        if self.back:
            poses = self.poses if along < 0.5 else self.back
            along = 2 * along if along < 0.5 else 2 - 2 * along
        x = self.start[0] + (self.end[0] - self.start[0]) * along
        y = self.start[1] + (self.end[1] - self.start[1]) * along
        pose = poses[int(seconds * self.poses_per_s) % len(poses)]
        pose.put(frame, width, height, round(x * width), round(y * height))


class SpriteMaker:
    """Makes sprites for frames of one size; `size` is a fraction of the frame's width and height."""

    def __init__(self, width: int, height: int, *, grey: bool) -> None:
        self.width, self.height, self.grey = width, height, grey

    def sprite(self, size: Point, draw: Draw, pose: int = 0, *, mirrored: bool = False) -> Sprite:
        """Make a sprite: `draw` paints opaque colours on a transparent canvas of that size."""
        wide, high = (
            max(4, round(part * full) & ~1) for part, full in zip(size, (self.width, self.height), strict=True)
        )
        canvas: Canvas = _Mirror(wide, high) if mirrored else Canvas(wide, high, (0, 0, 0))
        draw(canvas, pose)
        if self.grey:
            canvas.drain_colour()
        return Sprite(canvas)

    def cycle(self, size: Point, draw: Draw, poses: int, *, mirrored: bool = False) -> tuple[Sprite, ...]:
        """Make the sprites of a thing in several poses."""
        return tuple(self.sprite(size, draw, pose, mirrored=mirrored) for pose in range(poses))


class _Mirror(Canvas):
    """A transparent canvas that swaps left and right."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__(width, height, (0, 0, 0))

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        super().polygon([(1 - x, y) for x, y in points], colour)

    def ellipse(self, centre: Point, radius: Point, colour: Colour) -> None:
        super().ellipse((1 - centre[0], centre[1]), radius, colour)


def car(paint: Colour) -> Draw:
    """A saloon from the side, driving to the right."""

    def draw(canvas: Canvas, _pose: int) -> None:
        canvas.polygon(((0.22, 0.45), (0.34, 0.05), (0.68, 0.05), (0.82, 0.45)), paint)
        canvas.polygon(((0.28, 0.42), (0.37, 0.13), (0.49, 0.13), (0.49, 0.42)), GLASS)
        canvas.polygon(((0.53, 0.42), (0.53, 0.13), (0.66, 0.13), (0.76, 0.42)), GLASS)
        canvas.polygon(((0.0, 0.48), (0.06, 0.42), (0.92, 0.42), (1.0, 0.55), (1.0, 0.8), (0.0, 0.8)), paint)
        canvas.rectangle(0.95, 0.5, 1.0, 0.62, LAMP)
        canvas.rectangle(0.0, 0.5, 0.03, 0.62, RED)
        for hub in (0.2, 0.8):
            canvas.ellipse((hub, 0.8), (0.1, 0.2), BLACK)
            canvas.ellipse((hub, 0.8), (0.045, 0.09), (130, 128, 128))

    return draw


def van(paint: Colour) -> Draw:
    """A delivery van from the side, driving to the right."""

    def draw(canvas: Canvas, _pose: int) -> None:
        canvas.polygon(((0.0, 0.02), (0.72, 0.02), (0.72, 0.86), (0.0, 0.86)), paint)
        canvas.polygon(((0.72, 0.16), (0.88, 0.16), (1.0, 0.5), (1.0, 0.86), (0.72, 0.86)), paint)
        canvas.polygon(((0.75, 0.22), (0.86, 0.22), (0.95, 0.5), (0.75, 0.5)), GLASS)
        canvas.rectangle(0.1, 0.25, 0.55, 0.4, WHITE)
        canvas.rectangle(0.96, 0.58, 1.0, 0.68, LAMP)
        for hub in (0.2, 0.8):
            canvas.ellipse((hub, 0.86), (0.09, 0.14), BLACK)

    return draw


def person(coat: Colour, trousers: Colour = (50, 135, 122)) -> Draw:
    """A person walking to the right; four poses make a step."""

    def draw(canvas: Canvas, pose: int) -> None:
        swing = (0.0, 0.2, 0.0, -0.2)[pose % 4]
        canvas.polygon(((0.4, 0.55), (0.6, 0.55), (0.6 + swing, 1.0), (0.45 + swing, 1.0)), trousers)
        canvas.polygon(((0.4, 0.55), (0.6, 0.55), (0.55 - swing, 1.0), (0.4 - swing, 1.0)), BLACK)
        canvas.polygon(((0.3, 0.24), (0.7, 0.24), (0.66, 0.6), (0.34, 0.6)), coat)
        canvas.polygon(
            ((0.45, 0.26), (0.58, 0.26), (0.6 - swing, 0.58), (0.48 - swing, 0.58)), (coat[0] - 18, *coat[1:])
        )
        canvas.ellipse((0.5, 0.12), (0.17, 0.115), SKIN)
        canvas.ellipse((0.47, 0.07), (0.18, 0.07), BLACK)

    return draw


def cat(canvas: Canvas, pose: int) -> None:
    """A cat walking to the right."""
    fur: Colour = (60, 118, 140)
    step = (0.0, 0.06)[pose % 2]
    canvas.ellipse((0.48, 0.5), (0.3, 0.2), fur)
    canvas.ellipse((0.83, 0.35), (0.14, 0.18), fur)
    canvas.polygon(((0.74, 0.25), (0.78, 0.02), (0.84, 0.2)), fur)
    canvas.polygon(((0.84, 0.2), (0.92, 0.02), (0.94, 0.26)), fur)
    for leg in (0.25 + step, 0.38 - step, 0.6 + step, 0.72 - step):
        canvas.rectangle(leg, 0.55, leg + 0.06, 1.0, fur)
    canvas.polygon(((0.02, 0.1), (0.08, 0.08), (0.26, 0.45), (0.2, 0.52)), fur)


def boat(hull: Colour) -> Draw:
    """A sailing boat."""

    def draw(canvas: Canvas, _pose: int) -> None:
        canvas.rectangle(0.48, 0.02, 0.51, 0.78, (90, 120, 138))
        canvas.polygon(((0.53, 0.05), (0.92, 0.7), (0.53, 0.7)), WHITE)
        canvas.polygon(((0.46, 0.12), (0.46, 0.7), (0.12, 0.7)), (205, 122, 132))
        canvas.polygon(((0.02, 0.77), (0.98, 0.77), (0.84, 1.0), (0.16, 1.0)), hull)

    return draw


def forklift(canvas: Canvas, _pose: int) -> None:
    """A forklift truck with a crate, driving to the right."""
    canvas.rectangle(0.1, 0.5, 0.62, 0.86, (165, 45, 150))
    canvas.polygon(((0.16, 0.5), (0.22, 0.06), (0.54, 0.06), (0.6, 0.5)), (60, 128, 128))
    canvas.polygon(((0.21, 0.5), (0.26, 0.13), (0.5, 0.13), (0.55, 0.5)), (120, 132, 124))
    canvas.rectangle(0.64, 0.02, 0.68, 0.92, BLACK)
    canvas.rectangle(0.66, 0.9, 1.0, 0.95, BLACK)
    canvas.rectangle(0.7, 0.55, 0.98, 0.9, (135, 100, 150))
    canvas.rectangle(0.7, 0.7, 0.98, 0.73, (95, 105, 145))
    for hub in (0.2, 0.54):
        canvas.ellipse((hub, 0.87), (0.09, 0.13), BLACK)


def train(canvas: Canvas, _pose: int) -> None:
    """Three carriages."""
    for carriage in range(3):
        left = carriage / 3 + 0.004
        canvas.rectangle(left, 0.1, left + 0.325, 0.85, (120, 145, 95))
        canvas.rectangle(left, 0.62, left + 0.325, 0.7, (200, 70, 140))
        for window in range(5):
            at = left + 0.02 + window * 0.062
            canvas.rectangle(at, 0.22, at + 0.042, 0.5, GLASS)
        for hub in (0.05, 0.1, 0.23, 0.28):
            canvas.ellipse((left + hub, 0.88), (0.016, 0.12), BLACK)


def crown(leaf: Colour) -> Draw:
    """The top of a tree."""

    def draw(canvas: Canvas, _pose: int) -> None:
        for x, y, radius, shade in (
            (0.5, 0.5, 0.46, 0),
            (0.36, 0.4, 0.28, 12),
            (0.64, 0.58, 0.26, -10),
            (0.55, 0.3, 0.2, 18),
        ):
            canvas.ellipse((x, y), (radius, radius), (leaf[0] + shade, leaf[1], leaf[2]))

    return draw


def disc(colour: Colour) -> Draw:
    """A disc, for a lamp, a ball or a wave."""

    def draw(canvas: Canvas, _pose: int) -> None:
        canvas.ellipse((0.5, 0.5), (0.5, 0.5), colour)

    return draw


def cloud(canvas: Canvas, _pose: int) -> None:
    """Three puffs."""
    for x, y, rx, ry in ((0.3, 0.65, 0.3, 0.34), (0.55, 0.42, 0.28, 0.42), (0.75, 0.66, 0.25, 0.32)):
        canvas.ellipse((x, y), (rx, ry), (222, 130, 126))


def beam(colour: Colour) -> Draw:
    """A bar: a barrier's arm, a shutter."""

    def draw(canvas: Canvas, _pose: int) -> None:
        for part in range(8):
            canvas.rectangle(part / 8, 0.0, (part + 1) / 8, 1.0, WHITE if part % 2 else colour)

    return draw
