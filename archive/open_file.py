"""An archive file while it is written. All methods run in the thread of its volume's writer."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from archive.records import FileKey, FileState, IndexedFile
from archive.volume import Volume, sync_folder
from media.archive.file_builder import ArchiveFileBuilder
from media.archive.groups import UnitGroup
from media.units import UnitDescription

_MOST_SUFFIXES = 1000
_TRIES = 3


@dataclass(frozen=True, slots=True)
class _Written:
    """The part of a file that is whole: its bytes and the end of its last picture."""

    size_bytes: int
    end_ms: int


class OpenFile:
    """One file: created by `create`, grows by groups, ends with its index.

    Bytes of `write` and `close` are certainly on the disk after `sync`; `row` describes only those.
    """

    def __init__(self, descriptor: int, key: FileKey, builder: ArchiveFileBuilder, stretch_id: int, epoch: int) -> None:
        self._descriptor = descriptor
        self._builder = builder
        self._written = _Written(0, key.start_ms)
        self._synced = self._written
        self._is_closed = False
        self._new_folders: list[Path] = []
        self.key = key
        self.stretch_id = stretch_id
        self._epoch = epoch

    @classmethod
    def create(
        cls, volume: Volume, key: FileKey, builder: ArchiveFileBuilder, stretch_id: int, *, epoch: int = 0
    ) -> OpenFile:
        """Create the file on a volume that was just checked. A file of the same name stays: the new one gets a suffix.

        Raise OSError.
        """
        for suffix in range(key.suffix, _MOST_SUFFIXES):
            made = replace(key, suffix=suffix)
            path = volume.folder / made.path
            try:
                descriptor, folders = _create(volume.folder, path)
            except FileExistsError:
                continue
            file = cls(descriptor, made, builder, stretch_id, epoch)
            file._new_folders = folders
            try:
                if os.fstat(descriptor).st_dev != volume.device:  # mounted over since the check
                    raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
                file._append(builder.init_section())
            except OSError:
                file.abandon()
                path.unlink(missing_ok=True)
                raise
            return file
        raise OSError(errno.EEXIST, os.strerror(errno.EEXIST))

    @property
    def description(self) -> UnitDescription:
        return self._builder.description

    @property
    def is_dirty(self) -> bool:
        """True if something was written since the last `sync`."""
        return self._written != self._synced

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    @property
    def end_ms(self) -> int:
        """The end of the last picture that was written."""
        return self._written.end_ms

    @property
    def is_empty(self) -> bool:
        """True if the file has no picture on the disk."""
        return self._synced.size_bytes == 0

    @property
    def row(self) -> IndexedFile:
        """The row of the index: only bytes that are on the disk."""
        state = FileState.CLOSED if self._is_closed and not self.is_dirty else FileState.OPEN
        return IndexedFile(self.key, self._synced.end_ms, self._synced.size_bytes, self.stretch_id, state, self._epoch)

    def write(self, group: UnitGroup) -> None:
        """Append a group of pictures. Raise OSError; the file then ends with its last whole group, and is closed."""
        fragment = self._builder.fragment(group.units, group.utc_s, group.end_utc_s)
        try:
            self._append(fragment.data)
        except OSError:
            self._builder.discard_last()
            self._cut()
            raise
        self._written = _Written(self._builder.size_bytes, max(self._written.end_ms, fragment.end_utc_ms))

    def close(self) -> None:
        """Append the index of the file. Without it, on a full disk, the file can be read, but slower."""
        if self._is_closed:
            return
        self._is_closed = True
        index = self._builder.index()
        try:
            self._append(index)
            self._written = _Written(self._builder.size_bytes + len(index), self._written.end_ms)
        except OSError:
            self._cut()

    def sync(self) -> None:
        """Bring everything to the disk; end a closed file. Raise OSError, after which the file must be abandoned."""
        written = self._written
        for folder in self._new_folders:
            sync_folder(folder)
        self._new_folders = []
        os.fdatasync(self._descriptor)
        self._synced = written
        if self._is_closed:
            self.abandon()

    def abandon(self) -> None:
        """Let go of the file as it is. The recovery repairs it when its volume can be used again."""
        self._is_closed = True
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _append(self, data: bytes | bytearray) -> None:
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]

    def _cut(self) -> None:
        self._is_closed = True
        os.ftruncate(self._descriptor, self._builder.size_bytes)


def _create(root: Path, path: Path) -> tuple[int, list[Path]]:
    """Create a file and its folders. Return its descriptor, and the folders that have new entries."""
    for _ in range(_TRIES):
        folders = _make_folders(root, path.parent)
        with suppress(FileNotFoundError):  # the retention has removed the empty folder meanwhile
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
            return os.open(path, flags, 0o600), [*folders, path.parent]
    raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))


def _make_folders(root: Path, folder: Path) -> list[Path]:
    """Make the folders between the root and a folder, but never the root. Return those that have new entries."""
    changed = []
    for part in (*reversed(folder.relative_to(root).parents[:-1]), folder.relative_to(root)):
        try:
            (root / part).mkdir(mode=0o700)
            changed.append((root / part).parent)
        except FileExistsError:
            continue
    return changed
