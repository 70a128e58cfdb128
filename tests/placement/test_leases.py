"""Rounds of leases on SQLite: join, claim, give back, fence, and the answers of the placement. Time stands still."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from core.errors import NotFound, StartRefused
from core.placement import NodeState
from database import Database
from placement.bus import ChangeBus
from placement.incarnation import Incarnation
from placement.leases import LeasePlacement
from placement.records import NodeIdentity
from placement.store import NameTaken, NodeStore
from tables import CameraRow
from tests.hand_clock import HandClock
from tests.patience import until
from tests.placement.nodes import LEASE_S, HandNode, add_cameras, owners, rounds

MakeNode = Callable[..., HandNode]


@pytest.fixture
def node(database: Database, clock: HandClock, tmp_path: Path) -> Iterator[MakeNode]:
    """Make a node that has joined."""
    made: list[HandNode] = []

    def make(name: str, **options: object) -> HandNode:
        it = HandNode(database, clock, options.pop("folder", tmp_path / name), name, **options)  # type: ignore[arg-type]
        it.placement.join()
        made.append(it)
        return it

    yield make
    for it in made:
        it.close()


class Vital:
    """A part of a node that a test hangs."""

    is_hung = False

    def is_responsive(self) -> bool:
        return not self.is_hung


class Viewers:
    """Viewers of some cameras."""

    def __init__(self, *camera_ids: int) -> None:
        self._camera_ids = camera_ids

    def watched_cameras(self) -> tuple[int, ...]:
        return self._camera_ids


def test_nodes_that_start_together_share_the_cameras(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 9)
    nodes = [node(name) for name in "abc"]
    for it in nodes:
        it.round()
    assert [it.ids() for it in nodes] == [[], [], []]  # a node waits two seconds before it claims
    rounds(nodes, clock, 2)
    assert [len(it.ids()) for it in nodes] == [3, 3, 3]
    assert sorted(camera_id for it in nodes for camera_id in it.ids()) == list(range(1, 10))
    assert all(it.told.of("gained") == it.ids() and not it.told.of("lost") for it in nodes)


def test_every_node_knows_the_owner_of_each_camera(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 2)
    a, b = node("a"), node("b")
    rounds([a, b, a], clock, 4)
    mine, other = a.ids()[0], b.ids()[0]
    assert a.placement.owns(mine)
    assert not a.placement.owns(other)
    assert a.placement.node_of(other) == b.placement.this_node()
    assert b.placement.node_of(other) == b.placement.this_node()
    assert a.placement.node_of(99) is None
    assert [(view.node.name, view.is_alive, view.cameras) for view in a.placement.nodes()] == [
        ("a", True, 1),
        ("b", True, 1),
    ]


def test_a_drained_node_is_seen_leaving_and_gives_all_back(
    database: Database, clock: HandClock, node: MakeNode
) -> None:
    add_cameras(database, 2)
    a, b = node("a"), node("b")
    rounds([a, b, a], clock, 4)
    b.placement.set_draining("a", is_draining=True)
    rounds([a, b, a], clock, 4)
    assert [(view.state, view.cameras, view.channels) for view in b.placement.nodes()] == [
        (NodeState.LEAVING, 0, 0),
        (NodeState.ALIVE, 2, 2),
    ]
    left_s = b.placement.nodes()[0].lease_left_s
    assert left_s is not None
    assert 0 < left_s <= LEASE_S
    b.placement.set_draining("a", is_draining=False)
    rounds([a, b, a], clock, 12)
    assert [(view.state, view.cameras) for view in b.placement.nodes()] == [
        (NodeState.ALIVE, 1),
        (NodeState.ALIVE, 1),
    ]


def test_an_unknown_node_cannot_be_drained(node: MakeNode) -> None:
    with pytest.raises(NotFound, match="no node b"):
        node("a").placement.set_draining("b", is_draining=True)


def test_a_place_is_the_same_word_in_every_run(node: MakeNode) -> None:
    a, b = node("a"), node("b")
    assert a.placement.this_node().place == "ca978112ca1b"
    assert b.placement.this_node().place != a.placement.this_node().place


def test_the_cameras_of_a_dead_node_get_a_new_epoch(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 4)
    a, b = node("a"), node("b")
    rounds([a, b], clock, 2)
    assert len(b.ids()) == 2
    rounds([a], clock, LEASE_S)
    assert a.ids() == [1, 2, 3, 4]
    assert {epoch for _, epoch in owners(database).values()} == {1, 2}
    assert all(a.placement.node_of(camera_id) == a.placement.this_node() for camera_id in range(1, 5))
    assert [view.is_alive for view in a.placement.nodes()] == [True, False]


def test_a_round_comes_when_the_lease_of_a_dead_node_ends(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 4)
    a, b = node("a"), node("b")
    rounds([a, b], clock, 2)
    clock.move(seconds=1)
    a.round()
    for _ in range(20):
        wait_s = a.round()
        if len(a.ids()) == 4:
            break
        clock.move(seconds=wait_s)
    assert clock.passed_s - 1002.0 < LEASE_S + 0.1


def test_a_node_lets_go_before_another_takes_its_cameras(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 4)
    a, b = node("a"), node("b")
    rounds([a, b], clock, 2)
    mine = b.ids()
    step_s = 0.05
    while len(a.ids()) < 4:
        clock.move(seconds=step_s)
        a.round()
        assert not set(a.ids()) & {it for it in mine if b.placement.owns(it)}
    assert b.placement.node_of(mine[0]) is None


def test_a_fenced_node_tells_its_parts_without_the_database(
    database: Database, clock: HandClock, node: MakeNode
) -> None:
    add_cameras(database, 2)
    a = node("a")
    rounds([a], clock, 2)
    database.close()
    clock.move(seconds=0.79 * LEASE_S)
    a.placement.let_go_if_fenced()
    assert a.ids() == [1, 2]
    clock.move(seconds=0.02 * LEASE_S)
    a.placement.let_go_if_fenced()
    a.settle()
    assert a.told.of("lost") == [1, 2]


def test_a_stopped_process_owns_nothing_when_it_goes_on(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 2)
    a, b = node("a"), node("b")
    rounds([a, b], clock, 2)
    rounds([b], clock, 12)
    assert a.ids() == []  # at once, before its threads have run
    assert b.ids() == [1, 2]
    a.round()
    assert a.ids() == []
    assert a.told.of("lost") == [1] or a.told.of("lost") == [2]


def test_a_fenced_node_takes_its_cameras_again_with_new_epochs(
    database: Database, clock: HandClock, node: MakeNode
) -> None:
    add_cameras(database, 2)
    a = node("a")
    rounds([a], clock, 2)
    clock.move(seconds=12)
    a.round()
    assert a.ids() == [1, 2]
    assert [what for what, camera_id in a.told.news if camera_id == 1] == ["gained", "lost", "gained"]
    assert owners(database) == {1: ("a", 2), 2: ("a", 2)}


def test_no_camera_is_taken_over_just_after_a_failure_of_the_database(
    database: Database, clock: HandClock, node: MakeNode
) -> None:
    add_cameras(database, 2)
    a, b = node("a"), node("b")
    rounds([a, b], clock, 2)
    database.close()
    rounds([a], clock, 6)
    assert a.ids() == []
    database.open()
    clock.move(seconds=0.1)
    a.round()
    mine = a.ids()
    assert len(mine) == 1  # its own, but not those of b, which may be as late
    b.round()
    assert len(b.ids()) == 1
    rounds([a], clock, LEASE_S + 2)
    assert a.ids() == [1, 2]


def test_a_short_failure_of_the_database_moves_nothing(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 4)
    nodes = [node("a"), node("b")]
    rounds(nodes, clock, 2)
    before = owners(database)
    database.close()
    rounds(nodes, clock, 2, step_s=0.5)
    database.open()
    rounds(nodes, clock, 8)
    assert owners(database) == before
    assert all(not it.told.of("lost") for it in nodes)


@pytest.mark.parametrize("hours", [1, -1])
def test_a_jump_of_the_clock_of_the_database_moves_nothing(
    database: Database, clock: HandClock, node: MakeNode, hours: int
) -> None:
    add_cameras(database, 6)
    database_clock = HandClock()
    nodes = [node(name, database_clock=database_clock) for name in "abc"]

    def pass_s(seconds: float) -> None:
        for _ in range(round(seconds / 2)):
            clock.move(seconds=2)
            database_clock.move(seconds=2)
            for it in nodes:
                it.round()

    pass_s(4)
    before = owners(database)
    database_clock.move(hours=hours)
    pass_s(20)
    assert owners(database) == before
    assert all(not it.told.of("lost") for it in nodes)


def test_a_hung_node_does_not_renew_its_lease(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 2)
    vital = Vital()
    a, b = node("a", vitals=[vital]), node("b")
    rounds([a, b], clock, 2)
    vital.is_hung = True
    rounds([a, b], clock, LEASE_S + 2)
    assert (a.ids(), b.ids()) == ([], [1, 2])


def test_a_new_node_gets_its_share_one_camera_a_second(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 8)
    a = node("a")
    a.placement.spare_watched(Viewers(1, 2, 3, 4))
    rounds([a], clock, 2)
    b = node("b")
    rounds([a, b], clock, 2, step_s=1)
    counts = []
    for _ in range(12):
        rounds([a, b], clock, 0.5, step_s=0.5)
        counts.append(len(a.ids()))
    assert counts[:4] in ([8, 7, 7, 6], [7, 7, 6, 6], [7, 6, 6, 5])
    assert (a.ids(), b.ids()) == ([1, 2, 3, 4], [5, 6, 7, 8])


def test_a_camera_is_free_only_after_its_callbacks_have_ended(
    database: Database, clock: HandClock, node: MakeNode
) -> None:
    add_cameras(database, 2)
    a = node("a")
    seen: list[tuple[bool, object]] = []
    a.placement.on_lost(lambda it: seen.append((a.placement.owns(it), owners(database)[it][0])))
    rounds([a], clock, 2)
    a.store.set_draining("a", True)
    rounds([a], clock, 2)
    assert seen == [(False, "a"), (False, "a")]
    assert owners(database) == {1: (None, 1), 2: (None, 1)}


def test_a_stop_gives_everything_back_and_deletes_the_row(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 2)
    a, b = node("a"), node("b")
    rounds([a, b], clock, 2)
    b.close()
    assert b.told.of("lost") == b.told.of("gained") != []
    a.round()
    assert a.ids() == [1, 2]
    assert [view.node.name for view in a.placement.nodes()] == ["a"]


def test_a_deleted_camera_is_let_go(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 2)
    a = node("a")
    rounds([a], clock, 2)
    with database.write() as session:
        session.delete(session.get(CameraRow, 1))
    rounds([a], clock, 2)
    assert a.ids() == [2]
    assert a.told.of("lost") == [1]


def test_a_second_process_with_the_same_name_is_refused(
    database: Database, clock: HandClock, node: MakeNode, tmp_path: Path
) -> None:
    a = node("a")
    a.round()
    with pytest.raises(NameTaken):
        node("a", folder=tmp_path / "other")
    a.round()
    assert a.placement.node_of(1) is None


def test_a_start_is_refused_while_a_node_of_this_name_renews_its_lease(
    database: Database, clock: HandClock, node: MakeNode, tmp_path: Path
) -> None:
    a = node("a")

    class Renewing(NodeStore):
        def join(self, *arguments: object, **options: object) -> None:
            clock.move(seconds=1)
            a.round()
            super().join(*arguments, **options)  # type: ignore[arg-type]

    (tmp_path / "other").mkdir()
    other = LeasePlacement(
        Renewing(database, clock),
        NodeIdentity("a", "127.0.0.1:1", LEASE_S),
        clock,
        ChangeBus(database),
        Incarnation(tmp_path / "other"),
    )
    with pytest.raises(StartRefused, match="'a' runs already"):
        other.start()


def test_a_restart_in_the_same_folder_does_not_wait(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 2)
    a, b = node("a"), node("b")
    a.remember_run()
    rounds([a, b], clock, 2)
    again = node("a")
    rounds([again, b], clock, 2)
    assert len(again.ids()) == 1
    a.round()  # the old process, had it lived on
    assert a.ids() == []
    assert a.told.of("lost") == again.ids()


def test_a_start_waits_for_the_end_of_a_lease_that_nobody_renews(
    database: Database, clock: HandClock, node: MakeNode, tmp_path: Path
) -> None:
    a = node("a")

    class Later(NodeStore):
        tries = 0

        def join(self, *arguments: object, **options: object) -> None:
            Later.tries += 1
            clock.move(seconds=1)
            super().join(*arguments, **options)  # type: ignore[arg-type]

    (tmp_path / "other").mkdir()
    other = LeasePlacement(
        Later(database, clock), a.identity, clock, ChangeBus(database), Incarnation(tmp_path / "other")
    )
    other.start()
    assert Later.tries == LEASE_S
    other.stop()


def test_the_callbacks_of_a_camera_keep_their_order(database: Database, clock: HandClock, node: MakeNode) -> None:
    add_cameras(database, 1)
    a = node("a")
    seen: list[str] = []
    has_begun, is_free = threading.Event(), False

    def slow(camera_id: int) -> None:
        has_begun.set()
        until(lambda: is_free)
        seen.append("gained")

    a.placement.on_gained(slow)
    a.placement.on_lost(lambda _: seen.append("lost"))
    clock.move(seconds=2)
    a.placement.run_once()
    until(has_begun.is_set)  # a loss overtakes a gain that no thread tells yet
    clock.move(seconds=LEASE_S)
    a.placement.let_go_if_fenced()
    assert seen == []
    is_free = True
    until(lambda: seen == ["gained", "lost"])
