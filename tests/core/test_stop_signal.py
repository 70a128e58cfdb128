"""Threads that outlive their stop do not go on after the next start."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from core.own_thread import OwnThread
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


class Disk:
    def __init__(self) -> None:
        self.answers = threading.Event()
        self.readers: list[threading.Thread] = []

    def read(self) -> None:
        if threading.current_thread() not in self.readers:
            self.readers.append(threading.current_thread())
        self.answers.wait()


@pytest.mark.parametrize("make", [Hanging, HangingLook])
def test_a_thread_that_outlives_its_stop_ends_after_the_next_start(make: Callable[[], Hanging | HangingLook]) -> None:
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
