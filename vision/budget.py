"""The child's share of the processor: it measures its own use, and does less while it is over its share."""

from __future__ import annotations

import resource
import sys
import time
from io import FileIO
from pathlib import Path
from typing import Protocol

from vision.messages import Cost

_WINDOW_S = 5.0
_RELAXED = 0.4  # of the share: skipping every second key frame halves the use
_MOST_LEVEL = 2


class OwnClocks:
    """Wall time and processor time of this process, in seconds."""

    def wall_s(self) -> float:
        return time.monotonic()

    def cpu_s(self) -> float:
        return time.process_time()


_STATM = Path("/proc/self/statm")


class Memory(Protocol):
    """The memory that this process uses."""

    def used_bytes(self) -> int: ...

    def close(self) -> None: ...


class PeakMemory:
    """The most resident memory so far, for systems that do not tell the present one."""

    def used_bytes(self) -> int:
        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit

    def close(self) -> None:
        """Do nothing: it holds no file."""


class ResidentMemory:
    """The resident memory, from the kernel's file. It stays open, since the child may open no file later."""

    def __init__(self, file: FileIO) -> None:
        self._file = file

    def used_bytes(self) -> int:
        self._file.seek(0)
        return int(self._file.read(200).split()[1]) * resource.getpagesize()

    def close(self) -> None:
        self._file.close()


def own_memory() -> Memory:
    """Return the best measure of this system. It is for the whole life of the process."""
    return ResidentMemory(_STATM.open("rb", buffering=0)) if _STATM.exists() else PeakMemory()


class Budget:
    """Level 0: everything is watched. 1: every second key frame is left out. 2: so are the pictures between."""

    def __init__(self, share: float, clocks: OwnClocks, memory: Memory) -> None:
        self._share, self._clocks, self._memory = share, clocks, memory
        self._began_s, self._began_cpu_s = clocks.wall_s(), clocks.cpu_s()
        self._window_s, self._window_cpu_s = self._began_s, self._began_cpu_s
        self._level = 0
        self._keys: dict[str, int] = {}
        self.pictures = 0

    @property
    def only_keys(self) -> bool:
        return self._level == _MOST_LEVEL

    def skips(self, key: str, *, is_key: bool) -> bool:
        """True if the next unit of this channel is to be left out. Only key frames count."""
        self._measure()
        if not is_key or not self._level:
            return False
        self._keys[key] = self._keys.get(key, 0) + 1
        return self._keys[key] % 2 == 0

    def forget(self, key: str) -> None:
        self._keys.pop(key, None)

    def cost(self) -> Cost:
        """Return the use since the start of the child."""
        wall_s, cpu_s = self._clocks.wall_s() - self._began_s, self._clocks.cpu_s() - self._began_cpu_s
        return Cost(round(cpu_s, 3), round(wall_s, 3), self.pictures, self._memory.used_bytes(), self._level > 0)

    def _measure(self) -> None:
        now_s = self._clocks.wall_s()
        if now_s - self._window_s < _WINDOW_S:
            return
        cpu_s = self._clocks.cpu_s()
        used = (cpu_s - self._window_cpu_s) / (now_s - self._window_s)
        self._window_s, self._window_cpu_s = now_s, cpu_s
        if used > self._share:
            self._level = min(_MOST_LEVEL, self._level + 1)
        elif used < _RELAXED * self._share:
            self._level = max(0, self._level - 1)
