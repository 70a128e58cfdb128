"""The ordered list of volumes: a new file goes to the first one with free space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from archive.index import ArchiveIndex
from archive.installation import Installation
from archive.volume import REASONS, Volume, VolumeGone
from core.archive import GapReason
from core.settings import Settings

_RESERVE_SHARE = 4


class Volumes:
    """The volumes of the settings, and after add_former() those that still hold files. Thread-safe.

    `installation`: remembers the folders of ARCHIVE_DIRS. The default folder is on the disk of the database.
    """

    def __init__(self, settings: Settings, installation: Installation | None = None) -> None:
        self._installation = installation if settings.archive_dirs else None
        # The retention deletes below the floor, so a volume is only full if it finds nothing to delete.
        reserve_bytes = settings.archive_min_free_bytes // _RESERVE_SHARE
        folders = settings.archive_folders
        self._volumes = tuple(
            Volume(folder, folder.name if len(folders) == 1 else str(folder), reserve_bytes=reserve_bytes)
            for folder in folders
        )

    def add_former(self, index: ArchiveIndex) -> Sequence[Volume]:
        """Add the volumes of files that the settings do not name any more; return them. Call it once, at start."""
        folders = {str(it.folder) for it in self._volumes}
        in_use = {total.volume_id for total in index.totals()}
        former = [
            Volume(Path(it.folder), it.folder, reserve_bytes=0, is_former=True)
            for it in index.volumes()
            if it.id in in_use and it.folder not in folders
        ]
        self._volumes = (*self._volumes, *former)
        return former

    def all(self) -> Sequence[Volume]:
        return self._volumes

    def by_id(self, volume_id: int) -> Volume | None:
        """Return the volume with this number in the index; None if it is not in the settings or was never there."""
        return next((it for it in self._volumes if volume_id and it.id == volume_id), None)

    def first_usable(self) -> Volume | None:
        """Return the volume for a new file, if possible one with free space above its floor; None if there is none."""
        usable = [it for it in self._volumes if it.is_usable]
        return next((it for it in usable if not it.is_short), usable[0] if usable else None)

    def problem(self) -> GapReason:
        """Return the reason why no volume can be written to: that of the first one which is not gone."""
        reasons = [REASONS[it.state] for it in self._volumes if it.state in REASONS]
        return GapReason.DISK_FULL if GapReason.DISK_FULL in reasons else GapReason.DISK_GONE

    def open(self, volume: Volume, index: ArchiveIndex, *, adopts: bool = False, is_strict: bool = False) -> bool:
        """Identify a volume and note it in the index. Return True if it can be written to.

        `adopts`: take a volume that another index has made. `is_strict`: refuse one even if the index has none, now and
        later.
        """
        known, installation = index.volumes(), self._installation
        must_exist = installation is not None and installation.has_used(volume.folder)
        try:
            volume.identify(known, adopts=adopts, is_strict=is_strict, must_exist=must_exist)
            if any(it.uuid == volume.uuid for it in self._volumes if it is not volume):
                raise VolumeGone("Another folder of ARCHIVE_DIRS is the same volume, or a copy of it.")
        except VolumeGone as problem:
            if is_strict and not known:
                index.note_volume(str(uuid4()), volume.folder)  # any other volume at this folder is a foreign one
            volume.uuid = ""
            volume.note_gone(str(problem))
            return False
        except OSError as error:
            volume.uuid = ""
            volume.note_error(error)
            return False
        if installation is not None and not volume.is_former:
            installation.note_folder(volume.folder)
        volume.id = index.note_volume(volume.uuid, volume.folder)
        return volume.check()
