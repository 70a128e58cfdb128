"""Nodes as processes on one database: their first placement, and what happens when one of them dies or stops."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from database import Database
from tests.patience import Slowness, promised, until
from tests.placement.cut_network import CutNetwork
from tests.placement.nodes import add_cameras
from tests.placement.processes import Nodes
from tests.postgres import PostgresServer
from tests.prepared_database import prepared

MakeNodes = Callable[..., Nodes]


@pytest.fixture
def make_nodes(tmp_path: Path) -> Iterator[MakeNodes]:
    made: list[Nodes] = []

    def make(*, lease_s: float, cameras: int, url: str | None = None) -> Nodes:
        place = url or prepared(tmp_path / "cameras.sqlite3")
        database = Database(place)
        database.open()
        add_cameras(database, cameras)
        database.close()
        made.append(Nodes(str(place), tmp_path, lease_s=lease_s, cameras=cameras))
        return made[-1]

    yield make
    for nodes in made:
        nodes.stop()


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL server that a test may stop."""
    made = PostgresServer.made()
    yield made
    made.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest) -> str | None:
    """The URL of an empty database; None for a SQLite file."""
    if request.param == "sqlite":
        return None
    server: PostgresServer = request.getfixturevalue("server")
    return server.copy(f"nodes_{request.node.name.split('[')[0][:40]}")


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
def test_three_nodes_share_two_hundred_cameras(make_nodes: MakeNodes, url: str | None) -> None:
    """Placed within 3 s, owned again within the lease and 2 s after kill -9, and within a second after SIGTERM."""
    nodes = make_nodes(lease_s=6.0, cameras=200, url=url)
    with Slowness() as machine:
        nodes.start("a", "b", "c")
        placed_s = nodes.wait_placed("a", "b", "c") - max(nodes.first_note_s(name) for name in "abc")
    assert placed_s < machine.allowed_s(3.0)
    until(lambda: all(len(nodes.owned(name)) <= 80 for name in "abc"), what="fair shares, if one node was late")
    nodes.processes["a"].kill()
    with promised(6.0 + 2.0):
        until(lambda: len(nodes.owned("b") | nodes.owned("c")) == 200)
    nodes.processes["b"].terminate()
    with promised(1.5):
        until(lambda: len(nodes.owned("c")) == 200)
    assert not nodes.two_owners()


@pytest.mark.stress
def test_a_stopped_node_has_lost_its_cameras_when_it_goes_on(make_nodes: MakeNodes, url: str | None) -> None:
    nodes = make_nodes(lease_s=6.0, cameras=200, url=url)
    nodes.start("a", "b", "c")
    nodes.wait_placed("a", "b", "c")
    nodes.processes["a"].send_signal(signal.SIGSTOP)
    time.sleep(12)  # the length of the stop is the subject
    until(lambda: len(nodes.owned("b") | nodes.owned("c")) == 200)
    nodes.processes["a"].send_signal(signal.SIGCONT)
    until(lambda: len(nodes.owned("a")) > 40, what="the share of the node that goes on")
    assert not nodes.two_owners()


@pytest.mark.stress
def test_wrong_clocks_of_nodes_change_nothing(make_nodes: MakeNodes, url: str | None) -> None:
    nodes = make_nodes(lease_s=2.0, cameras=200, url=url)
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


@pytest.mark.stress
def test_a_restart_of_the_database_moves_nothing(make_nodes: MakeNodes, server: PostgresServer) -> None:
    """The database is away for two seconds."""
    nodes = make_nodes(lease_s=6.0, cameras=200, url=server.copy("nodes_restart"))
    nodes.start("a", "b", "c")
    nodes.wait_placed("a", "b", "c")
    moves = nodes.moves()
    server.stop()
    time.sleep(2)  # an outage that is shorter than the lease
    server.start()
    time.sleep(12)  # two leases
    assert nodes.moves() == moves
    assert sum(len(nodes.owned(name)) for name in "abc") == 200


@pytest.mark.stress
def test_a_long_absence_of_the_database_ends_with_every_camera_owned(
    make_nodes: MakeNodes, server: PostgresServer
) -> None:
    nodes = make_nodes(lease_s=4.0, cameras=200, url=server.copy("nodes_absence"))
    nodes.start("a", "b", "c")
    nodes.wait_placed("a", "b", "c")
    server.stop()
    with promised(4.0):
        until(lambda: not any(nodes.owned(name) for name in "abc"), what="the fence of each node")
    server.start()
    nodes.wait_placed("a", "b", "c")
    assert not nodes.two_owners()


@pytest.mark.stress
def test_a_node_that_is_cut_off_the_database_loses_its_cameras(make_nodes: MakeNodes, server: PostgresServer) -> None:
    url = server.copy("nodes_cut")
    network = CutNetwork(server.port)
    nodes = make_nodes(lease_s=6.0, cameras=200, url=url)
    nodes.start("a", database=url.replace(f":{server.port}/", f":{network.port}/"))
    nodes.start("b", "c")
    nodes.wait_placed("a", "b", "c")
    network.is_cut.set()
    with promised(6.0 + 2.0):
        until(lambda: len(nodes.owned("b") | nodes.owned("c")) == 200)
    assert not nodes.owned("a")
    assert nodes.processes["a"].poll() is None
    network.is_cut.clear()
    until(lambda: len(nodes.owned("a")) > 10, what="cameras of the node that is back")
    assert not nodes.two_owners()
    network.stop()
