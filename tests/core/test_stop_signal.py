"""Threads that outlive their stop do not go on after the next start."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from unittest.mock import MagicMock

import pytest

from archive.publishing import FilePublisher
from archive.recorder import ChannelRecorders
from archive.retention import Retention
from core.clock import SystemClock
from core.own_thread import OwnThread
from notifications.queues import SinkQueue
from tests.patience import until
from workers.repeated_work import RepeatedWork


class Hanging(OwnThread):
    """Its first thread waits for a disk, until the test lets it go."""

    def __init__(self) -> None:
        super().__init__("hanging", stop_s=0.01)
        self.disk = Disk()

    def _work(self) -> None:
        while not self._is_stopping.wait(0.001):
            self.disk.read()


class HangingLook(RepeatedWork):
    def __init__(self) -> None:
        super().__init__("hanging-look", 0.001, stop_s=0.01)
        self.disk = Disk()

    def look(self) -> None:
        self.disk.read()


class HangingPublisher(FilePublisher):
    def __init__(self) -> None:
        super().__init__(MagicMock(), MagicMock(), SystemClock())
        self.disk = Disk()

    def publish(self) -> None:
        self.disk.read()


class HangingRetention(Retention):
    def __init__(self) -> None:
        parts = MagicMock()
        parts.writer.was_off = None
        super().__init__(parts, SystemClock(), min_free_bytes=0)
        self.disk = Disk()

    def run_pass(self) -> int:
        self.disk.read()
        return 0


class HangingRecorders(ChannelRecorders):
    def __init__(self) -> None:
        parts: Any = SimpleNamespace(clock=SystemClock(), cameras=MagicMock(), wake=threading.Event())
        super().__init__(parts, MagicMock(), MagicMock(), MagicMock())
        self.disk = Disk()

    def look(self) -> None:
        self.disk.read()


class HangingSink(SinkQueue):
    """Its database hangs whenever a delivery waits."""

    def __init__(self) -> None:
        self.disk = Disk()
        courier = MagicMock()
        courier.why_drop.side_effect = lambda _: self.disk.read()
        super().__init__(MagicMock(), courier)
        for _ in range(2):
            self.put(MagicMock())


class Disk:
    def __init__(self) -> None:
        self.answers = threading.Event()
        self.readers: list[threading.Thread] = []

    def read(self) -> None:
        if threading.current_thread() not in self.readers:
            self.readers.append(threading.current_thread())
        self.answers.wait()


HangingPart = Hanging | HangingLook | HangingPublisher | HangingRetention | HangingRecorders | HangingSink


@pytest.mark.parametrize(
    "make", [Hanging, HangingLook, HangingPublisher, HangingRetention, HangingRecorders, HangingSink]
)
def test_a_thread_that_outlives_its_stop_ends_after_the_next_start(
    make: Callable[[], HangingPart], monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("archive.publishing", "archive.retention", "archive.recorder", "notifications.queues"):
        monkeypatch.setattr(f"{module}._STOP_S", 0.01)
    for wait in ("publishing._GATHER_S", "publishing._TICK_S", "retention.PASS_EVERY_S", "recorder._LOOK_EVERY_S"):
        monkeypatch.setattr(f"archive.{wait}", 0.01)
    part = make()
    part.start()
    until(lambda: part.disk.readers, what="a reading that hangs")
    part.stop()
    part.start()
    until(lambda: len(part.disk.readers) == 2, what="the reading of the new thread")
    part.disk.answers.set()
    first, second = part.disk.readers
    until(lambda: not first.is_alive(), what="the end of the first thread")
    assert second.is_alive()
    part.stop()
    until(lambda: not second.is_alive(), what="the end of the second thread")
