"""A volume: one of the folders of ARCHIVE_DIRS, usually on a disk of its own.

A marker file with a UUID tells the volume from an empty mount point and from another disk at the same place. Without
its marker the volume is gone, and nothing is written there. An answer that the system refuses counts as the worst case.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import threading
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from archive.records import IndexedVolume, VolumeState
from core.archive import GapReason

log = logging.getLogger(__name__)

MARKER = "archive-volume.json"
MARGIN_BYTES = 16 * 1024 * 1024
"""A full volume is used again when so much more than its reserve is free."""
_REMEDY = "The command `flask --app app recordings reindex` takes it over."
_NO_MARKER = f"The volume's marker file is missing: the disk is probably not mounted. If it is a new disk: {_REMEDY}"
_EXCHANGED = f"Another disk is mounted at the volume's folder. {_REMEDY}"
_PROBE = ".archive-probe"
_PROBE_BYTES = 256 * 1024
_UNMOUNTED = {errno.ENOENT, errno.ENODEV}
_FULL = {errno.ENOSPC, errno.EDQUOT}
REASONS = {
    VolumeState.FULL: GapReason.DISK_FULL,
    VolumeState.READ_ONLY: GapReason.DISK_GONE,
    VolumeState.GONE: GapReason.DISK_GONE,
}
"""The reason of a gap while no volume can be written to."""


@dataclass(frozen=True, slots=True)
class Space:
    """The size of a volume's disk, and the bytes that the app may still write to it."""

    size_bytes: int
    free_bytes: int


class VolumeGone(Exception):
    """The folder is not the volume that it was; the message gives the reason."""


class Volume:
    """One volume. Its writer's thread changes the state; all threads read it.

    `id`: its number in the index, 0 until it was opened. `reserve_bytes`: with less free space it is full.
    `floor_bytes`: with less free space, `is_short`, the retention deletes the oldest files. It sets both.
    `is_former`: the settings do not name it any more. Its files play and are deleted when it is their time, but no new
    ones come; it counts as full.
    """

    def __init__(self, folder: Path, name: str, *, reserve_bytes: int, is_former: bool = False) -> None:
        self.folder = folder
        self.name = name
        self.floor_bytes = 0
        self.is_short = False
        self.id = 0
        self.uuid = ""
        self.device = 0
        self.is_former = is_former
        self._reserve_bytes = reserve_bytes
        self._lock = threading.Lock()
        self._state = VolumeState.OK
        self._detail = ""
        self._held_detail: str | None = None
        self._is_slow = False
        self._needs_probe = False

    @property
    def state(self) -> VolumeState:
        with self._lock:
            if self._state is not VolumeState.OK:
                return self._state
            if self._held_detail is not None or self.is_former:
                return VolumeState.FULL
            return VolumeState.SLOW if self._is_slow else VolumeState.OK

    @property
    def detail(self) -> str:
        """The reason of the state, for people; empty if the volume is OK."""
        with self._lock:
            if self._detail or self._held_detail:
                return self._detail or self._held_detail or ""
            if self.is_former:
                return "ARCHIVE_DIRS does not name this folder any more: no new recordings come."
            return "The disk does not write as fast as the cameras send." if self._is_slow else ""

    @property
    def is_usable(self) -> bool:
        return self.state in {VolumeState.OK, VolumeState.SLOW}

    @property
    def answers(self) -> bool:
        """True if the disk is there and has space, whether or not new files may be written to it."""
        return self._state is VolumeState.OK

    def identify(
        self,
        known: Sequence[IndexedVolume],
        *,
        adopts: bool = False,
        is_strict: bool = False,
        must_exist: bool = False,
    ) -> None:
        """Read the marker; make it in a folder that no volume of the index had. Raise VolumeGone or OSError.

        `adopts`: take a volume that another index has made. `is_strict`: refuse one even if the index has none.
        `must_exist`: make no marker.
        """
        marker = self.folder / MARKER
        was_here = any(it.folder == str(self.folder) for it in known)
        try:
            found = _uuid_in(marker)
            if (known or is_strict) and not adopts and all(it.uuid != found for it in known):
                self._refuse_foreign(was_here=was_here)
        except FileNotFoundError:
            if self.is_former or must_exist or (was_here and not adopts):
                raise VolumeGone(_NO_MARKER) from None
            found = _make_marker(marker)
        self.uuid = found
        self.device = marker.stat().st_dev

    def check(self) -> bool:
        """Look at the marker, the free space and, after an error, whether writing works. Return True if usable."""
        try:
            if _uuid_in(self.folder / MARKER) != self.uuid or not self.uuid:
                raise VolumeGone(_EXCHANGED)
            self.device = (self.folder / MARKER).stat().st_dev
            self._set(*self._state_by_space())
        except VolumeGone as problem:
            self._set(VolumeState.GONE, str(problem))
        except FileNotFoundError:
            self._set(VolumeState.GONE, _NO_MARKER)
        except OSError as error:
            self.note_error(error)
        return self.is_usable

    def is_same(self) -> bool:
        """True if the marker is there and is the volume's own. For a check right before files are deleted."""
        return has_marker(self.folder, self.uuid)

    def space(self) -> Space | None:
        """Return the size and the free space of the disk; None if the volume is gone or does not tell."""
        if not self.is_same():
            return None
        try:
            return _space(self.folder)
        except OSError:
            return None

    def note_error(self, error: OSError) -> None:
        """Note that the volume refused an operation. It is used again when a probe can be written."""
        self._needs_probe = True
        reason = error.strerror or str(error)
        if error.errno in _FULL:
            self._set(VolumeState.FULL, f"The disk is full ({reason}).")
        elif error.errno == errno.EROFS:
            self._set(VolumeState.READ_ONLY, f"The disk is read-only ({reason}).")
        elif error.errno in _UNMOUNTED:
            self._set(VolumeState.GONE, _NO_MARKER)
        else:
            self._set(VolumeState.GONE, f"The disk fails: {reason}.")

    def note_gone(self, detail: str) -> None:
        """Note that the volume cannot be used, until the next check."""
        self._set(VolumeState.GONE, detail)

    def note_slow(self, *, is_slow: bool) -> None:
        """Note whether media was lost lately because the volume was too slow."""
        with self._lock:
            self._is_slow = is_slow

    def hold_full(self, detail: str) -> None:
        """Stop writing to the volume, because only files are left on it that must not be deleted."""
        with self._lock:
            self._held_detail = detail

    def release_full(self) -> None:
        with self._lock:
            self._held_detail = None

    def _refuse_foreign(self, *, was_here: bool) -> None:
        if was_here:
            raise VolumeGone(_EXCHANGED)
        raise VolumeGone(f"The recordings on this volume belong to another installation. {_REMEDY}")

    def _state_by_space(self) -> tuple[VolumeState, str]:
        status = os.statvfs(self.folder)
        if status.f_flag & os.ST_RDONLY:
            return VolumeState.READ_ONLY, "The disk is mounted read-only."
        if status.f_files and not status.f_favail:
            return VolumeState.FULL, "The disk has no space for another file's name (no inodes)."
        free_bytes = status.f_bavail * status.f_frsize
        was_full = self._state is VolumeState.FULL
        if free_bytes < self._reserve_bytes + (MARGIN_BYTES if was_full and self._reserve_bytes else 0):
            return VolumeState.FULL, f"Only {free_bytes // 1_000_000} MB are free on the disk."
        if self._needs_probe:
            _write_probe(self.folder / _PROBE)  # raises the error if it persists
            self._needs_probe = False
        return VolumeState.OK, ""

    def _set(self, state: VolumeState, detail: str) -> None:
        with self._lock:
            has_changed = state is not self._state
            self._state, self._detail = state, detail
        if has_changed:
            log.log(
                logging.INFO if state is VolumeState.OK else logging.ERROR,
                "the archive's volume %s is %s%s",
                self.name,
                state.value,
                f": {detail}" if detail else "",
            )


def has_marker(folder: Path, uuid_of_volume: str) -> bool:
    """True if the volume with this UUID is mounted at a folder."""
    try:
        return bool(uuid_of_volume) and _uuid_in(folder / MARKER) == uuid_of_volume
    except (OSError, VolumeGone):
        return False


def _space(folder: Path) -> Space:
    status = os.statvfs(folder)
    return Space(status.f_blocks * status.f_frsize, status.f_bavail * status.f_frsize)  # not the blocks kept for root


def _uuid_in(marker: Path) -> str:
    """Return the UUID in a marker file. Raise VolumeGone if the file is not a marker, OSError if it cannot be read."""
    try:
        found = json.loads(marker.read_text("utf-8"))["uuid"]
        return str(uuid.UUID(found))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise VolumeGone(f"{MARKER} in the volume's folder is damaged.") from None


def _make_marker(marker: Path) -> str:
    """Make the folder and its marker, both on the disk before this returns. Parents are not made: they may be a disk
    that is not mounted."""
    marker.parent.mkdir(mode=0o700, exist_ok=True)
    made = str(uuid.uuid4())
    text = json.dumps({"uuid": made, "about": "Recordings of ONVIF Web Viewer. Do not delete or copy this file."})
    descriptor = os.open(marker, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, text.encode())
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    sync_folder(marker.parent)
    return made


def _write_probe(probe: Path) -> None:
    descriptor = os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        if os.write(descriptor, bytes(_PROBE_BYTES)) < _PROBE_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
        probe.unlink(missing_ok=True)


def sync_folder(folder: Path) -> None:
    """Write a folder's entries to the disk, so that a new file in it outlives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
