"""Ends this process when its parent goes away (Linux); elsewhere it does nothing."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    """Ask the kernel for SIGTERM when the thread that started us ends; end at once if it just has.

    The signal follows the *thread* that forked: whoever starts us with this must do so from one that stays.
    """
    if not sys.platform.startswith("linux"):
        return
    parent = os.getppid()
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it went away while we asked (in a container, process 1 may well be the parent)
        os.kill(os.getpid(), signal.SIGTERM)
