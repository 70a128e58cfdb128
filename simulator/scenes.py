"""The scenes that the channels show: a still background and the actors in it, chosen by a seed.

A scene is a function that paints the background and returns the actors, the furthest first. All places are fractions of
the frame. The frame number covers the top sixteenth of each frame, so scenes draw nothing important there.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from simulator.actors import (
    BLACK,
    GLASS,
    GREEN,
    LAMP,
    RED,
    WHITE,
    Actor,
    SpriteMaker,
    beam,
    boat,
    car,
    cat,
    cloud,
    crown,
    disc,
    forklift,
    person,
    train,
    van,
)
from simulator.canvas import Canvas, Colour

PAINTS: tuple[Colour, ...] = (
    (80, 95, 200),
    (85, 175, 105),
    (200, 126, 130),
    (60, 130, 126),
    (150, 60, 150),
    (120, 110, 90),
    (140, 135, 125),
    (100, 160, 150),
)
ASPHALT: Colour = (88, 130, 127)
GRASS: Colour = (105, 102, 112)
CONCRETE: Colour = (140, 127, 130)
BRICK: Colour = (100, 112, 156)
WOOD: Colour = (85, 110, 150)
LINE: Colour = (205, 125, 130)


@dataclass
class Stage:
    """The tools of a scene: the canvas of its background, a maker of sprites, and a seeded random generator."""

    canvas: Canvas
    sprites: SpriteMaker
    rng: random.Random

    def paint(self) -> Colour:
        """Choose a colour for a car or a coat."""
        return self.rng.choice(PAINTS)

    def drive(
        self,
        what: Callable[[Colour], Callable[[Canvas, int], None]],
        size: tuple[float, float],
        y: float,
        every_s: float,
        *,
        left: bool = False,
    ) -> Actor:
        """A vehicle that crosses the whole frame, its top at `y`."""
        sprite = self.sprites.cycle(size, what(self.paint()), 1, mirrored=left)
        ends = ((1.02, y), (-size[0] - 0.02, y))
        start, end = ends if left else ends[::-1]
        return Actor(sprite, start, end, every_s, phase=self.rng.random())

    def walk(
        self, size: tuple[float, float], start: tuple[float, float], end: tuple[float, float], every_s: float
    ) -> Actor:
        """A person walking to a place and back."""
        draw = person(self.paint())
        there, back = (self.sprites.cycle(size, draw, 4, mirrored=mirrored) for mirrored in (False, True))
        return Actor(there, start, end, every_s, phase=self.rng.random(), poses_per_s=5, back=back)


def _tree(stage: Stage, x: float, ground: float, size: float) -> Actor:
    stage.canvas.rectangle(x - size * 0.06, ground - size, x + size * 0.06, ground, WOOD)
    sprite = stage.sprites.cycle((size, size * 1.5), crown((85, 100, 108)), 1)
    left, top = x - size / 2, ground - size * 2
    return Actor(sprite, (left - 0.004, top), (left + 0.004, top), 4, phase=stage.rng.random(), back=sprite)


def _house(stage: Stage, left: float, right: float, top: float, ground: float, wall: Colour) -> None:
    canvas = stage.canvas
    canvas.rectangle(left, top, right, ground, wall)
    wide = right - left
    for row in range(max(1, round((ground - top) / 0.14))):
        for column in range(3):
            x, y = left + wide * (0.1 + column * 0.3), top + 0.04 + row * 0.14
            lit = stage.rng.random() < 0.3
            canvas.rectangle(x, y, x + wide * 0.18, y + 0.08, LAMP if lit else GLASS)


def _sky(stage: Stage, horizon: float) -> list[Actor]:
    stage.canvas.shade(0, horizon, (150, 150, 112), (200, 136, 124))
    sprite = stage.sprites.cycle((0.16, 0.1), cloud, 1)
    return [Actor(sprite, (-0.2, 0.1), (1.05, 0.1), 16, phase=stage.rng.random())]


def car_park(stage: Stage) -> list[Actor]:
    """Bays with parked cars, a lane between them, a tree line."""
    canvas, actors = stage.canvas, _sky(stage, 0.26)
    canvas.shade(0.26, 0.34, (90, 102, 112), GRASS)
    canvas.shade(0.34, 1.0, (104, 130, 127), ASPHALT)
    actors += [_tree(stage, x, 0.34, 0.09) for x in (0.08, 0.3, 0.55, 0.78, 0.94)]
    for row, (top, height) in enumerate(((0.38, 0.14), (0.8, 0.2))):
        for bay in range(9):
            x = bay / 8
            canvas.polygon(
                ((x - 0.004, top), (x + 0.002, top), (x - 0.018, top + height), (x - 0.026, top + height)), LINE
            )
            if bay < 8 and stage.rng.random() < 0.7:
                size = (0.1, 0.1) if row == 0 else (0.115, 0.13)
                parked = stage.sprites.cycle(size, car(stage.paint()), 1, mirrored=stage.rng.random() < 0.5)
                place = (x + 0.006, top + 0.02)
                actors.append(Actor(parked, place, place, 4))
    actors.append(stage.walk((0.035, 0.16), (0.1, 0.5), (0.85, 0.52), 16))
    actors.append(stage.drive(car, (0.15, 0.15), 0.58, 8))
    return actors


def street(stage: Stage) -> list[Actor]:
    """Houses, pavement, traffic both ways, people passing."""
    canvas, actors = stage.canvas, _sky(stage, 0.3)
    for index in range(5):
        left = index * 0.2
        wall = stage.rng.choice((BRICK, CONCRETE, (165, 118, 138), (125, 134, 122)))
        _house(stage, left, left + 0.2, 0.16 + stage.rng.random() * 0.12, 0.52, wall)
    canvas.rectangle(0, 0.52, 1, 0.6, CONCRETE)
    canvas.rectangle(0, 0.6, 1, 0.92, ASPHALT)
    canvas.rectangle(0, 0.92, 1, 1, CONCRETE)
    for dash in range(10):
        canvas.rectangle(dash / 10 + 0.02, 0.745, dash / 10 + 0.07, 0.76, LINE)
    actors.append(stage.walk((0.035, 0.19), (0.05, 0.38), (0.9, 0.38), 16))
    actors.append(stage.walk((0.035, 0.19), (0.7, 0.4), (0.15, 0.4), 20))
    actors.append(stage.drive(car, (0.16, 0.15), 0.58, 6, left=True))
    actors.append(stage.drive(van, (0.2, 0.24), 0.5, 9, left=True))
    actors.append(stage.drive(car, (0.18, 0.17), 0.74, 7))
    return actors


def front_door(stage: Stage) -> list[Actor]:
    """A porch: someone comes to the door, a cat goes by, the lamp comes on."""
    canvas = stage.canvas
    canvas.rectangle(0, 0, 1, 0.72, BRICK)
    for course in range(14):
        canvas.rectangle(0, course * 0.052, 1, course * 0.052 + 0.004, (78, 118, 146))
    canvas.shade(0.72, 1.0, (130, 127, 130), (160, 127, 130))
    canvas.rectangle(0.36, 0.18, 0.58, 0.74, WHITE)
    canvas.rectangle(0.375, 0.21, 0.565, 0.74, (70, 140, 105))
    canvas.rectangle(0.41, 0.27, 0.53, 0.42, GLASS)
    canvas.ellipse((0.54, 0.5), (0.006, 0.011), LAMP)
    canvas.rectangle(0.72, 0.22, 0.93, 0.5, WHITE)
    canvas.rectangle(0.735, 0.24, 0.915, 0.48, GLASS)
    canvas.polygon(((0.3, 0.74), (0.64, 0.74), (0.7, 0.8), (0.24, 0.8)), CONCRETE)
    canvas.rectangle(0.06, 0.58, 0.16, 0.74, (110, 105, 160))
    leaves = stage.sprites.cycle((0.14, 0.24), crown(GREEN), 1)
    lamp = stage.sprites.cycle((0.03, 0.05), disc(LAMP), 1)
    walker = stage.sprites.cycle((0.16, 0.07), cat, 2)
    return [
        Actor(leaves, (0.036, 0.38), (0.044, 0.38), 4, back=leaves),
        Actor(lamp, (0.62, 0.24), (0.62, 0.24), 8, duty=0.5),
        stage.walk((0.1, 0.46), (1.0, 0.4), (0.42, 0.36), 16),
        Actor(walker, (-0.2, 0.86), (1.05, 0.86), 8, phase=stage.rng.random(), poses_per_s=6),
    ]


def garden(stage: Stage) -> list[Actor]:
    """A lawn with trees that sway, a fence, a ball, a cat."""
    canvas, actors = stage.canvas, _sky(stage, 0.4)
    for board in range(20):
        canvas.rectangle(board / 20, 0.34, board / 20 + 0.046, 0.52, (118, 108, 148))
    canvas.shade(0.52, 1.0, (118, 100, 112), (92, 104, 112))
    canvas.polygon(((0.42, 0.52), (0.5, 0.52), (0.72, 1.0), (0.4, 1.0)), (165, 118, 136))
    for _ in range(40):
        centre = (stage.rng.random(), 0.56 + stage.rng.random() * 0.4)
        canvas.ellipse(centre, (0.004, 0.008), stage.rng.choice((LAMP, WHITE, RED)))
    actors += [
        _tree(stage, x, ground, size) for x, ground, size in ((0.16, 0.66, 0.2), (0.84, 0.62, 0.17), (0.3, 0.56, 0.1))
    ]
    ball = stage.sprites.cycle((0.035, 0.062), disc(RED), 1)
    actors.append(Actor(ball, (0.25, 0.84), (0.8, 0.8), 5, back=ball))
    walker = stage.sprites.cycle((0.12, 0.09), cat, 2)
    actors.append(Actor(walker, (-0.15, 0.7), (1.05, 0.72), 10, phase=stage.rng.random(), poses_per_s=6))
    actors.append(stage.walk((0.06, 0.32), (0.46, 0.44), (0.52, 0.6), 16))
    return actors


def warehouse(stage: Stage) -> list[Actor]:
    """Shelves with boxes, a forklift truck at work."""
    canvas = stage.canvas
    canvas.shade(0, 0.66, (120, 128, 128), (160, 128, 128))
    canvas.shade(0.66, 1.0, (128, 126, 131), (150, 126, 131))
    for shelf in range(3):
        y = 0.18 + shelf * 0.16
        for box in range(14):
            if stage.rng.random() < 0.8:
                x, high = 0.02 + box * 0.07, 0.06 + stage.rng.random() * 0.06
                canvas.rectangle(
                    x, y + 0.14 - high, x + 0.055, y + 0.14, stage.rng.choice((WOOD, (135, 100, 150), stage.paint()))
                )
        canvas.rectangle(0, y + 0.14, 1, y + 0.155, (80, 100, 180))
    for post in range(5):
        canvas.rectangle(post * 0.245, 0.14, post * 0.245 + 0.012, 0.68, (75, 160, 110))
    canvas.polygon(((0, 0.86), (1, 0.86), (1, 0.875), (0, 0.875)), (190, 50, 150))
    there, back = (stage.sprites.cycle((0.24, 0.3), forklift, 1, mirrored=mirrored) for mirrored in (False, True))
    beacon = stage.sprites.cycle((0.02, 0.035), disc(LAMP), 1)
    return [
        Actor(beacon, (0.49, 0.1), (0.49, 0.1), 1, duty=0.5),
        stage.walk((0.05, 0.26), (0.8, 0.52), (0.3, 0.52), 16),
        Actor(there, (-0.05, 0.58), (0.82, 0.58), 10, phase=stage.rng.random(), back=back),
    ]


def corridor(stage: Stage) -> list[Actor]:
    """Doors in perspective; people come and go."""
    canvas = stage.canvas
    canvas.rectangle(0, 0, 1, 1, (170, 126, 130))
    canvas.polygon(((0, 0), (1, 0), (0.62, 0.3), (0.38, 0.3)), (195, 127, 129))
    canvas.polygon(((0, 1), (1, 1), (0.62, 0.62), (0.38, 0.62)), (110, 122, 134))
    canvas.polygon(((0.38, 0.3), (0.62, 0.3), (0.62, 0.62), (0.38, 0.62)), (150, 132, 122))
    canvas.rectangle(0.45, 0.36, 0.55, 0.62, (105, 150, 112))
    for near, far in ((0.04, 0.14), (0.2, 0.26), (0.3, 0.34)):
        for flip in (False, True):
            corners = [
                (x, y)
                for x, y in ((near, near * 0.79 + 0.12), (far, far * 0.79 + 0.1), (far, 1 - far), (near, 1 - near))
            ]
            canvas.polygon(
                [(1 - x, y) for x, y in corners] if flip else corners, stage.rng.choice((WOOD, (95, 150, 112), BRICK))
            )
    for lamp in (0.3, 0.5, 0.75):
        canvas.rectangle(0.5 - lamp * 0.12, 0.3 * (1 - lamp) + 0.02, 0.5 + lamp * 0.12, 0.3 * (1 - lamp) + 0.045, WHITE)
    sign = stage.sprites.cycle((0.05, 0.05), beam(GREEN), 1)
    return [
        Actor(sign, (0.475, 0.31), (0.475, 0.31), 2, duty=0.8),
        stage.walk((0.05, 0.26), (0.4, 0.4), (0.55, 0.42), 8),
        stage.walk((0.1, 0.5), (0.1, 0.46), (0.8, 0.46), 10),
    ]


def harbour(stage: Stage) -> list[Actor]:
    """Water, boats, a quay with a light."""
    canvas, actors = stage.canvas, _sky(stage, 0.4)
    canvas.polygon(((0.0, 0.4), (0.3, 0.27), (0.55, 0.4)), (110, 128, 120))
    canvas.polygon(((0.4, 0.4), (0.72, 0.3), (1.0, 0.4)), (122, 130, 120))
    canvas.shade(0.4, 0.84, (125, 150, 105), (85, 152, 108))
    canvas.rectangle(0, 0.84, 1, 1, CONCRETE)
    for post in range(8):
        canvas.rectangle(post * 0.13 + 0.04, 0.78, post * 0.13 + 0.06, 0.88, (70, 120, 135))
    canvas.rectangle(0.86, 0.2, 0.9, 0.42, WHITE)
    canvas.rectangle(0.86, 0.27, 0.9, 0.33, RED)
    wave = stage.sprites.cycle((0.1, 0.012), disc((165, 140, 116)), 1)
    for _ in range(10):
        x, y = stage.rng.random(), 0.46 + stage.rng.random() * 0.32
        actors.append(Actor(wave, (x, y), (x + 0.05, y + 0.006), 4, phase=stage.rng.random(), back=wave))
    light = stage.sprites.cycle((0.03, 0.05), disc(LAMP), 1)
    actors.append(Actor(light, (0.865, 0.15), (0.865, 0.15), 2, duty=0.4))
    actors.append(stage.drive(boat, (0.12, 0.24), 0.26, 16))
    actors.append(stage.drive(boat, (0.2, 0.4), 0.3, 10, left=True))
    actors.append(stage.walk((0.045, 0.24), (0.1, 0.7), (0.8, 0.7), 16))
    return actors


def crossing(stage: Stage) -> list[Actor]:
    """A level crossing: lights blink, the barrier is down, a train passes."""
    canvas, actors = stage.canvas, _sky(stage, 0.34)
    canvas.shade(0.34, 1.0, GRASS, (92, 106, 112))
    actors += [_tree(stage, x, 0.4, 0.1) for x in (0.06, 0.22, 0.72, 0.9)]
    canvas.polygon(((0.4, 0.38), (0.56, 0.38), (0.8, 1.0), (0.2, 1.0)), ASPHALT)
    for rail in (0.6, 0.64):
        canvas.rectangle(0, rail, 1, rail + 0.012, (150, 126, 130))
    for sleeper in range(25):
        canvas.rectangle(sleeper / 25, 0.59, sleeper / 25 + 0.015, 0.665, (75, 118, 138))
    sprite = stage.sprites.cycle((0.9, 0.24), train, 1)
    actors.append(Actor(sprite, (-0.95, 0.4), (1.05, 0.4), 8, phase=stage.rng.random(), duty=0.7))
    canvas.rectangle(0.15, 0.5, 0.165, 0.86, WHITE)
    canvas.rectangle(0.13, 0.48, 0.185, 0.58, BLACK)
    lamp = stage.sprites.cycle((0.022, 0.04), disc(RED), 1)
    for x, phase in ((0.134, 0.0), (0.16, 0.5)):
        actors.append(Actor(lamp, (x, 0.51), (x, 0.51), 1, phase=phase, duty=0.5))
    arm = stage.sprites.cycle((0.58, 0.022), beam(RED), 1)
    actors.append(Actor(arm, (0.16, 0.74), (0.16, 0.74), 8))
    actors.append(stage.walk((0.05, 0.28), (0.3, 0.66), (0.7, 0.68), 16))
    return actors


YARD_LOOP_S = 16
YARD_SEEN_FROM_S, YARD_SEEN_S = 8.0, 4.0
"""The place in the loop at which the visitor of the yard appears, and how long the visitor stays."""


def yard(stage: Stage) -> list[Actor]:
    """An empty yard. A visitor crosses its left half, in one known part of the loop, and nothing else moves."""
    canvas = stage.canvas
    canvas.rectangle(0, 0, 1, 0.4, BRICK)
    canvas.shade(0.4, 1.0, (120, 127, 130), CONCRETE)
    for line in range(4):
        canvas.rectangle(0, 0.5 + line * 0.12, 1, 0.51 + line * 0.12, LINE)
    canvas.rectangle(0.62, 0.12, 0.78, 0.42, WOOD)
    visitor = stage.sprites.cycle((0.08, 0.42), person(RED), 4)
    duty = YARD_SEEN_S / YARD_LOOP_S
    phase = 1 - YARD_SEEN_FROM_S / YARD_LOOP_S
    return [Actor(visitor, (0.08, 0.45), (0.45, 0.5), YARD_LOOP_S, phase=phase, poses_per_s=5, duty=duty)]


SCENES: dict[str, Callable[[Stage], list[Actor]]] = {
    scene.__name__: scene
    for scene in (car_park, street, front_door, garden, warehouse, corridor, harbour, crossing, yard)
}
