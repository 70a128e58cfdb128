"""Archive files that several nodes can read, and the interface of the places that hold their bytes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from core.archive import StreamKey


@dataclass(frozen=True, slots=True)
class StoredFile:
    """An archive file as the shared database knows it. Times are milliseconds since 1970, UTC.

    `node` has, or had, the file on the volume with the UUID `volume`; it is there while `is_on_disk`. `epoch`: the
    number of the node's lease of the camera. Of two files with the same time, the one with the higher epoch counts.
    `stretch_id`: files of a node with the same number were recorded without a gap. `is_sealed`: nothing is written to
    the file any more. `object_key`: the name of its copy in the object storage, None without one.
    """

    id: int
    node: str
    stream: StreamKey
    start_ms: int
    end_ms: int
    size_bytes: int
    volume: str
    suffix: int = 0
    stretch_id: int = 0
    epoch: int = 0
    is_sealed: bool = True
    is_on_disk: bool = True
    object_key: str | None = None

    @property
    def has_object(self) -> bool:
        """True if the object storage has a copy."""
        return self.object_key is not None


class RecordingStorage(Protocol):
    """A place with the bytes of archive files: another node, or an object storage. Thread-safe.

    Each method has a time limit. It raises ArchiveUnreadable with a message for the user if the place does not answer,
    and FileNotFoundError if it has the file no more.
    """

    def size(self, file: StoredFile) -> int:
        """Return the bytes of the file at this moment; a file that is not sealed grows."""
        ...

    def read(self, file: StoredFile, first: int, count: int) -> bytes:
        """Return `count` bytes from the byte `first` on; fewer at the end of the file."""
        ...
