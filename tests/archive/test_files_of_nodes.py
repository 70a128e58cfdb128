"""Footage of several nodes: each plays what the others have, and names those that do not answer."""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import select, update

from archive.records import FileKey
from archive.storages import READ_PATH
from core.archive import FootageElsewhere
from core.errors import ArchiveUnreadable, Unavailable
from core.recording_storage import StoredFile
from database import Database
from media.codecs.access_unit import AccessUnit
from media.rtsp.replay.interface import END_OF_RECORDING, NO_DATA
from placement.bus import ChangeBus
from placement.incarnation import Incarnation
from placement.leases import LeasePlacement
from placement.records import NodeIdentity
from placement.store import NodeStore
from tables import ArchiveFileRow, NodeRow, ObjectLeftoverRow
from tests.archive.nodes import ArchiveNode, Network, Shelf, T, frames, moment, own, seconds
from tests.archive.recorded import FPS, MAIN, SUB

pytestmark = pytest.mark.usefixtures("database_engine")


def texts(units: list[AccessUnit]) -> list[bytes]:
    """Return the time that each frame shows."""
    return [unit.parts[0].split(b"|")[0][1:] for unit in units]


def rows(node: ArchiveNode) -> list[tuple[int, int, bool, bool]]:
    """Return start and end after T in seconds of the rows of a node, and whether they are sealed and on the disk."""
    found = node.shared.own_files(MAIN).values()
    return sorted(
        (round(it.start_ms / 1000 - T), round(it.end_ms / 1000 - T), it.is_sealed, it.is_on_disk) for it in found
    )


# ---- the shared table ------------------------------------------------------------------------------


def test_the_table_has_each_sealed_file_once(north: ArchiveNode) -> None:
    north.footage.record(T, T + 25)
    north.publisher.publish()
    north.publisher.publish()
    assert rows(north) == [(0, 10, True, True), (10, 20, True, True), (20, 25, True, True)]


def test_a_file_that_is_being_written_is_renewed_seldom(north: ArchiveNode) -> None:
    stretch = north.footage.record(T, T + 8, indexed_until_s=T + 2)
    north.publisher.publish()
    north.footage.record(T, T + 8, indexed_until_s=T + 5, stretch_id=stretch)
    north.publisher.publish()
    assert rows(north) == [(0, 2, False, True)]
    north.clock.move(seconds=31)
    north.publisher.publish()
    assert rows(north) == [(0, 5, False, True)]
    north.footage.record(T, T + 8, stretch_id=stretch)
    north.publisher.publish()
    assert rows(north) == [(0, 8, True, True)]


def test_a_deleted_file_leaves_the_table_unless_a_storage_has_it(database: Database, north: ArchiveNode) -> None:
    north.footage.record(T, T + 30)
    north.publisher.publish()
    with database.write() as session:
        in_storage = ArchiveFileRow.start_ms == round(T * 1000)
        session.execute(update(ArchiveFileRow).where(in_storage).values(object_key="a"))
    keys = [FileKey(MAIN, north.footage.volume_id, round((T + at) * 1000)) for at in (0, 10)]
    north.index.delete(keys)
    north.publisher.publish()
    assert rows(north) == [(0, 10, True, False), (20, 30, True, True)]


def test_a_start_brings_the_table_in_line_with_the_index(database: Database, north: ArchiveNode) -> None:
    """Files that the index has lost, gained and changed while nothing was published."""
    north.footage.record(T, T + 20)
    north.publisher.publish()
    with database.write() as session:
        session.execute(update(ArchiveFileRow).values(object_key="kept"))
        session.execute(update(ArchiveFileRow).where(ArchiveFileRow.start_ms > T * 1000).values(end_ms=1))
    north.index.clear()
    north.footage.record(T + 5, T + 25)
    north.publisher.publish()
    assert [it for it in rows(north) if it[3]] == [(5, 15, True, True), (15, 25, True, True)]
    north.index.clear()
    north.footage.record(T, T + 20)
    north.publisher.publish()
    found = north.shared.own_files(MAIN).values()
    assert {it.object_key for it in found if it.is_on_disk} == {"kept"}
    assert [it for it in rows(north) if it[3]] == [(0, 10, True, True), (10, 20, True, True)]


def test_changes_wait_until_the_database_answers(
    database: Database, north: ArchiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    north.publisher.publish()
    north.footage.record(T, T + 5)
    with monkeypatch.context() as lost:
        lost.setattr(database, "_engine", None)
        with pytest.raises(Unavailable):
            north.publisher.publish()
    north.publisher.publish()
    assert rows(north) == [(0, 5, True, True)]


def test_a_node_takes_over_the_rows_of_the_app_before_it_had_a_name(database: Database, north: ArchiveNode) -> None:
    north.footage.record(T, T + 5)
    north.publisher.publish()
    with database.write() as session:
        session.execute(update(ArchiveFileRow).values(node="", object_key="kept"))
    north.index.clear()
    north.footage.record(T, T + 5)
    north.publisher.publish()
    assert [it.object_key for it in north.shared.own_files(MAIN).values()] == ["kept"]


@pytest.mark.parametrize(("former", "now"), [("", "north"), ("north", "")])
def test_a_name_given_or_taken_twice_leaves_one_row_for_each_file(
    database: Database, tmp_path: Path, former: str, now: str
) -> None:
    """Both rows may have a copy. The one that no row names any more is deleted from the storage."""
    with closing(ArchiveNode(now, tmp_path / "disk", database, Network())) as node:
        node.footage.record(T, T + 30)
        node.publisher.publish()
        with database.write() as session:
            first, second, third = session.scalars(select(ArchiveFileRow).order_by(ArchiveFileRow.start_ms))
            for row, key in ((first, "first"), (second, "second"), (third, None)):
                values = {it.name: getattr(row, it.name) for it in ArchiveFileRow.__table__.columns if it.name != "id"}
                session.add(ArchiveFileRow(**{**values, "node": former, "object_key": key}))
            second.object_key = "newer"
            session.delete(third)
        node.shared.adopt([node.footage.volume])
        with database.read() as session:
            found = session.scalars(select(ArchiveFileRow).order_by(ArchiveFileRow.start_ms))
            assert [(it.node, it.object_key) for it in found] == [(now, "first"), (now, "newer"), (now, None)]
            assert list(session.scalars(select(ObjectLeftoverRow.object_key))) == ["second"]


# ---- playing ---------------------------------------------------------------------------------------


def test_a_replay_of_another_nodes_footage_has_every_frame_once(north: ArchiveNode, south: ArchiveNode) -> None:
    north.footage.record(T, T + 25)
    north.publisher.publish()
    south.footage.record(T + 25, T + 40)
    shown = south.played(T + 3)
    assert seconds(shown.units) == frames(3, 40)
    assert texts(shown.units) == [b"%.1f" % (T + at) for at in frames(3, 40)]
    assert shown.ends == [END_OF_RECORDING]


def test_a_file_that_another_node_still_writes_plays(north: ArchiveNode, south: ArchiveNode) -> None:
    north.footage.record(T, T + 9, indexed_until_s=T + 4)
    north.publisher.publish()
    assert seconds(south.played(T + 2).units) == frames(2, 9)


def test_few_requests_read_a_file_of_another_node(north: ArchiveNode, south: ArchiveNode, network: Network) -> None:
    north.footage.record(T, T + 10)
    north.publisher.publish()
    south.played(T)
    assert 0 < len(network.asked) <= 3


def test_a_replay_says_which_node_has_the_footage_and_is_away(north: ArchiveNode, south: ArchiveNode) -> None:
    north.footage.record(T, T + 20)
    north.publisher.publish()
    south.knows(north, is_alive=False)
    [error] = south.played(T + 5).errors
    assert isinstance(error, ArchiveUnreadable)
    assert "north" in error.detail
    assert south.played(T + 30).ends == [NO_DATA]


def test_a_replay_skips_the_footage_of_a_node_that_is_away(north: ArchiveNode, south: ArchiveNode) -> None:
    north.footage.record(T, T + 20)
    north.publisher.publish()
    south.footage.record(T + 20, T + 30)
    south.knows(north, is_alive=False)
    assert seconds(south.played(T + 5).units) == frames(20, 30)
    [error] = south.played(T + 5, end_s=T + 15).errors
    assert "north" in error.detail


def test_a_node_that_falls_silent_is_left_alone_for_a_while(
    north: ArchiveNode, south: ArchiveNode, network: Network
) -> None:
    north.footage.record(T, T + 20)
    north.publisher.publish()
    south.footage.record(T + 20, T + 30)
    network.silent.add("north")
    [error] = south.played(T + 5).errors
    assert "north" in error.detail
    before = len(network.asked)
    assert seconds(south.played(T + 5).units) == frames(20, 30)
    assert len(network.asked) == before
    network.silent.clear()
    south.clock.move(seconds=10)
    assert seconds(south.played(T + 5).units) == frames(5, 30)


def test_own_footage_plays_on_while_the_database_is_lost(
    database: Database, south: ArchiveNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    south.footage.record(T, T + 10)
    south.played(T)
    monkeypatch.setattr(database, "_engine", None)
    assert seconds(south.played(T).units) == frames(0, 10)


def test_a_file_that_was_deleted_at_the_other_node_is_a_gap(north: ArchiveNode, south: ArchiveNode) -> None:
    north.footage.record(T, T + 30)
    north.publisher.publish()
    north.footage.paths[1].unlink()
    assert seconds(south.played(T + 5).units) == frames(5, 10)
    assert seconds(south.played(T + 12).units) == frames(20, 30)


def test_another_node_gets_only_the_files_of_the_table(north: ArchiveNode, south: ArchiveNode) -> None:
    south.footage.record(T, T + 5)
    south.publisher.publish()
    [file] = south.shared.own_files(MAIN).values()
    link = north.storages
    north.knows(south)
    assert len(link.read(file, 0, 10)) == 10
    with pytest.raises(FileNotFoundError):
        link.read(StoredFile(file.id + 1, "south", MAIN, 0, 0, 0, "x"), 0, 10)
    north.footage.record(T, T + 5)
    north.publisher.publish()
    [of_north] = north.shared.own_files(MAIN).values()
    with pytest.raises(FileNotFoundError):
        link.read(StoredFile(of_north.id, "south", MAIN, 0, 0, 0, "x"), 0, 10)
    assert READ_PATH.startswith("/api/internal/")


def test_a_node_with_too_many_requests_is_asked_again(north: ArchiveNode, south: ArchiveNode, network: Network) -> None:
    north.footage.record(T, T + 5)
    north.publisher.publish()
    network.busy = 2
    assert seconds(south.played(T).units) == frames(0, 5)
    network.busy = 99
    [error] = south.played(T).errors
    assert "north" in error.detail
    assert south.storages.places().nodes == {"north"}


def test_the_object_storage_plays_what_no_node_can(
    database: Database, north: ArchiveNode, south: ArchiveNode, network: Network
) -> None:
    north.footage.record(T, T + 8)
    north.publisher.publish()
    with database.write() as session:
        session.execute(update(ArchiveFileRow).values(object_key="one"))
    south.storages.use_objects(Shelf(one=north.footage.paths[0].read_bytes()))
    assert seconds(south.played(T).units) == frames(0, 8)
    assert network.asked
    network.silent.add("north")
    assert seconds(south.played(T).units) == frames(0, 8)
    south.knows(north, is_alive=False)
    assert seconds(south.played(T).units) == frames(0, 8)
    north.storages.use_objects(Shelf(one=north.footage.paths[0].read_bytes()))
    north.footage.paths[0].unlink()
    north.index.delete([FileKey(MAIN, north.footage.volume_id, round(T * 1000))])
    north.publisher.publish()
    assert seconds(north.played(T).units) == frames(0, 8)


def test_of_two_nodes_with_the_same_seconds_the_later_owner_counts(
    database: Database, north: ArchiveNode, south: ArchiveNode
) -> None:
    """The clock of the first owner goes ahead, so its file ends after that of the second one has begun."""
    north.footage.gop = ((b"\x65north",), *[(b"\x41north",)] * (FPS - 1))
    own(database, "north", 1)
    north.footage.record(T, T + 8)
    north.publisher.publish()
    own(database, "south", 2)
    south.footage.record(T + 6, T + 16)
    for is_published in (False, True):
        if is_published:
            south.publisher.publish()
        shown = south.played(T)
        assert seconds(shown.units) == frames(0, 16)
        assert [b"north" in unit.parts[0] for unit in shown.units] == [at < 6 for at in frames(0, 16)]
        assert b"north" not in south.played(T + 7, end_s=T + 7.5).units[0].parts[0]


# ---- coverage --------------------------------------------------------------------------------------


def elsewhere(node: ArchiveNode, start_s: float, end_s: float) -> list[tuple[float, float, str, bool]]:
    found: list[FootageElsewhere] = node.elsewhere(moment(start_s), moment(end_s))
    begin = moment(0)
    return [
        ((it.start - begin) / timedelta(seconds=1), (it.end - begin) / timedelta(seconds=1), it.server, it.is_away)
        for it in found
    ]


def test_the_time_of_other_nodes_has_their_names(north: ArchiveNode, south: ArchiveNode) -> None:
    north.footage.record(T, T + 20)
    north.publisher.publish()
    south.footage.record(T + 15, T + 30)
    assert elsewhere(south, 5, 60) == [(5, 15, "north", False)]
    south.knows(north, is_alive=False)
    assert elsewhere(south, 5, 60) == [(5, 15, "north", True)]
    assert elsewhere(north, 0, 60) == []


def test_time_that_another_stream_of_the_channel_has_is_not_away(north: ArchiveNode, south: ArchiveNode) -> None:
    north.footage.record(T, T + 20)
    north.publisher.publish()
    south.footage.record(T + 5, T + 10, SUB)
    south.knows(north, is_alive=False)
    assert elsewhere(south, 0, 60) == [(0, 5, "north", True), (10, 20, "north", True)]


def test_time_that_plays_from_the_object_storage_has_no_server(
    database: Database, north: ArchiveNode, south: ArchiveNode
) -> None:
    north.footage.record(T, T + 20)
    north.publisher.publish()
    with database.write() as session:
        first = ArchiveFileRow.start_ms == round(T * 1000)
        session.execute(update(ArchiveFileRow).where(first).values(object_key="one"))
    south.storages.use_objects(Shelf())
    south.knows(north, is_alive=False)
    assert elsewhere(south, 0, 60) == [(0, 10, "", False), (10, 20, "north", True)]


def test_a_deleted_file_is_away_only_while_its_copy_cannot_be_read(
    database: Database, north: ArchiveNode, south: ArchiveNode
) -> None:
    """Its copy is in an object storage that one of the nodes does not use."""
    north.footage.record(T, T + 8)
    north.publisher.publish()
    with database.write() as session:
        session.execute(update(ArchiveFileRow).values(object_key="one"))
    north.index.delete([FileKey(MAIN, north.footage.volume_id, round(T * 1000))])
    north.publisher.publish()
    assert elsewhere(south, 0, 60) == [(0, 8, "north", True)]
    assert elsewhere(north, 0, 60) == []
    south.storages.use_objects(Shelf())
    assert elsewhere(south, 0, 60) == [(0, 8, "", False)]


@pytest.mark.sqlite
def test_a_forgotten_node_that_joins_again_tells_of_its_files(database: Database, north: ArchiveNode) -> None:
    store = NodeStore(database, north.clock)
    identity = NodeIdentity("north", "127.0.0.1:5001", lease_s=6.0)
    folder = north.footage.folder.parent
    leases = LeasePlacement(store, identity, north.clock, ChangeBus(database), Incarnation(folder))
    leases.on_rejoined(north.publisher.publish_again)
    leases.join()
    north.footage.record(T, T + 25)
    north.publisher.publish()
    north.clock.move(seconds=60)
    with database.write() as session:
        session.execute(update(NodeRow).values(expires=0.0))
    assert store.forget("north")
    north.publisher.publish()
    assert rows(north) == []
    leases.run_once()
    north.publisher.publish()
    assert rows(north) == [(0, 10, True, True), (10, 20, True, True), (20, 25, True, True)]
    leases.leave()
