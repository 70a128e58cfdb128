"""The bytes of an archive file, wherever they are: on a disk here, or in another place that is read by ranges."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Protocol


class ByteSource(Protocol):
    """A file that is read by ranges. The methods raise OSError, or the error of the place."""

    def size(self) -> int:
        """Return the bytes of the file at this moment."""
        ...

    def read(self, first: int, count: int) -> bytes:
        """Return `count` bytes from the byte `first` on; fewer at the end of the file."""
        ...

    def close(self) -> None:
        """May be called twice."""
        ...


class DiskBytes(ByteSource):
    """A file on a disk."""

    def __init__(self, path: Path) -> None:
        """Raise OSError if the file cannot be opened."""
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)

    def size(self) -> int:
        return os.fstat(self._descriptor).st_size

    def read(self, first: int, count: int) -> bytes:
        return os.pread(self._descriptor, count, first)

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1
