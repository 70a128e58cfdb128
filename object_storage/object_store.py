"""Reads copies of archive files from the object storage, for replays."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.clock import Clock
from core.errors import ArchiveUnreadable
from core.recording_storage import RecordingStorage, StoredFile
from object_storage.bucket import Bucket
from object_storage.problems import ObjectStorageFailed, StorageState

_FIRST_AHEAD_BYTES = 128 * 1024
_MOST_AHEAD_BYTES = 2 * 1024 * 1024
_MOST_CACHED_BYTES = 48 * 1024 * 1024
_MOST_READS = 16  # at a time; each keeps a thread of a replay
_PATIENCE_S = 4.0  # of a read for the end of others
_REST_S = 4.0  # after a read that the storage did not answer
_BUSY = "The object storage with this recording is busy: too many recordings are read from it."


@dataclass(frozen=True, slots=True)
class _Window:
    """Bytes of an object from `first` on. `ahead_bytes`: how many bytes its read asked for at least."""

    first: int
    data: bytes
    ahead_bytes: int

    @property
    def end(self) -> int:
        return self.first + len(self.data)


class ObjectStore(RecordingStorage):
    """Thread-safe. RecordingStorage documents the methods.

    A reader takes heads of some kB and fragments of some hundred. Each request therefore reads ahead: 128 kB, and
    twice as much each time that the reader goes on where the last request ended.
    """

    def __init__(self, bucket: Bucket, clock: Clock, *, patience_s: float = _PATIENCE_S) -> None:
        """`patience_s`: the longest wait of a read while too many others go on."""
        self._bucket = bucket
        self._clock = clock
        self._patience_s = patience_s
        self._lock = threading.Lock()
        self._windows: OrderedDict[tuple[str, int], _Window] = OrderedDict()  # the most recently used last
        self._cached_bytes = 0
        self._reads = threading.BoundedSemaphore(_MOST_READS)
        self._rests_until_s = 0.0
        self._rest_reason = ""

    def size(self, file: StoredFile) -> int:
        """Return the size that the upload has verified: a copy never changes."""
        _key_of(file)
        return file.size_bytes

    def read(self, file: StoredFile, first: int, count: int) -> bytes:
        key = _key_of(file)
        end = min(first + count, file.size_bytes)
        if first >= end:
            return b""
        window = self._find(key, first, end)
        if window is None:
            ahead_bytes = self._ahead_bytes(key, first)
            last = min(max(end, first + ahead_bytes), file.size_bytes)
            with self._reading():
                data = self._bucket.read(key, first, last - first)
            window = _Window(first, data, ahead_bytes)
            self._keep(key, window)
        return window.data[first - window.first : end - window.first]

    def _find(self, key: str, first: int, end: int) -> _Window | None:
        with self._lock:
            for place, window in self._windows.items():
                if place[0] == key and window.first <= first and end <= window.end:
                    self._windows.move_to_end(place)
                    return window
        return None

    def _ahead_bytes(self, key: str, first: int) -> int:
        with self._lock:
            before = [
                window.ahead_bytes
                for (of_key, _), window in self._windows.items()
                if of_key == key and window.first < first <= window.end
            ]
        return min(_MOST_AHEAD_BYTES, 2 * max(before)) if before else _FIRST_AHEAD_BYTES

    def _keep(self, key: str, window: _Window) -> None:
        with self._lock:
            replaced = self._windows.pop((key, window.first), None)
            self._windows[key, window.first] = window
            self._cached_bytes += len(window.data) - (len(replaced.data) if replaced is not None else 0)
            while self._cached_bytes > _MOST_CACHED_BYTES and len(self._windows) > 1:
                _, oldest = self._windows.popitem(last=False)
                self._cached_bytes -= len(oldest.data)

    @contextmanager
    def _reading(self) -> Iterator[None]:
        """Let the block read when it is its turn. After a read without an answer others are refused for a while."""
        self._refuse_silent()
        if not self._reads.acquire(timeout=self._patience_s):
            raise ArchiveUnreadable(_BUSY)
        try:
            self._refuse_silent()  # those that wait do not try a silent storage one after the other
            yield
        except ObjectStorageFailed as failure:
            if failure.state is StorageState.UNREACHABLE:
                with self._lock:
                    self._rests_until_s, self._rest_reason = self._clock.monotonic_s() + _REST_S, failure.detail
            raise ArchiveUnreadable(failure.detail) from failure
        finally:
            self._reads.release()

    def _refuse_silent(self) -> None:
        with self._lock:
            if self._clock.monotonic_s() < self._rests_until_s:
                raise ArchiveUnreadable(self._rest_reason)


def _key_of(file: StoredFile) -> str:
    if file.object_key is None:
        raise FileNotFoundError("the file has no copy in the object storage")
    return file.object_key
