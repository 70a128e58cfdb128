"""What a node tells the others of itself: the load of this process, and the build of its program."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Sized
from functools import cache
from pathlib import Path

from core.clock import Clock
from core.settings import ROOT
from placement.records import NodeLoad

_LEAST_S = 1.0  # between two looks at the processor time
_OTHERS = {"tests", "tools", "bench", "simulator", "docs"}  # packages that no node runs


class LoadMeter:
    """Measures the load of this process. `list_sessions()` returns its running streams."""

    def __init__(self, clock: Clock, list_sessions: Callable[[], Sized]) -> None:
        self._clock = clock
        self._list_sessions = list_sessions
        self._looked_s, self._used_s = clock.monotonic_s(), time.process_time()
        self._cpu_share = 0.0

    def read(self) -> NodeLoad:
        """Return the load. The processor time is that since the last call, of at least a second."""
        now_s, used_s = self._clock.monotonic_s(), time.process_time()
        if now_s - self._looked_s >= _LEAST_S:
            self._cpu_share = (used_s - self._used_s) / (now_s - self._looked_s)
            self._looked_s, self._used_s = now_s, used_s
        return NodeLoad(len(self._list_sessions()), round(self._cpu_share, 2))


@cache
def build_word() -> str:
    """Return a word that is the same for the same program: eight digits of a checksum of its files."""
    return word_of(ROOT)


def word_of(folder: Path) -> str:
    """Return the word of the program in a folder."""
    total = hashlib.sha256()
    for file in sorted(_program(folder)):
        content = hashlib.sha256(file.read_bytes()).digest()
        total.update(file.relative_to(folder).as_posix().encode() + b"\0" + content)
    return total.hexdigest()[:8]


def _program(folder: Path) -> Iterator[Path]:
    """Yield the Python files of the app, its templates, and the scripts and styles of its pages."""
    yield from folder.glob("*.py")
    for package in folder.glob("*/__init__.py"):
        if package.parent.name not in _OTHERS:
            yield from package.parent.rglob("*.py")
    yield from (folder / "migrations").rglob("*.py")
    for pattern in ("templates/**/*.html", "static/js/**/*.js", "static/css/**/*.css"):
        yield from folder.glob(pattern)
