"""The fragments of a recorded stream in order of time, over the borders of files and stretches."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass

from archive.local_files import FAILS
from archive.readable import UNFLUSHED_MS, OpenedFile, ReadableFile, ReadableFiles
from archive.records import from_ms
from core.archive import StreamKey
from core.errors import ArchiveUnreadable
from media.archive.file_reader import ArchiveFileError
from media.archive.fragment_index import Fragment
from media.codecs.access_unit import AccessUnit
from media.units import UnitDescription

CROSSED_MS = 1500
"""A longer gap ends the reading: another recording of the channel may fill it."""
_GAP_MS = 1000
_SAME_MS = 1000  # the end of a file may be known only as the usual step behind its last frame


@dataclass(frozen=True, slots=True)
class StoredFragment:
    """A fragment in its open file. `is_after_gap`: recorded time is missing before it."""

    file: OpenedFile
    fragment: Fragment
    is_after_gap: bool = False

    @property
    def description(self) -> UnitDescription:
        return self.file.description

    def units(self) -> tuple[AccessUnit, ...]:
        """Return the fragment's units. Raise ArchiveFileError if it is damaged, FileNotFoundError if its file is
        deleted, or OSError."""
        return self.file.read_units(self.fragment)

    def key_frame(self) -> AccessUnit:
        """Return the frame that the fragment begins with. Raise as units()."""
        return self.file.read_key_frame(self.fragment)


class StreamReader:
    """Reads one recorded stream, in one thread. Files that were deleted meanwhile are gaps.

    The methods raise ArchiveUnreadable if a disk is gone, fails or hangs or another place with files does not answer,
    and Unavailable if the index cannot be read.
    """

    def __init__(self, files: ReadableFiles, stream: StreamKey) -> None:
        self.stream = stream
        self._files = files
        self._row: ReadableFile | None = None
        self._file: OpenedFile | None = None
        self._stretch: Hashable = None  # of the last open file
        self._reached_ms = 0  # end of the last fragment
        self._is_left = False  # the open file was deleted

    def close(self) -> None:
        """Close the open file."""
        file, self._file, self._row = self._file, None, None
        if file is not None:
            file.close()

    def leave_deleted(self) -> None:
        """Close the open file, because it is deleted. The reader goes on in its copy, if it has one, or behind it."""
        self.close()
        self._is_left = True

    @property
    def has_left(self) -> bool:
        """True if leave_deleted() was called since the last fragment."""
        return self._is_left

    def fragments_from(self, start_ms: int, *, crosses_gaps: bool = False) -> Iterator[StoredFragment]:
        """Yield fragments from the last key frame at or before a time on; in a gap, from the next one behind it.

        Ends at a gap of more than 1.5 s, unless `crosses_gaps`, and at the newest fragment on the disk.
        """
        self._reached_ms = start_ms
        number = self._open_at(start_ms)
        is_first, is_new_stretch, left_ms = True, False, -1
        while self._file is not None and self._row is not None:
            found = self._fragments()
            while number < len(found):
                fragment = found[number]
                step_ms = fragment.start_utc_ms - self._reached_ms
                is_gap = not is_first and (is_new_stretch or step_ms > _GAP_MS or step_ms < -_SAME_MS)
                if not (is_first or crosses_gaps) and step_ms > CROSSED_MS:
                    return
                self._is_left = False
                yield StoredFragment(self._file, fragment, is_gap)
                if self._is_left:
                    break
                is_first, is_new_stretch = False, False
                self._reached_ms = max(self._reached_ms, fragment.end_utc_ms)
                number += 1
                found = self._fragments() if number == len(found) else found
            if self._is_left:
                if left_ms == self._reached_ms:  # its copy was deleted, too
                    return
                left_ms, number = self._reached_ms, self._open_copy()
                continue
            stretch = self._row.stretch
            number = self._open_next(crosses_gaps=crosses_gaps)
            is_new_stretch = self._row is not None and self._row.stretch != stretch

    def key_fragment_at(self, time_ms: int) -> StoredFragment | None:
        """Return the fragment with the last key frame at or before a time; in a gap, with the next one behind it.

        None if nothing is recorded then or later.
        """
        self._is_left = False
        number = self._open_at(time_ms)
        found = self._fragments()
        return StoredFragment(self._file, found[number]) if self._file is not None and number < len(found) else None

    def refuse_missing(self, start_ms: int, end_ms: int) -> None:
        """Raise ArchiveUnreadable if a place that does not answer has footage of [start, end)."""
        self._files.refuse_missing(self.stream, start_ms, end_ms)

    # ---- files -----------------------------------------------------------------------------------

    def _fragments(self) -> list[Fragment]:
        """Return the fragments of the open file that count."""
        if self._file is None or self._row is None:
            return []
        try:
            found = list(self._file.fragments())
        except FileNotFoundError:
            return []
        except OSError as error:
            raise ArchiveUnreadable(FAILS) from error
        until_ms = self._row.until_ms
        return found if until_ms is None else [it for it in found if it.start_utc_ms < until_ms]

    def _open_at(self, time_ms: int) -> int:
        """Open the file with this time, or the next one. Return the number of the fragment to begin with."""
        row = self._row
        if row is None or self._file is None or not row.start_ms <= time_ms < row.counts_until_ms:
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
            raise ArchiveUnreadable(FAILS) from error

    def _row_at(self, time_ms: int) -> ReadableFile | None:
        """Return the file that began last before a time and has it, or may have it when it is flushed.

        After the clock was set back, two files may have the time, and the file of the present stretch counts. A seek
        before the step finds the first of the two hours, and a seek after the step finds the second.
        """
        rows = self._files.files_of(self.stream, from_ms(time_ms - UNFLUSHED_MS), from_ms(time_ms + 1))
        kept = [
            row
            for row in rows
            if row.start_ms <= time_ms
            and (row.is_open or row.end_ms > time_ms)
            and (row.until_ms is None or row.until_ms > time_ms)
        ]
        of_stretch = [row for row in kept if row.stretch == self._stretch]
        return next(reversed(of_stretch or kept), None)

    def _open_next(self, *, crosses_gaps: bool) -> int:
        """Open the file that goes on after the present one. Return the number of the fragment to go on with."""
        row = self._row
        if row is None:
            return 0
        reached_ms = self._reached_ms
        rows = self._files.files_of(self.stream, from_ms(reached_ms - UNFLUSHED_MS), from_ms(reached_ms + CROSSED_MS))
        near = [
            other
            for other in rows
            if other.key != row.key
            and other.latest_end_ms > reached_ms - _SAME_MS
            and (other.until_ms is None or other.until_ms > reached_ms)
        ]
        of_stretch = [it for it in near if it.stretch == row.stretch and it.start_ms >= reached_ms - _SAME_MS]
        others = [it for it in near if it.latest_end_ms > reached_ms and it not in of_stretch]
        for other in (*of_stretch, *others):
            self.close()
            if self._open(other) and (number := self._number_after(reached_ms)) is not None:
                return number
        self.close()
        if crosses_gaps:
            self._open_later(max(reached_ms, row.start_ms + 1))
        return 0

    def _open_copy(self) -> int:
        """Open the copy of a deleted file, or the next file. Return the number of the fragment to go on with."""
        number, found = self._open_at(self._reached_ms), self._fragments()
        while number < len(found) and found[number].end_utc_ms <= self._reached_ms:
            number += 1
        return number

    def _number_after(self, reached_ms: int) -> int | None:
        """Return the number of the first fragment with a key frame that does not begin before a time; None if nothing
        in the open file ends after this time.

        Files overlap if the clock was set back. No time is shown twice.
        """
        found = self._fragments()
        if all(it.end_utc_ms <= reached_ms for it in found):
            return None
        return next((n for n, it in enumerate(found) if it.is_key and it.start_utc_ms >= reached_ms - _SAME_MS), None)

    def _open_later(self, time_ms: int) -> None:
        """Open the first file that begins at or after a time and can be read."""
        row = self._files.next_file(self.stream, time_ms)
        while row is not None and not self._open(row):
            row = self._files.next_file(self.stream, row.start_ms + 1)

    def _open(self, row: ReadableFile) -> bool:
        """Return False for a file that was deleted or is damaged."""
        self._file = self._files.open(self.stream, row)
        if self._file is None:
            return False
        try:
            self._file.fragments()
        except FileNotFoundError:
            self.close()
            return False
        except OSError as error:
            raise ArchiveUnreadable(FAILS) from error
        self._row, self._stretch = row, row.stretch
        return True
