"""Allows one running app per data folder and per streams folder.

The lock is an flock on a file in the folder, so it ends with its process, even after a crash. It is taken before
gunicorn forks: master and worker share it, and it lasts until both have ended.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from core.settings import SettingsError

LOCK_NAME = ".instance.lock"


class InstanceLock:
    """A lock of a folder. acquire() raises SettingsError, which names the process that holds the lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor: int | None = None

    def acquire(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise SettingsError(f"The folder {self._folder} cannot be used: {error.strerror}.") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(descriptor, 20).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise SettingsError(
                f"The folder {self._folder} is in use by another running app (process {holder}).\n"
                "Stop that app first, or set DATA_DIR and STREAMS_DIR to other folders."
            ) from None
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor

    def release(self) -> None:
        """Release the lock; may be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
