"""Archive files that are being read at the moment: played, exported or made into pictures."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from archive.records import FileKey, IndexedFile
from archive.volumes import Volumes
from core.clock import Clock

SPARED_S = 60.0


class OpenFiles:
    """Readers name their files here, so that the retention leaves these files alone for a while. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: Counter[Path] = Counter()
        self._read_until_s: dict[Path, float] = {}  # by other nodes, which do not tell when they close a file

    def opened(self, path: Path) -> None:
        """A reader has opened this file. Each call needs one closed()."""
        with self._lock:
            self._readers[path] += 1

    def closed(self, path: Path) -> None:
        """A reader has closed this file."""
        with self._lock:
            self._readers[path] -= 1
            if self._readers[path] <= 0:
                del self._readers[path]

    def note_read(self, path: Path, now_s: float) -> None:
        """Another node reads this file. It counts as open for 60 s, by the monotonic clock."""
        with self._lock:
            self._read_until_s.pop(path, None)
            self._read_until_s[path] = now_s + SPARED_S
            for old in [it for it, until_s in self._read_until_s.items() if until_s <= now_s]:
                del self._read_until_s[old]

    def is_open(self, path: Path, now_s: float) -> bool:
        """True if a reader has this file open at this time of the monotonic clock."""
        with self._lock:
            return path in self._readers or now_s < self._read_until_s.get(path, now_s)

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """Count the block as a reader of this file."""
        self.opened(path)
        try:
            yield
        finally:
            self.closed(path)


class SparedFiles:
    """The files that the retention does not delete yet, because they are being read. For one thread.

    A file is spared for 60 s since the retention first wanted it. A reader that goes on reads a deleted file to its
    end: the disk keeps the bytes of an open file.
    """

    def __init__(self, open_files: OpenFiles, volumes: Volumes, clock: Clock) -> None:
        self._open_files = open_files
        self._volumes = volumes
        self._clock = clock
        self._since_s: dict[FileKey, float] = {}

    def spares(self, file: IndexedFile) -> bool:
        """True if this file stays for now."""
        if not self._is_open(file.key):
            return False
        now_s = self._clock.monotonic_s()
        return now_s - self._since_s.setdefault(file.key, now_s) < SPARED_S

    def forget_closed(self) -> None:
        """Forget the files that no reader has open any more."""
        for key in [key for key in self._since_s if not self._is_open(key)]:
            del self._since_s[key]

    def _is_open(self, key: FileKey) -> bool:
        volume = self._volumes.by_id(key.volume_id)
        if volume is None:
            return False
        return self._open_files.is_open(volume.folder / key.path, self._clock.monotonic_s())
