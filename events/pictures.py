"""The pictures of events on disk: a JPEG each, with a limit of bytes, least recently used first out.

It is a cache: it may be deleted at any time.
"""

from __future__ import annotations

import logging
import os
import re
import shutil
import threading
import time
from collections import OrderedDict
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)

_NAME = re.compile(r"camera([1-9][0-9]{0,18})_event([1-9][0-9]{0,18})\.jpg", re.ASCII)
_TOUCHED_EVERY_S = 3600.0
MOST_PICTURE_BYTES = 500_000  # of one picture; of 320 pixels it has 8 to 15 kB


class EventPictures:
    """Thread-safe. Call open() first."""

    def __init__(self, folder: Path, *, most_bytes: int, min_free_bytes: int = 0) -> None:
        self._folder = folder
        self._most_bytes = most_bytes
        self._min_free_bytes = min_free_bytes
        self._lock = threading.Lock()
        self._files: OrderedDict[str, tuple[int, float]] = OrderedDict()  # size, time of use; the oldest use first
        self._bytes = 0
        self._expected: set[tuple[int, int]] = set()
        self._has_warned = False

    def open(self, camera_ids: Collection[int]) -> None:
        """List the files on disk; remove those of unknown cameras and unknown names."""
        found: list[tuple[float, str, int]] = []
        with self._lock:
            self._files.clear()
            self._bytes = 0
            try:
                self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
                paths = list(self._folder.iterdir())
            except OSError as error:
                self._warn(error)
                return
            for path in paths:
                with suppress(OSError):
                    match = _NAME.fullmatch(path.name)
                    if match is None or int(match[1]) not in camera_ids:
                        path.unlink()
                        continue
                    status = path.stat()
                    found.append((status.st_mtime, path.name, status.st_size))
            for used_s, name, size in sorted(found):
                self._files[name] = (size, used_s)
                self._bytes += size
            self._make_space()

    def expect(self, camera_id: int, event_id: int) -> None:
        """The picture of an event is taken soon. `give_up` follows, whether it was taken or not."""
        with self._lock:
            self._expected.add((camera_id, event_id))

    def give_up(self, camera_id: int, event_id: int) -> None:
        """The picture of an event is no longer expected."""
        with self._lock:
            self._expected.discard((camera_id, event_id))

    def is_expected(self, camera_id: int, event_id: int) -> bool:
        """True while the picture of an event is being taken, or waits for that."""
        with self._lock:
            return (camera_id, event_id) in self._expected

    def put(self, camera_id: int, event_id: int, jpeg: bytes) -> bool:
        """Keep the picture of an event. False if it is too large, or if the disk does not take it."""
        name = _name(camera_id, event_id)
        if not 0 < len(jpeg) <= MOST_PICTURE_BYTES:
            return False
        with self._lock:
            draft = self._folder / f".{name}"
            try:
                if shutil.disk_usage(self._folder).free < self._min_free_bytes:
                    return False
                draft.write_bytes(jpeg)
                draft.chmod(0o600)
                draft.replace(self._folder / name)
            except OSError as error:
                with suppress(OSError):
                    draft.unlink(missing_ok=True)
                self._warn(error)
                return False
            self._has_warned = False
            self._forget(name)
            self._files[name] = (len(jpeg), time.time())
            self._bytes += len(jpeg)
            self._make_space()
            return name in self._files

    def get(self, camera_id: int, event_id: int) -> bytes | None:
        """Return the picture of an event; None if there is none any more."""
        name = _name(camera_id, event_id)
        with self._lock:
            if name not in self._files:
                return None
            path = self._folder / name
            try:
                jpeg = path.read_bytes()
            except OSError:
                self._forget(name)
                return None
            size, used_s = self._files[name]
            now_s = time.time()
            if now_s - used_s >= _TOUCHED_EVERY_S:  # the order survives a restart
                with suppress(OSError):
                    os.utime(path)
                used_s = now_s
            self._files[name] = (size, used_s)
            self._files.move_to_end(name)
            return jpeg

    def events(self) -> list[tuple[int, int]]:
        """Return camera id and event id of each picture."""
        with self._lock:
            matches = [_NAME.fullmatch(name) for name in self._files]
        return [(int(match[1]), int(match[2])) for match in matches if match is not None]

    def event_ids(self, camera_id: int) -> list[int]:
        """Return the events of a camera that have a picture."""
        beginning = f"camera{camera_id}_event"
        with self._lock:
            names = [name for name in self._files if name.startswith(beginning)]
        return [int(name.removeprefix(beginning).removesuffix(".jpg")) for name in names]

    def drop(self, events: Collection[tuple[int, int]]) -> None:
        """Remove the pictures of events: pairs of camera id and event id."""
        with self._lock:
            for camera_id, event_id in events:
                self._remove(_name(camera_id, event_id))

    def drop_camera(self, camera_id: int) -> None:
        """Remove all pictures of a camera."""
        with self._lock:
            for name in [name for name in self._files if name.startswith(f"camera{camera_id}_")]:
                self._remove(name)

    def _make_space(self) -> None:
        while self._bytes > self._most_bytes and self._files:
            self._remove(next(iter(self._files)))

    def _remove(self, name: str) -> None:
        if name in self._files:
            self._forget(name)
            with suppress(OSError):
                (self._folder / name).unlink(missing_ok=True)

    def _forget(self, name: str) -> None:
        size, _ = self._files.pop(name, (0, 0.0))
        self._bytes -= size

    def _warn(self, error: OSError) -> None:
        if not self._has_warned:
            log.warning("pictures of events cannot be kept in %s: %s", self._folder, error.strerror)
        self._has_warned = True


def _name(camera_id: int, event_id: int) -> str:
    return f"camera{camera_id}_event{event_id}.jpg"
