"""The places of the clusters in an MKV file of the writer, which give the minutes of a damaged part."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

from media.mkv.writer import CLUSTER, SEGMENT, UNITS
from media.mp4.places import FramePlaces

_TIMESTAMP = 0xE7
_EBML = 0x1A45DFA3


def cluster_places(path: Path) -> FramePlaces:
    """Return the places and times of the clusters. Raise ValueError for a file without any."""
    found = FramePlaces()
    with path.open("rb") as file:
        _, size = _head(file, _EBML)
        file.seek(size, 1)
        _head(file, SEGMENT)
        while (start := file.tell()) >= 0 and (head := _next_head(file)) is not None:
            element_id, size = head
            if element_id == CLUSTER:
                content = file.tell()
                _, stamp_bytes = _head(file, _TIMESTAMP)
                found.offsets.append(start)
                found.times_s.append(int.from_bytes(file.read(stamp_bytes), "big") / UNITS)
                file.seek(content)
            file.seek(size, 1)
    if not found.times_s:
        raise ValueError("no clusters")
    lengths = [after - before for before, after in zip(found.times_s, found.times_s[1:], strict=False)]
    found.end_s = found.times_s[-1] + max(lengths, default=0.0)
    return found


def _head(file: BinaryIO, wanted: int) -> tuple[int, int]:
    head = _next_head(file)
    if head is None or head[0] != wanted:
        raise ValueError(f"no element {wanted:X}")
    return head


def _next_head(file: BinaryIO) -> tuple[int, int] | None:
    """Return the id and the size of the next element; None at the end."""
    if (element_id := _number(file, keeps_marker=True)) is None or (size := _number(file)) is None:
        return None
    return element_id, size


def _number(file: BinaryIO, *, keeps_marker: bool = False) -> int | None:
    """Return a number of variable length (RFC 8794, 4)."""
    first = file.read(1)
    if not first or not first[0]:
        return None
    length = 9 - first[0].bit_length()
    number = int.from_bytes(first + file.read(length - 1), "big")
    return number if keeps_marker else number & ~(1 << 7 * length)
