"""Readers of footage that lies on several nodes: seeks, files that are being written, and places that fail."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import update

from archive.records import FileKey
from archive.stream_reader import StreamReader
from core.errors import ArchiveUnreadable
from database import Database
from media.archive.byte_source import DiskBytes
from media.rtsp.replay.interface import END_OF_RECORDING
from tables import ArchiveFileRow
from tests.archive.nodes import ArchiveNode, Network, Shelf, T, frames, own, seconds
from tests.archive.recorded import FPS, MAIN
from tests.patience import LIMIT_S

pytestmark = pytest.mark.sqlite


def test_a_seek_behind_the_end_that_counts_finds_the_next_owner(
    database: Database, north: ArchiveNode, south: ArchiveNode
) -> None:
    north.footage.gop = ((b"\x65north",), *[(b"\x41north",)] * (FPS - 1))
    own(database, "north", 1)
    north.footage.record(T, T + 8)
    north.publisher.publish()
    own(database, "south", 2)
    south.footage.record(T + 6, T + 16)
    south.publisher.publish()
    reader = StreamReader(south.files, MAIN)
    shown = []
    for at_s in (3.5, 5.5, 6.5, 7.5, 9.5, 4.5):
        found = reader.key_fragment_at(round((T + at_s) * 1000))
        assert found, at_s
        unit = found.key_frame()
        shown.append((round((unit.device_s or 0.0) - T), b"north" in unit.parts[0]))
    reader.close()
    assert shown == [(3, True), (5, True), (6, False), (7, False), (9, False), (4, True)]


def test_a_replay_goes_on_in_the_next_owners_open_file(
    database: Database, north: ArchiveNode, south: ArchiveNode
) -> None:
    """The row of that file is as old as its last renewal, and ends before the replay comes to it."""
    own(database, "south", 1)
    south.footage.record(T, T + 20)
    south.publisher.publish()
    own(database, "north", 2)
    north.footage.file_s = 60
    north.footage.record(T + 16, T + 40, indexed_until_s=T + 18)
    north.publisher.publish()
    assert seconds(south.played(T + 5).units) == frames(5, 40)


def test_two_files_of_the_same_seconds_that_are_open_end_a_replay(north: ArchiveNode, south: ArchiveNode) -> None:
    """A node that died has left its file open in the table."""
    south.footage.record(T, T + 8, indexed_until_s=T + 2)
    north.footage.record(T + 0.4, T + 8.4, indexed_until_s=T + 2)
    north.publisher.publish()
    shown = seconds(south.played(T).units)
    assert shown[: 8 * FPS] == frames(0, 8)
    assert len(shown) <= 9 * FPS


# ---- without the database --------------------------------------------------------------------------


def test_own_footage_beside_that_of_others_plays_without_the_database(
    database: Database, north: ArchiveNode, south: ArchiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    north.footage.record(T, T + 10)
    north.publisher.publish()
    south.footage.record(T + 10, T + 30)
    south.publisher.publish()
    asked = count_reads(south, monkeypatch)
    for has_asked_before in (False, True):
        with monkeypatch.context() as lost:
            lost.setattr(database, "_engine", None)
            assert seconds(south.played(T + 12).units) == frames(12, 30)
            assert seconds(south.played(T + 5).units) == frames(10, 30)
            asked.clear()
            reader = StreamReader(south.files, MAIN)
            for at_s in range(12, 30):
                assert reader.key_fragment_at(round((T + at_s) * 1000)), (at_s, has_asked_before)
            reader.close()
            assert len(asked) <= 2
            [error] = south.played(T + 40).errors
            assert "north" not in error.detail
        assert seconds(south.played(T + 5).units) == frames(5, 30)


def count_reads(node: ArchiveNode, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows by each read of the shared table."""
    asked: list[str] = []

    def counted(original: Callable[..., Any], *args: Any) -> Any:
        asked.append(original.__name__)
        return original(*args)

    for name in ("files", "extents", "next_elsewhere"):
        monkeypatch.setattr(node.shared, name, partial(counted, getattr(node.shared, name)))
    return asked


# ---- files that are deleted while they are read ------------------------------------------------------


def copy(database: Database, of: ArchiveNode, reader: ArchiveNode) -> None:
    """Put the first file of a node into an object storage that a node reads."""
    with database.write() as session:
        first = ArchiveFileRow.start_ms == round(T * 1000)
        session.execute(update(ArchiveFileRow).where(first).values(object_key="one"))
    reader.storages.use_objects(Shelf(one=of.footage.paths[0].read_bytes()))


def test_a_file_that_its_node_has_no_more_is_read_from_its_copy(
    database: Database, north: ArchiveNode, south: ArchiveNode
) -> None:
    north.footage.record(T, T + 20)
    north.publisher.publish()
    for reader in (south, north):
        copy(database, north, reader)
    north.footage.paths[0].unlink()
    for reader in (south, north):
        assert seconds(reader.played(T + 2).units) == frames(2, 20)
        assert seconds(reader.played(T + 2, end_s=T + 8, key_frames_ms=2000).units) == [2, 4, 6]


def delete_while_read(
    database: Database, north: ArchiveNode, south: ArchiveNode, network: Network, *, has_copy: bool
) -> None:
    """Let a node delete the first of its two files while the other one reads it; an upload may just have ended."""
    north.footage.picture_bytes = 40_000
    north.footage.record(T, T + 20)
    north.publisher.publish()

    def delete(number: int) -> None:
        if number == 16:
            if has_copy:
                copy(database, north, south)
            north.footage.paths[0].unlink()
            north.index.delete([FileKey(MAIN, north.footage.volume_id, round(T * 1000))])
            north.publisher.publish()

    network.before = delete


@pytest.mark.parametrize("has_copy", [True, False])
def test_a_replay_ends_at_a_deletion_unless_there_is_a_copy(
    database: Database, north: ArchiveNode, south: ArchiveNode, network: Network, *, has_copy: bool
) -> None:
    delete_while_read(database, north, south, network, has_copy=has_copy)
    shown = south.played(T)
    assert shown.ends == [END_OF_RECORDING]
    found = seconds(shown.units)
    assert found == frames(0, round(found[-1] + 1 / FPS))
    assert (len(found) == 20 * FPS) == has_copy


@pytest.mark.parametrize("grid_ms", [0, 1000])
@pytest.mark.parametrize("has_copy", [True, False])
def test_pictures_go_on_behind_a_file_that_is_deleted_under_them(
    database: Database, north: ArchiveNode, south: ArchiveNode, network: Network, *, has_copy: bool, grid_ms: int
) -> None:
    delete_while_read(database, north, south, network, has_copy=has_copy)
    shown = south.played(T, end_s=T + 16, key_frames_ms=grid_ms)
    assert shown.ends == [END_OF_RECORDING]
    found = seconds(shown.units)
    assert found[0] == 0
    assert found[-6:] == [10, 11, 12, 13, 14, 15]
    assert (found == [*range(16)]) == has_copy


def test_the_retention_spares_a_file_that_another_node_reads(north: ArchiveNode, south: ArchiveNode) -> None:
    north.footage.record(T, T + 20)
    north.publisher.publish()
    first, second = north.footage.paths
    south.played(T, end_s=T + 5)
    now_s = north.clock.monotonic_s()
    assert north.open_files.is_open(first, now_s + 59)
    assert not north.open_files.is_open(first, now_s + 61)
    assert not north.open_files.is_open(second, now_s)


# ---- disks that sleep, and nodes that do not answer ---------------------------------------------------


def test_a_replay_waits_for_a_disk_that_sleeps(
    database: Database, north: ArchiveNode, south: ArchiveNode, network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its node refuses reads after two seconds each. Ten seconds later the disk turns."""
    monkeypatch.setattr("archive.storages._TRY_AGAIN_S", 0.0)
    north.footage.record(T, T + 5)
    north.publisher.publish()
    network.busy = 5
    network.before = lambda number: south.clock.move(seconds=2.0 if number <= 5 else 0.0)
    assert seconds(south.played(T).units) == frames(0, 5)
    assert south.storages.places().nodes == {"north"}
    network.busy, network.before = 99, lambda _: south.clock.move(seconds=2.0)
    [error] = south.played(T).errors
    assert "cannot read" in error.detail
    assert south.storages.places().nodes == {"north"}
    copy(database, north, south)
    network.asked.clear()
    assert seconds(south.played(T).units) == frames(0, 5)
    assert len(network.asked) == 1


def test_a_node_whose_long_answer_is_late_is_not_left_alone(
    north: ArchiveNode, south: ArchiveNode, network: Network
) -> None:
    north.footage.record(T, T + 5)
    north.publisher.publish()
    network.late.add("north")
    [error] = south.played(T).errors
    assert "north" in error.detail
    assert south.storages.places().nodes == {"north"}


def test_a_disk_that_hangs_refuses_other_nodes_in_time(
    north: ArchiveNode, south: ArchiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    north.footage.record(T, T + 5)
    north.publisher.publish()
    [file] = north.shared.own_files(MAIN).values()
    monkeypatch.setattr("archive.served_files.LIMIT_S", 0.05)
    answers, is_read = threading.Event(), threading.Event()
    read = DiskBytes.read

    def hang(source: DiskBytes, first: int, count: int) -> bytes:
        assert answers.wait(LIMIT_S)
        found = read(source, first, count)
        is_read.set()
        return found

    monkeypatch.setattr(DiskBytes, "read", hang)
    with pytest.raises(ArchiveUnreadable):
        north.served.read(file.id, 0, 10)
    answers.set()
    assert is_read.wait(LIMIT_S)
    assert len(north.served.read(file.id, 0, 10)) == 10


# ---- the owner that counts ---------------------------------------------------------------------------


@pytest.mark.parametrize("is_published", [True, False])
def test_the_epoch_of_a_file_is_that_of_its_recording(
    database: Database, north: ArchiveNode, south: ArchiveNode, *, is_published: bool
) -> None:
    """The first owner was cut off. The camera moved twice more before that node can tell of its file."""
    north.footage.gop = ((b"\x65north",), *[(b"\x41north",)] * (FPS - 1))
    north.footage.record(T, T + 8, epoch=1)
    south.footage.record(T + 6, T + 16, epoch=2)
    south.publisher.publish()
    own(database, "south", 4)
    north.knows(south)
    if is_published:
        north.publisher.publish()
    for node in (north, south) if is_published else (north,):
        shown = node.played(T)
        assert seconds(shown.units) == frames(0, 16)
        assert [b"north" in unit.parts[0] for unit in shown.units] == [at < 6 for at in frames(0, 16)]
