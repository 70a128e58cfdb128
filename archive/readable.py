"""Files of a recorded stream as a reader sees them, wherever they are."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.archive import StreamKey
from media.archive.fragment_index import Fragment
from media.codecs.access_unit import AccessUnit
from media.units import UnitDescription

UNFLUSHED_MS = 120_000
"""A file that is being written may be longer by a flush (ARCHIVE_FLUSH_S) than its row says."""


@dataclass(frozen=True, slots=True)
class ReadableFile:
    """A file that can be played. Times are milliseconds since 1970, UTC.

    `key` identifies it. `stretch`: files with the same one were recorded without a gap. `is_open`: it may be longer
    than `end_ms`, because it is being written. `until_ms`: from this time on, a file of the camera's next owner counts.
    `epoch`: the number of the lease under which it was recorded, 0 if that is not known here.
    """

    key: Hashable
    start_ms: int
    end_ms: int
    stretch: Hashable
    is_open: bool = False
    until_ms: int | None = None
    epoch: int = 0

    @property
    def latest_end_ms(self) -> int:
        """The latest end that the file may have at this moment."""
        return self.end_ms + UNFLUSHED_MS if self.is_open else self.end_ms

    @property
    def counts_until_ms(self) -> int:
        """The end of the time for which the file counts, as far as its row says."""
        return self.end_ms if self.until_ms is None else min(self.end_ms, self.until_ms)


class OpenedFile(Protocol):
    """An open archive file. media.archive.file_reader.ArchiveFile documents the methods.

    Each raises ArchiveFileError, ArchiveUnreadable or OSError.
    """

    @property
    def description(self) -> UnitDescription: ...

    def close(self) -> None: ...

    def fragments(self) -> Sequence[Fragment]: ...

    def fragment_at(self, utc_ms: int) -> int: ...

    def read_units(self, fragment: Fragment) -> tuple[AccessUnit, ...]: ...

    def read_key_frame(self, fragment: Fragment) -> AccessUnit: ...


class ReadableFiles(Protocol):
    """The files of all recorded streams. Each method raises Unavailable if an index cannot be read."""

    def files_of(self, stream: StreamKey, start: datetime, end: datetime) -> Sequence[ReadableFile]:
        """Return the files that overlap [start, end), in the order of their beginnings."""
        ...

    def next_file(self, stream: StreamKey, start_ms: int) -> ReadableFile | None:
        """Return the first file that begins at or after a time."""
        ...

    def open(self, stream: StreamKey, file: ReadableFile) -> OpenedFile | None:
        """Open a file; None if it was deleted or is damaged. Raise ArchiveUnreadable if its place does not answer."""
        ...

    def refuse_missing(self, stream: StreamKey, start_ms: int, end_ms: int) -> None:
        """Raise ArchiveUnreadable if a place that does not answer has footage of [start, end)."""
        ...
