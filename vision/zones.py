"""Zones on the small picture and on the grid of cells, and the blobs that count."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.background import Mask, MovingPart
from vision.decoder import HEIGHT, WIDTH
from vision.messages import CELL_COLUMNS, CELL_ROWS, MOST_BLOBS, Blob, Point, Zone

Cells = NDArray[np.bool_]  # CELL_ROWS x CELL_COLUMNS

_LEAST_OF_CELL = 0.05
_INSIDE = 0.5


@dataclass(frozen=True, slots=True)
class _DrawnZone:
    zone: Zone
    polygon: NDArray[np.float32]
    cells: Cells

    def contains(self, foot: Point, cells: Cells) -> bool:
        if cv2.pointPolygonTest(self.polygon, foot, False) >= 0:
            return True
        count = int(np.count_nonzero(cells))
        return count > 0 and int(np.count_nonzero(cells & self.cells)) >= _INSIDE * count


@dataclass(frozen=True, slots=True)
class CountedBlobs:
    """The blobs outside ignored zones. `counting`: the parts in watched zones. `is_moving`: there is one."""

    blobs: tuple[Blob, ...]
    cells: Cells
    zones: tuple[int, ...]
    alert_zones: tuple[int, ...]
    share: float
    is_moving: bool
    counting: tuple[MovingPart, ...] = ()


NO_CELLS: Cells = np.zeros((CELL_ROWS, CELL_COLUMNS), np.bool_)
NOTHING = CountedBlobs((), NO_CELLS, (), (), 0.0, False)


class Zones:
    """The zones of a channel."""

    def __init__(self, zones: Sequence[Zone]) -> None:
        drawn = [_drawn(zone) for zone in zones]
        self._ignored = [each for each in drawn if each.zone.kind == "ignore"]
        self._watched = [each for each in drawn if each.zone.kind != "ignore"]
        self._ignored_cells = np.logical_or.reduce([NO_CELLS, *(each.cells for each in self._ignored)])

    def counted(self, parts: Iterable[MovingPart]) -> CountedBlobs:
        """Return the blobs of the moving parts, and the zones that they are in."""
        blobs: list[Blob] = []
        cells, hit, counting = NO_CELLS.copy(), set[int](), list[MovingPart]()
        for part in parts:
            own = cells_of_part(part)
            foot = ((part.left + part.width / 2) / WIDTH, min(1.0, (part.top + part.height) / HEIGHT))
            if any(each.contains(foot, own) for each in self._ignored):
                continue
            inside = tuple(each.zone.id for each in self._watched if each.contains(foot, own))
            cells |= own & ~self._ignored_cells
            box = (part.left / WIDTH, part.top / HEIGHT, part.width / WIDTH, part.height / HEIGHT)
            if len(blobs) < MOST_BLOBS:
                blobs.append(Blob(box, foot, part.pixels / (WIDTH * HEIGHT), inside))
            if inside or not self._watched:
                hit.update(inside)
                counting.append(part)
        zones = tuple(each.zone.id for each in self._watched if each.zone.id in hit)
        alerts = tuple(each.zone.id for each in self._watched if each.zone.id in hit and each.zone.kind == "alert")
        share = min(1.0, sum(part.pixels for part in counting) / (WIDTH * HEIGHT))
        return CountedBlobs(tuple(blobs), cells, zones, alerts, share, bool(counting), tuple(counting))


def _drawn(zone: Zone) -> _DrawnZone:
    return _DrawnZone(zone, np.array(zone.points, np.float32), _shrunk(polygon_mask(zone.points)) >= _INSIDE)


def polygon_mask(points: Sequence[Point], width: int = WIDTH, height: int = HEIGHT) -> Mask:
    """Return a mask of a polygon whose points are shares of the picture."""
    mask = np.zeros((height, width), np.uint8)
    corners = np.round(np.array(points, np.float64) * (width - 1, height - 1)).astype(np.int32)
    cv2.fillPoly(mask, [corners], (255.0,))
    return mask


def cells_of_part(part: MovingPart) -> Cells:
    """Return the cells in which a part moves, at least one."""
    whole = np.zeros((HEIGHT, WIDTH), np.uint8)
    whole[part.rows_columns] = part.mask
    shares = _shrunk(whole)
    return shares >= min(_LEAST_OF_CELL, float(shares.max()))


def packed(cells: Cells) -> bytes:
    """Return the cells as bits, row by row, the first one in the highest bit."""
    return np.packbits(cells).tobytes()


def _shrunk(mask: Mask) -> NDArray[np.float32]:
    """Return the share of each cell that the mask covers."""
    size = (CELL_COLUMNS, CELL_ROWS)
    return np.asarray(cv2.resize(mask.astype(np.float32) / 255, size, interpolation=cv2.INTER_AREA), np.float32)
