"""moov with its sample tables (ISO/IEC 14496-12 section 8), complete before the first byte of mdat."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby

from media.fmp4.boxes import box, full_box, u16, u32
from media.fmp4.tracks import Track, smhd_box, vmhd_box
from media.mp4.video import TIMESCALE

_MATRIX = u32(0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_MP4_EPOCH = datetime(1904, 1, 1, tzinfo=UTC)
_ENABLED_IN_MOVIE = 3
_IN_MOVIE = 2  # text is shown when the user chooses it


@dataclass(frozen=True, slots=True)
class TrackTable:
    """The samples of one track, in decoding order.

    `durations` and `offsets` (presentation minus decoding; empty: all 0) are in units of the track's timescale. `keys`
    are the numbers of the key frames, from 1; empty: each sample is one. `chunks`: how many samples lie together in
    the file, chunk by chunk. `begins`: the place in the track that a player shows first.
    """

    track: Track
    sizes: Sequence[int]
    durations: Sequence[int]
    chunks: Sequence[int]
    begins: int
    offsets: Sequence[int] = ()
    keys: Sequence[int] = ()
    is_text: bool = False


def movie_head(
    tables: Sequence[TrackTable],
    chunk_places: Sequence[Sequence[int]],
    media_bytes: int,
    *,
    length: int,
    created_utc: datetime,
) -> bytes:
    """Return ftyp, moov and the header of mdat. `chunk_places`: of each track's chunks, from the start of the media.

    `length`: of the movie, in units of 1/TIMESCALE s.
    """
    brands = box(b"ftyp", b"isom", u32(512), b"isom", b"iso2", b"mp41")
    media_head = u32(1) + b"mdat" + _u64(media_bytes + 16)
    moov = _moov(tables, chunk_places, 0, length, created_utc)  # for its length, which the places do not change
    begins = len(brands) + len(moov) + len(media_head)
    return brands + _moov(tables, chunk_places, begins, length, created_utc) + media_head


def _moov(
    tables: Sequence[TrackTable],
    chunk_places: Sequence[Sequence[int]],
    media_begins: int,
    length: int,
    created_utc: datetime,
) -> bytes:
    created = int((created_utc - _MP4_EPOCH).total_seconds())
    head = full_box(
        b"mvhd",
        1,
        0,
        _u64(created, created),
        u32(TIMESCALE),
        _u64(length),
        u32(0x10000),
        u16(0x100, 0),
        bytes(8),
        _MATRIX,
        bytes(24),
        u32(max(table.track.track_id for table in tables) + 1),
    )
    tracks = (
        _trak(table, [media_begins + place for place in places], length, created)
        for table, places in zip(tables, chunk_places, strict=True)
    )
    return box(b"moov", head, *tracks)


def _trak(table: TrackTable, chunk_places: Sequence[int], length: int, created: int) -> bytes:
    track = table.track
    head = full_box(
        b"tkhd",
        1,
        _IN_MOVIE if table.is_text else _ENABLED_IN_MOVIE,
        _u64(created, created),
        u32(track.track_id, 0),
        _u64(length),
        bytes(8),
        u16(0, 0, 0 if track.is_video or table.is_text else 0x100, 0),
        _MATRIX,
        u32(track.width << 16, track.height << 16),
    )
    edits = box(b"edts", full_box(b"elst", 1, 0, u32(1), _u64(length, table.begins), u16(1, 0)))
    media_head = full_box(
        b"mdhd", 1, 0, _u64(created, created), u32(track.timescale), _u64(sum(table.durations)), u16(0x55C4, 0)
    )
    kind, name, kind_head = _kind(table)
    handler = full_box(b"hdlr", 0, 0, bytes(4), kind, bytes(12), name)
    data = box(b"dinf", full_box(b"dref", 0, 0, u32(1), full_box(b"url ", 0, 1)))
    information = box(b"minf", kind_head, data, _stbl(table, chunk_places))
    return box(b"trak", head, edits, box(b"mdia", media_head, handler, information))


def _kind(table: TrackTable) -> tuple[bytes, bytes, bytes]:
    """Return type and name of the handler, and the header of its media."""
    if table.is_text:
        return b"sbtl", b"Time\0", full_box(b"nmhd", 0, 0)
    if table.track.is_video:
        return b"vide", b"Video\0", vmhd_box()
    return b"soun", b"Sound\0", smhd_box()


def _stbl(table: TrackTable, chunk_places: Sequence[int]) -> bytes:
    parts = [full_box(b"stsd", 0, 0, u32(1), table.track.sample_entry), _runs(b"stts", table.durations)]
    if any(table.offsets):
        parts.append(_runs(b"ctts", table.offsets))
    if table.keys:
        parts.append(full_box(b"stss", 0, 0, u32(len(table.keys)), _packed("I", table.keys)))
    chunk_runs: list[int] = []
    number = 1
    for samples, run in groupby(table.chunks):
        chunk_runs += (number, samples, 1)
        number += sum(1 for _ in run)
    return box(
        b"stbl",
        *parts,
        full_box(b"stsc", 0, 0, u32(len(chunk_runs) // 3), _packed("I", chunk_runs)),
        full_box(b"stsz", 0, 0, u32(0, len(table.sizes)), _packed("I", table.sizes)),
        full_box(b"co64", 0, 0, u32(len(chunk_places)), _packed("Q", chunk_places)),
    )


def _runs(kind: bytes, values: Iterable[int]) -> bytes:
    """Return stts or ctts: how many samples in a row have the same value."""
    entries: list[int] = []
    length, last = 0, None
    for value in values:
        if value == last:
            length += 1
            continue
        if last is not None:
            entries += (length, last)
        length, last = 1, value
    if last is not None:
        entries += (length, last)
    return full_box(kind, 0, 0, u32(len(entries) // 2), _packed("I", entries))


def _packed(kind: str, numbers: Iterable[int]) -> bytes:
    packed = array(kind, numbers)
    if sys.byteorder == "little":
        packed.byteswap()
    return packed.tobytes()


def _u64(*numbers: int) -> bytes:
    return _packed("Q", numbers)
