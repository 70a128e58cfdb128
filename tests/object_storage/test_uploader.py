"""The uploader: what it takes, what it notes, and what it survives."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace

import pytest
from sqlalchemy import delete, update

from core.errors import Unavailable
from core.recording_storage import StoredFile
from object_storage.bucket import PART_BYTES
from object_storage.copies import CopyStore
from object_storage.problems import StorageState
from object_storage.uploader import Uploader
from tables import ArchiveFileRow
from tests.object_storage.node_with_files import NodeWithFiles
from tests.patience import until
from tests.s3_server import S3Server


def test_a_finished_file_is_copied_under_a_name_that_tells_its_origin(
    node: NodeWithFiles, s3_server: S3Server, bucket_name: str
) -> None:
    row_id = node.record(2 * PART_BYTES + 17, minutes_ago=60)
    node.uploader.work()
    key = node.key_of(row_id)
    assert key is not None
    assert re.fullmatch(r"1/1-main/2026-11-24/110000_000-e7-[0-9a-f]{8}\.mp4", key)
    assert s3_server.keys(bucket_name) == [key]
    assert node.bucket.read(key, 0, 3 * PART_BYTES) == node.content(row_id)
    assert node.leftovers() == []
    assert node.health.state is StorageState.OK
    assert node.health.last_copy_at == node.clock.now


def test_the_oldest_file_is_copied_first(node: NodeWithFiles) -> None:
    newer, older = node.record(minutes_ago=5), node.record(minutes_ago=50)
    node.uploader.work()
    assert node.key_of(older) is not None
    assert node.key_of(newer) is None


@pytest.mark.parametrize(
    "columns", [{"is_sealed": False}, {"is_on_disk": False}, {"node": "south"}, {"object_key": "1/there.mp4"}]
)
def test_only_finished_files_of_the_own_disks_without_a_copy_are_taken(
    node: NodeWithFiles, columns: dict[str, object], s3_server: S3Server, bucket_name: str
) -> None:
    node.record(**columns)  # type: ignore[arg-type]
    assert node.uploader.work() > 0.0
    assert s3_server.keys(bucket_name) == []


def test_files_older_than_the_days_of_copies_are_left_out(node: NodeWithFiles) -> None:
    node.restart(object_storage_days=1.0)
    old, new = node.record(minutes_ago=1500), node.record(minutes_ago=1400)
    node.uploader.work()
    node.uploader.work()
    assert node.key_of(old) is None
    assert node.key_of(new) is not None


def test_a_lost_line_keeps_all_files_waiting_until_it_is_back(node: NodeWithFiles, s3_server: S3Server) -> None:
    row_ids = [node.record(minutes_ago=number) for number in (10, 20, 30)]
    node.restart(object_storage_endpoint="http://127.0.0.1:9")
    waits = []
    for _ in range(12):
        waits.append(node.uploader.work())
        node.clock.move(minutes=10)
    assert waits[0] < 5.0
    assert 80.0 < max(waits) <= 160.0  # it grows to two minutes
    assert node.health.state is StorageState.UNREACHABLE
    assert node.health.alert is StorageState.UNREACHABLE
    assert [it.files for it in node.copies.waiting_files()] == [3]
    node.restart(object_storage_endpoint=s3_server.address)
    node.clock.move(seconds=1)
    for _ in row_ids:
        assert node.uploader.work() == 0.0
    assert all(node.key_of(row_id) for row_id in row_ids)
    assert node.health.alert is None


def test_a_file_that_was_deleted_during_its_upload_leaves_no_copy(node: NodeWithFiles) -> None:
    row_id = node.record()
    (file,) = node.copies.waiting(1)
    node.copies.begin("1/late.mp4")
    with node.database.write() as session:
        row = session.get(type(node.row(row_id)), row_id)
        session.delete(row)
    assert not node.copies.finish(file, "1/late.mp4")
    assert node.leftovers() == ["1/late.mp4"]  # the expiry deletes it


class LosingStore(CopyStore):
    """A database that is lost when an upload ends."""

    is_lost = True

    def finish(self, file: StoredFile, key: str) -> bool:
        if self.is_lost:
            raise Unavailable("The database does not answer.")
        return super().finish(file, key)


def test_an_upload_that_ends_without_the_database_is_noted_later(node: NodeWithFiles) -> None:
    row_id = node.record()
    store = LosingStore(node.database, "")
    uploader = Uploader(replace(node.parts, copies=store), node.volumes, node.settings)
    with pytest.raises(Unavailable):
        uploader.work()
    store.is_lost = False
    assert uploader.work() > 0.0
    assert node.key_of(row_id) is not None
    assert node.leftovers() == []


def test_a_failed_upload_is_a_leftover_though_others_have_forgotten_it(node: NodeWithFiles) -> None:
    node.record()
    node.restart(object_storage_endpoint="http://127.0.0.1:9")
    node.uploader.work()
    other = CopyStore(node.database, "south")
    other.forget(other.claim_leftovers([], 5, uploading=str))
    node.uploader.work()
    assert len(node.leftovers()) == 2  # this one, and that of the second try


def test_a_file_on_a_disk_that_is_away_does_not_stop_the_others(node: NodeWithFiles) -> None:
    away = node.record(minutes_ago=20, volume="00000000-0000-0000-0000-000000000000")
    here = node.record(minutes_ago=10)
    assert node.uploader.work() == 0.0
    assert node.uploader.work() == 0.0
    assert node.key_of(away) is None
    assert node.key_of(here) is not None
    assert node.health.state is StorageState.OK


def test_a_disk_that_is_away_costs_one_look_for_all_its_files(node: NodeWithFiles) -> None:
    for number in range(5):
        node.record(minutes_ago=50 + number, volume="00000000-0000-0000-0000-000000000000")
    here = node.record(minutes_ago=10)
    assert [node.uploader.work() for _ in range(2)] == [0.0, 0.0]
    assert node.key_of(here) is not None
    assert node.uploader.work() > 1.0
    with node.database.write() as session:
        session.execute(update(ArchiveFileRow).values(volume=node.volume.uuid))
    node.clock.move(minutes=6)
    for _ in range(5):
        node.uploader.work()
    assert node.copies.waiting(5) == []


def test_files_that_cannot_be_read_hold_up_no_others_and_are_tried_again(node: NodeWithFiles) -> None:
    """However many they are, and though they are the oldest."""
    broken = [node.record(minutes_ago=50 + number) for number in range(3)]
    for path in node.volume.folder.rglob("*.mp4"):
        path.unlink()
    here = node.record(minutes_ago=10)
    for _ in broken:
        assert node.uploader.work() < 1.0
    node.uploader.work()
    assert node.key_of(here) is not None
    assert node.uploader.work() > 1.0
    later = node.record(minutes_ago=9)
    node.clock.move(minutes=6)
    node.uploader.work()
    assert node.key_of(later) is not None, "new files come before those that failed"
    with node.database.write() as session:
        session.execute(delete(ArchiveFileRow).where(ArchiveFileRow.id.in_(broken)))
    again = node.record(minutes_ago=50)
    node.uploader.work()
    assert node.key_of(again) is not None


def test_a_file_of_another_length_than_its_row_says_is_not_copied(node: NodeWithFiles) -> None:
    row_id = node.record(size_bytes=1000)
    path = next(node.volume.folder.rglob("*.mp4"))
    path.write_bytes(b"shorter")
    node.uploader.work()
    assert node.key_of(row_id) is None


def test_nothing_is_copied_from_an_empty_mount_point(node: NodeWithFiles) -> None:
    row_id = node.record()
    shutil.rmtree(node.volume.folder)
    node.volume.folder.mkdir()
    node.uploader.work()
    assert node.key_of(row_id) is None


def test_the_limit_of_speed_makes_the_next_part_wait(node: NodeWithFiles) -> None:
    node.restart(object_storage_max_mbps=8.0)  # 1 MB a second
    node.record(size_bytes=3_000_000)
    node.uploader.work()
    assert node.uploader._pace.wait_s() == pytest.approx(3.0)


def test_a_stop_during_an_upload_ends_it_and_leaves_no_part(
    node: NodeWithFiles, s3_server: S3Server, bucket_name: str
) -> None:
    node.restart(object_storage_max_mbps=0.1)
    row_id = node.record(size_bytes=3 * PART_BYTES)
    node.uploader.start()
    until(lambda: node.uploader.uploading, what="the upload")
    node.uploader.stop()
    until(lambda: not node.uploader.uploading, what="the end of the upload")
    assert node.key_of(row_id) is None
    assert s3_server.unfinished(bucket_name) == 0
    assert s3_server.keys(bucket_name) == []
    node.restart(object_storage_max_mbps=0.0)
    node.uploader.work()
    assert node.key_of(row_id) is not None
