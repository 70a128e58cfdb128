"""The bytes of a ZIP, from its sections and the large files: a file object that can seek, without a copy on disk."""

from __future__ import annotations

import io
import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO

from evidence.zip_outline import Section


class ZipReader(io.RawIOBase):
    """`paths`: of the large files, by their name in the sections. One thread only.

    Raise FileNotFoundError if a large file is missing or has another size; all of them are looked at when it opens.
    """

    def __init__(self, sections: Sequence[Section], paths: Mapping[str, Path]) -> None:
        self._sections = sections
        self._starts = [section.start for section in sections]
        self._paths = paths
        self._place = 0
        self._open: tuple[str, BinaryIO] | None = None
        self.size_bytes = sections[-1].start + sections[-1].size_bytes if sections else 0
        for section in sections:
            if section.source and paths[section.source].stat().st_size != section.size_bytes:
                raise FileNotFoundError(paths[section.source])

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
        if section.source:
            data = self._file(section.source, skipped).read(count)
            if not data:
                raise FileNotFoundError(self._paths[section.source])
        else:
            data = section.data[skipped : skipped + count]
        buffer[: len(data)] = data
        self._place += len(data)
        return len(data)

    def close(self) -> None:
        if self._open is not None:
            self._open[1].close()
            self._open = None
        super().close()

    def _file(self, source: str, offset: int) -> BinaryIO:
        if self._open is None or self._open[0] != source:
            if self._open is not None:
                self._open[1].close()
            self._open = (source, self._paths[source].open("rb"))
        file = self._open[1]
        if file.tell() != offset:
            file.seek(offset, os.SEEK_SET)
        return file
