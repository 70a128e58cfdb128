"""A change of the bucket: the database names the objects of the old one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.errors import StartRefused
from core.settings import Settings
from object_storage.place import CopiesPlace, copies_commands
from tables import NodeRow
from tests.object_storage.node_with_files import NodeWithFiles
from tests.object_storage.test_copies import PLACE

OTHER = "s3://another/prefix"


@pytest.fixture
def node(tmp_path: Path) -> Iterator[NodeWithFiles]:
    made = NodeWithFiles(Settings(data_dir=tmp_path, **PLACE))  # type: ignore[arg-type]
    CopiesPlace(made.database, made.settings).check()
    yield made
    made.close()


def check(node: NodeWithFiles, **settings: str) -> None:
    CopiesPlace(node.database, replace(node.settings, **settings)).check()  # type: ignore[arg-type]


def run(node: NodeWithFiles, command: str) -> tuple[int, str]:
    """Run a command with another bucket; open the database again, because the command closes it."""
    settings = replace(node.settings, object_storage_url=OTHER)
    result = CliRunner().invoke(copies_commands(node.database, settings, node.clock), [command])
    node.database.open()
    return result.exit_code, result.output


def test_without_copies_any_bucket_serves(node: NodeWithFiles) -> None:
    node.record()
    check(node, object_storage_url=OTHER)
    check(node)


@pytest.mark.parametrize("change", [{"object_storage_url": OTHER}, {"object_storage_endpoint": "http://127.0.0.1:10"}])
def test_with_copies_another_bucket_is_refused_and_changes_nothing(node: NodeWithFiles, change: dict[str, str]) -> None:
    node.record(object_key="1/a.mp4")
    for _ in range(2):
        with pytest.raises(StartRefused, match=r"s3://cameras at http://127.0.0.1:9, and .*copies moved"):
            check(node, **change)
    check(node, object_storage_url="s3://cameras/", object_storage_endpoint="http://127.0.0.1:9/")


def test_an_unfinished_upload_counts_as_an_object(node: NodeWithFiles) -> None:
    node.copies.begin("1/a.mp4")
    with pytest.raises(StartRefused):
        check(node, object_storage_url=OTHER)


def test_objects_that_were_moved_count_at_the_new_place(node: NodeWithFiles) -> None:
    row_id = node.record(object_key="1/a.mp4")
    assert run(node, "moved")[0] == 0
    check(node, object_storage_url=OTHER)
    assert node.key_of(row_id) == "1/a.mp4"
    with pytest.raises(StartRefused):
        check(node)


def test_copies_that_are_forgotten_are_made_again(node: NodeWithFiles) -> None:
    on_disk = node.record(minutes_ago=5, object_key="1/a.mp4")
    gone = node.record(minutes_ago=9, object_key="1/b.mp4", is_on_disk=False)
    node.copies.begin("1/c.mp4")
    assert run(node, "forget")[0] == 0
    check(node, object_storage_url=OTHER)
    assert [it.id for it in node.copies.waiting(5)] == [on_disk]
    assert (node.row(gone), node.leftovers()) == (None, [])


@pytest.mark.parametrize("command", ["moved", "forget"])
def test_no_command_works_while_a_node_lives(node: NodeWithFiles, command: str) -> None:
    row_id = node.record(object_key="1/a.mp4")
    values = {"address": "10.0.0.1:5001", "incarnation": "x", "lease_s": 10.0, "ready_at": 0.0}
    with node.database.write() as session:
        session.add(NodeRow(name="north", expires=node.clock.monotonic_s() + 5.0, **values))
    code, output = run(node, command)
    assert (code, "north" in output) == (1, True)
    assert node.key_of(row_id) == "1/a.mp4"
