"""The writer and the retention on disks that are full: recording goes on, and the newest footage is there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from archive import volume as volume_module
from archive.disk_reads import DiskReads
from archive.inflow import Inflow
from archive.kept import KeptRanges
from archive.local_files import LocalFiles
from archive.open_files import OpenFiles
from archive.records import FileState, VolumeState
from archive.retention import Retention, RetentionParts
from archive.rules import RuleStore
from archive.stream_reader import StreamReader
from archive.stream_writer import StreamWriter
from archive.writer import ArchiveWriter
from core.access import LOCAL
from core.archive import GapReason, RecordingMode, RecordingRule
from tables.cameras import CameraRow
from tests.archive.recorded_cameras import HandCameras
from tests.archive.recording import FPS, GOP, STREAM, Recording, all_files, same
from tests.archive.stored import Disks
from tests.prepared_database import prepared_database

MINUTE = timedelta(minutes=1)


class RecordedDisks:
    """A stream with files of 20 seconds on two small disks, and the retention without its thread."""

    def __init__(self, folder: Path, disks: Disks, *, volumes: int) -> None:
        self.disks = disks
        self.recording = Recording(folder, volumes=volumes, archive_file_s=20.0)
        self.clock = self.recording.clock
        self.database = prepared_database(folder / "cameras.sqlite3")
        self.database.open()
        with self.database.write() as session:
            session.add(
                CameraRow(
                    id=1,
                    name="Gate",
                    host="10.0.0.1",
                    port_found=False,
                    username="",
                    password_box=b"",
                    pretend=False,
                    added_at=self.clock.now,
                )
            )
        self.rules = RuleStore(self.database, self.clock)
        self.open_files = OpenFiles()
        self.rules.set_rule(1, 3, RecordingRule(mode=RecordingMode.CONTINUOUS, keep_days=None))
        self.kept = KeptRanges(self.database, self.clock)
        index = self.recording.index
        writer = ArchiveWriter(self.recording.settings, self.clock, self.recording.volumes, index)  # not started
        inflow = Inflow(index, self.rules, self.clock, HandCameras())
        parts = RetentionParts(index, self.recording.volumes, writer, self.rules, self.kept, self.open_files, inflow)
        self.retention = Retention(parts, self.clock, min_free_bytes=disks.size_bytes // 2)

    def close(self) -> None:
        self.recording.close()
        self.database.close()

    def record(self, stream: StreamWriter, minutes: float) -> None:
        """Record frames of 500 bytes; let the retention run every ten seconds."""
        for _ in range(round(minutes * 6)):
            self.recording.frames(stream, 10, size=500)
            self.retention.run_pass()

    def keep(self, minutes: float) -> int:
        """Keep the last minutes. Return the id of the range."""
        now = self.clock.now
        return self.kept.keep(1, 3, now - minutes * MINUTE, now, reason="", until=None, by=LOCAL).id


@pytest.fixture
def disks(monkeypatch: pytest.MonkeyPatch) -> Disks:
    made = Disks(size_bytes=400_000)  # half of it is the floor; the rest holds a minute and a half
    monkeypatch.setattr(volume_module, "_space", made.space)
    return made


@pytest.fixture
def two(tmp_path: Path, disks: Disks) -> Iterator[RecordedDisks]:
    made = RecordedDisks(tmp_path, disks, volumes=2)
    yield made
    made.close()


@pytest.fixture
def one(tmp_path: Path, disks: Disks) -> Iterator[RecordedDisks]:
    made = RecordedDisks(tmp_path, disks, volumes=1)
    yield made
    made.close()


@pytest.mark.slow
def test_two_full_disks_hold_the_newest_footage_without_a_hole(two: RecordedDisks) -> None:
    stream = two.recording.open_stream()
    two.record(stream, 6)
    two.recording.flush()
    stored, sent = two.recording.stored(), two.recording.sent[STREAM]
    assert 90 * FPS < len(stored) < 160 * FPS
    stored.sort(key=lambda frame: frame[1])
    first = [data for data, _ in sent].index(stored[0][0])
    assert len(sent) - first - len(stored) <= GOP  # the group that the camera has begun
    assert same(stored, sent[first : first + len(stored)])
    (stretch,) = two.recording.stretches()
    assert abs(stretch.start.timestamp() - min(at_s for _, at_s in stored)) < 0.002
    assert stream.problem is None
    for folder in two.recording.folders:
        assert two.disks.space(folder).free_bytes > two.disks.size_bytes // 4
        assert len(all_files(folder)) >= 2  # both disks are used


@pytest.mark.slow
def test_recording_stops_on_kept_footage_and_goes_on_when_it_is_released(one: RecordedDisks) -> None:
    stream = one.recording.open_stream()
    one.record(stream, 1)
    one.recording.flush()
    kept_id, kept_frames = one.keep(1), one.recording.stored()
    one.record(stream, 1.5)
    volume = one.recording.volume
    assert (volume.state, stream.problem) == (VolumeState.FULL, GapReason.DISK_FULL)
    assert len(kept_frames) > 55 * FPS
    assert same(one.recording.stored()[: len(kept_frames)], kept_frames)
    assert one.disks.space(volume.folder).free_bytes > 0

    one.kept.release(kept_id, LOCAL)
    one.record(stream, 1)
    assert (volume.state, stream.problem) == (VolumeState.OK, None)
    one.recording.flush()
    last = one.recording.stored()[-1]
    assert one.recording.sent[STREAM][-1][1] - last[1] <= 1.0
    assert [stretch.end_reason for stretch in one.recording.stretches()][-2:] in (
        [GapReason.DISK_FULL, None],
        [GapReason.EXPIRED, None],
        [None],
    )


@pytest.mark.slow
def test_a_file_that_a_viewer_plays_outlives_its_time_by_a_minute(one: RecordedDisks) -> None:
    one.record(one.recording.open_stream(), 1)
    one.recording.flush()
    first, *others = (file for file in one.recording.files() if file.state is FileState.CLOSED)
    assert others
    reader = StreamReader(LocalFiles(one.recording.index, one.open_files, DiskReads()), STREAM)
    next(reader.fragments_from(first.start_ms))
    one.rules.set_rule(1, 3, RecordingRule(mode=RecordingMode.CONTINUOUS, keep_days=1e-6))
    assert one.retention.run_pass() == len(others)
    assert one.recording.path(first).exists()
    reader.close()
    assert one.retention.run_pass() == 1
    assert not one.recording.path(first).exists()
