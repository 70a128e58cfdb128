"""A disk that refuses or blocks writing. A test cannot fill a real one, so `os.write` and `os.open` are replaced."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest


class BadDisk:
    """All files below `folder` fail with `error`, if it is set. Writes wait while `may_write` is not set.

    `left_bytes`: so many more bytes may be written before the disk is full; a write is then cut short.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._folder = str(folder)
        self.error: int | None = None
        self.left_bytes: int | None = None
        self.may_write = threading.Event()
        self.may_write.set()
        self.is_blocking = threading.Event()
        self._write, self._open, self._sync = os.write, os.open, os.fdatasync
        monkeypatch.setattr(os, "fdatasync", self._checked_sync)
        monkeypatch.setattr(os, "write", self._checked_write)
        monkeypatch.setattr(os, "open", self._checked_open)

    def _checked_write(self, descriptor: int, data: bytes) -> int:
        if not self._is_below(descriptor):
            return self._write(descriptor, data)
        if not self.may_write.is_set():
            self.is_blocking.set()
            self.may_write.wait()
        self._fail()
        if self.left_bytes is None:
            return self._write(descriptor, data)
        if self.left_bytes == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, bytes(data)[: self.left_bytes])
        self.left_bytes -= written
        return written

    def _checked_open(self, path: str | Path, flags: int, mode: int = 0o777) -> int:
        if str(path).startswith(self._folder) and flags & os.O_CREAT:
            self._fail()
        return self._open(path, flags, mode)

    def _checked_sync(self, descriptor: int) -> None:
        if self.error is not None and self._is_below(descriptor):
            self._fail()
        self._sync(descriptor)

    def _is_below(self, descriptor: int) -> bool:
        return str(Path(f"/proc/self/fd/{descriptor}").readlink()).startswith(self._folder)

    def _fail(self) -> None:
        if self.error is not None:
            raise OSError(self.error, os.strerror(self.error))
