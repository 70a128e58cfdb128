"""CPU time of processes from the kernel's accounting, and their memory as proportional set size."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import psutil


@dataclass(frozen=True, slots=True)
class Cost:
    """`cpu_percent` is of one core over the whole window, `pss_mb` the memory at its end."""

    cpu_percent: float
    pss_mb: float
    processes: int


def family(root: psutil.Process) -> list[psutil.Process]:
    """Return a process and all its descendants."""
    return [root, *root.children(recursive=True)]


def measure(processes: Callable[[], Iterable[psutil.Process]], window_s: float) -> Cost:
    """Measure the CPU time of these processes in the window, and their memory at its end."""
    before = {process.pid: _cpu_s(process) for process in processes()}
    begun_s = time.monotonic()
    time.sleep(window_s)
    after = list(processes())
    spent_s = sum(_cpu_s(process) - before.get(process.pid, 0.0) for process in after)
    elapsed_s = time.monotonic() - begun_s
    return Cost(100 * spent_s / elapsed_s, sum(_pss_mb(process) for process in after), len(after))


def app_cpu_s(pid: int) -> float:
    """Return the CPU seconds of an app and its children, with those of children that have ended."""
    whole = psutil.Process(pid)
    return sum(sum(process.cpu_times()[:4]) for process in (whole, *whole.children(recursive=True)))


def _cpu_s(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def _pss_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_full_info().pss) / 1e6
    except psutil.NoSuchProcess:
        return 0.0
