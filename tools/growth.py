"""Detect leaks: sample the resources of a running app over time and compute their growth."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from itertools import combinations
from pathlib import Path

import psutil

_UNITS = {"memory_mb": "memory, MB"}


@dataclass(frozen=True, slots=True)
class Held:
    """Resources of the app's master and worker at one time. `children` are the child processes of the worker.

    `memory_mb` is the proportional set size: shared pages count once. `files` are those below the streams folder.
    """

    memory_mb: float
    descriptors: int
    threads: int
    children: int
    files: int


def held_by(master_pid: int, streams_dir: Path) -> Held:
    master = psutil.Process(master_pid)
    own = [master, *master.children()]
    return Held(
        sum(process.memory_full_info().pss for process in own) / 1e6,
        sum(process.num_fds() for process in own),
        sum(process.num_threads() for process in own),
        len(master.children(recursive=True)) - len(own) + 1,
        _count_files(streams_dir),
    )


def _count_files(folder: Path) -> int:
    count = 0
    with contextlib.suppress(FileNotFoundError):  # a session has deleted its folder meanwhile
        for session in folder.iterdir():
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                count += sum(1 for _ in session.iterdir())
    return count


@dataclass(frozen=True, slots=True)
class Growth:
    """Growth of one resource: medians of the first and the last third, slope per hour (Theil-Sen), and maximum."""

    name: str
    first: float
    last: float
    an_hour: float
    most: float

    @property
    def rise(self) -> float:
        return self.last - self.first


def growth(name: str, times_s: Sequence[float], values: Sequence[float]) -> Growth:
    """Compute the growth from at least three samples. The slope is the median of all slopes between two samples.

    So outliers do not change it.
    """
    third = len(values) // 3
    slopes = [
        (values[later] - values[earlier]) / (times_s[later] - times_s[earlier])
        for earlier, later in combinations(range(len(values)), 2)
    ]
    return Growth(
        name,
        statistics.median(values[:third]),
        statistics.median(values[-third:]),
        3600 * statistics.median(slopes),
        max(values),
    )


def growths(times_s: Sequence[float], samples: Sequence[Held]) -> dict[str, Growth]:
    columns = zip(*map(astuple, samples), strict=True)
    names = [item.name for item in fields(Held)]
    return {name: growth(name, times_s, column) for name, column in zip(names, columns, strict=True)}


def table(found: dict[str, Growth]) -> str:
    rows = ["| Resource of the app | first third | last third | per hour | maximum |", "|---|---|---|---|---|"]
    for name, item in found.items():
        figures = f"{item.first:.1f} | {item.last:.1f} | {item.an_hour:+.1f} | {item.most:.1f}"
        rows.append(f"| {_UNITS.get(name, name)} | {figures} |")
    return "\n".join(rows)
