"""Clocks that a camera burns into its pictures: found by their seconds, and left out of every comparison.

The background learns digits that change at each key frame. Those of minutes and hours change too rarely for that, and
large ones would count as a movement each minute.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from vision.background import Mask
from vision.decoder import HEIGHT, WIDTH, Grey
from vision.messages import CELL_COLUMNS, CELL_ROWS

_CELL = WIDTH // CELL_COLUMNS
_LEAST_CHANGE = 40  # between two key frames, on strokes of a letter
_OFTEN = 0.8
_RATE = 1 / 12
_PATIENCE = 4  # pictures until the first mask: as many as the background needs
_MOST_CELLS = 18
_EDGE_ROWS = 4
_LETTERS_LEFT, _LETTERS_RIGHT = 22, 8  # of a line around its seconds, in heights of a digit


class ClockMask:
    """Learns the place of a clock at the upper or lower edge of the picture."""

    def __init__(self) -> None:
        self._before: Grey | None = None
        self._often: NDArray[np.float32] = np.zeros((CELL_ROWS, CELL_COLUMNS), np.float32)
        self._strokes: NDArray[np.float32] = np.zeros((HEIGHT, WIDTH), np.float32)
        self._seen = 0
        self.mask: Mask | None = None  # 0 on the clock, otherwise 255

    def begin_anew(self) -> None:
        self.__init__()  # type: ignore[misc]

    def learn(self, picture: Grey) -> None:
        """Learn from the next key frame, and bring `mask` up to date."""
        before, self._before = self._before, picture
        if before is None:
            return
        changed: Mask = (cv2.absdiff(picture, before) > _LEAST_CHANGE).astype(np.uint8) * 255
        cells = changed.reshape(CELL_ROWS, _CELL, CELL_COLUMNS, _CELL).any(axis=(1, 3))
        self._seen += 1
        rate = max(_RATE, 1 / self._seen)
        self._often += np.float32(rate) * (cells - self._often)
        cv2.accumulateWeighted(changed, self._strokes, rate)
        if self._seen >= _PATIENCE:
            self.mask = self._line()

    def _line(self) -> Mask | None:
        """Return a mask of the whole line of text around the cells that change each time."""
        often = self._often >= _OFTEN
        often[_EDGE_ROWS : CELL_ROWS - _EDGE_ROWS] = False
        if not 0 < np.count_nonzero(self._often >= _OFTEN) <= _MOST_CELLS or not often.any():
            return None
        mask = np.full((HEIGHT, WIDTH), 255, np.uint8)
        for edge in (slice(0, _EDGE_ROWS), slice(CELL_ROWS - _EDGE_ROWS, CELL_ROWS)):
            cells = np.zeros_like(often)
            cells[edge] = often[edge]
            strokes = (self._strokes > 255 * 0.15) & np.kron(_grown(cells), np.ones((_CELL, _CELL), np.bool_))
            rows, columns = np.nonzero(strokes)
            if not len(rows):
                continue
            height = int(rows.max() - rows.min()) + 1
            left, right = int(columns.min()) - _LETTERS_LEFT * height, int(columns.max()) + _LETTERS_RIGHT * height
            mask[max(0, rows.min() - 3) : rows.max() + 4, max(0, left) : right] = 0
        return mask


def _grown(cells: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells and their neighbours: a digit may reach over the edge of its cell."""
    return np.asarray(cv2.dilate(cells.astype(np.uint8), np.ones((3, 3), np.uint8)), np.bool_)
