"""Deletes the files of the trash from their volumes, and their empty folders."""

from __future__ import annotations

import errno
import logging
from collections.abc import Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path

from archive.disk_calls import DiskCalls, DiskHangs
from archive.floors import DELETABLE
from archive.index import ArchiveIndex
from archive.records import TrashItem
from archive.volume import Volume, sync_folder
from archive.volumes import Volumes

log = logging.getLogger(__name__)

_FAILING = frozenset({errno.EROFS, errno.EIO})


class TrashBin:
    """For one thread. A file that cannot be deleted stays in the trash."""

    def __init__(self, index: ArchiveIndex, volumes: Volumes, disks: DiskCalls) -> None:
        self._index = index
        self._disks = disks
        self._volumes = volumes
        self._refused: set[int] = set()  # ids of items whose failure is in the log

    def items(self, most: int) -> list[TrashItem]:
        """Return the files in the trash of the volumes that answer."""
        found: list[TrashItem] = []
        for volume in self._volumes.all():
            if volume.id and volume.state in DELETABLE:
                found += self._index.trash(volume.id, most - len(found))
        return found

    def empty(self, items: Sequence[TrashItem]) -> int:
        """Delete these files. Return their number. The marker of each volume is checked before."""
        deleted: list[TrashItem] = []
        for volume in self._volumes.all():
            own = [item for item in items if item.volume_id == volume.id]
            if own and volume.state in DELETABLE:
                with suppress(DiskHangs):
                    deleted += self._disks.run(volume, partial(self._delete, volume, own))
        if deleted:
            self._index.forget_trash(deleted)
        return len(deleted)

    def _delete(self, volume: Volume, items: Sequence[TrashItem]) -> list[TrashItem]:
        deleted: list[TrashItem] = []
        folders: set[Path] = set()
        if not volume.is_same():
            return deleted
        for item in items:
            path = volume.folder / item.path
            try:
                path.unlink(missing_ok=True)
            except OSError as error:
                self._note_refusal(item, error)
                if error.errno in _FAILING:
                    volume.note_error(error)
                    break
            else:
                deleted.append(item)
                folders.add(path.parent)
        for folder in sorted(folders):
            _tidy(folder, volume.folder)
        return deleted

    def _note_refusal(self, item: TrashItem, error: OSError) -> None:
        if item.id not in self._refused:
            self._refused.add(item.id)
            log.warning("the recording %s cannot be deleted: %s", item.path, error.strerror or error)


def _tidy(folder: Path, top: Path) -> None:
    """Delete a folder and its parents that are empty, and write the change to the disk.

    Otherwise files that are gone could come back after a power cut, and the app would take them for lost footage.
    """
    while folder != top:
        try:
            folder.rmdir()
        except OSError:
            break
        folder = folder.parent
    with suppress(OSError):
        sync_folder(folder)
