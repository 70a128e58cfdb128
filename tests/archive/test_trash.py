"""The trash of deleted files, and the footage of removed cameras."""

from __future__ import annotations

import errno
from datetime import timedelta
from pathlib import Path

import pytest

from archive.index import ArchiveIndex
from archive.records import TrashItem, VolumeState
from archive.volume import MARKER
from core.archive import GapReason
from tables.cameras import CameraRow
from tests.archive.indexed import has_row
from tests.archive.stored import StoredArchive, stream_of
from tests.patience import until


def test_the_row_is_in_the_trash_before_the_file_is_deleted(
    archive: StoredArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive.set_rule(keep_days=1.0)
    (file,) = archive.record(stream_of(), [50])
    steps: list[tuple[str, bool, bool]] = []

    def note(step: str) -> None:
        steps.append((step, has_row(archive.index, file.key), archive.path(file).exists()))

    unlink, forget = Path.unlink, ArchiveIndex.forget_trash

    def noted_unlink(path: Path, **options: bool) -> None:
        note("unlink")
        assert [item.path for item in archive.index.trash(1)] == [file.key.path]
        unlink(path, **options)

    def noted_forget(index: ArchiveIndex, items: list[TrashItem]) -> None:
        note("forget")
        forget(index, items)

    monkeypatch.setattr(Path, "unlink", noted_unlink)
    monkeypatch.setattr(ArchiveIndex, "forget_trash", noted_forget)
    archive.retention.run_pass()
    assert steps == [("unlink", False, True), ("forget", False, False)]


def test_after_a_crash_the_trash_is_emptied(archive: StoredArchive) -> None:
    old, young = archive.record(stream_of(), [50, 2])
    archive.index.delete([old.key])  # the app ends here
    archive.retention = archive.make_retention()
    assert archive.retention.run_pass() == 1
    assert not archive.path(old).exists()
    assert archive.path(young).exists()
    assert archive.index.trash(1) == []


@pytest.mark.parametrize("number", [errno.EACCES, errno.EROFS])
def test_a_file_that_cannot_be_deleted_stays_in_the_trash(
    archive: StoredArchive, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    archive.set_rule(keep_days=1.0)
    (old,) = archive.record(stream_of(), [50])

    def refuse(path: Path, **_: bool) -> None:
        raise OSError(number, "refused", str(path))

    with monkeypatch.context() as patch:
        patch.setattr(Path, "unlink", refuse)
        assert archive.retention.run_pass() == 0
    assert archive.path(old).exists()
    assert [item.path for item in archive.index.trash(1)] == [old.key.path]
    assert archive.volume_state() is (VolumeState.READ_ONLY if number == errno.EROFS else VolumeState.OK)
    archive.volume.check()
    assert archive.retention.run_pass() == 1
    assert not archive.path(old).exists()


def test_nothing_is_deleted_from_another_disk_at_the_same_place(archive: StoredArchive) -> None:
    archive.set_rule(keep_days=1.0, limit_days=1.0)
    (old,) = archive.record(stream_of(), [50])
    marker = archive.volume.folder / MARKER
    text = marker.read_text("utf-8")
    marker.write_text(text.replace(archive.volume.uuid, "00000000-0000-4000-8000-000000000000"), "utf-8")
    assert archive.retention.run_pass() == 0
    assert archive.path(old).exists()
    assert has_row(archive.index, old.key)
    marker.write_text(text, "utf-8")
    assert archive.retention.run_pass() == 1


def test_footage_of_a_removed_camera_goes_even_if_it_is_kept(archive: StoredArchive) -> None:
    archive.set_rule()
    archive.record(stream_of(1), [5, 4])
    archive.record(stream_of(2), [5])
    archive.keep(6, 3)
    with archive.database.write() as session:
        session.delete(session.get(CameraRow, 1))
    archive.retention.delete_camera(1)
    archive.retention.run_pass()
    assert archive.hours_left(1) == []
    assert archive.hours_left(2) == [5]


def test_a_removed_camera_waits_until_its_last_file_is_closed(archive: StoredArchive) -> None:
    archive.record(stream_of(1), [5])
    archive.writer.start()
    stream = archive.writer.open_stream(stream_of(1))
    archive.retention.delete_camera(1)
    archive.retention.run_pass()
    assert archive.hours_left(1) == [5]
    stream.finish(GapReason.SWITCHED_OFF)

    def is_written() -> bool:
        archive.clock.move(seconds=1)  # the writer brings its files to the disk every ten seconds
        return not archive.writer.is_writing(1)

    until(is_written, what="the end of the stream")
    archive.retention.run_pass()
    assert archive.hours_left(1) == []


def test_footage_of_a_camera_that_was_removed_before_a_crash_goes(archive: StoredArchive) -> None:
    for camera_id in (1, 2, 77):
        archive.record(stream_of(camera_id), [5])
    archive.retention.delete_removed_cameras([2, 3], archive.clock.now - timedelta(days=1))
    archive.retention.run_pass()
    assert archive.hours_left(1) == []
    assert archive.hours_left(2) == [5]
    # The app's database may be older than the archive: camera 77 may be one that it does not know.
    assert archive.hours_left(77) == [5]


def test_footage_from_before_the_database_stays_whatever_its_id_is(archive: StoredArchive) -> None:
    archive.record(stream_of(1), [5])
    archive.retention.delete_removed_cameras([2, 3], archive.clock.now - timedelta(hours=3))
    archive.retention.run_pass()
    assert archive.hours_left(1) == [5]


def test_without_any_camera_all_footage_stays(archive: StoredArchive) -> None:
    archive.record(stream_of(1), [5])
    archive.retention.delete_removed_cameras([], archive.clock.now - timedelta(days=1))
    archive.retention.run_pass()
    assert archive.hours_left(1) == [5]
