"""The warning about an address that the front door cannot reach."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from database import Database
from placement.records import NodeIdentity
from tests.hand_clock import HandClock
from tests.placement.nodes import LEASE_S, HandNode
from tests.prepared_database import prepared


@pytest.fixture
def node(tmp_path: Path) -> Iterator[HandNode]:
    """A node with a loopback address, which has joined."""
    database = Database(prepared(tmp_path / "cameras.sqlite3"))
    database.open()
    made = HandNode(database, HandClock(), tmp_path / "north", "north")
    made.placement.join()
    yield made
    made.close()
    database.close()


@pytest.mark.parametrize(
    ("other", "count"), [("10.0.0.12:5001", 1), ("[fd00::12]:5001", 1), ("127.0.0.1:5009", 0), ("[::1]:5009", 0)]
)
def test_a_loopback_address_beside_another_machine_is_warned_of_once(
    node: HandNode, other: str, count: int, caplog: pytest.LogCaptureFixture
) -> None:
    node.store.join(NodeIdentity("south", other, LEASE_S), "run", starts_s=0)
    node.round()
    node.round()
    warnings = [line for line in caplog.messages if "nginx on another machine cannot reach this node" in line]
    assert len(warnings) == count
