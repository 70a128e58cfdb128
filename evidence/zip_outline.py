"""A ZIP without the content of its large files: the rest of it in a file, and the places of all parts.

The zipfile module writes the ZIP into a file object that drops the content of large files, so that it computes all
headers, ZIP64 ones included.
"""

from __future__ import annotations

import io
import zipfile
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, BinaryIO

_MODE = 0o100644
_ZIP_EPOCH = 1980


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the ZIP. `source` names a large file, the content of which it is.

    Without a source, the part lies at `offset` in the file with the rest of the ZIP.
    """

    start: int
    size_bytes: int
    source: str = ""
    offset: int = 0


class ZipOutline:
    """Writes all but the large files into `rest`. Files are stored, not compressed. Call close() before `rest` closes.

    Raise ValueError if a path comes twice: some systems read large and small letters as the same.
    """

    def __init__(self, made_at: datetime, rest: BinaryIO) -> None:
        self._written = _Outline(rest)
        self._archive = zipfile.ZipFile(self._written, "w", zipfile.ZIP_STORED)
        self._date = (max(_ZIP_EPOCH, made_at.year), *made_at.timetuple()[1:6])
        self._large: list[Section] = []
        self._taken: set[str] = set()

    def add(self, path: str, content: bytes) -> None:
        """Add a small file."""
        self._archive.writestr(self._entry(path), content)

    def add_large(self, path: str, source: str, size_bytes: int, blocks: Iterable[bytes]) -> None:
        """Add a file by its name for the reader (`source`). Its blocks are read for the checksum only."""
        entry = self._entry(path)
        entry.file_size = size_bytes
        with self._archive.open(entry, "w") as target:
            start = self._written.tell()
            self._written.is_dropping = True
            for block in blocks:
                target.write(block)
            self._written.is_dropping = False
            self._large.append(Section(start, self._written.tell() - start, source=source))

    def finish(self) -> list[Section]:
        """Write the directory. Return the sections of the whole ZIP, in order."""
        self._archive.close()
        large = (one for one in self._large if one.size_bytes)
        return sorted([*self._written.parts, *large], key=lambda section: section.start)

    def close(self) -> None:
        """Write nothing more. Without finish(), the ZIP has no directory."""
        self._archive.fp = None

    def _entry(self, path: str) -> zipfile.ZipInfo:
        if path.casefold() in self._taken:
            raise ValueError(f"the file {path} comes twice")
        self._taken.add(path.casefold())
        entry = zipfile.ZipInfo(path, self._date)
        entry.external_attr = _MODE << 16
        entry.create_system = 3  # Unix, for the mode
        return entry


class _Outline(io.RawIOBase):
    """Writes all bytes into `rest`, in their order in the ZIP. While `is_dropping`, only the place moves.

    `parts`: the sections that `rest` has, in order.
    """

    def __init__(self, rest: BinaryIO) -> None:
        self.parts: list[Section] = []
        self.is_dropping = False
        self._rest = rest
        self._place = 0
        self._end = 0
        self._rest_bytes = 0

    def write(self, data: Any) -> int:
        size = len(data)
        if size and not self.is_dropping:
            if self._place < self._end:
                self._write_again(data)
            else:
                self._append(data, size)
        self._place += size
        self._end = max(self._end, self._place)
        return size

    def _append(self, data: Any, size: int) -> None:
        self._rest.write(data)
        last = self.parts[-1] if self.parts else None
        if last is not None and last.start + last.size_bytes == self._place:
            self.parts[-1] = replace(last, size_bytes=last.size_bytes + size)
        else:
            self.parts.append(Section(self._place, size, offset=self._rest_bytes))
        self._rest_bytes += size

    def _write_again(self, data: Any) -> None:
        """Replace a header: zipfile knows the checksum of a file only at its end."""
        part = self.parts[bisect_right(self.parts, self._place, key=lambda section: section.start) - 1]
        self._rest.seek(part.offset + self._place - part.start)
        self._rest.write(data)
        self._rest.seek(0, io.SEEK_END)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("seek only from the start")
        self._place = offset
        return offset

    def tell(self) -> int:
        return self._place

    def seekable(self) -> bool:
        return True

    def writable(self) -> bool:
        return True


def stored_sections(sections: Iterable[Section]) -> list[dict[str, Any]]:
    return [
        {"start": one.start, "bytes": one.size_bytes}
        | ({"source": one.source} if one.source else {"offset": one.offset})
        for one in sections
    ]


def read_sections(stored: list[dict[str, Any]]) -> list[Section]:
    """Raise LookupError or TypeError for other JSON."""
    return [Section(it["start"], it["bytes"], it.get("source", ""), it.get("offset", 0)) for it in stored]
