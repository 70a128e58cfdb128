"""The expiry of copies: which are deleted, when, and that no object is forgotten in the storage."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from archive.records import from_ms
from archive_manager import ArchiveManager
from core.access import LOCAL
from core.archive import RecordingMode, RecordingRule
from core.login_gate import LoginGate
from core.placement import Node, NodeView, Placement
from core.recording_storage import StoredFile
from media.rtsp.gateway import RtspGateway
from object_storage.copies import CopyStore
from object_storage.expiry import Expiry
from object_storage.health import Purpose
from object_storage.problems import ObjectStorageFailed, StorageState
from object_storage.work import BackgroundWork
from placement.alone import Alone
from tables import ArchiveFileRow, CameraRow, KeptRangeRow, RecordingRuleRow
from tests.archive.hand_events import HandEvents
from tests.archive.test_archive_manager import KnownCameras
from tests.object_storage.node_with_files import NodeWithFiles
from tests.s3_server import S3Server

DAY = 24 * 60


class Nodes(Alone):
    """Several nodes, of which this is one."""

    def __init__(self, own: str, **states: bool) -> None:
        super().__init__()
        self._node = Node(own, "", "")
        self._views = [NodeView(Node(name, "", ""), is_alive=is_alive) for name, is_alive in states.items()]

    def nodes(self) -> list[NodeView]:
        return self._views


class Copied(NodeWithFiles):
    """A node with copies of its files, and the archive's rules."""

    def open_archive(self) -> None:
        """Build the archive and a camera, with the id 1."""
        with self.database.write() as session:
            row = CameraRow(id=1, name="", host="10.0.0.1", port_found=False, username="", password_box=b"")
            row.pretend, row.added_at = False, self.clock.now
            session.add(row)
        plain = replace(self.settings, object_storage_url="")
        gateway = RtspGateway(login_gate=LoginGate(self.clock), clock=self.clock, settings=plain)
        self.archive = ArchiveManager(self.database, plain, self.clock, gateway, KnownCameras(1), HandEvents())

    def expire(self, *, days: float = 0.0, placement: Placement | None = None) -> None:
        self.expiry(days=days, placement=placement).work()

    def expiry(self, *, days: float = 0.0, placement: Placement | None = None) -> Expiry:
        return Expiry(self.parts, self.archive, placement or Alone(), self.uploader, days=days)

    def copy(self, *, minutes_ago: float, is_on_disk: bool = True, **columns: object) -> int:
        """Record and upload a file; then delete it from the disk, unless `is_on_disk`."""
        row_id = self.record(minutes_ago=minutes_ago, camera_id=int(str(columns.pop("camera_id", 1))))
        self.uploader.work()
        with self.database.write() as session:
            row = session.get_one(ArchiveFileRow, row_id)
            row.is_on_disk = is_on_disk
            for name, value in columns.items():
                setattr(row, name, value)
        return row_id

    def keep(self, start: datetime, end: datetime) -> int:
        """Keep a range of the channel. Return its id."""
        return self.archive._kept.keep(1, 1, start, end, reason="", until=None, by=LOCAL).id

    def rule(self, **values: object) -> None:
        rule = RecordingRule(mode=RecordingMode.CONTINUOUS, **values)  # type: ignore[arg-type]
        self.archive._rules.set_rule(1, 1, rule)  # without a recorder that follows it


@pytest.fixture
def node(s3_server: S3Server, bucket_name: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Copied]:
    made = Copied(s3_server.settings(tmp_path_factory.mktemp("node"), bucket_name))
    made.open_archive()
    yield made
    made.close()


def stored(node: Copied, s3_server: S3Server, bucket_name: str) -> list[int]:
    """Return the ids of the rows with a copy, and check that the storage has their objects and no others."""
    with node.database.read() as session:
        rows = list(session.query(ArchiveFileRow).filter(ArchiveFileRow.object_key.is_not(None)))
        assert sorted(s3_server.keys(bucket_name)) == sorted(row.object_key for row in rows if row.object_key)
        assert node.leftovers() == []
        return sorted(row.id for row in rows)


def test_without_a_setting_a_copy_has_the_days_of_its_rule(node: Copied, s3_server: S3Server, bucket_name: str) -> None:
    """A lost disk must not take its copies along."""
    node.rule(keep_days=4.0)
    on_disk = node.copy(minutes_ago=5 * DAY)
    lost = node.copy(minutes_ago=3 * DAY, is_on_disk=False)
    old = node.copy(minutes_ago=6 * DAY, is_on_disk=False)
    node.expire()
    assert stored(node, s3_server, bucket_name) == sorted([on_disk, lost])
    assert node.row(old) is None


def test_a_copy_outlives_its_file_until_its_days_are_over(node: Copied, s3_server: S3Server, bucket_name: str) -> None:
    young = node.copy(minutes_ago=9 * DAY, is_on_disk=False)
    on_disk = node.copy(minutes_ago=12 * DAY)
    old = node.copy(minutes_ago=11 * DAY, is_on_disk=False)
    node.expire(days=10)
    assert stored(node, s3_server, bucket_name) == sorted([young, on_disk])
    assert node.row(old) is None


def test_a_copy_in_a_kept_range_stays(node: Copied, s3_server: S3Server, bucket_name: str) -> None:
    kept = node.copy(minutes_ago=30 * DAY, is_on_disk=False)
    start = node.clock.now - timedelta(days=30)
    kept_id = node.keep(start, start + timedelta(seconds=5))
    node.expire(days=10)
    assert stored(node, s3_server, bucket_name) == [kept]
    node.archive.unkeep(kept_id, LOCAL)
    node.expire(days=10)
    assert stored(node, s3_server, bucket_name) == []


def test_a_limit_by_law_deletes_copies_kept_or_not_on_a_disk_or_not(
    node: Copied, s3_server: S3Server, bucket_name: str
) -> None:
    node.rule(limit_days=3.0, keep_days=3.0)
    node.copy(minutes_ago=4 * DAY, is_on_disk=False)
    on_disk = node.copy(minutes_ago=5 * DAY)
    young = node.copy(minutes_ago=2 * DAY)
    start = node.clock.now - timedelta(days=5)
    node.keep(start, start + timedelta(hours=30))
    node.expire(days=100)
    assert stored(node, s3_server, bucket_name) == [young]
    assert node.row(on_disk) is not None  # the retention of the disk deletes its file, then the row


def test_the_copies_of_a_removed_camera_go(node: Copied, s3_server: S3Server, bucket_name: str) -> None:
    stays = node.copy(minutes_ago=5)
    node.copy(minutes_ago=6, camera_id=2)
    node.copy(minutes_ago=7, camera_id=2, is_on_disk=False)
    node.expire(days=100)
    assert stored(node, s3_server, bucket_name) == [stays]


def test_copies_of_a_dead_node_have_the_days_of_setting_or_rule(
    node: Copied, s3_server: S3Server, bucket_name: str
) -> None:
    node.rule(keep_days=20.0)
    young = node.copy(minutes_ago=9 * DAY, node="south")
    old = node.copy(minutes_ago=25 * DAY, node="south")
    living = node.copy(minutes_ago=26 * DAY, node="west")
    nodes = Nodes("", **{"": True, "south": False, "west": True})
    node.expire(placement=nodes)
    assert stored(node, s3_server, bucket_name) == sorted([young, living])
    node.expire(days=5, placement=nodes)
    assert stored(node, s3_server, bucket_name) == [living]
    assert node.row(old) is not None  # its file comes back with the node


class KeepingStore(CopyStore):
    """Another node keeps a range right before the copies are given up."""

    def give_up(self, files: Sequence[StoredFile], *, spares_kept: bool = False) -> None:
        now = datetime.now(UTC)
        with self._database.write() as session:
            for file in files:
                start, end = from_ms(file.start_ms), from_ms(file.start_ms + 1)
                values = {"reason": "", "by": "south", "created_at": now}
                session.add(KeptRangeRow(camera_id=1, channel=1, start_at=start, end_at=end, **values))
        super().give_up(files, spares_kept=spares_kept)


def test_a_range_that_another_node_keeps_at_the_last_moment_stays(
    node: Copied, s3_server: S3Server, bucket_name: str
) -> None:
    kept = node.copy(minutes_ago=30 * DAY, is_on_disk=False)
    node.parts = replace(node.parts, copies=KeepingStore(node.database, ""))
    node.expire(days=10)
    assert stored(node, s3_server, bucket_name) == [kept]


def test_a_rule_that_another_node_has_changed_counts(node: Copied, s3_server: S3Server, bucket_name: str) -> None:
    node.rule(keep_days=4.0)
    young = node.copy(minutes_ago=9 * DAY, is_on_disk=False)
    with node.database.write() as session:
        session.execute(update(RecordingRuleRow).values(keep_days=10.0))
    node.expire()
    assert stored(node, s3_server, bucket_name) == [young]


def test_after_a_long_rest_of_the_app_its_clock_is_doubted(
    node: Copied, s3_server: S3Server, bucket_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A machine without a clock of its own may start years ahead. Its copies would be deleted for all nodes."""
    old = node.copy(minutes_ago=30 * DAY, is_on_disk=False)
    node.archive.writer._was_off = (node.clock.now - timedelta(days=900), node.clock.now)
    expiry = node.expiry(days=10)
    monkeypatch.setattr(BackgroundWork, "start", lambda _: None)
    expiry.start()
    expiry.work()
    assert stored(node, s3_server, bucket_name) == [old]
    node.clock.move(minutes=20)
    expiry.work()
    assert stored(node, s3_server, bucket_name) == []


@pytest.mark.parametrize(("apart_s", "is_deleted"), [(20.0, True), (7200.0, False), (-7200.0, False)])
def test_no_copy_is_too_old_while_the_clock_differs_from_the_database(
    node: Copied, s3_server: S3Server, bucket_name: str, *, apart_s: float, is_deleted: bool
) -> None:
    copied = node.copy(minutes_ago=30 * DAY, is_on_disk=False)
    store = CopyStore(node.database, "")
    store.clock_s = lambda: node.clock.now.timestamp() + apart_s  # type: ignore[method-assign]
    node.parts = replace(node.parts, copies=store)
    node.expire(days=10)
    assert stored(node, s3_server, bucket_name) == ([] if is_deleted else [copied])


def test_deletions_that_succeed_do_not_hide_uploads_that_fail(node: Copied) -> None:
    """A full storage deletes, and then is still full: the alert stays."""
    node.health.note_failure(ObjectStorageFailed(StorageState.FULL, "It is full."), Purpose.UPLOAD)
    node.clock.move(minutes=2)
    node.copies.begin("1/a.mp4")
    node.expire()
    assert (node.health.state, node.health.detail) == (StorageState.FULL, "It is full.")
    assert node.health.alert is StorageState.FULL


def test_deletions_that_are_refused_are_an_alert_though_uploads_succeed(node: Copied) -> None:
    """The key has no right to delete."""
    node.record()
    node.health.note_failure(ObjectStorageFailed(StorageState.REFUSED, "No."), Purpose.DELETION)
    node.clock.move(minutes=2)
    node.uploader.work()
    assert node.health.alert is StorageState.REFUSED


def test_nothing_expires_while_the_node_does_not_know_the_others(
    node: Copied, s3_server: S3Server, bucket_name: str
) -> None:
    copied = node.copy(minutes_ago=40 * DAY, is_on_disk=False)
    node.expire(placement=Nodes("", south=True))
    assert stored(node, s3_server, bucket_name) == [copied]


def test_objects_of_interrupted_uploads_are_deleted(node: Copied, s3_server: S3Server, bucket_name: str) -> None:
    node.copies.begin("1/1-main/2026-11-24/110000_000-e7-aaaaaaaa.mp4")
    node.bucket.put("1/1-main/2026-11-24/110000_000-e7-aaaaaaaa.mp4", iter([b"whole, but not noted"]))
    node.expire()
    assert s3_server.keys(bucket_name) == []


def test_an_object_that_arrives_after_it_was_deleted_is_deleted_again(
    node: Copied, s3_server: S3Server, bucket_name: str
) -> None:
    """A node that seemed to be dead has ended its upload, and has then died."""
    expiry = node.expiry(placement=Nodes("", **{"": True, "south": False}))
    CopyStore(node.database, "south").begin("1/late.mp4")
    expiry.work()
    node.bucket.put("1/late.mp4", iter([b"late"]))
    node.clock.move(hours=2)
    expiry.work()
    assert stored(node, s3_server, bucket_name) == []


def test_an_upload_that_ends_after_its_object_was_deleted_notes_no_copy(node: Copied) -> None:
    row_id = node.record()
    (file,) = node.copies.waiting(1)
    node.copies.begin("1/a.mp4")
    assert [it.key for it in node.copies.claim_leftovers([], 10, uploading=str)] == ["1/a.mp4"]
    assert not node.copies.finish(file, "1/a.mp4")
    assert node.key_of(row_id) is None


def test_a_storage_that_is_away_keeps_the_names_of_objects_to_delete(
    node: Copied, s3_server: S3Server, bucket_name: str
) -> None:
    node.copy(minutes_ago=40 * DAY, is_on_disk=False)
    node.restart(object_storage_endpoint="http://127.0.0.1:9")
    node.expire()
    assert len(node.leftovers()) == 1
    node.restart(object_storage_endpoint=s3_server.address)
    node.expire()
    assert stored(node, s3_server, bucket_name) == []
