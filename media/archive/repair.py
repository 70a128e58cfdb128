"""The whole fragments of a file that a crash or a power cut left open, and its repair.

Behind the last flush, a power cut leaves a shorter file, zeros, or missing blocks between whole ones (ext4 writes
blocks in any order). The CRC-32 at the end of each fragment shows all of these.
"""

from __future__ import annotations

import os
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from media.archive.file_builder import CRC_BYTES
from media.archive.file_reader import ArchiveFile, ArchiveFileError
from media.archive.fragment_index import Fragment, index_box

_BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ScanResult:
    """The whole fragments of a file, which ends at `good_bytes` without its index; 0: the file has no description.

    `has_index`: a whole index follows, and nothing else.
    """

    good_bytes: int
    fragments: tuple[Fragment, ...]
    has_index: bool

    @property
    def start_utc_ms(self) -> int | None:
        return self.fragments[0].start_utc_ms if self.fragments else None

    @property
    def end_utc_ms(self) -> int | None:
        return self.fragments[-1].end_utc_ms if self.fragments else None


def scan(path: Path, from_byte: int = 0) -> ScanResult:
    """Return the whole fragments of a file. Raises OSError.

    `from_byte`: the end of a fragment up to which all bytes are known to be on the disk, so that the scan reads only
    the heads of the fragments before it.
    """
    try:
        with ArchiveFile.open(path) as file:
            return _scanned(file, from_byte)
    except ArchiveFileError:
        return ScanResult(0, (), has_index=False)


def repair(path: Path, from_byte: int = 0) -> ScanResult:
    """Cut a file behind its last whole fragment and give it its index, and bring both to the disk. Raises OSError.

    A file without a whole fragment stays as it is.
    """
    found = scan(path, from_byte)
    if found.has_index or not found.fragments:
        return found
    index = memoryview(index_box(found.fragments))
    descriptor = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.ftruncate(descriptor, found.good_bytes)
        place = found.good_bytes
        while index:
            written = os.pwrite(descriptor, index, place)
            place += written
            index = index[written:]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return ScanResult(found.good_bytes, found.fragments, has_index=True)


def _scanned(file: ArchiveFile, from_byte: int) -> ScanResult:
    whole = []
    good_bytes = len(file.init_section)
    for fragment in file.walk():
        if fragment.offset >= from_byte and not is_whole(file, fragment):
            break
        whole.append(fragment)
        good_bytes = fragment.end_offset
    index = file.index()
    has_index = index is not None and index.offset == good_bytes and _places(index.fragments) == _places(whole)
    return ScanResult(good_bytes, tuple(whole), has_index)


def _places(fragments: Sequence[Fragment]) -> list[int]:
    return [fragment.offset for fragment in fragments]


def is_whole(file: ArchiveFile, fragment: Fragment) -> bool:
    """True if the bytes of a fragment are those that were written."""
    place, end, crc = fragment.offset, fragment.end_offset - CRC_BYTES, 0
    while place < end:
        block = file.read_bytes(place, min(_BLOCK_BYTES, end - place))
        if not block:
            return False
        crc = zlib.crc32(block, crc)
        place += len(block)
    return file.read_bytes(end, CRC_BYTES) == crc.to_bytes(CRC_BYTES, "big")
