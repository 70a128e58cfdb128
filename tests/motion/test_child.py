"""The process that looks at pictures: its pipe, its crashes, its end. A fake one speaks the messages."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from core.clock import SystemClock
from core.settings import ROOT
from media.process import Spawner, SupervisedProcess
from motion import child as child_module
from motion.child import PACKAGES, ChildListener, VisionChild, is_available
from motion.outbox import Outbox
from motion.records import ChildState
from tests.patience import LIMIT_S, promised, until
from vision.messages import Forget, FromChild, Open, Unit, Watched

FAKE = (sys.executable, "-m", "tests.motion.fake_vision")
SLEEPER = ("/bin/sleep", "1000")  # reads nothing


class Heard(ChildListener):
    def __init__(self) -> None:
        self.messages: list[FromChild] = []
        self.crashes: list[str | None] = []
        self.starts = 0
        self.has_started = threading.Event()

    def on_message(self, message: FromChild) -> None:
        self.messages.append(message)

    def on_start(self) -> None:
        self.starts += 1
        self.has_started.set()

    def on_crash(self, key: str | None) -> None:
        self.crashes.append(key)

    def times(self) -> list[int]:
        return [message.time_ms for message in self.messages if isinstance(message, Watched)]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def child(spawner: Spawner, heard: Heard) -> Iterator[VisionChild]:
    made = VisionChild(spawner, SystemClock(), heard, command=FAKE)
    made.start()
    until(lambda: made.view().state is ChildState.RUNNING)
    yield made
    made.stop()


def look_at(child: VisionChild, time_ms: int, body: bytes = b"calm", key: str = "1:1") -> None:
    assert child.send(Open(key, "h264", 0.001))
    assert child.send(Unit(key, time_ms, True, body), len(body))


def test_messages_are_answered(child: VisionChild, heard: Heard) -> None:
    look_at(child, 1000)
    look_at(child, 2000, b"MOVE")
    until(lambda: heard.times() == [1000, 2000])
    assert [message.is_moving for message in heard.messages if isinstance(message, Watched)] == [False, True]
    until(lambda: child.view().memory_bytes == 1_000_000)
    assert child.view().state is ChildState.RUNNING


@pytest.mark.slow
def test_a_killed_process_is_back_within_five_seconds(child: VisionChild, heard: Heard) -> None:
    look_at(child, 1000)
    until(lambda: heard.times() == [1000])
    pid = child.pid
    assert pid is not None
    with promised(5.0):
        os.kill(pid, signal.SIGKILL)
        until(lambda: heard.starts == 2)
        look_at(child, 2000)
        until(lambda: 2000 in heard.times())
    assert heard.crashes == [None]


@pytest.mark.slow
def test_the_channel_whose_frame_ends_the_process_is_named(child: VisionChild, heard: Heard) -> None:
    look_at(child, 1000, key="1:1")
    look_at(child, 1000, b"CRASH", key="1:2")
    until(lambda: heard.crashes == ["1:2"])
    until(lambda: heard.starts == 2)


@pytest.mark.slow
def test_a_process_that_sends_nonsense_is_replaced(child: VisionChild, heard: Heard) -> None:
    look_at(child, 1000, b"NOISE")
    until(lambda: heard.starts == 2)


@pytest.mark.slow
def test_a_silent_process_is_replaced(child: VisionChild, heard: Heard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "SILENT_S", 0.5)
    look_at(child, 1000, b"HANG", key="3:1")
    until(lambda: "3:1" in heard.crashes)


def test_a_stopped_process_takes_no_messages(child: VisionChild) -> None:
    with promised(2.0):
        child.stop()
    assert child.pid is None
    assert child.view().state is ChildState.OFF
    assert not child.send(Forget("1:1"))
    child.stop()


@pytest.mark.slow
def test_a_process_that_reads_nothing_stops_within_two_seconds(spawner: Spawner, heard: Heard) -> None:
    child = VisionChild(spawner, SystemClock(), heard, command=SLEEPER)
    child.start()
    assert heard.has_started.wait(LIMIT_S)
    for time_ms in range(10):
        child.send(Unit("1:1", time_ms, True, bytes(1_000_000)), 1_000_000)
    until(lambda: child.outbox.waiting_bytes < 10_000_000)
    with promised(2.0):
        child.stop()
    assert spawner.running() == ()


def test_a_missing_program_is_tried_again(spawner: Spawner, heard: Heard) -> None:
    child = VisionChild(spawner, SystemClock(), heard, command=("/nowhere/python", "-m", "vision"))
    child.start()
    until(lambda: child.view().state is ChildState.RESTARTING)
    assert not child.send(Forget("1:1"))
    child.stop()


# ---- the outbox ------------------------------------------------------------------------------------


def unit(time_ms: int, key: str = "1:1") -> Unit:
    return Unit(key, time_ms, True, b"x")


def test_the_newest_key_frame_of_a_channel_replaces_the_one_that_waits() -> None:
    outbox = Outbox()
    for time_ms in range(100):
        assert outbox.put(unit(time_ms), 1000, newest_of=("unit", "1:1"))
        assert outbox.put(unit(time_ms, "1:2"), 1000, newest_of=("unit", "1:2"))
    assert outbox.waiting_bytes == 2000
    assert outbox.dropped == 198
    taken = [outbox.take(0), outbox.take(0), outbox.take(0)]
    assert [item.time_ms if isinstance(item, Unit) else None for item in taken] == [99, 99, None]
    assert outbox.waiting_bytes == 0


def test_a_slow_process_costs_pictures_and_no_memory() -> None:
    outbox = Outbox(most_bytes=10_000)
    sent = [outbox.put(unit(time_ms), 3000) for time_ms in range(10)]
    assert sent == [True] * 3 + [False] * 7
    assert outbox.waiting_bytes == 9000
    outbox.take(0)
    assert outbox.put(unit(11), 3000)


def test_at_most_a_hundred_frames_of_a_channel_wait() -> None:
    outbox = Outbox()
    assert sum(outbox.put(unit(time_ms), 1, slot="1:1") for time_ms in range(200)) == 100
    assert outbox.put(unit(1, "1:2"), 1, slot="1:2")


def test_a_cleared_outbox_takes_messages_again() -> None:
    outbox = Outbox()
    for time_ms in range(150):
        outbox.put(unit(time_ms), 1, slot="1:1")
    outbox.clear()
    assert outbox.take(0) is None
    assert outbox.put(unit(1), 1, slot="1:1")


@pytest.mark.slow
def test_the_app_itself_loads_none_of_the_packages() -> None:
    """Without them it starts as before, and with them it needs no more memory."""
    code = f"import sys, wiring; print([name for name in {PACKAGES!r} if name in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_a_missing_package_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child_module, "find_spec", lambda name: None if name == "av" else object())
    assert not is_available()
    monkeypatch.setattr(child_module, "find_spec", lambda name: object())
    assert is_available()


def test_a_start_waits_for_the_end_of_a_slow_process(
    spawner: Spawner, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child_module, "_STOP_S", 0.05)
    stop = SupervisedProcess.stop
    ended: list[str] = []

    def stop_slowly(process: SupervisedProcess, grace_s: float = 0.0) -> None:
        nonlocal ended
        is_writer = threading.current_thread().name == "vision-writer"
        time.sleep(1.0 if is_writer else 0.0)  # the process is slow to end
        stop(process, grace_s)
        ended += ["process"] if is_writer else []

    monkeypatch.setattr(SupervisedProcess, "stop", stop_slowly)
    child = VisionChild(spawner, SystemClock(), heard, command=FAKE)
    child.start()
    until(heard.has_started.is_set)
    heard.has_started.clear()
    child.stop()
    child.start()
    until(heard.has_started.is_set)
    assert ended == ["process"]
    assert len([one for one in spawner.running() if one.name == "vision"]) == 1
    child.stop()
