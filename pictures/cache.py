"""The pictures on disk: a file for each channel, hour and step, with a limit of bytes, least recently used first out.

It is a cache: it may be deleted at any time. A picture belongs to the coarsest grid that has its time, so that the few
pictures of a day outlive the many of a minute.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
from collections import OrderedDict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from pictures.grid import HOUR_S, widest_step_s
from pictures.picture_file import StoredPicture, append, read_index, read_picture
from pictures.views import Picture

log = logging.getLogger(__name__)

_NAME = re.compile(r"camera([1-9][0-9]{0,18})_channel([0-9]{1,19})_step([0-9]{1,4})_([0-9]{1,12})\.pictures", re.ASCII)
_ENTRIES_KEPT = 50_000  # some 15 MB
_TOUCHED_EVERY_S = 60.0
_WRITES_A_LOOK = 64


@dataclass(slots=True)
class _File:
    size: int
    touched_s: float = 0.0
    index: dict[int, StoredPicture] | None = field(default=None)  # None: not read yet


class PictureCache:
    """Thread-safe. Call open() first."""

    def __init__(self, folder: Path, *, most_bytes: int, min_free_bytes: int = 0) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._min_free_bytes = min_free_bytes
        self._writes_left = 0  # until the next look at the free space
        self._lock = threading.Lock()
        self._files: OrderedDict[str, _File] = OrderedDict()  # the least recently used first
        self._bytes = 0
        self._indexed: OrderedDict[str, None] = OrderedDict()  # names of files with an index, in the order of reading
        self._entries = 0  # of all indexes
        self._has_warned = False

    def open(self, camera_ids: Iterable[int]) -> None:
        """List the files on disk; remove those of unknown cameras and unknown names."""
        known = set(camera_ids)
        found: list[tuple[float, str, int]] = []
        with self._lock:
            self._files.clear()
            self._indexed.clear()
            self._bytes = self._entries = 0
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                paths = list(self._folder.iterdir())
            except OSError as error:
                log.warning("the cache of pictures cannot use %s: %s", self._folder, error.strerror)
                return
            for path in paths:
                with suppress(OSError):
                    match = _NAME.fullmatch(path.name)
                    if match is None or int(match[1]) not in known:
                        path.unlink()
                        continue
                    status = path.stat()
                    found.append((status.st_mtime, path.name, status.st_size))
            for touched_s, name, size in sorted(found):
                self._files[name] = _File(size, touched_s)
                self._bytes += size
            self._make_space()

    def known_times(self, camera_id: int, channel: int, times: Iterable[int]) -> dict[int, int | None]:
        """Return those of these times that have a picture, each with the picture's own time in ms, if it is known."""
        found: dict[int, int | None] = {}
        with self._lock:
            for time_s in times:
                stored = self._stored(_name(camera_id, channel, time_s), time_s)
                if stored is not None:
                    found[time_s] = stored.picture_ms
        return found

    def get(self, camera_id: int, channel: int, time_s: int) -> Picture | None:
        """Return a picture; None if there is none."""
        name = _name(camera_id, channel, time_s)
        with self._lock:
            stored = self._stored(name, time_s)
            if stored is None:
                return None
            try:
                jpeg = read_picture(self._folder / name, stored)
            except OSError:
                jpeg = None
            if jpeg is None:  # the file was changed or taken away
                self._drop(name)
                return None
            self._touch(name)
        ms = stored.picture_ms
        return Picture(jpeg, None if ms is None else datetime.fromtimestamp(ms / 1000, UTC))

    def put(self, camera_id: int, channel: int, time_s: int, picture_ms: int | None, jpeg: bytes) -> bool:
        """Keep a picture. False if the disk does not take it, or has too little free space."""
        name = _name(camera_id, channel, time_s)
        with self._lock:
            if not self._has_space():
                return False
            file = self._with_index(name) or _File(0, index={})
            index = file.index if file.index is not None else {}
            try:
                stored, size = append(self._folder / name, file.size, time_s, picture_ms, jpeg)
            except OSError as error:
                if not self._has_warned:
                    log.warning("pictures of recordings cannot be kept in %s: %s", self._folder, error.strerror)
                self._has_warned = True
                return False
            self._has_warned = False
            self._bytes += size - file.size
            if name not in self._files:
                self._files[name] = file
                self._indexed[name] = None
            self._entries += time_s not in index
            file.size, file.index = size, index
            index[time_s] = stored
            self._forget_indexes(kept=name)
            self._touch(name)
            self._make_space(kept=name)
        return True

    def drop_camera(self, camera_id: int) -> None:
        """Remove all pictures of a camera."""
        with self._lock:
            for name in [name for name in self._files if name.startswith(f"camera{camera_id}_")]:
                self._drop(name)

    def drop_before(self, camera_id: int, channel: int, time_s: float) -> None:
        """Remove the pictures of a channel before a time, with those of the rest of that hour."""
        with self._lock:
            for name in list(self._files):
                match = _NAME.fullmatch(name)
                if match and (int(match[1]), int(match[2])) == (camera_id, channel) and int(match[4]) * HOUR_S < time_s:
                    self._drop(name)

    # ---- with the lock held ----------------------------------------------------------------------

    def _has_space(self) -> bool:
        """Look at the free space of the disk before every 64th picture."""
        if self._writes_left:
            self._writes_left -= 1
            return True
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may be deleted at any time
            has_space = shutil.disk_usage(self._folder).free >= self._min_free_bytes
        except OSError:
            has_space = False
        self._writes_left = _WRITES_A_LOOK - 1 if has_space else 0
        return has_space

    def _stored(self, name: str, time_s: int) -> StoredPicture | None:
        file = self._with_index(name)
        return None if file is None or file.index is None else file.index.get(time_s)

    def _with_index(self, name: str) -> _File | None:
        """Return a file, with its index; None if there is none, or if it cannot be read."""
        file = self._files.get(name)
        if file is None or file.index is not None:
            return file
        try:
            file.index, size = read_index(self._folder / name)
        except OSError:
            self._drop(name)
            return None
        self._bytes += size - file.size
        file.size = size  # the next record overwrites one that was cut off
        self._indexed[name] = None
        self._entries += len(file.index)
        self._forget_indexes(kept=name)
        return file

    def _forget_indexes(self, *, kept: str) -> None:
        self._indexed.move_to_end(kept)
        while self._entries > _ENTRIES_KEPT and (name := next(iter(self._indexed))) != kept:
            self._forget_index(name, self._files[name])

    def _forget_index(self, name: str, file: _File) -> None:
        self._entries -= len(file.index or ())
        self._indexed.pop(name, None)
        file.index = None

    def _touch(self, name: str) -> None:
        """Note that a file was used, on disk at most once a minute."""
        self._files.move_to_end(name)
        now_s = datetime.now(UTC).timestamp()
        file = self._files[name]
        if now_s - file.touched_s > _TOUCHED_EVERY_S:
            file.touched_s = now_s
            with suppress(OSError):
                os.utime(self._folder / name)

    def _make_space(self, *, kept: str = "") -> None:
        for name in list(self._files):
            if self._bytes <= self._most_bytes:
                return
            if name != kept:
                self._drop(name)

    def _drop(self, name: str) -> None:
        file = self._files.pop(name)
        self._bytes -= file.size
        self._forget_index(name, file)
        with suppress(OSError):
            (self._folder / name).unlink(missing_ok=True)


def _name(camera_id: int, channel: int, time_s: int) -> str:
    return f"camera{camera_id}_channel{channel}_step{widest_step_s(time_s)}_{time_s // HOUR_S}.pictures"
