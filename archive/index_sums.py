"""Sums over the index of the archive, for the retention and the storage page: each one in one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from archive.records import FileState
from core.archive import RecordedQuality, StreamKey

Place = tuple[StreamKey, int]
"""A recorded stream, and the id of a volume."""
Span = tuple[int, int]
"""[start, end) in ms UTC."""

_LONGEST_FILE_MS = 2 * 3_600_000


@dataclass(frozen=True, slots=True)
class PlaceEnds:
    """The beginning of the first and the end of the last file of a stream on a volume, in ms UTC."""

    oldest_ms: int
    newest_ms: int


def ends_of_places(db: sqlite3.Connection) -> dict[Place, PlaceEnds]:
    """Return the ends of all streams on all volumes. Only files that can be played count."""
    found = {}
    for place, ids in _places(db).items():
        first = db.execute(
            "SELECT start_ms FROM file WHERE stream_id = ? AND volume_id = ? AND state < 2 ORDER BY start_ms LIMIT 1",
            ids,
        ).fetchone()
        last = db.execute(
            "SELECT start_ms + length_ms FROM file WHERE stream_id = ? AND volume_id = ? AND state < 2"
            " ORDER BY start_ms DESC LIMIT 1",
            ids,
        ).fetchone()
        if first is not None and last is not None:
            found[place] = PlaceEnds(first[0], last[0])
    return found


def restarts(db: sqlite3.Connection, since_ms: int, pause_ms: int) -> dict[StreamKey, int]:
    """Return the last time since `since_ms` at which each stream was recorded again after a pause of `pause_ms`.

    Streams without such a pause are left out.
    """
    rows = db.execute(
        "SELECT camera_id, channel, quality, start_ms, end_ms FROM stretch JOIN stream ON stream.id = stream_id"
        " WHERE end_ms > ? ORDER BY stream_id, start_ms",
        (since_ms - pause_ms,),
    )
    found: dict[StreamKey, int] = {}
    last: tuple[tuple[int, int, str], int] | None = None
    for camera_id, channel, quality, start_ms, end_ms in rows:
        stream = (camera_id, channel, quality)
        until_ms = last[1] if last is not None and last[0] == stream else since_ms - pause_ms
        if start_ms - until_ms >= pause_ms and start_ms >= since_ms:
            found[StreamKey(camera_id, channel, RecordedQuality(quality))] = start_ms
        last = stream, max(until_ms, end_ms)
    return found


def bytes_since(db: sqlite3.Connection, since_ms: Mapping[StreamKey, int]) -> dict[Place, int]:
    """Return the bytes of the files that began at or after the time given for their stream."""
    found = {}
    for place, ids in _places(db).items():
        if place[0] in since_ms:
            (found[place],) = db.execute(
                "SELECT coalesce(sum(size_bytes), 0) FROM file WHERE stream_id = ? AND volume_id = ? AND start_ms >= ?",
                (*ids, since_ms[place[0]]),
            ).fetchone()
    return found


def bytes_in_spans(db: sqlite3.Connection, spans: Mapping[StreamKey, Sequence[Span]]) -> dict[Place, int]:
    """Return the bytes of the closed files that overlap any of the spans, which are sorted and apart.

    A file that overlaps two spans counts once.
    """
    found = {}
    for place, ids in _places(db).items():
        total, before_ms = 0, 0
        for start_ms, end_ms in spans.get(place[0], ()):
            (size_bytes,) = db.execute(
                "SELECT coalesce(sum(size_bytes), 0) FROM file WHERE stream_id = ? AND volume_id = ?"
                " AND start_ms >= ? AND start_ms < ? AND start_ms + length_ms > ? AND state = ?",
                (*ids, max(before_ms, start_ms - _LONGEST_FILE_MS), end_ms, start_ms, FileState.CLOSED),
            ).fetchone()
            total += size_bytes
            before_ms = end_ms  # a file that began before this overlaps the last span, too, if it reaches the next one
        if total:
            found[place] = total
    return found


def _places(db: sqlite3.Connection) -> dict[Place, tuple[int, int]]:
    """Return the ids of the streams and volumes that have files."""
    rows = db.execute(
        "SELECT camera_id, channel, quality, stream_id, volume_id FROM total JOIN stream ON stream.id = stream_id"
        " WHERE files > 0"
    )
    return {
        (StreamKey(camera_id, channel, RecordedQuality(quality)), volume_id): (stream_id, volume_id)
        for camera_id, channel, quality, stream_id, volume_id in rows
    }
