"""The process's memory: one arena of the C library's allocator, its free pages returned, short garbage collections.

glibc gives threads up to eight arenas per core, so that they do not wait for each other. Python's threads wait for the
interpreter lock anyway. With many arenas, frames that live for a second are scattered over all of them, and no arena
returns its holes to the system: 300 MB after ten busy minutes, of which 50 MB were in use. One arena keeps its holes,
too, unless the app asks it to return them.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import logging
import threading
from collections.abc import Iterator

log = logging.getLogger(__name__)

_M_ARENA_MAX = -8  # malloc.h; mallopt(3)
_RETURN_EVERY_S = 60.0


def use_one_arena() -> None:
    """Call this before the process has threads. Does nothing without glibc."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None or mallopt(_M_ARENA_MAX, 1) != 1:
        log.debug("the C library's allocator has no mallopt")


def keep_returning_memory(every_s: float = _RETURN_EVERY_S) -> threading.Event:
    """Return the free pages of the heap to the system once a minute, until the event is set. Only glibc can do it.

    After the last viewer of thirteen main streams it returns 32 of 189 MB in 4 ms. While they run, 8 to 24 MB, which
    the streams soon take again.
    """
    ended = threading.Event()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is None:
        log.debug("the C library's allocator has no malloc_trim")
        return ended

    def keep_returning() -> None:
        while not ended.wait(every_s):
            trim(0)

    threading.Thread(target=keep_returning, name="free-memory", daemon=True).start()
    return ended


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
