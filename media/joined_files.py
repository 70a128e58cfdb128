"""Several files, read as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

_BLOCK_BYTES = 1024 * 1024


class JoinedFiles:
    """Several files, read one behind the other."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._paths = list(paths)
        self._file: BinaryIO | None = None

    def read(self, count: int) -> Iterator[bytes]:
        """Yield the next `count` bytes in blocks of at most 1 MiB. Raise EOFError at the end of the last file."""
        while count:
            if self._file is None:
                if not self._paths:
                    raise EOFError("the samples end before the tables")
                self._file = self._paths.pop(0).open("rb")
            block = self._file.read(min(count, _BLOCK_BYTES))
            if not block:
                self.close()
                continue
            count -= len(block)
            yield block

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None
