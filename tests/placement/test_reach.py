"""A node whose database keeps its connections open and answers nothing: it waits nowhere without a lease."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from core.clock import SystemClock
from core.errors import Unavailable
from core.settings import Settings
from database import Database
from placement.local_node import LocalNode
from tests.patience import promised, until
from tests.placement.cut_network import CutNetwork
from tests.postgres import Databases, PostgresServer

LEASE_S = 2.0


@pytest.fixture
def network(postgres: PostgresServer) -> Iterator[CutNetwork]:
    made = CutNetwork(postgres.port)
    yield made
    made.is_cut.clear()
    made.stop()


def read(database: Database) -> None:
    with database.read() as session:
        session.execute(text("SELECT 1"))


def test_a_node_waits_for_a_silent_database_until_its_lease_ends_only(
    postgres: PostgresServer, postgres_databases: Databases, network: CutNetwork, tmp_path: Path
) -> None:
    direct = postgres_databases.database(tmp_path)
    url = postgres.url(direct.name.split("'")[1]).replace(f":{postgres.port}/", f":{network.port}/")
    shared = Database(url)
    settings = Settings(data_dir=tmp_path, node_name="a", node_lease_s=LEASE_S)
    node = LocalNode(shared, settings, SystemClock(), [], "1")
    shared.open()
    node.start()
    try:
        assert not node.placement.is_cut_off()
        read(shared)
        network.is_cut.set()
        with promised(LEASE_S + 1.0), pytest.raises(Unavailable) as waited:
            read(shared)
        assert waited.value.code == "database_unreachable"
        until(node.placement.is_cut_off, what="the end of the lease")
        with promised(0.2), pytest.raises(Unavailable) as refused:
            read(shared)
        assert refused.value.code == "database_unreachable"
        network.is_cut.clear()
        until(lambda: not node.placement.is_cut_off(), what="a new lease")
        read(shared)
    finally:
        network.is_cut.clear()
        node.stop()
        shared.close()
        postgres_databases.empty()
    assert not node.placement.is_away()
