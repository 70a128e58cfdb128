"""The index of the archive: which stretches of time are recorded, and which files hold them.

Coverage reads stretches, never files. The writer's threads commit one batch per flush, after the files' bytes are on
the disk, so a row never promises bytes that a power cut could take away. Deleting files shortens, splits or deletes
their stretches in the same transaction.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from archive.file_changes import FileChanges
from archive.index_file import IndexFile
from archive.index_rows import (
    FILES,
    OF_KEY,
    STRETCHES,
    file_of,
    file_row,
    first_starts,
    record_of,
    stretch_of,
    stretch_row,
    to_trash,
)
from archive.records import (
    EPOCH,
    FileKey,
    FileState,
    IndexedFile,
    IndexedStretch,
    IndexedVolume,
    StreamTotal,
    TrashItem,
    from_ms,
    to_ms,
)
from core.archive import ArchivedStream, ArchiveStretch, GapReason, RecordedQuality, StreamKey

# No file lasts longer: ARCHIVE_FILE_S is at most an hour, and a file ends with the group of pictures that began before.
_LONGEST_FILE_MS = 2 * 3600 * 1000
_StretchT = TypeVar("_StretchT", IndexedStretch, ArchiveStretch)


class ArchiveIndex:
    """Thread-safe. Must be open between open() and close()."""

    def __init__(self, file: Path) -> None:
        self._db = IndexFile(file)
        self._lock = threading.Lock()
        self._streams: dict[StreamKey, int] = {}  # never deleted, so ids stay valid
        self._last_stretch_id = 0
        self._changes: FileChanges | None = None

    def note_changes_in(self, changes: FileChanges) -> None:
        """Note from now on the files that were written, deleted or lost."""
        self._changes = changes

    def open(self) -> bool:
        """Open the file. Return True if the index is new: existing files of the archive are not in it.

        Raise StartRefused if it cannot be used.
        """
        is_new = self._db.open()
        with self._db.read() as db:
            self._streams = {
                StreamKey(camera_id, channel, RecordedQuality(quality)): stream_id
                for stream_id, camera_id, channel, quality in db.execute("SELECT * FROM stream")
            }
            (newest,) = db.execute("SELECT max(id) FROM stretch").fetchone()
            (used,) = db.execute("SELECT max(stretch_id) FROM file").fetchone()
        self._last_stretch_id = max(newest or 0, used or 0)
        return is_new

    def close(self) -> None:
        """May be called twice."""
        self._db.close()

    def begin_again(self) -> None:
        """Move the file away and open a new one. Raise StartRefused if that fails."""
        self.close()
        self._db.move_away()
        self.open()

    def belongs_to(self, installation: str) -> bool:
        """Return False if the index belongs to another installation. Note this one if it belongs to none."""
        with self._db.write() as db:
            db.execute("INSERT INTO installation VALUES (1, ?) ON CONFLICT DO NOTHING", (installation,))
            return bool(db.execute("SELECT uuid = ? FROM installation", (installation,)).fetchone()[0])

    def read(self) -> AbstractContextManager[sqlite3.Connection]:
        """Lend a connection that sees one consistent state, for archive/index_sums.py."""
        return self._db.read()

    # ---- writing ---------------------------------------------------------------------------------

    def new_stretch_id(self) -> int:
        with self._lock:
            self._last_stretch_id += 1
            return self._last_stretch_id

    def commit(self, files: Sequence[IndexedFile], stretches: Sequence[IndexedStretch]) -> None:
        """Save the present state of files and stretches in one transaction. The files' bytes must be on the disk.

        Raise StorageFull or Unavailable; nothing is saved then, and the same batch may be tried again.
        """
        begins = first_starts(files)
        with self._db.write() as db:
            streams = {it.stream for it in files} | {it.stream for it in stretches}
            ids = {stream: self._stream_id(db, stream) for stream in streams}
            db.executemany(
                "INSERT INTO file VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
                " length_ms = excluded.length_ms, size_bytes = excluded.size_bytes, state = excluded.state,"
                " epoch = max(epoch, excluded.epoch),"
                " stretch_id = CASE WHEN state < 2 THEN stretch_id ELSE excluded.stretch_id END",
                [file_row(ids[it.stream], it) for it in files],
            )
            # A stretch may have lost its beginning to the retention meanwhile: its start is set only once.
            db.executemany(
                "INSERT INTO stretch VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET"
                " end_ms = max(end_ms, excluded.end_ms), end_reason = excluded.end_reason",
                [stretch_row(ids[it.stream], it, begins[it.id]) for it in stretches if it.id in begins],
            )
            # Without a file, only the reason is new; the retention may have deleted the stretch.
            db.executemany(
                "UPDATE stretch SET end_reason = ? WHERE id = ?",
                [(it.end_reason, it.id) for it in stretches if it.id not in begins],
            )
        self._streams.update(ids)
        self._note(it.key for it in files)

    def beat(self, now_ms: int) -> None:
        """Note that the app runs. Raise StorageFull or Unavailable."""
        with self._db.write() as db:
            db.execute(
                "INSERT INTO heartbeat VALUES (1, ?) ON CONFLICT (id) DO UPDATE SET at_ms = excluded.at_ms", (now_ms,)
            )

    def heartbeat_ms(self) -> int | None:
        """Return the last time that the app noted itself as running; None in a new index."""
        with self._db.read() as db:
            row = db.execute("SELECT at_ms FROM heartbeat").fetchone()
        return row[0] if row else None

    def finish_stretches(self, reason: GapReason) -> int:
        """End all stretches that a crash has left unfinished, before new ones begin. Return their number."""
        with self._db.write() as db:
            return db.execute("UPDATE stretch SET end_reason = ? WHERE end_reason IS NULL", (reason.value,)).rowcount

    def extend_stretch(self, stretch_id: int, end_ms: int) -> None:
        """Note that a file of a finished stretch has more pictures than the index knew."""
        with self._db.write() as db:
            db.execute("UPDATE stretch SET end_ms = max(end_ms, ?) WHERE id = ?", (end_ms, stretch_id))

    def replace_stretches(self, stretches: Sequence[IndexedStretch]) -> None:
        """Save stretches that exist already with other values."""
        with self._db.write() as db:
            db.executemany(
                "INSERT OR REPLACE INTO stretch VALUES (?, ?, ?, ?, ?, ?, ?)",
                [stretch_row(self._streams[it.stream], it, it.start_ms) for it in stretches],
            )

    def clear(self) -> None:
        """Forget all files and stretches, to make the index again from the files. The volumes and the trash stay.

        The next installation that opens the index owns it.
        """
        with self._db.write() as db:
            for table in ("file", "stretch", "total", "installation"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608 - fixed names
        if self._changes is not None:
            self._changes.note_everything()

    def _note(self, keys: Iterable[FileKey]) -> None:
        """Note changed files, after the commit."""
        if self._changes is not None:
            self._changes.note(keys)

    def _stream_id(self, db: sqlite3.Connection, stream: StreamKey) -> int:
        """Return the id of a stream, inside a write transaction."""
        known = self._streams.get(stream)
        if known is not None:
            return known
        values = (stream.camera_id, stream.channel, stream.quality.value)
        db.execute("INSERT INTO stream (camera_id, channel, quality) VALUES (?, ?, ?) ON CONFLICT DO NOTHING", values)
        row = db.execute("SELECT id FROM stream WHERE camera_id = ? AND channel = ? AND quality = ?", values).fetchone()
        return int(row[0])  # the caller keeps it after the commit: a rolled back id may be given to another stream

    # ---- reading ---------------------------------------------------------------------------------

    def streams(self, camera_id: int | None = None, channel: int | None = None) -> list[StreamKey]:
        """Return the recorded streams that have, or had, files: all, those of a camera, or those of a channel."""
        return sorted(
            stream
            for stream in tuple(self._streams)
            if camera_id in (None, stream.camera_id) and channel in (None, stream.channel)
        )

    def stretches(self, streams: Iterable[StreamKey], start: datetime, end: datetime) -> list[ArchiveStretch]:
        """Return the stretches of streams that overlap [start, end), by stream and time. They are not clipped.

        Stretches of one stream overlap after the clock was set back.
        """
        return self._stretches(streams, start, end, record_of)

    def indexed_stretches(self, streams: Iterable[StreamKey], start: datetime, end: datetime) -> list[IndexedStretch]:
        """Return the same stretches with their ids."""
        return self._stretches(streams, start, end, stretch_of)

    def extents(self, streams: Iterable[StreamKey]) -> list[ArchivedStream]:
        """Return the streams that have stretches, with the beginning of the first and the end of the last."""
        found: list[ArchivedStream] = []
        with self._db.read() as db:
            for stream, stream_id in self._ids(streams):
                row = db.execute(
                    "SELECT min(start_ms), max(end_ms) FROM stretch WHERE stream_id = ?", (stream_id,)
                ).fetchone()
                if row[0] is not None:
                    found.append(ArchivedStream(stream, from_ms(row[0]), from_ms(row[1])))
        return found

    def files_of(self, stream: StreamKey, start: datetime, end: datetime) -> list[IndexedFile]:
        """Return the files of a stream that overlap [start, end), in the order of their beginnings."""
        return self._files_in(stream, to_ms(start), to_ms(end))

    def file(self, key: FileKey) -> IndexedFile | None:
        """Return a file as the index knows it now; None if it is not in the index."""
        with self._db.read() as db:
            return self._row_of(db, key)

    def next_file(self, stream: StreamKey, start_ms: int) -> IndexedFile | None:
        """Return the first file of a stream that begins at or after a time."""
        with self._db.read() as db:
            found: list[IndexedFile] = []
            for volume_id, stream_id in self._volumes_of(db, stream):
                rows = db.execute(
                    f"{FILES} stream_id = ? AND volume_id = ? AND start_ms >= ?"
                    " AND state < 2 ORDER BY start_ms, suffix LIMIT 1",
                    (stream_id, volume_id, start_ms),
                )
                found += [file_of(stream, row) for row in rows]
        return min(found, key=lambda it: (it.start_ms, it.key.suffix), default=None)

    def oldest(self, stream: StreamKey, volume_id: int, *, after_ms: int = 0, limit: int = 1) -> list[IndexedFile]:
        """Return the oldest closed files of a stream on a volume that begin at or after a time."""
        with self._db.read() as db:
            rows = db.execute(
                f"{FILES} stream_id = ? AND volume_id = ? AND start_ms >= ?"
                " AND state <> 0 ORDER BY start_ms, suffix LIMIT ?",
                (self._streams.get(stream, 0), volume_id, after_ms, limit),
            )
            return [file_of(stream, row) for row in rows]

    def open_files(self, volume_id: int) -> list[IndexedFile]:
        """Return the files of a volume that are being written, or that a crash has left open."""
        with self._db.read() as db:
            by_id = {stream_id: stream for stream, stream_id in self._streams.items()}
            rows = db.execute(f"{FILES} volume_id = ? AND state = 0", (volume_id,))
            return [file_of(by_id[row[0]], row) for row in rows]

    def days_of(self, stream: StreamKey, volume_id: int) -> set[date]:
        """Return the days, in UTC, on which files of a stream on a volume begin."""
        with self._db.read() as db:
            rows = db.execute(
                "SELECT DISTINCT start_ms / 86400000 FROM file WHERE stream_id = ? AND volume_id = ?",
                (self._streams.get(stream, 0), volume_id),
            )
            return {(EPOCH + timedelta(days=day)).date() for (day,) in rows}

    def totals(self) -> list[StreamTotal]:
        """Return bytes and number of files by stream and volume, without reading the files' rows."""
        with self._db.read() as db:
            by_id = {stream_id: stream for stream, stream_id in self._streams.items()}
            return [
                StreamTotal(by_id[stream_id], volume_id, size_bytes, files)
                for stream_id, volume_id, size_bytes, files in db.execute("SELECT * FROM total WHERE files > 0")
            ]

    def bytes_since(self, stream: StreamKey, since: datetime) -> int:
        """Return the bytes of the files of a stream that began at or after a time: its inflow."""
        with self._db.read() as db:
            return sum(
                db.execute(
                    "SELECT coalesce(sum(size_bytes), 0) FROM file"
                    " WHERE stream_id = ? AND volume_id = ? AND start_ms >= ?",
                    (stream_id, volume_id, to_ms(since)),
                ).fetchone()[0]
                for volume_id, stream_id in self._volumes_of(db, stream)
            )

    def _stretches(
        self,
        streams: Iterable[StreamKey],
        start: datetime,
        end: datetime,
        make: Callable[[StreamKey, tuple[Any, ...]], _StretchT],
    ) -> list[_StretchT]:
        found: list[_StretchT] = []
        with self._db.read() as db:
            for stream, stream_id in self._ids(streams):
                rows = db.execute(
                    f"{STRETCHES} stream_id = ? AND start_ms < ? AND end_ms > ? ORDER BY start_ms",
                    (stream_id, to_ms(end), to_ms(start)),
                )
                found += [make(stream, row) for row in rows]
        return found

    def _ids(self, streams: Iterable[StreamKey]) -> list[tuple[StreamKey, int]]:
        return [(stream, self._streams[stream]) for stream in streams if stream in self._streams]

    def _volumes_of(self, db: sqlite3.Connection, stream: StreamKey) -> list[tuple[int, int]]:
        """Return (volume_id, stream_id) of the volumes that hold files of a stream."""
        stream_id = self._streams.get(stream, 0)
        rows = db.execute("SELECT volume_id FROM total WHERE stream_id = ? AND files > 0", (stream_id,))
        return [(volume_id, stream_id) for (volume_id,) in rows]

    def _files_in(self, stream: StreamKey, start_ms: int, end_ms: int) -> list[IndexedFile]:
        found: list[IndexedFile] = []
        with self._db.read() as db:
            for volume_id, stream_id in self._volumes_of(db, stream):
                rows = db.execute(
                    f"{FILES} stream_id = ? AND volume_id = ?"
                    " AND start_ms < ? AND start_ms > ? AND start_ms + length_ms > ?",
                    (stream_id, volume_id, end_ms, start_ms - _LONGEST_FILE_MS, start_ms),
                )
                found += [file_of(stream, row) for row in rows]
        return sorted(found, key=lambda it: (it.start_ms, it.key.suffix))

    # ---- deleting --------------------------------------------------------------------------------

    def delete(self, keys: Sequence[FileKey]) -> list[TrashItem]:
        """Move closed files to the trash, and shorten or split their stretches. Open and unknown files stay.

        The caller deletes the files themselves, then calls forget_trash().
        """
        with self._db.write() as db:
            items = [item for key in keys if (item := self._delete_one(db, key)) is not None]
        self._note(keys)
        return items

    def delete_streams(self, streams: Iterable[StreamKey]) -> list[TrashItem]:
        """Move all files of streams to the trash. Nothing may write to them any more."""
        items: list[TrashItem] = []
        with self._db.write() as db:
            for stream, stream_id in self._ids(streams):
                rows = db.execute(f"{FILES} stream_id = ? AND state <> 2", (stream_id,)).fetchall()
                items += [to_trash(db, file_of(stream, row)) for row in rows]
                db.execute("DELETE FROM file WHERE stream_id = ?", (stream_id,))
                db.execute("DELETE FROM stretch WHERE stream_id = ?", (stream_id,))
        if self._changes is not None:
            self._changes.note_everything()
        return items

    def trash(self, volume_id: int, limit: int = 1000) -> list[TrashItem]:
        """Return files of a volume that were moved to the trash and not yet forgotten."""
        with self._db.read() as db:
            rows = db.execute("SELECT * FROM trash WHERE volume_id = ? ORDER BY id LIMIT ?", (volume_id, limit))
            return [TrashItem(*row) for row in rows]

    def trash_paths(self, volume_id: int, folder: str) -> set[str]:
        """Return the paths of the files in the trash of a volume that are in a folder. `folder` ends with a slash."""
        with self._db.read() as db:
            rows = db.execute(
                "SELECT path FROM trash WHERE volume_id = ? AND path >= ? AND path < ?",
                (volume_id, folder, f"{folder.removesuffix('/')}0"),  # "0" is the character after "/"
            )
            return {path for (path,) in rows}

    def forget_trash(self, items: Sequence[TrashItem]) -> None:
        """Forget files that are deleted from their volume."""
        with self._db.write() as db:
            db.executemany("DELETE FROM trash WHERE id = ?", [(it.id,) for it in items])

    def mark_lost(self, keys: Sequence[FileKey]) -> None:
        """Note that files have vanished from their volume. Their time is not recorded any more, reason `damaged`."""
        with self._db.write() as db:
            for key in keys:
                if (file := self._row_of(db, key)) is not None and file.is_playable:
                    db.execute(
                        "UPDATE file SET state = 2, size_bytes = 0, stretch_id = 0"
                        " WHERE stream_id = ? AND volume_id = ? AND start_ms = ? AND suffix = ?",
                        self._values(key),
                    )
                    self._shorten(db, file, GapReason.DAMAGED)
        self._note(keys)

    def note_damaged(self, key: FileKey, size_bytes: int) -> None:
        """Note a file that nothing can be read from, so that it is deleted when it is its time. Its name has changed.

        Its time is not recorded, reason `damaged`.
        """
        self.mark_lost([key])
        self.commit([IndexedFile(key, key.start_ms, size_bytes, 0, FileState.DAMAGED)], [])

    def damaged(self) -> dict[int, tuple[int, int]]:
        """Return the number and the bytes of the damaged files, by volume."""
        with self._db.read() as db:
            query = "SELECT volume_id, count(*), sum(size_bytes) FROM file WHERE state = 3 GROUP BY volume_id"
            rows = db.execute(query)
            return {volume_id: (files, size_bytes) for volume_id, files, size_bytes in rows}

    def _delete_one(self, db: sqlite3.Connection, key: FileKey) -> TrashItem | None:
        file = self._row_of(db, key)
        if file is None or file.state is FileState.OPEN:
            return None
        item = to_trash(db, file)
        db.execute(
            "DELETE FROM file WHERE stream_id = ? AND volume_id = ? AND start_ms = ? AND suffix = ?", self._values(key)
        )
        if file.is_playable:
            self._shorten(db, file, GapReason.EXPIRED)
        return item

    def _values(self, key: FileKey) -> tuple[int, int, int, int]:
        return (self._streams.get(key.stream, 0), key.volume_id, key.start_ms, key.suffix)

    def _row_of(self, db: sqlite3.Connection, key: FileKey) -> IndexedFile | None:
        row = db.execute(f"{FILES} {OF_KEY}", self._values(key)).fetchone()
        return None if row is None else file_of(key.stream, row)

    def _shorten(self, db: sqlite3.Connection, gone: IndexedFile, reason: GapReason) -> None:
        """Take a file's time away from its stretch: from its beginning, its end, or its middle."""
        stretch = db.execute("SELECT start_ms, end_ms FROM stretch WHERE id = ?", (gone.stretch_id,)).fetchone()
        if stretch is None:
            return
        before, after = self._neighbours(db, gone, *stretch)
        if before is None and after is None:
            db.execute("DELETE FROM stretch WHERE id = ?", (gone.stretch_id,))
        elif before is None:
            db.execute("UPDATE stretch SET start_ms = ? WHERE id = ?", (after, gone.stretch_id))
        elif after is None:
            db.execute(
                "UPDATE stretch SET end_ms = ?, end_reason = ? WHERE id = ?", (before, reason.value, gone.stretch_id)
            )
        else:
            # The later part keeps the id, because the writer may go on with it.
            earlier_id = self.new_stretch_id()
            db.execute(
                "INSERT INTO stretch SELECT ?, stream_id, start_ms, ?, origin, ?, clock_correction_s"
                " FROM stretch WHERE id = ?",
                (earlier_id, before, reason.value, gone.stretch_id),
            )
            db.execute("UPDATE stretch SET start_ms = ? WHERE id = ?", (after, gone.stretch_id))
            db.execute(
                "UPDATE file SET stretch_id = ? WHERE stream_id = ? AND volume_id IN (SELECT id FROM volume)"
                " AND start_ms >= ? AND start_ms < ? AND stretch_id = ?",
                (earlier_id, self._streams[gone.stream], stretch[0], gone.start_ms, gone.stretch_id),
            )

    def _neighbours(
        self, db: sqlite3.Connection, gone: IndexedFile, start_ms: int, end_ms: int
    ) -> tuple[int | None, int | None]:
        """Return the end of the file before a file in its stretch, and the beginning of the one after it."""
        befores, afters = [], []
        for volume_id, stream_id in self._volumes_of(db, gone.stream):
            values = (stream_id, volume_id, gone.stretch_id)
            befores += db.execute(
                "SELECT start_ms + length_ms FROM file WHERE stream_id = ? AND volume_id = ? AND stretch_id = ?"
                " AND start_ms >= ? AND start_ms < ? ORDER BY start_ms DESC LIMIT 1",
                (*values, start_ms, gone.start_ms),
            ).fetchall()
            afters += db.execute(
                "SELECT start_ms FROM file WHERE stream_id = ? AND volume_id = ? AND stretch_id = ?"
                " AND start_ms > ? AND start_ms <= ? ORDER BY start_ms LIMIT 1",
                (*values, gone.start_ms, end_ms),
            ).fetchall()
        return max((it[0] for it in befores), default=None), min((it[0] for it in afters), default=None)

    # ---- volumes ---------------------------------------------------------------------------------

    def volumes(self) -> list[IndexedVolume]:
        """Return the volumes that hold, or held, files."""
        with self._db.read() as db:
            return [IndexedVolume(*row) for row in db.execute("SELECT * FROM volume ORDER BY id")]

    def note_volume(self, uuid: str, folder: Path) -> int:
        """Return the id of the volume with this UUID; note its present folder."""
        with self._db.write() as db:
            db.execute(
                "INSERT INTO volume (uuid, folder) VALUES (?, ?) ON CONFLICT (uuid) DO UPDATE SET"
                " folder = excluded.folder",
                (uuid, str(folder)),
            )
            return int(db.execute("SELECT id FROM volume WHERE uuid = ?", (uuid,)).fetchone()[0])
