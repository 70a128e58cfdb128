"""Limits that the child sets for itself once its packages are loaded: no new files or sockets, bounded memory."""

from __future__ import annotations

import contextlib
import os
import resource

_NICENESS = 10


def be_modest() -> None:
    """Run at a low priority, unless the app has set one already."""
    if os.getpriority(os.PRIO_PROCESS, 0) < _NICENESS:
        os.setpriority(os.PRIO_PROCESS, 0, _NICENESS)


def lock_down(memory_bytes: int) -> None:
    """Allow no more open files or sockets than there are, no files on disk, no core dump, and this address space."""
    _limit(resource.RLIMIT_NOFILE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_AS, memory_bytes)


def _limit(kind: int, most: int) -> None:
    """Set a limit. Systems without this one, or with a lower one, keep theirs."""
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(kind, (most, most))
