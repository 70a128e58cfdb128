"""Three nodes that share 200 cameras without devices: the time until every camera has an owner again.

The nodes are processes of the leases alone, on SQLite and on PostgreSQL, where that is installed.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil

from bench.figures import Figure
from database import Database
from tests.placement.nodes import add_cameras
from tests.placement.processes import Nodes
from tests.postgres import PostgresMissing, PostgresServer
from tests.prepared_database import prepared

CAMERAS, LEASE_S = 200, 6.0
_IDLE_S = 6.0
_NAMES = ("a", "b", "c")
# Goals in seconds. A node that is killed was last renewed up to a third of its lease before.
_PLACED, _KILLED, _STOPPED = 3.0, LEASE_S + 2.0, 1.5


def figures(runs: int) -> Iterator[Figure]:
    yield from _of("SQLite", runs, None)
    try:
        server = PostgresServer.made()
    except PostgresMissing as missing:
        print(f"without PostgreSQL: {missing}", file=sys.stderr)
        return
    try:
        yield from _of("PostgreSQL", runs, server)
    finally:
        server.remove()


def _of(engine: str, runs: int, server: PostgresServer | None) -> Iterator[Figure]:
    turns = [_run(server, number) for number in range(runs)]
    what = f"{CAMERAS} cameras, 3 nodes on {engine}, lease {LEASE_S:g} s"
    goals = (("first placement of all", _PLACED), ("kill -9 of a node: all owned again", _KILLED))
    for column, (name, goal) in enumerate((*goals, ("SIGTERM of a node: all owned again", _STOPPED))):
        yield Figure(f"{what}: {name}", "s", [turn[column] for turn in turns], goal=goal)
    yield Figure(f"{what}: CPU of an idle node, of one core", "%", [turn[3] for turn in turns])


def _run(server: PostgresServer | None, number: int) -> tuple[float, float, float, float]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        place = prepared(folder / "cameras.sqlite3") if server is None else server.copy(f"nodes_{number}")
        database = Database(place)
        database.open()
        add_cameras(database, CAMERAS)
        database.close()
        nodes = Nodes(str(place), folder, lease_s=LEASE_S, cameras=CAMERAS)
        stack.callback(nodes.stop)
        nodes.start(*_NAMES)
        placed_s = nodes.wait_placed(*_NAMES) - max(nodes.first_note_s(name) for name in _NAMES)
        idle = _idle_percent(nodes)
        killed_at_s = time.monotonic()
        nodes.processes["a"].kill()
        nodes.wait_placed("b", "c")
        killed_s = nodes.placed_at_s("b", "c", after_s=killed_at_s) - killed_at_s
        stopped_at_s = time.monotonic()
        nodes.processes["b"].terminate()
        nodes.wait_placed("c")
        stopped_s = nodes.placed_at_s("c", after_s=stopped_at_s) - stopped_at_s
        if cases := nodes.two_owners():
            raise RuntimeError(f"cameras had two owners: {cases[:3]}")
        return placed_s, killed_s, stopped_s, idle


def _idle_percent(nodes: Nodes) -> float:
    """Return the processor time of one node that has nothing to do, its notes included."""
    process = psutil.Process(nodes.processes["a"].pid)
    before = process.cpu_times()
    time.sleep(_IDLE_S)
    after = process.cpu_times()
    return 100 * (after.user + after.system - before.user - before.system) / _IDLE_S
