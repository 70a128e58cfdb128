"""An archive index with generated rows, and the questions of tests about an index. No file is written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from archive.index import ArchiveIndex
from archive.records import FileKey, FileState, IndexedFile, IndexedStretch, from_ms
from core.archive import ArchiveStretch, GapReason, RecordedQuality, StreamKey

MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
NOW_MS = 1_795_521_600_000  # 2026-11-24 12:00 UTC, as tests/hand_clock.py


def stream_of(camera_id: int = 1, channel: int = 1, quality: str = "main") -> StreamKey:
    return StreamKey(camera_id, channel, RecordedQuality(quality))


@contextmanager
def opened_index(folder: Path) -> Iterator[ArchiveIndex]:
    index = ArchiveIndex(folder / "archive.sqlite3")
    index.open()
    try:
        yield index
    finally:
        index.close()


def add_files(
    index: ArchiveIndex,
    stream: StreamKey,
    starts_ms: Sequence[int],
    *,
    size_bytes: int = 100,
    volume_id: int = 1,
    length_ms: int = 10 * MINUTE_MS,
    state: FileState = FileState.CLOSED,
) -> list[IndexedFile]:
    """Add files to one stretch of the stream."""
    stretch_id = index.new_stretch_id()
    files = [
        IndexedFile(FileKey(stream, volume_id, start_ms), start_ms + length_ms, size_bytes, stretch_id, state)
        for start_ms in starts_ms
    ]
    end_ms = max(file.end_ms for file in files)
    reason = None if state is FileState.OPEN else GapReason.DEVICE_AWAY
    index.commit(files, [IndexedStretch(stretch_id, stream, min(starts_ms), end_ms, end_reason=reason)])
    return files


def file_at(index: ArchiveIndex, stream: StreamKey, moment: datetime) -> IndexedFile | None:
    """Return the file that holds a moment; if two do, the one that began last."""
    files = index.files_of(stream, moment, moment + timedelta(milliseconds=1))
    return next((file for file in reversed(files) if file.state is not FileState.LOST), None)


def has_row(index: ArchiveIndex, key: FileKey) -> bool:
    begin = from_ms(key.start_ms)
    return any(file.key == key for file in index.files_of(key.stream, begin, begin + timedelta(milliseconds=1)))


def unfinished_stretches(index: ArchiveIndex) -> list[ArchiveStretch]:
    """Return the stretches without an end: those being recorded, or those that a crash has left."""
    far = datetime(2100, 1, 1, tzinfo=UTC)
    return [it for it in index.stretches(index.streams(), from_ms(0), far) if it.end_reason is None]


def bytes_by_stream(index: ArchiveIndex) -> dict[StreamKey, int]:
    """Return the bytes of each stream on all volumes."""
    found: Counter[StreamKey] = Counter()
    for total in index.totals():
        found[total.stream] += total.size_bytes
    return dict(found)
