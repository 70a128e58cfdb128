"""The load and the build of a node, as the other nodes see them."""

from __future__ import annotations

from pathlib import Path

from database import Database
from placement.bus import ChangeBus
from placement.incarnation import Incarnation
from placement.leases import LeasePlacement
from placement.load import LoadMeter, build_word, word_of
from placement.records import NodeIdentity, NodeLoad
from placement.store import NodeStore
from tests.hand_clock import HandClock


def test_another_node_sees_load_and_build_until_the_node_is_gone(
    database: Database, clock: HandClock, tmp_path: Path
) -> None:
    store, bus = NodeStore(database, clock), ChangeBus(database)
    placements = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        identity = NodeIdentity(name, "10.0.0.1:5001", lease_s=6.0, build=f"build-{name}")
        placements.append(LeasePlacement(store, identity, clock, bus, Incarnation(tmp_path / name)))
        placements[-1].join()
    a, b = placements
    a.report_load(lambda: NodeLoad(streams=5, cpu_share=0.34))
    a.run_once()
    b.run_once()
    seen = b.nodes()
    assert [(view.build, view.streams, view.cpu_share) for view in seen] == [("build-a", 5, 0.34), ("build-b", 0, 0.0)]
    clock.move(seconds=7)
    b.join()
    b.run_once()
    assert [(view.streams, view.cpu_share) for view in b.nodes()] == [(None, None), (0, 0.0)]


def test_the_load_counts_streams_and_the_processor_time_since_the_last_look(clock: HandClock) -> None:
    sessions = ["one", "two"]
    meter = LoadMeter(clock, lambda: sessions)
    assert meter.read() == NodeLoad(2, 0.0)  # too soon after the start for a share
    assert sum(number * number for number in range(600_000)) > 0  # some work
    clock.move(seconds=1)
    busy = meter.read().cpu_share
    assert busy > 0.0
    sessions.clear()
    assert meter.read() == NodeLoad(0, busy)


def test_the_build_differs_if_a_file_of_the_program_does(tmp_path: Path) -> None:
    for name in ("app.py", "web/__init__.py", "web/pages.py", "tests/__init__.py", "tests/test_pages.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("1")
    first = word_of(tmp_path)
    (tmp_path / "tests" / "test_pages.py").write_text("2")
    (tmp_path / "web" / "__pycache__").mkdir()
    (tmp_path / "web" / "__pycache__" / "pages.pyc").write_text("2")
    assert word_of(tmp_path) == first
    (tmp_path / "web" / "pages.py").write_text("2")
    assert word_of(tmp_path) != first
    assert len(build_word()) == len(first) == 8
