"""A ZIP without the content of its large files: headers and small files, and where the large files belong.

The zipfile module writes the ZIP into a file object that drops the content of large files, so that it computes all
headers, ZIP64 ones included.
"""

from __future__ import annotations

import base64
import io
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

_MODE = 0o100644
_ZIP_EPOCH = 1980


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the ZIP. `source` names a large file, the content of which it is; otherwise `data` is the part."""

    start: int
    size_bytes: int
    data: bytes = b""
    source: str = ""


class ZipOutline:
    """Adds files in order; finish() returns the sections of the whole ZIP. Files are stored, not compressed.

    Raise ValueError if a path comes twice: some systems read large and small letters as the same.
    """

    def __init__(self, made_at: datetime) -> None:
        self._written = _Outline()
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
        """Write the directory."""
        self._archive.close()
        found = [Section(start, len(data), data) for start, data in self._written.parts.items()]
        return sorted([*found, *(one for one in self._large if one.size_bytes)], key=lambda section: section.start)

    def _entry(self, path: str) -> zipfile.ZipInfo:
        if path.casefold() in self._taken:
            raise ValueError(f"the file {path} comes twice")
        self._taken.add(path.casefold())
        entry = zipfile.ZipInfo(path, self._date)
        entry.external_attr = _MODE << 16
        entry.create_system = 3  # Unix, for the mode
        return entry


class _Outline(io.RawIOBase):
    """Keeps all written bytes by their place. While `is_dropping`, only the place moves."""

    def __init__(self) -> None:
        self.parts: dict[int, bytes] = {}
        self.is_dropping = False
        self._place = 0

    def write(self, data: Any) -> int:
        content = b"" if self.is_dropping else bytes(data)
        if content:
            self.parts[self._place] = content
        self._place += len(data)
        return len(data)

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
        {"start": one.start, "bytes": one.size_bytes, "source": one.source}
        if one.source
        else {"start": one.start, "data": base64.b64encode(one.data).decode()}
        for one in sections
    ]


def read_sections(stored: list[dict[str, Any]]) -> list[Section]:
    """Raise ValueError or LookupError for other JSON."""
    found = []
    for item in stored:
        data = base64.b64decode(item.get("data", ""), validate=True)
        found.append(Section(item["start"], item.get("bytes", len(data)), data, item.get("source", "")))
    return found
