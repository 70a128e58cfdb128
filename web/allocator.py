"""The process's memory: one arena of the C library's allocator, and short garbage collections.

glibc gives threads up to eight arenas per core, so that they do not wait for each other. Python's threads wait for the
interpreter lock anyway. With many arenas, frames that live for a second are scattered over all of them, and no arena
returns its holes to the system: 300 MB after ten busy minutes, of which 50 MB were in use.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
from collections.abc import Iterator

log = logging.getLogger(__name__)

_M_ARENA_MAX = -8  # malloc.h; mallopt(3)


def use_one_arena() -> None:
    """Call this before the process has threads. Does nothing without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or mallopt(_M_ARENA_MAX, 1) != 1:
        log.debug("the C library's allocator has no mallopt")


@contextlib.contextmanager
def without_collections() -> Iterator[None]:
    """Collect no garbage while the app is imported and built: its objects stay. It was a sixth of the start's time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def freeze_start_objects() -> None:
    """Leave the present objects, mostly modules and tables, out of garbage collections. Call this once, at the start.

    Sixteen live streams caused a collection of all objects every fifteen seconds, which stopped all threads: for
    100 ms, and for 760 ms on a busy machine.
    """
    gc.collect()
    gc.freeze()
