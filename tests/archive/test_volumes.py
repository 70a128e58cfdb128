"""Volumes that are full, read-only, gone or exchanged, and the next volume that takes over."""

from __future__ import annotations

import errno
import itertools
import json
import os
import shutil
import uuid
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from archive.records import FileState, VolumeState, to_ms
from archive.volume import MARGIN_BYTES, MARKER
from core.archive import GapReason
from tests.archive.bad_disk import BadDisk
from tests.archive.indexed import unfinished_stretches
from tests.archive.recording import STREAM, Recording, all_files, frames_in, same

REPAIRED_WITHIN_S = 60


def unmount(folder: Path) -> Path:
    """Leave an empty folder, as an unmounted disk does. Return the place of the volume's content."""
    away = folder.with_name(f"{folder.name}-away")
    folder.rename(away)
    folder.mkdir()
    return away


def mount(away: Path, folder: Path) -> None:
    folder.rmdir()
    away.rename(folder)


def assert_goes_on(recording: Recording) -> None:
    """Record until everything that is sent is written again; fail after the promised minute."""
    stream = recording.parts.writers[recording.volume]._present()[0]
    begin = recording.clock.now
    while stream.problem is not None:
        recording.frames(stream, 1)
        assert (recording.clock.now - begin).total_seconds() <= REPAIRED_WITHIN_S
    count = len(recording.sent[STREAM])
    recording.frames(stream, 5)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    assert same(recording.stored()[-25:], recording.sent[STREAM][count:])


@pytest.mark.parametrize(
    ("error", "state", "reason"),
    [
        (errno.ENOSPC, VolumeState.FULL, GapReason.DISK_FULL),
        (errno.EDQUOT, VolumeState.FULL, GapReason.DISK_FULL),
        (errno.EROFS, VolumeState.READ_ONLY, GapReason.DISK_GONE),
        (errno.EIO, VolumeState.GONE, GapReason.DISK_GONE),
    ],
)
def test_an_error_of_the_disk_is_a_state_and_a_reason_until_it_is_over(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, error: int, state: VolumeState, reason: GapReason
) -> None:
    disk = BadDisk(recording.folders[0], monkeypatch)
    stream = recording.open_stream()
    recording.frames(stream, 30)
    disk.error = error
    recording.frames(stream, 30)
    assert recording.volume.state is state
    assert os.strerror(error) in recording.volume.detail
    assert stream.problem is reason
    (stretch,) = recording.stretches()
    assert stretch.end_reason is reason
    disk.error = None
    assert_goes_on(recording)
    assert recording.volume.state is VolumeState.OK
    assert recording.volume.detail == ""


def test_a_disk_that_fills_up_keeps_all_whole_groups(recording: Recording, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = BadDisk(recording.folders[0], monkeypatch)
    stream = recording.open_stream()
    recording.frames(stream, 20, size=1000)
    disk.left_bytes = 23_456  # in the middle of a group
    recording.frames(stream, 10, size=1000)
    recording.flush()
    whole = [frame for file in recording.files() for frame in frames_in(recording.path(file))]
    assert same(whole, recording.sent[STREAM][: len(whole)])
    assert len(whole) >= 115
    assert len(whole) % 5 == 0
    assert recording.stored() == whole
    disk.left_bytes = None
    assert_goes_on(recording)


def test_an_unmounted_volume_gets_no_byte(recording: Recording) -> None:
    folder = recording.folders[0]
    stream = recording.open_stream()
    recording.frames(stream, 30)
    away = unmount(folder)
    recording.frames(stream, 90)
    assert list(folder.iterdir()) == []
    assert recording.volume.state is VolumeState.GONE
    assert "not mounted" in recording.volume.detail
    assert stream.problem is GapReason.DISK_GONE
    assert recording.volume.space() is None
    mount(away, folder)
    assert_goes_on(recording)


def test_files_of_a_volume_that_came_back_are_whole_again(recording: Recording) -> None:
    """The rows of a volume that was pulled away end with the last flush; the file has more."""
    folder = recording.folders[0]
    stream = recording.open_stream()
    recording.frames(stream, 18)
    away = unmount(folder)
    recording.frames(stream, 20)
    before = len(recording.stored_of(away))
    mount(away, folder)
    assert_goes_on(recording)
    assert len(recording.stored()) >= before + 25
    assert all(file.size_bytes == recording.path(file).stat().st_size for file in recording.files())


def test_another_disk_at_the_same_place_is_refused(recording: Recording) -> None:
    folder = recording.folders[0]
    stream = recording.open_stream()
    recording.frames(stream, 20)
    away = unmount(folder)
    (folder / MARKER).write_text(json.dumps({"uuid": str(uuid.uuid4())}))
    recording.frames(stream, 40)
    assert [path.name for path in folder.iterdir()] == [MARKER]
    assert recording.volume.state is VolumeState.GONE
    assert "Another disk" in recording.volume.detail
    (folder / MARKER).unlink()
    mount(away, folder)
    assert_goes_on(recording)


def test_a_volume_that_is_unmounted_at_start_gets_no_byte(recording: Recording, tmp_path: Path) -> None:
    recording.frames(recording.open_stream(), 5)
    recording.flush()
    recording.close()
    away = unmount(recording.folders[0])
    again = Recording(tmp_path)
    stream = again.open_stream()
    again.frames(stream, 30)
    assert list(again.folders[0].iterdir()) == []
    assert stream.problem is GapReason.DISK_GONE
    mount(away, again.folders[0])
    assert_goes_on(again)
    again.close()


def test_a_volume_of_another_installation_is_refused(recording: Recording, tmp_path: Path) -> None:
    """Its cameras have the numbers of other cameras here."""
    recording.close()
    shutil.rmtree(tmp_path / "data")
    other = Recording(tmp_path, volumes=2)
    other.close()
    foreign = json.dumps({"uuid": str(uuid.uuid4())})
    third = tmp_path / "volume2"
    third.mkdir()
    (third / MARKER).write_text(foreign)
    again = Recording(tmp_path, volumes=3)
    assert [it.state for it in again.volumes.all()] == [VolumeState.OK, VolumeState.OK, VolumeState.GONE]
    assert "another installation" in again.volumes.all()[2].detail
    again.close()


def test_the_same_volume_twice_is_used_once(recording: Recording, tmp_path: Path) -> None:
    recording.close()
    shutil.copytree(tmp_path / "volume0", tmp_path / "volume1")
    again = Recording(tmp_path, volumes=2)
    assert [it.state for it in again.volumes.all()] == [VolumeState.OK, VolumeState.GONE]
    again.close()


def test_a_missing_parent_folder_is_not_made(tmp_path: Path) -> None:
    made = Recording(tmp_path, archive_dirs=str(tmp_path / "not" / "mounted"))
    assert made.volume.state is VolumeState.GONE
    assert not (tmp_path / "not").exists()
    made.close()


def test_a_damaged_marker_is_no_volume(recording: Recording) -> None:
    (recording.folders[0] / MARKER).write_text("[]")
    assert not recording.volume.check()
    assert "damaged" in recording.volume.detail


# ---- free space ----------------------------------------------------------------------------------


class Space:
    """The free space that the system reports, instead of that of the disk."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.free_bytes = 10**12
        self.inodes = 1000
        self.flags = 0
        self.error: OSError | None = None
        monkeypatch.setattr(os, "statvfs", self._statvfs)

    def _statvfs(self, _: Path) -> SimpleNamespace:
        if self.error is not None:
            raise self.error
        return SimpleNamespace(
            f_flag=self.flags, f_files=1000, f_favail=self.inodes, f_frsize=1, f_bavail=self.free_bytes, f_blocks=10**12
        )


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> Space:
    return Space(monkeypatch)


def test_a_volume_without_its_reserve_is_full_until_there_is_a_margin(space: Space, tmp_path: Path) -> None:
    made = Recording(tmp_path, archive_min_free_bytes=400_000_000)
    space.free_bytes = 99_999_999
    assert not made.volume.check()
    assert made.volume.state is VolumeState.FULL
    space.free_bytes = 100_000_001
    assert not made.volume.check()
    space.free_bytes = 100_000_000 + MARGIN_BYTES
    assert made.volume.check()
    made.close()


def test_a_volume_without_inodes_is_full(space: Space, recording: Recording) -> None:
    space.inodes = 0
    assert not recording.volume.check()
    assert recording.volume.state is VolumeState.FULL


def test_a_volume_that_is_mounted_read_only_is_read_only(space: Space, recording: Recording) -> None:
    space.flags = os.ST_RDONLY
    assert not recording.volume.check()
    assert recording.volume.state is VolumeState.READ_ONLY


def test_free_space_that_the_system_does_not_tell_is_no_space(space: Space, recording: Recording) -> None:
    space.error = OSError(errno.EIO, os.strerror(errno.EIO))
    assert not recording.volume.check()
    assert recording.volume.state is VolumeState.GONE
    assert recording.volume.space() is None


def test_the_retention_can_hold_a_volume_as_full(recording: Recording) -> None:
    stream = recording.open_stream()
    recording.frames(stream, 5)
    recording.volume.hold_full("Only kept recordings are left.")
    recording.frames(stream, 5)
    assert recording.volume.state is VolumeState.FULL
    assert recording.volume.detail == "Only kept recordings are left."
    assert stream.problem is GapReason.DISK_FULL
    recording.volume.release_full()
    assert_goes_on(recording)


# ---- several volumes -----------------------------------------------------------------------------


def test_the_next_volume_goes_on_without_losing_a_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = Recording(tmp_path, volumes=2)
    first = recording.folders[0]
    disk = BadDisk(first, monkeypatch)
    stream = recording.open_stream()
    recording.frames(stream, 30)
    disk.left_bytes = 0
    recording.frames(stream, 30)
    disk.left_bytes = None
    recording.frames(stream, 120)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    assert recording.is_all_stored()
    assert len(recording.stretches()) == 1
    volumes = [volume for volume, _ in itertools.groupby(file.key.volume_id for file in recording.files())]
    assert volumes == [1, 2, 1], "the first volume is used again after its repair"
    assert stream.problem is None
    recording.close()


def test_a_volume_that_is_pulled_away_costs_a_gap_and_the_next_goes_on(tmp_path: Path) -> None:
    recording = Recording(tmp_path, volumes=2)
    stream = recording.open_stream()
    recording.frames(stream, 30)
    away = unmount(recording.folders[0])
    recording.frames(stream, 40)
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    before, after = recording.stretches()
    assert before.end_reason is GapReason.DISK_GONE
    assert (after.start - before.end).total_seconds() <= 12
    assert list(recording.folders[0].iterdir()) == []
    assert len(all_files(recording.folders[1])) >= 1
    assert stream.problem is None
    assert len(all_files(away)) >= 1
    recording.close()


def test_a_short_volume_is_used_only_if_all_others_are_short(tmp_path: Path) -> None:
    recording = Recording(tmp_path, volumes=2)
    first, second = recording.volumes.all()
    first.is_short = True
    assert recording.volumes.first_usable() is second
    second.is_short = True
    assert recording.volumes.first_usable() is first
    second.note_gone("pulled")
    first.note_gone("pulled")
    assert recording.volumes.first_usable() is None
    assert recording.volumes.problem() is GapReason.DISK_GONE
    recording.close()


# ---- volumes that the settings do not name any more ----------------------------------------------


def test_a_former_volume_keeps_its_files_and_gets_no_new_ones(recording: Recording, tmp_path: Path) -> None:
    recording.frames(recording.open_stream(), 30)
    recording.flush()
    recording.close()
    before = all_files(recording.folders[0])
    again = Recording(tmp_path, archive_dirs=str(tmp_path / "new"))
    again.clock.now = recording.clock.now
    assert [it.folder for it in again.volumes.all()] == [tmp_path / "new", tmp_path / "volume0"]
    new, former = again.volumes.all()
    assert (new.state, former.state) == (VolumeState.OK, VolumeState.FULL)
    assert "any more" in former.detail
    assert former.space() is not None
    assert {it.state for it in again.files()} == {FileState.CLOSED}, "its open file was repaired"
    again.frames(again.open_stream(), 30)
    again.flush()
    assert all_files(recording.folders[0]) == before
    assert {it.key.volume_id for it in again.files()} == {new.id, former.id}
    new.note_gone("pulled")
    assert again.volumes.first_usable() is None
    again.close()


def test_a_volume_that_moved_to_another_folder_is_not_a_former_one(recording: Recording, tmp_path: Path) -> None:
    recording.frames(recording.open_stream(), 10)
    recording.flush()
    recording.close()
    recording.folders[0].rename(tmp_path / "moved")
    again = Recording(tmp_path, archive_dirs=str(tmp_path / "moved"))
    states = {it.folder.name: it.state for it in again.volumes.all()}
    assert states["moved"] is VolumeState.OK
    assert not recording.folders[0].exists()
    assert [it.folder for it in again.index.volumes()] == [str(tmp_path / "moved")]
    again.close()
    once_more = Recording(tmp_path, archive_dirs=str(tmp_path / "moved"))
    assert len(once_more.volumes.all()) == 1
    once_more.close()


# ---- any order of failures -----------------------------------------------------------------------

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("frames"), st.integers(1, 40)),
        st.tuples(st.just("error"), st.sampled_from([errno.ENOSPC, errno.EIO, errno.EROFS])),
        st.tuples(st.just("space"), st.integers(0, 3000)),
        st.tuples(st.just("repaired"), st.just(0)),
        st.tuples(st.just("flush"), st.just(0)),
        st.tuples(st.just("end"), st.integers(0, 20)),
        st.tuples(st.just("hold"), st.booleans()),
    ),
    min_size=2,
    max_size=14,
)


@pytest.mark.slow
@given(steps=STEPS, volumes=st.integers(1, 2))
@settings(max_examples=25, deadline=None)
def test_no_failure_doubles_a_picture_or_makes_a_row_untrue(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, int]], volumes: int
) -> None:
    folder = tmp_path_factory.mktemp("any")
    with pytest.MonkeyPatch.context() as patch:
        recording = Recording(folder, volumes=volumes)
        disk = BadDisk(recording.folders[0], patch)
        stream = recording.open_stream()
        for step, value in steps:
            if step == "frames":
                recording.frames(stream, value)
            elif step == "error":
                disk.error = value
            elif step == "space":
                disk.left_bytes = value
            elif step == "repaired":
                disk.error = disk.left_bytes = None
            elif step == "end":
                stream.on_end(GapReason.DEVICE_AWAY)
                recording.clock.move(seconds=value)
            elif step == "hold":
                recording.volume.hold_full("kept") if value else recording.volume.release_full()
            else:
                recording.flush()
            check_rows(recording)
        disk.error = disk.left_bytes = None
        recording.volume.release_full()
        recording.frames(stream, 1)
        while stream.problem is not None:
            recording.frames(stream, 1)
        stream.finish(GapReason.SWITCHED_OFF)
        recording.flush()
        recording.clock.move(seconds=11)
        recording.run()
        check_rows(recording)
        for volume in recording.volumes.all():
            assert recording.index.open_files(volume.id) == []
        assert unfinished_stretches(recording.index) == []
        recording.close()


def check_rows(recording: Recording) -> None:
    """Each row's bytes are there, no frame is twice in the files, and stretches cover the files."""
    frames = recording.stored()
    assert len({data for data, _ in frames}) == len(frames)
    sent = dict(recording.sent.get(STREAM, []))
    assert all(abs(sent[data] - at_s) < 0.0015 for data, at_s in frames)
    spans = [(to_ms(it.start), to_ms(it.end)) for it in recording.stretches()]
    for file in recording.files():
        assert any(start <= file.start_ms and file.end_ms <= end for start, end in spans)
