"""Free space on the disk of the exports, looked up again while a job writes."""

from __future__ import annotations

import io
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from core.errors import StorageFull

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

CHECK_BYTES = 64_000_000


def require_free_space(folder: Path, least_bytes: int) -> None:
    """Raise StorageFull if less than `least_bytes` is free on the disk of the folder."""
    place = folder
    while not place.exists():
        place = place.parent
    free_bytes = shutil.disk_usage(place).free
    if free_bytes < least_bytes:
        raise StorageFull(
            f"Only {free_bytes // 1_000_000} MB are free for exports; {least_bytes // 1_000_000} MB must stay free."
        )


class SpaceCheck:
    """Looks up the free space each 64 MB that a job writes into `folder`."""

    def __init__(self, folder: Path, least_bytes: int) -> None:
        self._folder = folder
        self._least_bytes = least_bytes
        self._unchecked_bytes = 0

    def wrote(self, size: int) -> None:
        """Count written bytes. Raise StorageFull if too little space is free."""
        self._unchecked_bytes += size
        if self._unchecked_bytes >= CHECK_BYTES:
            self.look()

    def look(self) -> None:
        """Raise StorageFull if too little space is free."""
        self._unchecked_bytes = 0
        require_free_space(self._folder, self._least_bytes)


class CheckedFile(io.BufferedWriter):
    """A new file whose writes count for a SpaceCheck."""

    def __init__(self, path: Path, space: SpaceCheck) -> None:
        super().__init__(io.FileIO(path, "wb"))
        self._space = space

    def write(self, data: ReadableBuffer, /) -> int:
        written = super().write(data)
        self._space.wrote(written)
        return written
