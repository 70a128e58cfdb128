"""Puts the temporary files of a test run into memory, if memory is free.

SQLite and the archive wait for the disk at many of their commits. The tests open thousands of databases, and on a disk
they wait longer for it than for the processor.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

MEMORY = Path("/dev/shm")
# A whole run keeps less than two gigabytes; some tests need two more as free space. Browsers need the rest.
NEEDED_BYTES = 6_000_000_000


def use_memory() -> None:
    """Let this process and its children make temporary files in memory, unless the user has set TMPDIR."""
    if "TMPDIR" not in os.environ and suits(MEMORY):
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


def suits(folder: Path, memory: Path = Path("/proc/meminfo")) -> bool:
    """True if programs may run from a folder, and it and the computer's memory have enough free space."""
    try:
        status = os.statvfs(folder)
        available = dict(line.split(":") for line in memory.read_text("ascii").splitlines())["MemAvailable"]
    except (OSError, KeyError, ValueError):
        return False
    may_run = os.access(folder, os.W_OK | os.X_OK) and not status.f_flag & os.ST_NOEXEC
    free_bytes = min(status.f_bavail * status.f_frsize, 1024 * int(available.removesuffix("kB")))
    return may_run and free_bytes >= NEEDED_BYTES
