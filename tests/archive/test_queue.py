"""A disk that is too slow or does not answer: memory stays bounded, the source never waits, whole groups are lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from archive.index import ArchiveIndex
from archive.records import VolumeState, to_ms
from archive.stream_writer import QUEUE_BYTES, QueueBudget, StreamWriter
from archive.volume_writer import VolumeWriter
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from core.archive import GapReason, RecordedQuality, StreamKey
from core.clock import SystemClock
from core.settings import Settings
from media.codecs.access_unit import VIDEO, AccessUnit
from tests.archive.bad_disk import BadDisk
from tests.archive.recording import FPS, GOP, STREAM, Recording, frames_in, threads_named
from tests.media.archive.archived import description
from tests.patience import promised, promised_median, until


class Running:
    """A writer with its threads and the system's clock, on one or several volumes."""

    def __init__(self, folder: Path, volumes: int = 1, *, flush_s: float = 1.0) -> None:
        self.folders = [folder / f"volume{number}" for number in range(volumes)]
        self.settings = Settings(
            data_dir=folder / "data",
            archive_dirs=":".join(map(str, self.folders)),
            archive_min_free_bytes=0,
            archive_flush_s=flush_s,
        )
        self.clock = SystemClock()
        self.index = ArchiveIndex(self.settings.archive_index_file)
        self.volumes = Volumes(self.settings)
        self.writer = ArchiveWriter(self.settings, self.clock, self.volumes, self.index)
        self.writer.start(is_new_index=self.index.open())
        until(lambda: all(it.id for it in self.volumes.all()))
        self.sent = 0

    def open_stream(self) -> StreamWriter:
        stream = self.writer.open_stream(STREAM)
        stream.on_description(description())
        return stream

    def second(self, stream: StreamWriter, size: int = 50) -> None:
        """Send one second of frames with the times that they would have, in no time."""
        begin_s = to_ms(self.clock.now_utc()) // 1000 - 1000 + self.sent
        for number in range(FPS):
            unit = AccessUnit(VIDEO, (bytes([0x41]) + bytes([1]) * size,), 0, 90_000, is_key=number == 0)
            stream.on_units([unit], [begin_s + number / FPS])
        self.sent += 1

    def send_until(self, stream: StreamWriter, claim: Callable[[], object]) -> None:
        """Send second after second until a claim is true."""

        def is_true() -> bool:
            self.second(stream)
            return bool(claim())

        until(is_true)

    def close(self) -> None:
        self.writer.stop()
        self.index.close()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    made = Running(tmp_path)
    yield made
    made.close()


def test_what_a_slow_disk_loses_is_whole_groups_with_a_reason(
    recording: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    recording.writer.budget = QueueBudget(100_000)
    monkeypatch.setattr("archive.stream_writer.STREAM_QUEUE_BYTES", 0)
    stream = recording.open_stream()
    recording.frames(stream, 10, size=1000)
    for second in range(60):  # the writer does not get to run
        for number in range(FPS):
            recording.frame(stream, is_key=number % GOP == 0, size=1000)
        if second > 30:
            assert stream.problem is GapReason.DISK_TOO_SLOW
    assert recording.writer.budget.used_bytes <= 100_000
    recording.frames(stream, 10, size=1000)
    assert stream.problem is None
    stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    before, after = recording.stretches()
    assert before.end_reason is GapReason.DISK_TOO_SLOW
    assert 30 <= (after.start - before.end).total_seconds() <= 60
    frames = [data for file in recording.files() for data, _ in frames_in(recording.path(file))]
    assert frames == [data for data, _ in recording.sent[STREAM] if data in frames]
    resumed = next(place for place, (_, at_s) in enumerate(recording.stored()) if at_s >= after.start.timestamp())
    assert frames[resumed][0] == 0x65, "recording goes on with a key frame"
    assert recording.writer.budget.used_bytes == 0


def test_a_stream_that_moves_takes_its_bytes_to_the_other_budget() -> None:
    first, second = QueueBudget(1000), QueueBudget(1000)
    assert first.take(600)
    assert not first.take(600)
    first.move(-600)
    second.move(600)
    assert (first.used_bytes, second.used_bytes) == (0, 600)
    assert not second.is_low()


def test_pre_rolls_that_begin_together_lose_nothing(recording: Recording) -> None:
    recording.writer.budget = QueueBudget(100_000, held_bytes=500_000)
    streams = [recording.open_stream(StreamKey(1, number, RecordedQuality.MAIN)) for number in (1, 2, 3)]
    begin_s = recording.clock.now.timestamp()
    for stream in streams:  # the writer does not get to run
        for number in range(100):
            data = bytes([0x65 if number % 10 == 0 else 0x41]) + b"\x80" * 999
            unit = AccessUnit(VIDEO, (data,), 0, 90_000, is_key=number % 10 == 0)
            stream.on_held_units([unit], [begin_s - 20 + number / 5])
    for stream in streams:
        recording.frames(stream, 2, size=1000)
        assert stream.problem is None
        stream.finish(GapReason.SWITCHED_OFF)
    recording.flush()
    assert [len(recording.stored(stream.stream)) for stream in streams] == [100 + 2 * FPS] * 3
    assert recording.writer.budget.used_bytes == 0


def test_pre_rolls_on_a_disk_that_hangs_have_a_limit() -> None:
    budget = QueueBudget(1000, held_bytes=3000)
    assert all(budget.take(1000, is_held=True) for _ in range(3))
    assert not budget.take(1000, is_held=True)
    assert budget.take(1000)
    assert budget.used_bytes == 4000
    budget.move(-1000, is_held=True)
    assert budget.take(1000, is_held=True)


def test_many_streams_share_a_larger_queue() -> None:
    budget = QueueBudget()
    budget.share_between(10)
    assert budget.limit_bytes == QUEUE_BYTES
    budget.share_between(64)
    assert budget.limit_bytes == 6 * QUEUE_BYTES


def test_files_have_the_epoch_of_the_lease_at_the_beginning(running: Running) -> None:
    epochs = {STREAM.camera_id: 7}
    running.writer.note_epochs(epochs.get)
    stream = running.open_stream()
    epochs.clear()
    running.send_until(stream, stream.written_until_utc_s)
    file = running.index.next_file(STREAM, 0)
    assert file is not None
    assert file.epoch == 7
    stream.finish(GapReason.SWITCHED_OFF)


@pytest.mark.slow
def test_a_blocked_disk_holds_up_neither_the_source_nor_the_stop(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = BadDisk(running.folders[0], monkeypatch)
    stream = running.open_stream()
    running.send_until(stream, stream.written_until_utc_s)
    disk.may_write.clear()
    running.send_until(stream, disk.is_blocking.is_set)
    with promised_median(0.001) as measured:
        for _ in range(300):  # 150 MB
            with measured():
                running.second(stream, size=100_000)
    assert stream.problem is GapReason.DISK_TOO_SLOW
    queued = running.writer._parts.writers[running.volumes.all()[0]].budget.used_bytes
    assert queued <= QUEUE_BYTES
    running.writer.watch_once()
    assert running.volumes.all()[0].state is VolumeState.SLOW
    with promised(3.0):
        running.writer.stop()
    disk.may_write.set()
    until(lambda: not threads_named("archive-volume"))


@pytest.mark.slow
def test_a_disk_that_does_not_answer_loses_its_streams_to_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("archive.writer._HANGS_AFTER_S", 0.5)
    running = Running(tmp_path, volumes=2)
    first, second = running.volumes.all()
    disk = BadDisk(running.folders[0], monkeypatch)
    stream = running.open_stream()
    running.second(stream)
    disk.may_write.clear()
    running.send_until(stream, disk.is_blocking.is_set)
    until(lambda: first.state is VolumeState.GONE)
    assert "does not answer" in first.detail
    running.send_until(stream, lambda: running.index.open_files(second.id))
    assert stream.problem is None
    disk.may_write.set()
    until(lambda: not running.index.open_files(first.id))
    assert first.check()
    running.close()


@pytest.mark.slow
def test_a_camera_is_being_written_while_its_files_hang(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise the footage of a removed camera comes back when the disk answers."""
    monkeypatch.setattr("archive.writer._HANGS_AFTER_S", 0.5)
    running = Running(tmp_path, volumes=2)
    first, second = running.volumes.all()
    disk = BadDisk(running.folders[0], monkeypatch)
    stream = running.open_stream()
    running.second(stream)
    disk.may_write.clear()
    running.send_until(stream, disk.is_blocking.is_set)
    running.send_until(stream, lambda: running.index.open_files(second.id))
    stream.finish(GapReason.SWITCHED_OFF)
    until(lambda: stream.is_closed, what="the other volume has everything")
    assert running.writer.is_writing(STREAM.camera_id)
    disk.may_write.set()
    until(lambda: not running.writer.is_writing(STREAM.camera_id), what="the disk answers again")
    assert running.index.open_files(first.id) == []
    running.close()


def test_a_camera_is_being_written_while_its_stream_changes_the_volume(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = Running(tmp_path, volumes=2)
    first, second = running.volumes.all()
    stream = running.open_stream()
    running.send_until(stream, stream.written_until_utc_s)
    taken: list[bool] = []
    add = VolumeWriter.add

    def look_before(writer: VolumeWriter, stream: StreamWriter) -> None:
        taken.append(running.writer.is_writing(STREAM.camera_id))
        add(writer, stream)

    monkeypatch.setattr(VolumeWriter, "add", look_before)
    first.hold_full("Only kept recordings are left.")
    running.send_until(stream, lambda: running.index.open_files(second.id))
    assert taken == [True]
    running.close()


def test_a_camera_is_being_written_until_its_last_rows_are_in_the_index(running: Running) -> None:
    assert not running.writer.is_writing(STREAM.camera_id)
    stream = running.open_stream()
    running.second(stream)
    assert running.writer.is_writing(STREAM.camera_id)
    stream.finish(GapReason.SWITCHED_OFF)
    until(lambda: not running.writer.is_writing(STREAM.camera_id))
    assert running.index.open_files(running.volumes.all()[0].id) == []
    assert [it.files for it in running.index.totals()] == [1]


def test_stopping_writes_everything_that_waits(running: Running) -> None:
    stream = running.open_stream()
    for _ in range(5):
        running.second(stream)
    with promised(3.0):
        running.writer.stop()
    begin = running.clock.now_utc().replace(year=2000)
    (stretch,) = running.index.stretches([STREAM], begin, running.clock.now_utc())
    assert stretch.end_reason is GapReason.SERVER_OFF
    assert (stretch.end - stretch.start).total_seconds() == pytest.approx(5, abs=0.3)
    (file,) = running.index.files_of(STREAM, begin, running.clock.now_utc())
    assert len(frames_in(running.folders[0] / file.key.path)) == 25


def test_a_stopped_writer_can_be_started_again(running: Running) -> None:
    running.writer.stop()
    running.writer.start()
    stream = running.open_stream()
    running.send_until(stream, stream.written_until_utc_s)


def test_a_writer_without_recordings_makes_no_folder(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    index = ArchiveIndex(settings.archive_index_file)
    writer = ArchiveWriter(settings, SystemClock(), Volumes(settings), index)
    writer.start(is_new_index=index.open())
    assert not threads_named("archive-archive")
    writer.stop()
    writer.stop()
    index.close()
    assert not (tmp_path / "data" / "archive").exists()
