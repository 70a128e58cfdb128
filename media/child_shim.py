"""The few lines of Python that each child runs before it executes the wanted program."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass

# argv of the shim: our pid, the niceness, the most bytes of address space (0: any), then the program and its arguments.
# The shim restores SIGPIPE and SIGXFSZ, which Python ignores; 1 is PR_SET_PDEATHSIG. Without prctl (not Linux) the
# child just starts.
_SHIM = """
import _signal, os, sys
for name in ("SIGPIPE", "SIGXFSZ"):
    _signal.signal(getattr(_signal, name), _signal.SIG_DFL)
try:
    import ctypes
    ctypes.CDLL(None).prctl(1, _signal.SIGKILL)
except (ImportError, OSError, AttributeError):
    pass
if os.getppid() != int(sys.argv[1]):
    os._exit(125)
os.nice(int(sys.argv[2]))
if int(sys.argv[3]):
    import resource
    resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
os.execv(sys.argv[4], sys.argv[4:])
"""


@dataclass(frozen=True, slots=True)
class ChildLimits:
    """How much of the machine a child may use: its niceness, and its most bytes of address space (0: any)."""

    nice: int = 0
    address_space_bytes: int = 0


ANY = ChildLimits()


def shim_command(limits: ChildLimits) -> list[str]:
    """Return the beginning of a child's argv; the program and its arguments follow."""
    of_child = (os.getpid(), limits.nice, limits.address_space_bytes)
    return [sys.executable, "-I", "-S", "-c", _SHIM, *map(str, of_child)]
