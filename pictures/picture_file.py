"""A file of pictures: records one after another, each with a checksum. A record that was cut off ends the file.

The index of a file is in memory only: reading the heads of an hour of pictures takes a millisecond.
"""

from __future__ import annotations

import os
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

_MAGIC = 0x50494331
_HEAD = struct.Struct(">IqqII")  # magic, time in s, the picture's own time in ms or _NO_TIME, bytes, CRC-32
_NO_TIME = -(2**63)
LARGEST_BYTES = 2_000_000


@dataclass(frozen=True, slots=True)
class StoredPicture:
    """The place of a JPEG in its file. `picture_ms`: the picture's own time, in ms since 1970."""

    picture_ms: int | None
    offset: int
    size: int
    crc: int


def read_index(path: Path) -> tuple[dict[int, StoredPicture], int]:
    """Return the pictures of a file by time, and the size of its whole records. Raise OSError."""
    found: dict[int, StoredPicture] = {}
    end = 0
    with path.open("rb") as file:
        length = os.fstat(file.fileno()).st_size
        while (record := _read_head(file, length - end)) is not None:
            time_s, stored = record
            found[time_s] = stored
            end = stored.offset + stored.size
            file.seek(end)
    return found, end


def _read_head(file: BinaryIO, left: int) -> tuple[int, StoredPicture] | None:
    head = file.read(_HEAD.size)
    if len(head) < _HEAD.size:
        return None
    magic, time_s, picture_ms, size, crc = _HEAD.unpack(head)
    if magic != _MAGIC or not 0 < size <= min(LARGEST_BYTES, left - _HEAD.size):
        return None
    return time_s, StoredPicture(None if picture_ms == _NO_TIME else picture_ms, file.tell(), size, crc)


def append(path: Path, at: int, time_s: int, picture_ms: int | None, jpeg: bytes) -> tuple[StoredPicture, int]:
    """Write a record at this offset, the end of the whole records. Return it and the new end. Raise OSError."""
    crc = zlib.crc32(jpeg)
    head = _HEAD.pack(_MAGIC, time_s, _NO_TIME if picture_ms is None else picture_ms, len(jpeg), crc)
    fd = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
    try:
        os.truncate(fd, at)
        os.pwrite(fd, head + jpeg, at)
    finally:
        os.close(fd)
    offset = at + len(head)
    return StoredPicture(picture_ms, offset, len(jpeg), crc), offset + len(jpeg)


def read_picture(path: Path, stored: StoredPicture) -> bytes | None:
    """Return a JPEG; None if the file has changed. Raise OSError."""
    with path.open("rb") as file:
        file.seek(stored.offset)
        jpeg = file.read(stored.size)
    return jpeg if len(jpeg) == stored.size and zlib.crc32(jpeg) == stored.crc else None
