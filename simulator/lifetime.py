"""Ends this process when its parent ends (Linux); on other systems it does nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent ends; end immediately if it already has.

    The signal is sent at the end of the *thread* that forked, so a parent must fork in a thread that stays.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    # The parent ended in the meantime. Its id may be 1 from the start, in a container, so 1 alone proves nothing.
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
