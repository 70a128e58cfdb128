"""The lines of the health card about the services of one device."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.clock import Clock
from core.errors import DeviceError
from core.records import ServiceCheck


@dataclass(slots=True)
class RunningCheck:
    """A check under way. The block may set the `detail` of its line."""

    detail: str = ""


class Checks:
    """Latest result of each check of a device, in the order of their first run. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._results: dict[str, ServiceCheck] = {}

    def results(self) -> tuple[ServiceCheck, ...]:
        with self._lock:
            return tuple(self._results.values())

    def clear(self) -> None:
        with self._lock:
            self._results.clear()

    @contextmanager
    def checking(self, name: str) -> Iterator[RunningCheck]:
        """Keep the outcome and the duration of the block."""
        began_s = time.monotonic()
        running = RunningCheck()
        try:
            yield running
        except DeviceError as error:
            self.note(name, error.code, error.detail, took_s=time.monotonic() - began_s)
            raise
        self.note(name, "ok", running.detail, took_s=time.monotonic() - began_s)

    def note(self, name: str, outcome: str, detail: str = "", *, took_s: float | None = None) -> None:
        """Keep a result, in place of an earlier one with the same name."""
        took_ms = None if took_s is None else round(took_s * 1000)
        with self._lock:
            self._results[name] = ServiceCheck(name, outcome, detail, took_ms, self._clock.now_utc())
