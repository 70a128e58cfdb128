"""The leases in the database, on both engines: each statement, and claims at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import select

from core.clock import SystemClock
from database import Database
from placement.records import CameraLease, Failover, NodeIdentity, Situation
from placement.store import NameTaken, NodeStore
from tables import ArchiveFileRow, ChannelRow, NodeRow
from tests.patience import LIMIT_S
from tests.placement.nodes import add_cameras, owners
from tests.prepared_database import prepared_database

A = NodeIdentity("a", "10.0.0.1:5001", 60.0, site="north", capacity=9, version="1")
B = NodeIdentity("b", "10.0.0.2:5001", 60.0)

pytestmark = pytest.mark.usefixtures("database_engine")


@pytest.fixture
def database(tmp_path: Path, database_engine: str) -> Iterator[Database]:
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    yield made
    made.close()


@pytest.fixture
def store(database: Database) -> Iterator[NodeStore]:
    apart = database.apart(5.0)
    apart.open()
    yield NodeStore(apart, SystemClock())
    apart.close()


def claimed(store: NodeStore, node: NodeIdentity, situation: Situation) -> dict[int, int]:
    return store.claim(node, "run", list(situation.cameras.values()))


def test_a_renewal_returns_all_leases(database: Database, store: NodeStore) -> None:
    add_cameras(database, 1, site="north", failover="high")
    add_cameras(database, 1, failover="what?")
    with database.write() as session:
        for number in range(3):
            session.add(
                ChannelRow(
                    camera_id=1,
                    video_source_token=f"v{number}",
                    number=number + 1,
                    present=number < 2,
                    device_name="",
                    profiles=[],
                )
            )
    store.join(A, "run", starts_s=0.0)
    store.join(B, "run", starts_s=60.0)
    situation = store.renew(A, "run")
    a, b = situation.nodes["a"], situation.nodes["b"]
    assert (a.address, a.site, a.capacity, a.version) == ("10.0.0.1:5001", "north", 9, "1")
    assert (a.is_living, a.is_ready, b.is_living, b.is_ready) == (True, True, True, False)
    assert 50 < a.left_s <= 60
    assert situation.cameras == {
        1: CameraLease(1, weight=2, site="north", failover=Failover.HIGH),
        2: CameraLease(2),
    }


def test_a_claim_raises_the_epoch(database: Database, store: NodeStore) -> None:
    add_cameras(database, 3)
    store.join(A, "run", starts_s=0.0)
    assert claimed(store, A, store.renew(A, "run")) == {1: 1, 2: 1, 3: 1}
    assert owners(database) == {1: ("a", 1), 2: ("a", 1), 3: ("a", 1)}
    assert store.renew(A, "run").cameras[1] == CameraLease(1, "a", 1)


def test_a_claim_of_a_camera_with_a_newer_epoch_gets_nothing(database: Database, store: NodeStore) -> None:
    add_cameras(database, 2)
    store.join(A, "run", starts_s=0.0)
    store.join(B, "run", starts_s=0.0)
    seen_by_b = store.renew(B, "run")
    store.claim(A, "run", [CameraLease(1)])
    assert claimed(store, B, seen_by_b) == {2: 1}
    assert owners(database) == {1: ("a", 1), 2: ("b", 1)}


def test_a_node_without_a_living_lease_claims_nothing(database: Database, store: NodeStore) -> None:
    add_cameras(database, 1)
    store.join(replace(A, lease_s=-1.0), "run", starts_s=0.0)
    assert store.claim(A, "run", [CameraLease(1)]) == {}
    store.join(A, "run", starts_s=0.0)
    assert store.claim(A, "another run", [CameraLease(1)]) == {}
    assert owners(database) == {1: (None, 0)}


def test_cameras_that_are_given_back_have_no_owner(database: Database, store: NodeStore) -> None:
    add_cameras(database, 3)
    add_cameras(database, 1, failover="never")
    store.join(A, "run", starts_s=0.0)
    epochs = claimed(store, A, store.renew(A, "run"))
    store.give_back(A, {**epochs, 2: 7})  # of another owner since
    store.give_back(A, {})
    assert owners(database) == {1: (None, 1), 2: ("a", 1), 3: (None, 1), 4: ("a", 1)}


@pytest.mark.parametrize("is_done", [True, False])
def test_a_node_leaves_with_its_row_if_all_is_done(database: Database, store: NodeStore, is_done: bool) -> None:
    add_cameras(database, 2)
    store.join(A, "run", starts_s=0.0)
    claimed(store, A, store.renew(A, "run"))
    store.leave(A, "run", {1: 1}, is_done=is_done)
    assert owners(database) == {1: (None, 1), 2: ("a", 1)}
    store.join(B, "run", starts_s=0.0)
    assert ("a" in store.renew(B, "run").nodes) is not is_done


def test_a_name_belongs_to_one_incarnation(store: NodeStore) -> None:
    store.join(A, "first", starts_s=0.0)
    with pytest.raises(NameTaken):
        store.join(A, "second", starts_s=0.0)
    with pytest.raises(NameTaken):
        store.renew(A, "second")
    store.join(A, "first", starts_s=0.0)
    store.join(A, "second", starts_s=0.0, dead="first")
    with pytest.raises(NameTaken):
        store.renew(A, "first")


def test_a_name_is_free_after_the_end_of_a_lease(store: NodeStore) -> None:
    store.join(replace(A, lease_s=-1.0), "first", starts_s=0.0)
    store.join(A, "second", starts_s=0.0)
    assert store.renew(A, "second").nodes["a"].is_living


def test_a_lease_of_a_clock_that_was_set_back_is_no_lease(database: Database, store: NodeStore) -> None:
    """As after a restart of the machine, whose monotonic clock begins at 0 again."""
    store.join(A, "first", starts_s=0.0)
    with database.write() as session:
        row = session.get(NodeRow, "a")
        assert row is not None
        row.expires += 3600
    store.join(B, "run", starts_s=0.0)
    assert not store.renew(B, "run").nodes["a"].is_living
    store.join(A, "second", starts_s=0.0)


def test_a_node_is_drained_and_used_again(store: NodeStore) -> None:
    store.join(A, "run", starts_s=0.0)
    assert store.set_draining("a", True)
    assert store.renew(A, "run").nodes["a"].is_draining
    assert store.set_draining("a", False)
    assert not store.renew(A, "run").nodes["a"].is_draining
    assert not store.set_draining("b", True)


def test_a_dead_node_is_forgotten_with_the_cameras_that_wait_for_it(database: Database, store: NodeStore) -> None:
    add_cameras(database, 2, failover="never")
    store.join(A, "run", starts_s=0.0)
    claimed(store, A, store.renew(A, "run"))
    assert not store.forget("a")
    with database.write() as session:
        row = session.get(NodeRow, "a")
        assert row is not None
        row.expires -= 3600
    assert not store.nodes()["a"].is_living
    assert store.forget("a")
    assert not store.forget("a")
    assert store.nodes() == {}
    assert owners(database) == {1: (None, 1), 2: (None, 1)}


def test_claims_at_the_same_time_give_each_camera_one_owner(database: Database, store: NodeStore) -> None:
    add_cameras(database, 60)
    nodes = [replace(A, name=name) for name in "abcd"]
    for node in nodes:
        store.join(node, "run", starts_s=0.0)
    situation = store.renew(A, "run")
    got: dict[str, dict[int, int]] = {}
    start = threading.Barrier(len(nodes))

    def claim(node: NodeIdentity) -> None:
        start.wait(LIMIT_S)
        got[node.name] = claimed(store, node, situation)

    threads = [threading.Thread(target=claim, args=(node,)) for node in nodes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LIMIT_S)
    ids = sorted(camera_id for mine in got.values() for camera_id in mine)
    assert len(ids) == len(set(ids)), "a camera has two owners"
    rest = store.claim(A, "run", [it for it in store.renew(A, "run").cameras.values() if it.node is None])
    assert sorted([*ids, *rest]) == list(range(1, 61))
    assert set(owners(database).values()) <= {(name, 1) for name in "abcd"}


def add_file(database: Database, node: str, start_ms: int, object_key: str | None = None) -> None:
    row = ArchiveFileRow(node=node, camera_id=1, channel=1, quality="main", start_ms=start_ms, end_ms=start_ms + 1)
    row.size_bytes, row.volume, row.stretch_id, row.is_sealed, row.object_key = 1, "v", 1, True, object_key
    with database.write() as session:
        session.add(row)


def files(database: Database) -> list[tuple[int, bool]]:
    """Return the start of each row of a file, and whether it is on a disk."""
    with database.read() as session:
        rows = session.execute(select(ArchiveFileRow.start_ms, ArchiveFileRow.is_on_disk).order_by("start_ms"))
        return [(start_ms, is_on_disk) for start_ms, is_on_disk in rows]


def test_a_node_that_will_not_return_leaves_only_its_copies(database: Database, store: NodeStore) -> None:
    add_file(database, "stopped", 1)
    add_file(database, "stopped", 2, "copy")
    add_file(database, "a", 3)
    store.join(A, "run", starts_s=0.0)
    assert store.forget("stopped")
    assert not store.forget("stopped")
    assert not store.forget("a")
    assert files(database) == [(2, False), (3, True)]


def test_the_rows_of_a_forgotten_node_go_in_short_transactions(
    database: Database, store: NodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        add_file(database, "a", number, f"copy{number}" if number % 2 else None)
    changed: list[int] = []

    def note(_connection: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("DELETE FROM archive_files", "UPDATE archive_files")):
            changed.append(cursor.rowcount)

    monkeypatch.setattr("placement.store._MOST_OF_ONE_CALL", 2)
    sqlalchemy.event.listen(store._database._engine, "after_cursor_execute", note)
    assert store.forget("a")
    assert len(changed) >= 6
    assert max(changed) <= 2
    assert files(database) == [(number, False) for number in range(10) if number % 2]


def test_a_node_that_returns_while_it_is_forgotten_keeps_the_rest(
    database: Database, store: NodeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        add_file(database, "a", number)
    monkeypatch.setattr("placement.store._MOST_OF_ONE_CALL", 2)
    forget_files = store._forget_files

    def forget_and_join(name: str) -> bool:
        has_more = forget_files(name)
        if len(files(database)) == 6:
            store.join(A, "run", starts_s=0.0)
        return has_more

    monkeypatch.setattr(store, "_forget_files", forget_and_join)
    assert store.forget("a")
    assert len(files(database)) == 6
