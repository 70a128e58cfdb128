"""The places of the frames in an MP4 file of the writer, which give the minutes of a damaged part."""

from __future__ import annotations

import struct
from array import array
from bisect import bisect_left, bisect_right
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from media.fmp4.boxes import box_in, boxes_in

_MOST_BYTES = 512 * 1024 * 1024
_LONG = 1
_HANDLER_AT = 8


@dataclass(slots=True)
class FramePlaces:
    """Offset and decoding time (seconds since the first frame) of each frame of the video, in the file's order."""

    offsets: array[int] = field(default_factory=lambda: array("Q"))
    times_s: array[float] = field(default_factory=lambda: array("d"))
    end_s: float = 0.0

    def times_between(self, start: int, end: int) -> tuple[float, float] | None:
        """Return the times that the bytes [start, end) show; None if no frame lies there."""
        first, last = bisect_right(self.offsets, start) - 1, bisect_left(self.offsets, end)
        if last <= max(0, first):
            return None
        until_s = self.times_s[last] if last < len(self.times_s) else self.end_s
        return self.times_s[max(0, first)], until_s


def frame_places(path: Path) -> FramePlaces:
    """Return the places of the first video track. Raise ValueError for a file without the tables of one."""
    with path.open("rb") as file:
        movie = _top_box(file, b"moov")
    try:
        for track in boxes_in(movie, b"trak"):
            media = box_in(track, b"mdia")
            if bytes(box_in(media, b"hdlr")[_HANDLER_AT : _HANDLER_AT + 4]) == b"vide":
                timescale = _timescale(box_in(media, b"mdhd"))
                return _places(box_in(box_in(media, b"minf"), b"stbl"), timescale)
    except (struct.error, IndexError, OverflowError) as error:
        raise ValueError("a damaged table") from error
    raise ValueError("no video track")


def _places(tables: memoryview, timescale: int) -> FramePlaces:
    found = FramePlaces()
    sizes = _sizes(box_in(tables, b"stsz"))
    chunks = _chunk_offsets(tables)
    counts = _samples_of_chunks(box_in(tables, b"stsc"), len(chunks))
    index = 0
    for offset, count in zip(chunks, counts, strict=True):
        place = offset
        for size in sizes[index : index + count]:
            found.offsets.append(place)
            place += size
        index += count
    ticks = 0
    for count, length in struct.iter_unpack(">II", _entries(box_in(tables, b"stts"), 8)):
        for _ in range(min(count, len(sizes))):
            found.times_s.append(ticks / timescale)
            ticks += length
    found.end_s = ticks / timescale
    if not len(found.offsets) == len(found.times_s) == len(sizes):
        raise ValueError("the tables do not agree")
    return found


def _sizes(box: memoryview) -> array[int]:
    same, count = struct.unpack_from(">II", box, 4)
    if same:
        raise ValueError("all frames have the same size")
    return array("I", (size for (size,) in struct.iter_unpack(">I", box[12 : 12 + 4 * count])))


def _chunk_offsets(tables: memoryview) -> list[int]:
    long = next(boxes_in(tables, b"co64"), None)
    if long is not None:
        return [offset for (offset,) in struct.iter_unpack(">Q", _entries(long, 8))]
    return [offset for (offset,) in struct.iter_unpack(">I", _entries(box_in(tables, b"stco"), 4))]


def _samples_of_chunks(box: memoryview, chunks: int) -> list[int]:
    rows = [(first, count) for first, count, _ in struct.iter_unpack(">III", _entries(box, 12))]
    found: list[int] = []
    for index, (first, count) in enumerate(rows):
        until = rows[index + 1][0] if index + 1 < len(rows) else chunks + 1
        found += [count] * min(chunks, until - first)
    return found


def _entries(box: memoryview, size: int) -> memoryview:
    (count,) = struct.unpack_from(">I", box, 4)
    return box[8 : 8 + size * count]


def _timescale(box: memoryview) -> int:
    (timescale,) = struct.unpack_from(">I", box, 20 if box[0] else 12)
    if not timescale:
        raise ValueError("no timescale")
    return int(timescale)


def _top_box(file: BinaryIO, wanted: bytes) -> memoryview:
    while len(head := file.read(8)) == 8:
        size, kind = struct.unpack(">I4s", head)
        taken = 8
        if size == _LONG:
            (size,) = struct.unpack(">Q", file.read(8))
            taken = 16
        if size < taken:
            break
        if kind == wanted and size <= _MOST_BYTES:
            return memoryview(file.read(size - taken))
        file.seek(size - taken, 1)
    raise ValueError(f"no box {wanted!r}")
