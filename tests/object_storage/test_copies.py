"""The table of files as copies need it, on both databases."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from core.settings import Settings
from object_storage.copies import CopyStore
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
    assert other.claim_leftovers(["north"], 5, uploading="") == []
    assert sorted(other.claim_leftovers([], 5, uploading="1/a.mp4")) == ["1/b.mp4"]
    node.copies.forget(["1/a.mp4", "1/b.mp4"])
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
