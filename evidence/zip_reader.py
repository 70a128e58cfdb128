"""The bytes of a ZIP, from its sections, its rest and the large files: a file object that can seek."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from evidence.zip_outline import Section

_REST = ""  # the source of sections without one


class ZipReader(io.RawIOBase):
    """`rest`: the file with all but the large files. `paths`: of these, by their name in the sections. One thread only.

    Raise FileNotFoundError if a file is missing or has another size; all of them are looked at when it opens.
    """

    def __init__(self, sections: Sequence[Section], rest: Path, paths: Mapping[str, Path]) -> None:
        self._open: dict[str, BinaryIO] = {}  # the rest, and one large file
        self._sections = sections
        self._starts = [section.start for section in sections]
        self._paths = {**paths, _REST: rest}
        self._place = 0
        self.size_bytes = sections[-1].start + sections[-1].size_bytes if sections else 0
        sizes = {_REST: 0}
        for section in sections:
            sizes[section.source] = sizes.get(section.source, 0) + section.size_bytes
        for source, size_bytes in sizes.items():
            if self._paths[source].stat().st_size != size_bytes:
                raise FileNotFoundError(self._paths[source])
        self._file(_REST)  # stays open: a new package may take the place of this one

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self.size_bytes}[whence]
        self._place = max(0, base + offset)
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        if self._place >= self.size_bytes:
            return 0
        section = self._sections[bisect_right(self._starts, self._place) - 1]
        skipped = self._place - section.start
        count = min(len(buffer), section.size_bytes - skipped)
        file, offset = self._file(section.source), section.offset + skipped
        if file.tell() != offset:
            file.seek(offset, os.SEEK_SET)
        data = file.read(count)
        if not data:
            raise FileNotFoundError(self._paths[section.source])
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        for file in self._open.values():
            file.close()
        super().close()

    def _file(self, source: str) -> BinaryIO:
        file = self._open.get(source)
        if file is None:
            for other in self._open.keys() - {_REST}:
                self._open.pop(other).close()
            file = self._open[source] = self._paths[source].open("rb")
        return file
