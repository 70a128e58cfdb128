"""Archive files that are being read at the moment: played, exported or made into pictures."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class OpenFiles:
    """Readers name their files here, so that the retention leaves these files alone for a while. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._readers: Counter[Path] = Counter()

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

    def is_open(self, path: Path) -> bool:
        """True if a reader has this file open."""
        with self._lock:
            return path in self._readers

    @contextmanager
    def reading(self, path: Path) -> Iterator[None]:
        """Count the block as a reader of this file."""
        self.opened(path)
        try:
            yield
        finally:
            self.closed(path)
