"""Reads of archive files for replays, and their limit on a disk that hangs.

A read that hangs in the disk's driver keeps its thread. Each retry of a viewer would leave another thread behind, so a
volume with reads that hang gets no more of them until they return.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import ArchiveUnreadable

_HANGS_AFTER_S = 10.0  # a disk that sleeps needs as long
_SLOW_AFTER_S = 1.0
_MOST_SLOW = 16
_HANGS = "The disk with this recording does not answer."


class DiskReads:
    """Counts the reads of each volume that have not returned yet. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._began_s: dict[int, list[float]] = {}

    @contextmanager
    def reading(self, volume_id: int) -> Iterator[None]:
        """Count the block as a read. Raise ArchiveUnreadable if the volume hangs."""
        now_s = time.monotonic()
        with self._lock:
            running = self._began_s.setdefault(volume_id, [])
            slow = [began_s for began_s in running if now_s - began_s > _SLOW_AFTER_S]
            if len(slow) >= _MOST_SLOW or (slow and now_s - min(slow) > _HANGS_AFTER_S):
                raise ArchiveUnreadable(_HANGS)
            running.append(now_s)
        try:
            yield
        finally:
            with self._lock:
                running.remove(now_s)
