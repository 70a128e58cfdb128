"""Frames as bytes: a YUV 4:2:0 canvas with rectangles, ellipses, polygons and sprites, in plain Python.

A colour is (Y, Cb, Cr) in video range. Coordinates are fractions of the frame, from (0, 0) top left to (1, 1) bottom
right, so that one scene serves every size. Video range has no luma of 0; in sprites it means "transparent".
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

Colour = tuple[int, int, int]
Point = tuple[float, float]

GREY = 128


class Run(NamedTuple):
    """A horizontal run of a sprite's pixels in one plane: row and column from its corner, and the bytes."""

    row: int
    column: int
    pixels: bytes


class Plane:
    """One plane of samples, row by row."""

    def __init__(self, width: int, height: int, fill: int) -> None:
        self.width, self.height = width, height
        self.samples = bytearray([fill]) * (width * height)

    def span(self, row: int, start: int, end: int, value: int) -> None:
        """Fill columns `start` to `end` (exclusive) of one row, clipped to the plane."""
        start, end = max(0, start), min(self.width, end)
        if start < end and 0 <= row < self.height:
            at = row * self.width
            self.samples[at + start : at + end] = bytes([value]) * (end - start)

    def polygon(self, points: Sequence[Point], value: int) -> None:
        """Fill a convex polygon; `points` are fractions of the plane."""
        corners = [(x * self.width, y * self.height) for x, y in points]
        top = max(0, round(min(y for _, y in corners)))
        bottom = min(self.height, round(max(y for _, y in corners)))
        edges = list(zip(corners, corners[1:] + corners[:1], strict=True))
        for row in range(top, bottom):
            middle = row + 0.5
            crossings = [
                ax + (bx - ax) * (middle - ay) / (by - ay)
                for (ax, ay), (bx, by) in edges
                if (ay <= middle < by) or (by <= middle < ay)
            ]
            if crossings:
                self.span(row, round(min(crossings)), round(max(crossings)), value)

    def ellipse(self, centre: Point, radius: Point, value: int) -> None:
        """Fill an ellipse; `centre` and `radius` are fractions of the plane."""
        cx, cy = centre[0] * self.width, centre[1] * self.height
        rx, ry = radius[0] * self.width, radius[1] * self.height
        if ry <= 0:
            return
        for row in range(max(0, int(cy - ry)), min(self.height, int(cy + ry) + 1)):
            inside = 1 - ((row + 0.5 - cy) / ry) ** 2
            if inside > 0:
                half = rx * inside**0.5
                self.span(row, round(cx - half), round(cx + half), value)

    def runs(self) -> list[Run]:
        """The pixels that are not transparent, as runs."""
        found = []
        for row in range(self.height):
            line = bytes(self.samples[row * self.width : (row + 1) * self.width])
            column = 0
            while column < self.width:
                if line[column] == 0:
                    column += 1
                    continue
                end = line.find(0, column)
                end = self.width if end < 0 else end
                found.append(Run(row, column, line[column:end]))
                column = end
        return found


class Canvas:
    """A frame of even width and height; a `fill` of 0 makes it transparent, for sprites."""

    def __init__(self, width: int, height: int, fill: Colour = (16, GREY, GREY)) -> None:
        self.width, self.height = width, height
        half = (width // 2, height // 2)
        self.planes = (Plane(width, height, fill[0]), Plane(*half, fill[1]), Plane(*half, fill[2]))

    def polygon(self, points: Sequence[Point], colour: Colour) -> None:
        for plane, value in zip(self.planes, colour, strict=True):
            plane.polygon(points, value)

    def rectangle(self, left: float, top: float, right: float, bottom: float, colour: Colour) -> None:
        self.polygon(((left, top), (right, top), (right, bottom), (left, bottom)), colour)

    def ellipse(self, centre: Point, radius: Point, colour: Colour) -> None:
        for plane, value in zip(self.planes, colour, strict=True):
            plane.ellipse(centre, radius, value)

    def shade(self, top: float, bottom: float, upper: Colour, lower: Colour) -> None:
        """A vertical gradient over the whole width."""
        for plane, first, last in zip(self.planes, upper, lower, strict=True):
            start, end = round(top * plane.height), round(bottom * plane.height)
            for row in range(start, end):
                part = (row - start) / max(1, end - start - 1)
                plane.span(row, 0, plane.width, round(first + (last - first) * part))

    def drain_colour(self) -> None:
        """Make it grey, like an infrared camera at night; transparent parts stay transparent."""
        for plane in self.planes[1:]:
            plane.samples[:] = plane.samples.translate(bytes([0]) + bytes([GREY]) * 255)

    def darken(self, factor: float) -> None:
        """Scale the luma of all pixels that are not transparent."""
        table = bytes([0] + [min(235, max(16, round(16 + (value - 16) * factor))) for value in range(1, 256)])
        self.planes[0].samples[:] = self.planes[0].samples.translate(table)

    def joined(self) -> bytes:
        """The planes Y, Cb, Cr one after the other: a yuv420p frame."""
        return b"".join(bytes(plane.samples) for plane in self.planes)

    def with_noise(self, amplitude: int, noise: random.Random) -> bytes:
        """The frame with `amplitude` steps of sensor noise in its luma.

        Two planes are added as two long integers: no sample reaches 256, so no byte carries into the next, and a
        megapixel costs milliseconds without a numeric library.
        """
        luma = bytes(self.planes[0].samples)
        table = bytes(value * amplitude // 256 for value in range(256))
        grain = noise.randbytes(len(luma)).translate(table)
        headroom = bytes(min(value, 235 - amplitude) for value in range(256))
        total = int.from_bytes(luma.translate(headroom), "little") + int.from_bytes(grain, "little")
        return total.to_bytes(len(luma), "little") + b"".join(bytes(plane.samples) for plane in self.planes[1:])


class Sprite:
    """A small image with transparent parts, made from a canvas, that can be drawn anywhere in a frame."""

    def __init__(self, canvas: Canvas) -> None:
        self.width, self.height = canvas.width, canvas.height
        self._runs = tuple(plane.runs() for plane in canvas.planes)

    def put(self, frame: bytearray, width: int, height: int, x: int, y: int) -> None:
        """Draw it into a yuv420p frame of `width` by `height` with its corner at (x, y), clipped to the frame."""
        x, y = x & ~1, y & ~1
        half_w, half_h, luma = width // 2, height // 2, width * height
        sizes = (
            (0, width, height, x, y),
            (luma, half_w, half_h, x // 2, y // 2),
            (luma + half_w * half_h, half_w, half_h, x // 2, y // 2),
        )
        for runs, (base, columns, rows, left, top) in zip(self._runs, sizes, strict=True):
            for row, column, pixels in runs:
                line = top + row
                if not 0 <= line < rows:
                    continue
                start = left + column
                end = start + len(pixels)
                if start < 0 or end > columns:
                    cut = max(0, -start)
                    pixels = pixels[cut : len(pixels) - max(0, end - columns)]
                    start += cut
                    if not pixels or start >= columns:
                        continue
                at = base + line * columns + start
                frame[at : at + len(pixels)] = pixels
