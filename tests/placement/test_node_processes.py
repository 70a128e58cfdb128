"""Nodes as processes on one database: their first placement, and what happens when one of them dies or stops."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from database import Database
from tests.patience import Slowness, promised, until
from tests.placement.nodes import add_cameras
from tests.placement.processes import Nodes
from tests.prepared_database import prepared

MakeNodes = Callable[..., Nodes]


@pytest.fixture
def make_nodes(tmp_path: Path) -> Iterator[MakeNodes]:
    made: list[Nodes] = []

    def make(*, lease_s: float, cameras: int) -> Nodes:
        file = prepared(tmp_path / "cameras.sqlite3")
        database = Database(file)
        database.open()
        add_cameras(database, cameras)
        database.close()
        made.append(Nodes(str(file), tmp_path, lease_s=lease_s, cameras=cameras))
        return made[-1]

    yield make
    for nodes in made:
        nodes.stop()


@pytest.mark.slow
def test_cameras_of_a_killed_node_get_new_owners_within_its_lease(make_nodes: MakeNodes) -> None:
    nodes = make_nodes(lease_s=1.0, cameras=20)
    nodes.start("a", "b")
    nodes.wait_placed("a", "b")
    assert nodes.owned("a")
    nodes.processes["a"].kill()
    with promised(1.0 + 2.0):
        until(lambda: len(nodes.owned("b")) == 20)
    assert not nodes.two_owners()


@pytest.mark.stress
def test_three_nodes_share_two_hundred_cameras(make_nodes: MakeNodes) -> None:
    """Placed within 3 s, owned again within the lease and 2 s after kill -9, and within a second after SIGTERM."""
    nodes = make_nodes(lease_s=6.0, cameras=200)
    with Slowness() as machine:
        nodes.start("a", "b", "c")
        placed_s = nodes.wait_placed("a", "b", "c") - max(nodes.first_note_s(name) for name in "abc")
    assert placed_s < machine.allowed_s(3.0)
    assert all(len(nodes.owned(name)) in (66, 67) for name in "abc")
    nodes.processes["a"].kill()
    with promised(6.0 + 2.0):
        until(lambda: len(nodes.owned("b") | nodes.owned("c")) == 200)
    nodes.processes["b"].terminate()
    with promised(1.5):
        until(lambda: len(nodes.owned("c")) == 200)
    assert not nodes.two_owners()


@pytest.mark.stress
def test_a_stopped_node_has_lost_its_cameras_when_it_goes_on(make_nodes: MakeNodes) -> None:
    nodes = make_nodes(lease_s=6.0, cameras=200)
    nodes.start("a", "b", "c")
    nodes.wait_placed("a", "b", "c")
    nodes.processes["a"].send_signal(signal.SIGSTOP)
    time.sleep(12)  # the length of the stop is the subject
    until(lambda: len(nodes.owned("b") | nodes.owned("c")) == 200)
    nodes.processes["a"].send_signal(signal.SIGCONT)
    until(lambda: len(nodes.owned("a")) > 40, what="the share of the node that goes on")
    assert not nodes.two_owners()


@pytest.mark.stress
def test_wrong_clocks_of_nodes_change_nothing(make_nodes: MakeNodes) -> None:
    nodes = make_nodes(lease_s=2.0, cameras=200)
    nodes.start("a")
    nodes.start("b", clock_h=1.0)
    nodes.start("c", clock_h=-1.0)
    nodes.wait_placed("a", "b", "c")
    moves = nodes.moves()
    time.sleep(6)  # three leases
    assert nodes.moves() == moves
    nodes.processes["b"].kill()
    nodes.wait_placed("a", "c")
    assert not nodes.two_owners()
