"""Brings index and files together: after a crash, after a volume was away, and to make the index again.

The files are the truth. Open files are cut after their last whole group and get their index; files without a row are
adopted; rows without a file are marked as lost. All of it runs in the thread of the volume's writer, which alone
creates files there, so a file is never adopted while it is written.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Container, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from archive.index import ArchiveIndex
from archive.records import DAMAGED, FileKey, FileState, IndexedFile, IndexedStretch, from_ms, stream_folder, to_ms
from archive.volume import Volume
from core.archive import GapReason, RecordedQuality, StreamKey
from media.archive.file_reader import ArchiveFile, ArchiveFileError
from media.archive.repair import ScanResult, repair

log = logging.getLogger(__name__)

_CAMERA = re.compile(r"[1-9]\d{0,9}")
_STREAM = re.compile(r"([1-9]\d{0,3})-(main|sub)")
_FILE = re.compile(r"(\d{2})(\d{2})(\d{2})_(\d{3})(?:-([1-9]\d{0,2}))?\.mp4")
# A file begins where the one before it ends. Other parameter sets in between may cost a picture.
_OVERLAP_MS = 1000
_JOINED_MS = 1500
_EMPTY_BYTES = 64 * 1024  # a description and less than one group of pictures


class Recovery:
    """Recovers one volume, which must be usable. Raises OSError if it is not, and the errors of the index."""

    def __init__(self, index: ArchiveIndex, volume: Volume) -> None:
        self._index = index
        self._volume = volume

    def finish_open_files(self, busy: Container[FileKey] = ()) -> Iterator[FileKey]:
        """Repair and close the files that a crash has left open; yield each. `busy`: files that are being written."""
        found = [it for it in self._index.open_files(self._volume.id) if it.key not in busy]
        for file in found:
            try:
                result = repair(self._volume.folder / file.key.path, file.size_bytes)
            except FileNotFoundError:
                if not self._volume.is_same():  # unmounted since the last check
                    raise
                result = ScanResult(0, (), has_index=False)
            if result.end_utc_ms is None:
                log.error("the archive's file %s is lost", file.key.path)
                self._index.mark_lost([file.key])
                with suppress(FileNotFoundError):
                    self._put_away(file.key)
                continue
            closed = replace(
                file, end_ms=result.end_utc_ms, size_bytes=self._size(file.key.path), state=FileState.CLOSED
            )
            self._index.commit([closed], [])
            self._index.extend_stretch(file.stretch_id, closed.end_ms)
            yield file.key

    def adopt_since(self, moment: datetime, busy: Container[FileKey] = ()) -> Iterator[int]:
        """Adopt files without a row whose day is that of a moment or later, or the day before. Yield their number for
        each day of a stream."""
        first = moment.date() - timedelta(days=1)
        for stream in self._stored_streams():
            for day in self._stored_days(stream):
                if day >= first:
                    yield self._adopt_day(stream, day, busy, after_crash=True)

    def compare(self, busy: Container[FileKey] = ()) -> Iterator[int]:
        """Compare all rows with all files, a day of a stream with each step. Yield the number of differences so far."""
        differences = 0
        known = {total.stream for total in self._index.totals() if total.volume_id == self._volume.id}
        for stream in sorted(known | set(self._stored_streams())):
            days = self._index.days_of(stream, self._volume.id) | set(self._stored_days(stream))
            for day in sorted(days):
                differences += self._adopt_day(stream, day, busy) + self._mark_missing(stream, day)
                yield differences

    # ---- one day of a stream ---------------------------------------------------------------------

    def _adopt_day(self, stream: StreamKey, day: date, busy: Container[FileKey], *, after_crash: bool = False) -> int:
        stored = self._stored_keys(stream, day)
        rows = self._rows(stream, day)
        known = {it.key for it in rows if it.state is not FileState.LOST}
        new = [key for key in stored if key not in known and key not in busy]
        damaged = [key for key in self._stored_keys(stream, day, DAMAGED) if key not in known]
        if not new and not damaged:
            return 0
        # After the rows: a row may move to the trash meanwhile.
        trash = self._index.trash_paths(self._volume.id, f"{stream_folder(stream)}/{day.isoformat()}/")
        for key in damaged:  # another index has found them
            if (path := f"{key.path}{DAMAGED}") not in trash:
                self._index.note_damaged(key, self._size(path))
        return sum(self._adopt(key, after_crash=after_crash) for key in new if key.path not in trash)

    def _adopt(self, key: FileKey, *, after_crash: bool) -> bool:
        path = self._volume.folder / key.path
        try:
            end_ms = None if after_crash else _end_by_index(path)
            if end_ms is None:
                end_ms = repair(path).end_utc_ms
            size_bytes = self._size(key.path)
            if end_ms is None:
                self._put_away(key)
                return False
        except FileNotFoundError:  # the retention has deleted it meanwhile
            return False
        end_ms = max(end_ms, key.start_ms)
        stretch = self._stretch_of(key, end_ms)
        self._index.commit([IndexedFile(key, end_ms, size_bytes, stretch.id, FileState.CLOSED)], [stretch])
        log.info("the archive's file %s was not in the index and is adopted", key.path)
        return True

    def _stretch_of(self, key: FileKey, end_ms: int) -> IndexedStretch:
        """Return the stretch that a file continues, with its new end; otherwise a new one."""
        around = self._index.indexed_stretches(
            [key.stream], from_ms(key.start_ms - _JOINED_MS - 1), from_ms(key.start_ms + _OVERLAP_MS + 1)
        )
        for it in around:
            if -_OVERLAP_MS <= key.start_ms - it.end_ms <= _JOINED_MS and it.end_reason is not None:
                return replace(it, end_ms=end_ms)
        return IndexedStretch(
            self._index.new_stretch_id(), key.stream, key.start_ms, end_ms, end_reason=GapReason.UNKNOWN
        )

    def _mark_missing(self, stream: StreamKey, day: date) -> int:
        rows = [it.key for it in self._rows(stream, day) if it.state is FileState.CLOSED]
        stored = set(self._stored_keys(stream, day))
        missing = [key for key in rows if key not in stored and not (self._volume.folder / key.path).exists()]
        if missing and self._volume.is_same():
            log.error("%d files of the archive are lost, the first one is %s", len(missing), missing[0].path)
            self._index.mark_lost(missing)
            return len(missing)
        return 0

    def _rows(self, stream: StreamKey, day: date) -> list[IndexedFile]:
        begin = datetime.combine(day, time(), UTC)
        end_ms = to_ms(begin + timedelta(days=1))
        found = self._index.files_of(stream, begin - timedelta(milliseconds=1), begin + timedelta(days=1))
        return [it for it in found if it.key.volume_id == self._volume.id and to_ms(begin) <= it.start_ms < end_ms]

    # ---- the folders -----------------------------------------------------------------------------

    def _stored_streams(self) -> list[StreamKey]:
        return [
            StreamKey(int(camera), int(match[1]), RecordedQuality(match[2]))
            for camera in _names(self._volume.folder)
            if _CAMERA.fullmatch(camera)
            for name in _names(self._volume.folder / camera)
            if (match := _STREAM.fullmatch(name)) is not None
        ]

    def _stored_days(self, stream: StreamKey) -> list[date]:
        found = []
        for name in _names(self._volume.folder / stream_folder(stream)):
            try:
                found.append(date.fromisoformat(name))
            except ValueError:
                continue
        return sorted(found)

    def _stored_keys(self, stream: StreamKey, day: date, ending: str = "") -> list[FileKey]:
        """Return the files of a day whose names have this ending after `.mp4`."""
        found = []
        for name in sorted(_names(self._volume.folder / stream_folder(stream) / day.isoformat())):
            match = _FILE.fullmatch(name.removesuffix(ending)) if name.endswith(ending) else None
            if match is None:
                continue
            hours, minutes, seconds, millis = (int(match[part]) for part in range(1, 5))
            try:
                begin = datetime.combine(day, time(hours, minutes, seconds, millis * 1000), UTC)
            except ValueError:
                continue
            found.append(FileKey(stream, self._volume.id, to_ms(begin), int(match[5] or 0)))
        return sorted(found, key=lambda it: (it.start_ms, it.suffix))

    def _put_away(self, key: FileKey) -> None:
        """Delete a file without a whole group of pictures if it can hold none; otherwise give it another name.

        The retention deletes it when it is its time.
        """
        path = self._volume.folder / key.path
        size_bytes = self._size(key.path)
        if size_bytes < _EMPTY_BYTES:
            path.unlink()  # a crash came before its first picture
            log.info("the archive's file %s had no picture and is deleted", path)
            return
        aside = path.with_name(path.name + DAMAGED)
        path.rename(aside)
        self._index.note_damaged(key, size_bytes)
        log.error("the app cannot read the recording %s (%d bytes), and renames it to %s", path, size_bytes, aside.name)

    def _size(self, path: str) -> int:
        return (self._volume.folder / path).stat().st_size


def _end_by_index(path: Path) -> int | None:
    """Return the end of a file's pictures by its own index; None if it has none. All of its bytes are then there."""
    try:
        with ArchiveFile.open(path) as file:
            found = file.index()
    except ArchiveFileError:
        return None
    return found.fragments[-1].end_utc_ms if found is not None and found.fragments else None


def _names(folder: Path) -> list[str]:
    try:
        return [it.name for it in folder.iterdir()]
    except (FileNotFoundError, NotADirectoryError):
        return []
