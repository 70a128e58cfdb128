"""Rows of the archive's index and the records that they become."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from archive.records import FileKey, FileState, IndexedFile, IndexedStretch, TrashItem, from_ms
from core.archive import ArchiveStretch, GapReason, Origin, StreamKey

FILES = (
    "SELECT stream_id, volume_id, start_ms, suffix, start_ms + length_ms, size_bytes, stretch_id, state, epoch"
    " FROM file WHERE"
)
STRETCHES = "SELECT id, stream_id, start_ms, end_ms, origin, end_reason, clock_correction_s FROM stretch WHERE"
_ORIGINS = {it.value: it for it in Origin}  # three times as fast as a call of the class
_REASONS: dict[str | None, GapReason | None] = {None: None, **{it.value: it for it in GapReason}}
OF_KEY = "stream_id = ? AND volume_id = ? AND start_ms = ? AND suffix = ?"


def first_starts(files: Sequence[IndexedFile]) -> dict[int, int]:
    """Return the beginning of the first file of each stretch in a batch."""
    begins: dict[int, int] = {}
    for it in files:
        begins[it.stretch_id] = min(it.start_ms, begins.get(it.stretch_id, it.start_ms))
    return begins


def file_row(stream_id: int, it: IndexedFile) -> tuple[int, ...]:
    key = it.key
    length_ms = max(0, it.end_ms - it.start_ms)
    return (
        stream_id, key.volume_id, key.start_ms, key.suffix, length_ms, it.size_bytes, it.stretch_id, int(it.state),
        it.epoch,
    )  # fmt: skip


def stretch_row(stream_id: int, it: IndexedStretch, start_ms: int) -> tuple[Any, ...]:
    reason = it.end_reason.value if it.end_reason else None
    return (it.id, stream_id, start_ms, it.end_ms, it.origin.value, reason, it.clock_correction_s)


def file_of(stream: StreamKey, row: tuple[int, ...]) -> IndexedFile:
    _, volume_id, start_ms, suffix, end_ms, size_bytes, stretch_id, state, epoch = row
    key = FileKey(stream, volume_id, start_ms, suffix)
    return IndexedFile(key, end_ms, size_bytes, stretch_id, FileState(state), epoch)


def stretch_of(stream: StreamKey, row: tuple[Any, ...]) -> IndexedStretch:
    stretch_id, _, start_ms, end_ms, origin, reason, correction_s = row
    return IndexedStretch(stretch_id, stream, start_ms, end_ms, _ORIGINS[origin], _REASONS[reason], correction_s)


def record_of(stream: StreamKey, row: tuple[Any, ...]) -> ArchiveStretch:
    """Return the stretch as other packages see it."""
    _, _, start_ms, end_ms, origin, reason, _ = row
    return ArchiveStretch(stream, from_ms(start_ms), from_ms(end_ms), _ORIGINS[origin], _REASONS[reason])


def to_trash(db: sqlite3.Connection, file: IndexedFile) -> TrashItem:
    """Add a file to the trash, inside a write transaction."""
    volume_id = file.key.volume_id
    cursor = db.execute(
        "INSERT INTO trash (volume_id, path, size_bytes) VALUES (?, ?, ?)", (volume_id, file.path, file.size_bytes)
    )
    return TrashItem(int(cursor.lastrowid or 0), volume_id, file.path, file.size_bytes)
