"""The commands `flask --app app nodes ...`, on both engines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from sqlalchemy import select

from core.clock import SystemClock
from database import Database
from placement.commands import nodes_commands
from placement.records import NodeIdentity
from placement.store import NodeStore
from tables import CameraRow
from tests.placement.nodes import add_cameras, owners
from tests.prepared_database import prepared_database

A = NodeIdentity("a", "10.0.0.1:5001", 60.0)
DEAD = NodeIdentity("b", "10.0.0.2:5001", -1.0)


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    add_cameras(made, 3)
    store = NodeStore(made, SystemClock())
    store.join(replace(DEAD, lease_s=60.0), "run", starts_s=0.0)
    store.claim(DEAD, "run", [store.renew(replace(DEAD, lease_s=60.0), "run").cameras[1]])
    store.join(DEAD, "run", starts_s=0.0)
    store.join(A, "run", starts_s=0.0)
    store.claim(A, "run", [store.renew(A, "run").cameras[2]])
    yield made
    made.close()


def run(database: Database, *arguments: str) -> tuple[int, str]:
    """Run a command; open the database again, because the command closes it."""
    group: click.Group = nodes_commands(database, SystemClock())
    result = CliRunner().invoke(group, arguments)
    database.open()
    return result.exit_code, result.output


def test_the_list_has_all_nodes(database: Database) -> None:
    assert run(database, "list") == (
        0,
        "a: alive, 1 cameras, 10.0.0.1:5001\nb: dead, 1 cameras, 10.0.0.2:5001\n1 cameras have no node.\n",
    )


def test_a_node_is_drained_and_used_again_by_command(database: Database) -> None:
    assert run(database, "drain", "a")[0] == 0
    assert "a: drained" in run(database, "list")[1]
    assert run(database, "use", "a")[0] == 0
    assert "a: alive" in run(database, "list")[1]
    assert run(database, "drain", "c") == (1, "Error: There is no node c.\n")


def test_only_a_dead_node_is_forgotten(database: Database) -> None:
    assert run(database, "forget", "a") == (1, "Error: a is alive. Stop it first.\n")
    assert run(database, "forget", "b")[0] == 0
    assert owners(database)[1] == (None, 1)
    assert run(database, "forget", "b") == (1, "Error: There is no node b.\n")


def test_failover_and_site_of_a_camera_are_set(database: Database) -> None:
    assert run(database, "camera", "1", "--failover", "high", "--site", "north")[0] == 0
    assert run(database, "camera", "2", "--site", "")[0] == 0
    with database.read() as session:
        rows = session.execute(select(CameraRow.id, CameraRow.failover, CameraRow.site).order_by(CameraRow.id)).all()
    assert [tuple(row) for row in rows] == [(1, "high", "north"), (2, "normal", None), (3, "normal", None)]
    assert run(database, "camera", "9") == (1, "Error: There is no camera 9.\n")
