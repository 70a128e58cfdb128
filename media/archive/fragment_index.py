"""The index at the end of an archive file: mfra (ISO/IEC 14496-12 section 8.8.9).

tfra lists the fragments that begin with a key frame, for players. A box of our own behind it lists all fragments with
their UTC times, so that a seek needs no other part of the file.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Sequence
from typing import NamedTuple

from media.fmp4.boxes import box, box_in, full_box, u32
from media.fmp4.tracks import VIDEO_ID

_OURS = bytes.fromhex("6f27a81ce0b94b579c0a5c31d24f7e19")  # the type of our box
_OWN_HEAD_BYTES = len(_OURS) + 8  # and the number of rows, and the CRC
_ENTRY = struct.Struct(">QIqIQB")
_MFRO_BYTES = 16


class Fragment(NamedTuple):
    """The place of a fragment in its file, and its time [start, end) in ms UTC.

    `is_key`: it begins with a key frame. `media_time`: its place on the file's own timeline. A named tuple, because a
    file has hundreds, and a seek reads them all.
    """

    offset: int
    size_bytes: int
    start_utc_ms: int
    end_utc_ms: int
    is_key: bool
    media_time: int

    @property
    def end_offset(self) -> int:
        return self.offset + self.size_bytes


def index_box(fragments: Sequence[Fragment]) -> bytes:
    """Return mfra."""
    keys = [(item.media_time, item.offset) for item in fragments if item.is_key]
    places = b"".join(struct.pack(">QQBBB", time, offset, 1, 1, 1) for time, offset in keys)
    tfra = full_box(b"tfra", 1, 0, u32(VIDEO_ID, 0, len(keys)), places)
    rows = b"".join(
        _ENTRY.pack(
            *(item.offset, item.size_bytes, item.start_utc_ms, item.end_utc_ms - item.start_utc_ms),
            *(item.media_time, item.is_key),
        )
        for item in fragments
    )
    own = box(b"uuid", _OURS, u32(len(fragments), _crc(tfra, rows)), rows)
    size = 8 + len(tfra) + len(own) + _MFRO_BYTES
    return box(b"mfra", tfra, own, full_box(b"mfro", 0, 0, u32(size)))


def index_bytes(tail: bytes) -> int:
    """Return the length of the index of which `tail` are the last 16 bytes; 0 if the file ends otherwise."""
    if len(tail) != _MFRO_BYTES or tail[:12] != b"\0\0\0\x10mfro\0\0\0\0":
        return 0
    return int.from_bytes(tail[12:], "big")


TAIL_BYTES = _MFRO_BYTES


def read_index(mfra: bytes) -> tuple[Fragment, ...]:
    """Read an index of the length that index_bytes() states. Raises ValueError if it is damaged."""
    if mfra[:8] != struct.pack(">I4s", len(mfra), b"mfra"):
        raise ValueError("no mfra")
    boxes = memoryview(mfra)[8:]
    tfra_bytes = int.from_bytes(boxes[:4], "big")
    own = box_in(boxes, b"uuid")
    rows = own[_OWN_HEAD_BYTES:]
    count, crc = struct.unpack_from(">II", own, len(_OURS)) if len(own) >= _OWN_HEAD_BYTES else (0, 0)
    if own[: len(_OURS)] != _OURS or len(rows) != _ENTRY.size * count or crc != _crc(boxes[:tfra_bytes], rows):
        raise ValueError("a damaged index")
    return tuple(
        Fragment(offset, size, start, start + length, bool(is_key), time)
        for offset, size, start, length, time, is_key in _ENTRY.iter_unpack(rows)
    )


def _crc(tfra: bytes | memoryview, rows: bytes | memoryview) -> int:
    return zlib.crc32(rows, zlib.crc32(tfra))
