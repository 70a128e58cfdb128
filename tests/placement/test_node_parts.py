"""Parts of a node on their own: the pulse, the incarnation, the announcer, and the threads of the leases."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.clock import BootClock, SystemClock
from core.errors import Unavailable
from core.loop_thread import LoopThread
from core.settings import Settings
from database import Database
from placement.announcer import Announcer
from placement.bus import ChangeBus
from placement.incarnation import Incarnation
from placement.leases import LeasePlacement
from placement.local_node import LocalNode
from placement.pulse import LoopPulse
from placement.records import NodeIdentity, NodeLoad, Situation
from placement.store import NodeStore
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until
from tests.placement.nodes import add_cameras, owners


@pytest.fixture
def loop_thread() -> Iterator[LoopThread]:
    thread = LoopThread("pulse")
    thread.start()
    yield thread

    async def nothing() -> None:
        await asyncio.sleep(0)

    thread.stop(nothing)


def test_a_hung_loop_is_not_responsive_until_it_goes_on(loop_thread: LoopThread) -> None:
    pulse, goes_on = LoopPulse(loop_thread), threading.Event()
    until(pulse.is_responsive)

    def hang() -> None:
        goes_on.wait(LIMIT_S)

    loop_thread.call(hang)
    pulse.is_responsive()  # a beat that waits behind the hung call
    assert not pulse.is_responsive()
    assert not pulse.is_responsive()
    goes_on.set()
    until(pulse.is_responsive)


def test_a_loop_that_does_not_run_yet_counts_as_responsive() -> None:
    pulse = LoopPulse(LoopThread("later"))
    assert pulse.is_responsive()
    assert pulse.is_responsive()


def test_a_run_knows_the_word_of_the_run_before(tmp_path: Path) -> None:
    first = Incarnation(tmp_path)
    assert first.dead() is None
    first.save()
    second = Incarnation(tmp_path)
    assert second.dead() == first.word != second.word


@pytest.mark.parametrize("text", ["", "word", "word of-another-boot", "\xff"])
def test_a_word_of_another_boot_or_a_damaged_file_does_not_count(tmp_path: Path, text: str) -> None:
    (tmp_path / "node-incarnation").write_text(text, "latin-1")
    assert Incarnation(tmp_path).dead() is None


def test_a_failing_callback_keeps_no_news_from_the_next() -> None:
    announcer = Announcer()
    heard: list[int] = []

    def fail(camera_id: int) -> None:
        raise ValueError(f"a fault with camera {camera_id}")

    announcer.lost += [fail, heard.append]
    announcer.start()
    announcer.announce(1, is_gained=False)
    assert announcer.wait_told([1], LIMIT_S) == set()
    assert heard == [1]
    announcer.stop()
    announcer.announce(2, is_gained=False)  # without effect


def test_callbacks_of_different_cameras_run_side_by_side() -> None:
    announcer, together = Announcer(), threading.Barrier(2)

    def meet(camera_id: int) -> None:
        together.wait(LIMIT_S)

    announcer.lost.append(meet)
    announcer.start()
    for camera_id in (1, 2):
        announcer.announce(camera_id, is_gained=False)
    assert announcer.wait_told(None, LIMIT_S) == set()
    assert not together.broken
    announcer.stop()


class HangingStore(NodeStore):
    """A store whose renewals hang, as in a dead network, once a test says so."""

    def __init__(self, database: Database) -> None:
        super().__init__(database, SystemClock())
        self.hangs, self.goes_on = threading.Event(), threading.Event()

    def renew(self, node: NodeIdentity, incarnation: str, load: NodeLoad = NodeLoad()) -> Situation:  # noqa: B008 - frozen
        if self.hangs.is_set():
            self.goes_on.wait(LIMIT_S)
            raise Unavailable("The database cannot be reached.")
        return super().renew(node, incarnation, load)


@pytest.mark.slow
def test_the_fence_lets_go_while_the_renewal_hangs(database: Database, tmp_path: Path) -> None:
    """The threads run, the lease is one second. The node takes its cameras again when the database is back."""
    add_cameras(database, 2)
    store, bus = HangingStore(database), ChangeBus(database)
    node = LeasePlacement(store, NodeIdentity("a", "127.0.0.1:1", 1.0), SystemClock(), bus, Incarnation(tmp_path))
    lost: list[int] = []
    node.on_lost(lost.append)
    node.start()
    until(lambda: len(node.owned()) == 2)
    store.hangs.set()
    until(lambda: sorted(lost) == [1, 2])
    assert not node.owns(1)
    store.hangs.clear()
    store.goes_on.set()
    until(lambda: len(node.owned()) == 2)
    node.stop()
    node.stop()
    assert all(name is None for name, _ in owners(database).values())


def test_a_suspended_machine_lets_go_soon_after_it_wakes_up(database: Database, tmp_path: Path) -> None:
    """The clock of the test moves on while the threads wait, as BootClock does while the machine is suspended."""
    add_cameras(database, 2)
    clock = HandClock()
    store, identity = NodeStore(database, clock), NodeIdentity("a", "127.0.0.1:1", 300.0)
    node = LeasePlacement(store, identity, clock, ChangeBus(database), Incarnation(tmp_path))
    lost: list[int] = []
    node.on_lost(lost.append)
    node.start()
    clock.move(seconds=101)
    node.wake()
    until(lambda: len(node.owned()) == 2)
    clock.move(seconds=400)
    assert not node.owns(1)
    until(lambda: sorted(lost) == [1, 2])
    node.stop()


def test_the_leases_of_a_node_count_a_suspended_machine(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = LocalNode(database, Settings(data_dir=tmp_path, node_name="a"), SystemClock(), [], "1")
    node.placement._fence.renew(BootClock().monotonic_s())
    node.placement._held[1] = 1
    assert node.placement.owns(1)
    awake_s = time.clock_gettime
    monkeypatch.setattr("core.clock.time.clock_gettime", lambda which: awake_s(which) + 10.0)
    assert not node.placement.owns(1)


def test_a_lost_camera_does_not_wait_for_those_that_are_gained() -> None:
    """Gained cameras read the database. If it is away, they would keep all threads."""
    announcer, is_over, lost = Announcer(), threading.Event(), threading.Event()
    gained: list[int] = []

    def gain(camera_id: int) -> None:
        gained.append(camera_id)
        is_over.wait(LIMIT_S)

    announcer.gained.append(gain)
    announcer.lost.append(lambda _: lost.set())
    announcer.start()
    for camera_id in range(60):
        announcer.announce(camera_id, is_gained=True)
    announcer.announce(59, is_gained=False)
    assert lost.wait(LIMIT_S)
    is_over.set()
    assert not announcer.wait_told(None, LIMIT_S)
    announcer.stop()
    assert sorted(gained) == list(range(59)), "a camera that was lost before it was told is not gained"
