"""The changed cells of the pictures of one minute as bytes, and regions as sets of cells.

A picture has 32 x 18 cells, each a bit of a number of 576 bits, row by row, the first cell in the highest bit.
The bytes of a minute: the number of pictures that were looked at (2), then the pictures in which cells had changed,
compressed: milliseconds since the beginning of the minute (2) and the cells (72) of each.

Above its 48 blocks, the number of a minute has its level: how large a movement had to be, see `level_of`.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from functools import cache

from vision.messages import CELL_BYTES, CELL_COLUMNS, CELL_ROWS

CELLS = CELL_COLUMNS * CELL_ROWS
BLOCK_COLUMNS, BLOCK_ROWS = 4, 3  # cells of a block
MINUTE_MS = 60_000
_BLOCKS_A_ROW = CELL_COLUMNS // BLOCK_COLUMNS
_COUNT = struct.Struct(">H")
_PICTURE = struct.Struct(f">H{CELL_BYTES}s")
_MOST_COUNT = 65_535
_STEPS = 2 * CELL_COLUMNS  # of an edge
_MOST_BYTES = 2_000_000  # of a minute: no 32 pictures a second

_LEVEL_BIT = 48  # the first bit above those of the blocks
UNKNOWN_LEVEL = 0
_MOST_LEVEL = 63
_FINEST_SHARE = 0.0005  # of level 1
_LEVELS_A_DOUBLING = 4

Changed = tuple[int, int]  # milliseconds since the beginning of the minute, cells


def packed(count: int, pictures: Sequence[Changed]) -> bytes:
    """Return the bytes of a minute in which `count` pictures were looked at."""
    head = _COUNT.pack(min(count, _MOST_COUNT))
    if not pictures:
        return head
    parts = (_PICTURE.pack(min(ms, MINUTE_MS - 1), cells.to_bytes(CELL_BYTES)) for ms, cells in pictures)
    return head + zlib.compress(b"".join(parts), 6)


def count_of(data: bytes) -> int:
    """Return the number of pictures that were looked at."""
    return int(_COUNT.unpack_from(data)[0]) if len(data) >= _COUNT.size else 0


def pictures_of(data: bytes) -> Iterator[Changed]:
    """Yield the pictures of a minute with changes. Yield nothing from damaged bytes."""
    if len(data) <= _COUNT.size:
        return
    try:
        plain = zlib.decompressobj().decompress(data[_COUNT.size :], _MOST_BYTES)
    except zlib.error:
        return
    whole = len(plain) - len(plain) % _PICTURE.size
    for ms, cells in _PICTURE.iter_unpack(plain[:whole]):
        yield ms, int.from_bytes(cells)


def blocks_of(pictures: Iterable[int]) -> int:
    """Return the blocks in which a cell is set in one of these sets of cells, a bit for each block."""
    together = 0
    for cells in pictures:
        together |= cells
    return sum(1 << number for number, mask in enumerate(_block_masks()) if together & mask)


def level_of(least_share: float) -> int:
    """Return the level of minutes in which movements of less than this part of the picture did not count."""
    steps = _LEVELS_A_DOUBLING * math.log2(max(least_share, _FINEST_SHARE) / _FINEST_SHARE)
    return min(_MOST_LEVEL, 1 + math.ceil(steps - 1e-9))


def with_level(blocks: int, level: int) -> int:
    """Return the number of a minute with these blocks."""
    return blocks | level << _LEVEL_BIT


def level_in(number: int) -> int:
    """Return the level of a minute by its number; UNKNOWN_LEVEL for one of an earlier version of the app."""
    return number >> _LEVEL_BIT


def cells_of(polygon: Sequence[tuple[float, float]]) -> int:
    """Return the cells whose middle lies in a polygon; those at its edges if it is too narrow for that.

    Points are parts of the picture's width and height.
    """
    found = 0
    for row in range(CELL_ROWS):
        y = (row + 0.5) / CELL_ROWS
        crossings = sorted(_crossings(polygon, y))
        for left, right in zip(crossings[::2], crossings[1::2], strict=False):
            for column in range(CELL_COLUMNS):
                if left <= (column + 0.5) / CELL_COLUMNS <= right:
                    found |= _bit(row, column)
    return found or _cells_at_edges(polygon)


def _cells_at_edges(polygon: Sequence[tuple[float, float]]) -> int:
    found = 0
    for (x1, y1), (x2, y2) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        for step in range(_STEPS):
            x, y = x1 + (x2 - x1) * step / _STEPS, y1 + (y2 - y1) * step / _STEPS
            found |= _bit(_place(y, CELL_ROWS), _place(x, CELL_COLUMNS))
    return found


def _crossings(polygon: Sequence[tuple[float, float]], y: float) -> Iterator[float]:
    for (x1, y1), (x2, y2) in zip(polygon, (*polygon[1:], polygon[0]), strict=True):
        if (y1 <= y) != (y2 <= y):
            yield x1 + (y - y1) * (x2 - x1) / (y2 - y1)


def _place(part: float, count: int) -> int:
    return min(count - 1, max(0, int(part * count)))


def _bit(row: int, column: int) -> int:
    return 1 << (CELLS - 1 - row * CELL_COLUMNS - column)


@cache
def _block_masks() -> tuple[int, ...]:
    masks = [0] * (_BLOCKS_A_ROW * (CELL_ROWS // BLOCK_ROWS))
    for row in range(CELL_ROWS):
        for column in range(CELL_COLUMNS):
            masks[row // BLOCK_ROWS * _BLOCKS_A_ROW + column // BLOCK_COLUMNS] |= _bit(row, column)
    return tuple(masks)
