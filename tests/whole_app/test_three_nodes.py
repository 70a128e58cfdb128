"""Three nodes on PostgreSQL behind nginx, with watched streams, while nodes and their database come and go.

The stress form has 12 recorders and 64 streams.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.missing import skip_outside_ci
from tests.patience import Slowness, settled, until
from tests.whole_app.front_door_requests import FrontDoorRequests
from tests.whole_app.observed_cluster import CUT_OFF, LEASE_S, Connections, ObservedCluster, longest_gap
from tools.cluster import NAMES, ClusterMissing

pytestmark = pytest.mark.slow
FENCE_S = 0.8 * LEASE_S


@dataclass(frozen=True)
class Size:
    recorders: int
    channels: int
    streams: int
    upgraded: tuple[str, ...]


@pytest.fixture(
    scope="module",
    params=[
        pytest.param(Size(3, 2, 6, NAMES[:1]), id="short"),
        pytest.param(Size(12, 6, 64, NAMES), id="long", marks=pytest.mark.stress),
    ],
)
def size(request: pytest.FixtureRequest) -> Size:
    size: Size = request.param
    return size


@pytest.fixture(scope="module")
def cluster(size: Size, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ObservedCluster]:
    cluster = ObservedCluster(
        tmp_path_factory.mktemp("cluster"), recorders=size.recorders, channels=size.channels, streams=size.streams
    )
    try:
        cluster.begin()
        yield cluster
    except ClusterMissing as missing:
        skip_outside_ci(missing)
    finally:
        cluster.end()


def test_an_upgrade_interrupts_no_stream_for_more_than_two_seconds(cluster: ObservedCluster, size: Size) -> None:
    """Each node in turn is drained, stopped, and started again; then it gets cameras back from the others."""
    with longest_gap(cluster, 2.0), Connections(cluster) as connections:
        for name in size.upgraded:
            cluster.drain(name)
            cluster.nodes[name].stop()
            cluster.start_node(name)
            cluster.wait_shared()
    assert not connections.two_owners()


def test_a_stop_without_a_drain_interrupts_its_streams_briefly(cluster: ObservedCluster) -> None:
    name = NAMES[1]
    others = cluster.cameras_of(*set(NAMES) - {name})
    with longest_gap(cluster, 1.0, others), longest_gap(cluster, 1.5):
        cluster.nodes[name].stop()
    cluster.start_node(name)
    cluster.wait_shared()


def test_a_short_restart_of_the_database_moves_no_camera(cluster: ObservedCluster) -> None:
    """A node renews its lease each third of it, and lets go at 0.8. On a slow machine the restart may take longer."""
    before = settled(cluster.leases, for_s=2.0)
    cluster.watch_all()
    with longest_gap(cluster, 1.0) as allowed, Connections(cluster) as connections:
        began_s = time.monotonic()
        cluster.server.stop()
        time.sleep(1)
        cluster.server.start()
        back_s = cluster.now_s()
        is_short = time.monotonic() - began_s < LEASE_S / 3
        until(lambda: cluster.are_renewed_since(back_s), what="new renewals of all nodes")
        if not is_short:
            allowed.most_s = LEASE_S + 4.0
    assert cluster.leases() == before or not is_short
    assert not connections.two_owners()
    cluster.wait_shared()


def test_a_node_that_is_cut_off_the_database_ends_all_it_has(cluster: ObservedCluster) -> None:
    """The node lives and reaches its recorders. It lets go of them before another node connects them.

    The front door still sends it a third of all requests, and other nodes answer them.
    """
    cut = cluster.cameras_of(CUT_OFF)
    for camera_id in cut:
        cluster.record(camera_id)
    until(lambda: all(cluster.subscriptions(camera_id) == 1 for camera_id in cut), what="event subscriptions")
    others = cluster.cameras_of(*set(NAMES) - {CUT_OFF})
    with Connections(cluster) as connections, FrontDoorRequests(cluster.url, cluster.admin) as door:
        with longest_gap(cluster, 1.0, others), Slowness() as machine:
            began_s = time.monotonic()
            cluster.network.is_cut.set()
            until(lambda: not cluster.cameras_of(CUT_OFF), what="other owners")
            until(lambda: all(map(cluster.is_recorded, cut)), what="recordings of the new owners")
            until(lambda: all(cluster.subscriptions(it) == 1 for it in cut), what="subscriptions of the new owners")
            assert connections.last_s(CUT_OFF) - began_s < machine.allowed_s(FENCE_S + 0.5)
            until(lambda: len(door.since(began_s + machine.allowed_s(LEASE_S))) > 30, what="requests after the lease")
            late = door.since(began_s + machine.allowed_s(LEASE_S))
        assert {answer.status for answer in late} <= {200, 302}, late
        assert max(answer.took_s for answer in late) < machine.allowed_s(1.0), late
        cluster.network.is_cut.clear()
        cluster.wait_shared()
        until(lambda: all(map(cluster.is_recorded, cut)), what="recordings after the return")
        until(lambda: all(cluster.subscriptions(it) == 1 for it in cut), what="subscriptions after the return")
    assert not connections.two_owners()
    until(cluster.is_all_noted, what="the ends of all recordings")
    assert not cluster.recorded_twice()


@pytest.mark.stress
def test_a_node_that_was_stopped_has_lost_its_cameras(cluster: ObservedCluster) -> None:
    """All its processes stand still for more than the lease, and go on. The front door is not asked meanwhile."""
    name = NAMES[1]
    ids = cluster.cameras_of(name)
    for camera_id in ids:
        cluster.record(camera_id)
    with Connections(cluster) as connections, Slowness() as machine:
        began_s, stopped_s = time.monotonic(), cluster.now_s()
        with cluster.stopped(name):
            until(lambda: not cluster.cameras_of(name), what="other owners")
            until(lambda: cluster.recorded_since(stopped_s) >= set(ids), what="recordings of the new owners")
            time.sleep(max(0.0, began_s + 1.5 * LEASE_S - time.monotonic()))  # the length of the stop is the subject
        goes_on_s = time.monotonic()
        cluster.wait_shared()
        ended_s = goes_on_s + machine.allowed_s(1.0)
    assert not connections.two_owners(but_not=(began_s, ended_s))
    until(cluster.is_all_noted, what="the ends of all recordings")
    assert not cluster.recorded_twice()


def test_the_death_of_a_node_interrupts_only_its_own_streams(cluster: ObservedCluster) -> None:
    """The last test of the file, since the node does not come back."""
    name = NAMES[0]
    others = cluster.cameras_of(*set(NAMES) - {name})
    with longest_gap(cluster, 1.0, others), longest_gap(cluster, LEASE_S + 4.0):
        cluster.kill(name)
        until(lambda: not cluster.cameras_of(name), what="other owners")
