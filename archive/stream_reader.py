"""The fragments of a recorded stream in order of time, over the borders of files and stretches."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from archive.disk_reads import DiskReads, VolumeFile
from archive.index import ArchiveIndex
from archive.open_files import OpenFiles
from archive.records import FileState, IndexedFile, from_ms
from archive.volume import has_marker
from core.archive import StreamKey
from core.errors import ArchiveUnreadable
from media.archive.file_reader import ArchiveFileError
from media.archive.fragment_index import Fragment
from media.codecs.access_unit import AccessUnit
from media.units import UnitDescription

log = logging.getLogger(__name__)

CROSSED_MS = 1500
"""A longer gap ends the reading: another recording of the channel may fill it."""
_GAP_MS = 1000
_SAME_MS = 1000  # the end of a file may be known only as the usual step behind its last frame
_UNFLUSHED_MS = 120_000  # a file that is being written may be longer by a flush (ARCHIVE_FLUSH_S) than the index says
_GONE = "The disk with this recording is not there."


@dataclass(frozen=True, slots=True)
class StoredFragment:
    """A fragment in its open file. `is_after_gap`: recorded time is missing before it."""

    file: VolumeFile
    fragment: Fragment
    is_after_gap: bool = False

    @property
    def description(self) -> UnitDescription:
        return self.file.description

    def units(self) -> tuple[AccessUnit, ...]:
        """Return the fragment's units. Raise ArchiveFileError if it is damaged, or OSError."""
        return self.file.read_units(self.fragment)

    def key_frame(self) -> AccessUnit:
        """Return the frame that the fragment begins with. Raise ArchiveFileError or OSError."""
        return self.file.read_key_frame(self.fragment)


class StreamReader:
    """Reads one recorded stream, in one thread. Files that were deleted meanwhile are gaps.

    The methods raise ArchiveUnreadable if a disk is gone, fails or hangs, and Unavailable if the index cannot be read.
    """

    def __init__(self, index: ArchiveIndex, stream: StreamKey, open_files: OpenFiles, reads: DiskReads) -> None:
        self.stream = stream
        self._index = index
        self._open_files = open_files
        self._reads = reads
        self._row: IndexedFile | None = None
        self._file: VolumeFile | None = None
        self._path = Path()
        self._stretch_id = 0  # of the last open file
        self._reached_ms = 0  # end of the last fragment

    def close(self) -> None:
        """Close the open file."""
        file, self._file, self._row = self._file, None, None
        if file is not None:
            file.close()
            self._open_files.closed(self._path)

    def fragments_from(self, start_ms: int, *, crosses_gaps: bool = False) -> Iterator[StoredFragment]:
        """Yield fragments from the last key frame at or before a time on; in a gap, from the next one behind it.

        Ends at a gap of more than 1.5 s, unless `crosses_gaps`, and at the newest fragment on the disk.
        """
        self._reached_ms = start_ms
        number = self._open_at(start_ms)
        is_first, is_new_stretch = True, False
        while self._file is not None and self._row is not None:
            found = self._fragments()
            while number < len(found):
                fragment = found[number]
                step_ms = fragment.start_utc_ms - self._reached_ms
                is_gap = not is_first and (is_new_stretch or step_ms > _GAP_MS or step_ms < -_SAME_MS)
                if not (is_first or crosses_gaps) and step_ms > CROSSED_MS:
                    return
                yield StoredFragment(self._file, fragment, is_gap)
                is_first, is_new_stretch = False, False
                self._reached_ms = max(self._reached_ms, fragment.end_utc_ms)
                number += 1
                found = self._fragments() if number == len(found) else found
            stretch_id = self._row.stretch_id
            number = self._open_next(crosses_gaps=crosses_gaps)
            is_new_stretch = self._row is not None and self._row.stretch_id != stretch_id

    def key_fragment_at(self, time_ms: int) -> StoredFragment | None:
        """Return the fragment with the last key frame at or before a time; in a gap, with the next one behind it.

        None if nothing is recorded then or later.
        """
        number = self._open_at(time_ms)
        found = self._fragments()
        return StoredFragment(self._file, found[number]) if self._file is not None and number < len(found) else None

    # ---- files -----------------------------------------------------------------------------------

    def _fragments(self) -> list[Fragment]:
        try:
            return list(self._file.fragments()) if self._file is not None else []
        except OSError as error:
            raise ArchiveUnreadable("The disk with this recording cannot be read.") from error

    def _open_at(self, time_ms: int) -> int:
        """Open the file with this time, or the next one. Return the number of the fragment to begin with."""
        row = self._row
        if row is None or self._file is None or not row.start_ms <= time_ms < row.end_ms:
            self.close()
            row = self._row_at(time_ms)
            if row is not None and self._open(row):
                return self._number_at(time_ms)
            self._open_later(time_ms)
        return self._number_at(time_ms)

    def _number_at(self, time_ms: int) -> int:
        try:
            return self._file.fragment_at(time_ms) if self._file is not None else 0
        except ArchiveFileError:  # it has no whole fragment yet
            return 0
        except OSError as error:
            raise ArchiveUnreadable("The disk with this recording cannot be read.") from error

    def _row_at(self, time_ms: int) -> IndexedFile | None:
        """Return the file that began last before a time and has it, or may have it when it is flushed.

        After the clock was set back, two files may have the time, and the file of the present stretch counts. A seek
        before the step finds the first of the two hours, and a seek after the step finds the second.
        """
        rows = self._index.files_of(self.stream, from_ms(time_ms - _UNFLUSHED_MS), from_ms(time_ms + 1))
        kept = [
            row
            for row in rows
            if row.start_ms <= time_ms
            and (row.state is FileState.OPEN or (row.state is FileState.CLOSED and row.end_ms > time_ms))
        ]
        of_stretch = [row for row in kept if row.stretch_id == self._stretch_id]
        return next(reversed(of_stretch or kept), None)

    def _open_next(self, *, crosses_gaps: bool) -> int:
        """Open the file that goes on after the present one. Return the number of the fragment to go on with."""
        row = self._row
        if row is None:
            return 0
        reached_ms = self._reached_ms
        near = [
            other
            for other in self._index.files_of(
                self.stream, from_ms(reached_ms - _SAME_MS), from_ms(reached_ms + CROSSED_MS)
            )
            if other.is_playable and other.key != row.key
        ]
        of_stretch = [it for it in near if it.stretch_id == row.stretch_id and it.start_ms >= reached_ms - _SAME_MS]
        others = [it for it in near if it.end_ms > reached_ms and it not in of_stretch]
        for other in (*of_stretch, *others):
            self.close()
            if self._open(other):
                return self._number_after(reached_ms)
        self.close()
        if crosses_gaps:
            self._open_later(max(reached_ms, row.start_ms + 1))
        return 0

    def _number_after(self, reached_ms: int) -> int:
        """Return the number of the first fragment with a key frame that does not begin before a time.

        Files overlap if the clock was set back. No time is shown twice.
        """
        found = self._fragments()
        return next(
            (n for n, it in enumerate(found) if it.is_key and it.start_utc_ms >= reached_ms - _SAME_MS), len(found)
        )

    def _open_later(self, time_ms: int) -> None:
        """Open the first file that begins at or after a time and can be read."""
        row = self._index.next_file(self.stream, time_ms)
        while row is not None and not self._open(row):
            row = self._index.next_file(self.stream, row.start_ms + 1)

    def _open(self, row: IndexedFile) -> bool:
        """Return False for a file that was deleted or is damaged."""
        volume = next((it for it in self._index.volumes() if it.id == row.key.volume_id), None)
        if volume is None:
            raise ArchiveUnreadable(_GONE)
        path = Path(volume.folder) / row.key.path
        try:
            self._file = VolumeFile(path, self._reads, row.key.volume_id)
        except FileNotFoundError:
            with self._reads.reading(row.key.volume_id):
                is_there = has_marker(Path(volume.folder), volume.uuid)
            if not is_there:  # a mount point without its disk is an empty folder
                raise ArchiveUnreadable(_GONE) from None
            return False
        except ArchiveFileError as error:
            log.warning("archive file %s cannot be read: %s", row.key.path, error)
            return False
        except OSError as error:
            raise ArchiveUnreadable("The disk with this recording cannot be read.") from error
        self._row, self._path, self._stretch_id = row, path, row.stretch_id
        self._open_files.opened(path)
        return True
