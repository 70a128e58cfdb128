"""Replays of copies: recordings whose disk or whose node is gone play from the object storage."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from core.settings import Settings
from database import Database
from media.rtsp.replay.interface import END_OF_RECORDING
from object_storage.bucket import Bucket
from object_storage.object_store import ObjectStore
from tables import ArchiveFileRow
from tests.archive.nodes import ArchiveNode, Network
from tests.archive.recorded import FPS
from tests.patience import promised
from tests.placement.nodes import add_cameras
from tests.prepared_database import prepared_database
from tests.s3_server import S3Server

T = 1_795_521_600.0


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    add_cameras(made, 1)
    yield made
    made.close()


@pytest.fixture
def north(tmp_path: Path, database: Database) -> Iterator[ArchiveNode]:
    made = ArchiveNode("north", tmp_path / "north", database, Network())
    yield made
    made.close()


def store_of(settings: Settings, node: ArchiveNode, *, timeout_s: float = 8.0) -> Bucket:
    """Let a node read from the bucket. Return it."""
    bucket = Bucket(settings, read_timeout_s=timeout_s)
    bucket.open()
    node.storages.use_objects(ObjectStore(bucket, node.clock))
    return bucket


def copy_all(node: ArchiveNode, bucket: Bucket, database: Database) -> None:
    """Record 25 s in three files and copy them."""
    node.footage.record(T, T + 25)
    node.publisher.publish()
    for number, path in enumerate(node.footage.paths):
        bucket.put(f"1/{number}.mp4", iter([path.read_bytes()]))
        of_file = ArchiveFileRow.start_ms == round((T + 10 * number) * 1000)
        with database.write() as session:
            session.execute(update(ArchiveFileRow).where(of_file).values(object_key=f"1/{number}.mp4"))


def test_a_dead_node_s_recordings_play_from_their_copies_at_another(
    tmp_path: Path, database: Database, north: ArchiveNode, s3_server: S3Server, bucket_name: str
) -> None:
    settings = s3_server.settings(tmp_path, bucket_name)
    copy_all(north, store_of(settings, north), database)
    south = ArchiveNode("south", tmp_path / "south", database, Network())
    south.knows(north, is_alive=False)
    store_of(settings, south)
    shutil.rmtree(tmp_path / "north" / "volume")
    with promised(1.0):
        played = south.played(T + 3, end_s=T + 4)
    assert len(played.units) == FPS
    assert len(south.played(T).units) == 25 * FPS
    assert south.played(T).ends == [END_OF_RECORDING]
    south.close()


def test_recordings_of_a_disk_that_is_gone_play_from_their_copies(
    tmp_path: Path, database: Database, north: ArchiveNode, s3_server: S3Server, bucket_name: str
) -> None:
    settings = s3_server.settings(tmp_path, bucket_name)
    copy_all(north, store_of(settings, north), database)
    shutil.rmtree(tmp_path / "north" / "volume")
    played = north.played(T)
    assert not played.errors
    assert len(played.units) == 25 * FPS


def test_a_replay_from_a_silent_storage_ends_with_its_reason_in_time(
    tmp_path: Path, database: Database, north: ArchiveNode, s3_server: S3Server, bucket_name: str
) -> None:
    settings = s3_server.settings(tmp_path, bucket_name)
    copy_all(north, store_of(settings, north), database)
    shutil.rmtree(tmp_path / "north" / "volume")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        store_of(s3_server.settings(tmp_path, bucket_name, object_storage_endpoint=silent_address), north, timeout_s=1)
        with promised(4.0):
            played = north.played(T)
    assert [error.detail for error in played.errors] == ["The object storage does not answer."]
