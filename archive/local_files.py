"""The archive files on the volumes of this process, for readers."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from archive.disk_reads import DiskReads
from archive.index import ArchiveIndex
from archive.open_files import OpenFiles
from archive.readable import OpenedFile, ReadableFile, ReadableFiles
from archive.records import FileKey, FileState, IndexedFile, IndexedVolume
from archive.volume import has_marker
from core.archive import StreamKey
from core.errors import ArchiveUnreadable
from media.archive.byte_source import DiskBytes
from media.archive.file_reader import ArchiveFile, ArchiveFileError
from media.archive.fragment_index import Fragment
from media.codecs.access_unit import AccessUnit
from media.units import UnitDescription

log = logging.getLogger(__name__)

GONE = "The disk with this recording is not there."
FAILS = "The disk with this recording cannot be read."


class VolumeFile(OpenedFile):
    """An open archive file of a volume, which the retention spares until it is closed."""

    def __init__(self, path: Path, reads: DiskReads, volume_id: int, open_files: OpenFiles) -> None:
        self._reads = reads
        self._volume_id = volume_id
        with reads.reading(volume_id):
            self._file = ArchiveFile.open(path)
        self._path: Path | None = path
        self._open_files = open_files
        open_files.opened(path)

    @property
    def description(self) -> UnitDescription:
        return self._file.description

    def close(self) -> None:
        path, self._path = self._path, None
        if path is not None:
            self._file.close()
            self._open_files.closed(path)

    def fragments(self) -> Sequence[Fragment]:
        with self._reads.reading(self._volume_id):
            return self._file.fragments()

    def fragment_at(self, utc_ms: int) -> int:
        with self._reads.reading(self._volume_id):
            return self._file.fragment_at(utc_ms)

    def read_units(self, fragment: Fragment) -> tuple[AccessUnit, ...]:
        with self._reads.reading(self._volume_id):
            return self._file.read_units(fragment)

    def read_key_frame(self, fragment: Fragment) -> AccessUnit:
        with self._reads.reading(self._volume_id):
            return self._file.read_key_frame(fragment)


class LocalFiles(ReadableFiles):
    """Reads the index and the volumes of this process. Thread-safe."""

    def __init__(self, index: ArchiveIndex, open_files: OpenFiles, reads: DiskReads) -> None:
        self._index = index
        self._open_files = open_files
        self._reads = reads

    def files_of(self, stream: StreamKey, start: datetime, end: datetime) -> Sequence[ReadableFile]:
        return [readable(it) for it in self._index.files_of(stream, start, end) if it.is_playable]

    def next_file(self, stream: StreamKey, start_ms: int) -> ReadableFile | None:
        file = self._index.next_file(stream, start_ms)
        return None if file is None else readable(file)

    def open(self, stream: StreamKey, file: ReadableFile) -> OpenedFile | None:
        del stream
        key = file.key
        assert isinstance(key, FileKey)  # noqa: S101 - one of files_of()
        volume = self._volume(key.volume_id)
        path = Path(volume.folder) / key.path
        try:
            with self._refusing_gone(volume):
                return VolumeFile(path, self._reads, key.volume_id, self._open_files)
        except FileNotFoundError:
            return None
        except ArchiveFileError as error:
            log.warning("archive file %s cannot be read: %s", key.path, error)
            return None

    def refuse_missing(self, stream: StreamKey, start_ms: int, end_ms: int) -> None:
        """Do nothing: an index names only the files of its own volumes."""

    def read(self, key: FileKey, first: int, count: int) -> bytes:
        """Return bytes of a file. Raise FileNotFoundError if it was deleted, or ArchiveUnreadable."""
        with self._opened(key) as source, self._reads.reading(key.volume_id):
            return source.read(first, count)

    def size(self, key: FileKey) -> int:
        """Return the bytes of a file at this moment. Raise as read()."""
        with self._opened(key) as source, self._reads.reading(key.volume_id):
            return source.size()

    @contextmanager
    def _opened(self, key: FileKey) -> Iterator[DiskBytes]:
        volume = self._volume(key.volume_id)
        path = Path(volume.folder) / key.path
        with self._refusing_gone(volume):
            with self._reads.reading(key.volume_id):
                source = DiskBytes(path)
            try:
                yield source
            finally:
                source.close()

    def _volume(self, volume_id: int) -> IndexedVolume:
        volume = next((it for it in self._index.volumes() if it.id == volume_id), None)
        if volume is None:
            raise ArchiveUnreadable(GONE)
        return volume

    @contextmanager
    def _refusing_gone(self, volume: IndexedVolume) -> Iterator[None]:
        """Raise ArchiveUnreadable for errors of the disk. A FileNotFoundError passes if the volume is there."""
        try:
            yield
        except FileNotFoundError:
            with self._reads.reading(volume.id):
                is_there = has_marker(Path(volume.folder), volume.uuid)
            if not is_there:  # a mount point without its disk is an empty folder
                raise ArchiveUnreadable(GONE) from None
            raise
        except OSError as error:
            raise ArchiveUnreadable(FAILS) from error


def readable(file: IndexedFile) -> ReadableFile:
    """Return a file of the index as a reader sees it."""
    is_open = file.state is FileState.OPEN
    return ReadableFile(file.key, file.start_ms, file.end_ms, file.stretch_id, is_open, epoch=file.epoch)
