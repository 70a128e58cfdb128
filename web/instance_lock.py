"""Allows one running app per data folder and per streams folder.

The lock is an flock on a file in the folder, so it ends with its process, even after a crash. It is taken before
gunicorn forks: master and worker share it, and it lasts until both have ended. The worker of a killed master ends by
itself within seconds.
"""

from __future__ import annotations

import fcntl
import os
import time
from pathlib import Path

from core.settings import SettingsError

LOCK_NAME = ".instance.lock"
_WORKER_END_S = 15.0
_LOOK_EVERY_S = 0.1


class InstanceLock:
    """A lock of a folder. acquire() raises SettingsError, which names the process that holds the lock.

    acquire() waits at most `worker_end_s` for the worker of a killed app.
    """

    def __init__(self, folder: Path, *, worker_end_s: float = _WORKER_END_S) -> None:
        self._folder = folder
        self._worker_end_s = worker_end_s
        self._descriptor: int | None = None

    def acquire(self) -> None:
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            descriptor = os.open(self._folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise SettingsError(f"The folder {self._folder} cannot be used: {error.strerror}.") from error
        if not self._is_locked(descriptor):
            holder = _holder(descriptor) or "unknown"
            os.close(descriptor)
            raise SettingsError(
                f"The folder {self._folder} is in use by another running app (process {holder}).\n"
                "Stop that app first, or set DATA_DIR and STREAMS_DIR to other folders."
            )
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
        self._descriptor = descriptor

    def _is_locked(self, descriptor: int) -> bool:
        """Try to lock the file; go on as long as its holder is a dead process whose worker may still end."""
        deadline_s = time.monotonic() + self._worker_end_s
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return True
            except OSError:
                if _runs(_holder(descriptor)) or time.monotonic() > deadline_s:
                    return False
            time.sleep(_LOOK_EVERY_S)

    def release(self) -> None:
        """Release the lock; may be called twice."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _holder(descriptor: int) -> str:
    return os.pread(descriptor, 20, 0).decode("ascii", "replace").strip()


def _runs(process_id: str) -> bool:
    """True unless the process is known to have ended."""
    try:
        os.kill(int(process_id), 0)
    except ProcessLookupError:
        return False
    except (ValueError, OSError):  # not written yet, or the process of another user
        return True
    return True
