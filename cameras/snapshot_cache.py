"""The last snapshot of every media profile, in memory and under DATA_DIR/cache, both with a size limit.

Pages show it until video plays. It is a cache: it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cameras.records import TimedSnapshot

log = logging.getLogger(__name__)

_NAME = re.compile(r"camera([1-9][0-9]{0,18})_([0-9a-f]{32})\.jpg", re.ASCII)


@dataclass(slots=True)
class _CachedFile:
    size_bytes: int
    taken_at: datetime


class SnapshotCache:
    """One JPEG per media profile; the oldest ones are dropped at the size limit. Thread-safe."""

    def __init__(self, folder: Path, *, disk_bytes: int = 200_000_000, memory_bytes: int = 24_000_000) -> None:
        self._folder = folder
        self._disk_bytes = disk_bytes
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._on_disk: dict[str, _CachedFile] = {}
        self._in_memory: OrderedDict[str, TimedSnapshot] = OrderedDict()
        self._has_warned = False

    def open(self, camera_ids: list[int]) -> None:
        """Load the list of stored snapshots; remove unfinished files and those of unknown cameras."""
        known = set(camera_ids)
        with self._lock:
            self._on_disk.clear()
            self._in_memory.clear()
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                files = list(self._folder.iterdir())
            except OSError as error:
                log.warning("no snapshots are kept in %s: %s", self._folder, error.strerror)
                return
            for file in files:
                with suppress(OSError):
                    match = _NAME.fullmatch(file.name)
                    if match is None or int(match.group(1)) not in known:
                        file.unlink()
                        continue
                    status = file.stat()
                    self._on_disk[file.name] = _CachedFile(status.st_size, datetime.fromtimestamp(status.st_mtime, UTC))
            self._drop_oldest_files()

    def put(self, camera_id: int, profile_token: str, snapshot: TimedSnapshot) -> None:
        """Replace the last snapshot of a media profile. An error of the disk is only logged."""
        name = _file_name(camera_id, profile_token)
        with self._lock:
            self._in_memory[name] = snapshot
            self._in_memory.move_to_end(name)
            self._trim_memory()
            try:
                self._write(name, snapshot)
            except OSError as error:
                if not self._has_warned:
                    log.warning("snapshots cannot be kept in %s: %s", self._folder, error.strerror)
                self._has_warned = True
                return
            self._has_warned = False
            self._on_disk[name] = _CachedFile(len(snapshot.jpeg), snapshot.taken_at)
            self._drop_oldest_files()

    def get(self, camera_id: int, profile_token: str) -> TimedSnapshot | None:
        """Return the last snapshot of a media profile; None if there was none, or if it was dropped."""
        name = _file_name(camera_id, profile_token)
        with self._lock:
            snapshot = self._in_memory.get(name)
            if snapshot is not None:
                self._in_memory.move_to_end(name)
                return snapshot
            kept = self._on_disk.get(name)
            if kept is None:
                return None
            try:
                snapshot = TimedSnapshot((self._folder / name).read_bytes(), kept.taken_at)
            except OSError:
                del self._on_disk[name]
                return None
            self._in_memory[name] = snapshot
            self._trim_memory()
            return snapshot

    def drop_camera(self, camera_id: int) -> None:
        """Remove every snapshot of a camera."""
        start = f"camera{camera_id}_"
        with self._lock:
            for name in [name for name in self._in_memory if name.startswith(start)]:
                del self._in_memory[name]
            for name in [name for name in self._on_disk if name.startswith(start)]:
                self._remove(name)

    def _write(self, name: str, snapshot: TimedSnapshot) -> None:
        draft = self._folder / f".{name}"
        try:
            draft.write_bytes(snapshot.jpeg)
            draft.chmod(0o600)
            os.utime(draft, times=(snapshot.taken_at.timestamp(),) * 2)
            draft.replace(self._folder / name)
        except OSError:
            with suppress(OSError):
                draft.unlink(missing_ok=True)
            raise

    def _drop_oldest_files(self) -> None:
        total = sum(kept.size_bytes for kept in self._on_disk.values())
        for name, kept in sorted(self._on_disk.items(), key=lambda item: item[1].taken_at):
            if total <= self._disk_bytes:
                return
            total -= kept.size_bytes
            self._remove(name)

    def _trim_memory(self) -> None:
        total = sum(len(snapshot.jpeg) for snapshot in self._in_memory.values())
        while total > self._memory_bytes and self._in_memory:
            _, snapshot = self._in_memory.popitem(last=False)
            total -= len(snapshot.jpeg)

    def _remove(self, name: str) -> None:
        del self._on_disk[name]
        with suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)


def _file_name(camera_id: int, profile_token: str) -> str:
    # A token may contain any characters and have any length; its digest is always a valid file name.
    digest = hashlib.sha256(profile_token.encode("utf-8", "surrogatepass")).hexdigest()[:32]
    return f"camera{camera_id}_{digest}.jpg"
