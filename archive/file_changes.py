"""The files of an index that have changed since a reader of the index looked last."""

from __future__ import annotations

import threading
from collections.abc import Iterable

from archive.records import FileKey

_MOST = 50_000


class FileChanges:
    """Thread-safe. It forgets single files if there are too many, and asks for a look at everything instead."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: set[FileKey] = set()
        self._is_everything = True  # the index may have changed before this object saw it
        self.news = threading.Event()

    def note(self, keys: Iterable[FileKey]) -> None:
        """Files were written, sealed, deleted or lost."""
        with self._lock:
            self._keys.update(keys)
            if len(self._keys) > _MOST:
                self._note_everything()
        self.news.set()

    def note_everything(self) -> None:
        """Any file may have changed."""
        with self._lock:
            self._note_everything()
        self.news.set()

    def take(self) -> tuple[set[FileKey], bool]:
        """Return the changed files, and True if any file may have changed; forget both."""
        with self._lock:
            keys, self._keys = self._keys, set()
            is_everything, self._is_everything = self._is_everything, False
        return keys, is_everything

    def _note_everything(self) -> None:
        self._keys.clear()
        self._is_everything = True
