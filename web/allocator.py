"""Limits the C library's allocator to one arena.

glibc gives threads up to eight arenas per core, so that they do not wait for each other. Python's threads wait for the
interpreter lock anyway. With many arenas, frames that live for a second are scattered over all of them, and no arena
returns its holes to the system: 300 MB after ten busy minutes, of which 50 MB were in use.
"""

from __future__ import annotations

import ctypes
import logging

log = logging.getLogger(__name__)

_M_ARENA_MAX = -8  # malloc.h; mallopt(3)


def use_one_arena() -> None:
    """Call this before the process has threads. Does nothing without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or mallopt(_M_ARENA_MAX, 1) != 1:
        log.debug("the C library's allocator has no mallopt")
