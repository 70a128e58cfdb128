"""The table of files as copies need it, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, event

from core.settings import Settings
from object_storage.copies import CopyStore, Leftover
from tests.object_storage.node_with_files import NodeWithFiles

PLACE = {
    "object_storage_url": "s3://cameras",
    "object_storage_endpoint": "http://127.0.0.1:9",
    "object_storage_key_id": "x",
    "object_storage_secret": "y",
}


@pytest.fixture
def node(tmp_path: Path, database_engine: str) -> Iterator[NodeWithFiles]:
    del database_engine  # it has chosen the engine
    made = NodeWithFiles(Settings(data_dir=tmp_path, node_name="north", **PLACE))  # type: ignore[arg-type]
    yield made
    made.close()


def test_a_copy_is_noted_once_and_only_for_the_same_file(node: NodeWithFiles) -> None:
    row_id = node.record(minutes_ago=5)
    (file,) = node.copies.waiting(5)
    for key in ("1/a.mp4", "1/b.mp4"):
        node.copies.begin(key)
    assert node.copies.finish(file, "1/a.mp4")
    assert not node.copies.finish(file, "1/b.mp4")
    assert node.key_of(row_id) == "1/a.mp4"
    assert node.leftovers() == ["1/b.mp4"]
    assert node.copies.waiting(5) == []


def test_a_given_up_copy_is_a_leftover_until_it_is_forgotten(node: NodeWithFiles) -> None:
    on_disk = node.record(minutes_ago=5, object_key="1/a.mp4")
    gone = node.record(minutes_ago=6, object_key="1/b.mp4", is_on_disk=False, camera_id=2)
    files = node.copies.of_channel(1, 1, 10**15, 5) + node.copies.of_channel(2, 1, 10**15, 5)
    node.copies.give_up(files)
    node.copies.give_up(files)  # as another node does at the same time
    assert node.key_of(on_disk) is None
    assert node.row(gone) is None
    assert sorted(node.leftovers()) == ["1/a.mp4", "1/b.mp4"]
    other = CopyStore(node.database, "south")
    assert other.claim_leftovers(["north"], 5, uploading=str) == []
    ours = other.claim_leftovers([], 5, uploading=lambda: "1/a.mp4")
    assert ours == [Leftover("1/b.mp4", may_arrive=False)]
    assert other.claim_leftovers([], 5, uploading=str, after="1/a.mp4") == ours
    node.copies.forget(other.claim_leftovers([], 5, uploading=str))
    assert node.leftovers() == []


def test_sums_tell_what_waits_at_each_node_and_what_only_the_storage_has(node: NodeWithFiles) -> None:
    node.record(100, minutes_ago=5)
    node.record(200, minutes_ago=50)
    node.record(400, minutes_ago=60, node="south")
    node.record(800, minutes_ago=70, is_sealed=False)
    node.record(1600, minutes_ago=80, object_key="1/a.mp4")
    node.record(3200, minutes_ago=90, object_key="1/b.mp4", is_on_disk=False)
    north, south = node.copies.waiting_files()
    assert (north.node, north.files, north.size_bytes) == ("north", 2, 300)
    assert (node.clock.now - north.oldest).total_seconds() == 50 * 60
    assert (south.node, south.files, south.size_bytes) == ("south", 1, 400)
    copies = node.copies.copies()
    assert (copies.files, copies.size_bytes, copies.only_files, copies.only_bytes) == (2, 4800, 1, 3200)


def test_an_upload_that_outlives_its_claim_leaves_a_leftover(node: NodeWithFiles) -> None:
    """Another node has deleted the object, which was not there yet, and has forgotten it."""
    node.record(minutes_ago=5)
    (file,) = node.copies.waiting(5)
    other = CopyStore(node.database, "south")
    node.copies.begin("1/late.mp4")
    other.forget(other.claim_leftovers([], 5, uploading=str))
    assert not node.copies.finish(file, "1/late.mp4")
    assert other.claim_leftovers([], 5, uploading=str) == [Leftover("1/late.mp4", may_arrive=False)]


def test_an_upload_that_ends_while_its_object_is_deleted_stays_a_leftover(node: NodeWithFiles) -> None:
    node.record(minutes_ago=5)
    (file,) = node.copies.waiting(5)
    other = CopyStore(node.database, "south")
    node.copies.begin("1/late.mp4")
    claimed = other.claim_leftovers([], 5, uploading=str)
    assert claimed == [Leftover("1/late.mp4", may_arrive=True)]
    assert not node.copies.finish(file, "1/late.mp4")
    other.forget(claimed)
    assert node.leftovers() == ["1/late.mp4"]


def test_a_failed_upload_that_was_forgotten_is_a_leftover_again(node: NodeWithFiles) -> None:
    other = CopyStore(node.database, "south")
    node.copies.begin("1/late.mp4")
    other.forget(other.claim_leftovers([], 5, uploading=str))
    node.copies.abandon("1/late.mp4")
    assert other.claim_leftovers([], 5, uploading=str) == [Leftover("1/late.mp4", may_arrive=True)]


def test_the_end_of_an_upload_may_be_noted_again(node: NodeWithFiles) -> None:
    """The answer of the database to the first call was lost."""
    row_id = node.record(minutes_ago=5)
    (file,) = node.copies.waiting(5)
    node.copies.begin("1/a.mp4")
    assert node.copies.finish(file, "1/a.mp4")
    assert node.copies.finish(file, "1/a.mp4")
    node.copies.abandon("1/a.mp4")
    assert (node.key_of(row_id), node.leftovers()) == ("1/a.mp4", [])


@pytest.mark.sqlite
def test_the_expiry_never_reads_the_table_of_all_files(node: NodeWithFiles) -> None:
    """It has a million rows, and each node looks every two minutes."""
    node.record(minutes_ago=5, object_key="1/a.mp4", is_on_disk=False)
    plans: list[str] = []
    engine = node.database._engine
    assert engine is not None

    @event.listens_for(engine, "before_cursor_execute")
    def note(connection: Connection, _: object, statement: str, parameters: object, *__: object) -> None:
        if "FROM archive_files" in statement and not statement.startswith("EXPLAIN"):
            rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)  # type: ignore[arg-type]
            plans.append("; ".join(str(row[-1]) for row in rows))

    assert node.copies.channels() == [(1, 1)]
    assert len(node.copies.of_removed_cameras(5)) == 1
    assert len(node.copies.of_channel(1, 1, 10**15, 5)) == 1
    assert len(node.copies.without_disk((1, 1), 10**15, [], 5)) == 1
    assert len(plans) > 5
    assert [plan for plan in plans if "SCAN" in plan] == []
