"""Several files, read as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from io import BufferedReader, FileIO
from pathlib import Path

_BLOCK_BYTES = 256 * 1024  # it stays in the processor's cache until it is hashed and written


class JoinedFiles:
    """Several files, read one behind the other."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._file: BufferedReader | None = None
        self._block = memoryview(bytearray(_BLOCK_BYTES))

    def read(self, count: int) -> Iterator[memoryview]:
        """Yield the next `count` bytes in blocks of at most 256 KiB, each valid until the next one.

        Raise EOFError at the end of the last file.
        """
        while count:
            file = self._file = self._file or self._next_file()
            size = file.readinto(self._block[:count])
            if not size:
                self.close()
                continue
            count -= size
            yield self._block[:size]

    def _next_file(self) -> BufferedReader:
        if not self._paths:
            raise EOFError("the samples end before the tables")
        return BufferedReader(FileIO(self._paths.pop(0)), _BLOCK_BYTES)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
