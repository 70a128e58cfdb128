"""Reads this node's archive files for other nodes. They name a file by its row in the shared table, never by a path."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from archive.disk_calls import DiskHangs, in_time
from archive.index import ArchiveIndex
from archive.local_files import LocalFiles
from archive.open_files import OpenFiles
from archive.records import FileKey
from archive.shared_files import SharedFiles
from core.clock import Clock
from core.errors import ArchiveUnreadable, NotFound

LIMIT_S = 2.0
"""Longest read. The node that asks waits a second longer, and takes a node without any answer for dead."""
_SLEEPS = "The disk with this recording does not answer in time."
_T = TypeVar("_T")
_NOT_HERE = "This server has no such archive file."


class ServedFiles:
    """Thread-safe. The methods raise NotFound, ArchiveUnreadable if the disk fails or is slow, or Unavailable.

    The retention spares a file for a minute after each read, as it spares those that a reader here has open.
    """

    def __init__(
        self, index: ArchiveIndex, local: LocalFiles, shared: SharedFiles, open_files: OpenFiles, clock: Clock
    ) -> None:
        self._index = index
        self._local = local
        self._shared = shared
        self._open_files = open_files
        self._clock = clock

    def size(self, file_id: int) -> int:
        """Return the bytes of a file at this moment."""
        key = self._key(file_id)
        return self._in_time(lambda: self._local.size(key))

    def read(self, file_id: int, first: int, count: int) -> bytes:
        """Return bytes of a file; fewer at its end."""
        key = self._key(file_id)
        return self._in_time(lambda: self._local.read(key, first, count))

    def _in_time(self, read: Callable[[], _T]) -> _T:
        try:
            return in_time(read, LIMIT_S)
        except DiskHangs:
            raise ArchiveUnreadable(_SLEEPS) from None
        except FileNotFoundError:
            raise NotFound(_NOT_HERE) from None

    def _key(self, file_id: int) -> FileKey:
        file = self._shared.get(file_id)
        if file is None or file.node != self._shared.node or not file.is_on_disk:
            raise NotFound(_NOT_HERE)
        volume = next((it for it in self._index.volumes() if it.uuid == file.volume), None)
        if volume is None:
            raise NotFound(_NOT_HERE)
        key = FileKey(file.stream, volume.id, file.start_ms, file.suffix)
        self._open_files.note_read(Path(volume.folder) / key.path, self._clock.monotonic_s())
        return key
