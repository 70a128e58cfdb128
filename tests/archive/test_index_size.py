"""The index of 64 cameras for 30 days: its size, and the CPU time of its questions."""

from __future__ import annotations

import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from archive.index import ArchiveIndex
from archive.records import FileKey, FileState, IndexedFile, IndexedStretch, to_ms
from core.archive import GapReason, RecordedQuality, StreamKey
from tests.archive.indexed import file_at
from tests.patience import PATIENCE, Slowness

CAMERAS = 64
DAYS = 30
FILES_A_DAY = 144
FILES_A_STRETCH = 48  # three gaps a day
FILE_MS = 600_000
BEGIN = datetime(2026, 10, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=DAYS)
STREAMS = [StreamKey(camera, 1, RecordedQuality.MAIN) for camera in range(1, CAMERAS + 1)]

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ArchiveIndex]:
    folder = tmp_path_factory.mktemp("index")
    made = ArchiveIndex(folder / "archive.sqlite3")
    made.open()
    made.note_volume("volume", folder)
    for stream in STREAMS:
        files, stretches = [], []
        for number in range(DAYS * FILES_A_DAY):
            if number % FILES_A_STRETCH == 0:
                stretch_id = made.new_stretch_id()
                start_ms = to_ms(BEGIN) + number * FILE_MS
                end_ms = start_ms + FILES_A_STRETCH * FILE_MS - 60_000
                stretches.append(IndexedStretch(stretch_id, stream, start_ms, end_ms, end_reason=GapReason.STALLED))
            key = FileKey(stream, 1, to_ms(BEGIN) + number * FILE_MS + stream.camera_id)
            length_ms = FILE_MS if (number + 1) % FILES_A_STRETCH else FILE_MS - 60_000
            files.append(IndexedFile(key, key.start_ms + length_ms, 300_000_000, stretch_id, FileState.CLOSED))
        made.commit(files, stretches)
    yield made
    made.close()


def cpu_s(question: Callable[[], object], times: int = 15) -> float:
    """The median CPU time of a question in this thread, on a quiet machine."""
    took_s = []
    with Slowness() as machine:
        for _ in range(times):
            began_s = time.thread_time()
            question()
            took_s.append(time.thread_time() - began_s)
    return statistics.median(took_s) / machine.factor() / PATIENCE


def test_the_file_has_at_most_25_megabytes(index: ArchiveIndex, tmp_path: Path) -> None:
    with index.read() as db:
        db.execute("SELECT 1")
        target = tmp_path / "copy.sqlite3"
        with closing(sqlite3.connect(target)) as copy:
            db.backup(copy)
    size = target.stat().st_size
    print(f"{size / 1e6:.1f} MB, {size / (CAMERAS * DAYS * FILES_A_DAY):.0f} bytes a file")
    assert size <= 25_000_000


def test_a_day_of_all_cameras_takes_at_most_10_ms(index: ArchiveIndex) -> None:
    day = END - timedelta(days=1)
    assert len(index.stretches(STREAMS, day, END)) == 3 * CAMERAS
    took_s = cpu_s(lambda: index.stretches(STREAMS, day, END))
    print(f"a day of stretches: {took_s * 1000:.2f} ms")
    assert took_s <= 0.010


def test_a_month_of_all_cameras_takes_at_most_20_ms(index: ArchiveIndex) -> None:
    assert len(index.stretches(STREAMS, BEGIN, END)) == 3 * DAYS * CAMERAS
    took_s = cpu_s(lambda: index.stretches(STREAMS, BEGIN, END))
    print(f"30 days of stretches: {took_s * 1000:.1f} ms")
    assert took_s <= 0.020


def test_the_file_of_a_moment_takes_at_most_1_ms(index: ArchiveIndex) -> None:
    moment = BEGIN + timedelta(days=12, minutes=34)
    assert file_at(index, STREAMS[7], moment) is not None
    took_s = cpu_s(lambda: file_at(index, STREAMS[7], moment))
    print(f"the file of a moment: {took_s * 1000:.2f} ms")
    assert took_s <= 0.001


def test_totals_and_the_oldest_files_take_at_most_1_ms_each(index: ArchiveIndex) -> None:
    totals_s = cpu_s(index.totals)
    assert index.oldest(STREAMS[0], 1)[0].start_ms == to_ms(BEGIN) + 1
    oldest_s = cpu_s(lambda: [index.oldest(stream, 1) for stream in STREAMS]) / CAMERAS
    print(f"totals: {totals_s * 1000:.2f} ms, the oldest file of a stream: {oldest_s * 1000:.3f} ms")
    assert totals_s <= 0.001
    assert oldest_s <= 0.001


def test_a_flush_of_all_cameras_takes_at_most_5_ms(index: ArchiveIndex) -> None:
    grown = [index.oldest(stream, 1, after_ms=to_ms(END - timedelta(days=1)))[0] for stream in STREAMS]
    took_s = cpu_s(lambda: index.commit(grown, []))
    print(f"a flush of {CAMERAS} files: {took_s * 1000:.2f} ms")
    assert took_s <= 0.005


def test_deleting_a_file_takes_at_most_1_ms(index: ArchiveIndex) -> None:
    oldest = iter(index.oldest(STREAMS[3], 1, limit=200))
    took_s = cpu_s(lambda: index.delete([next(oldest).key]))
    print(f"deleting a file: {took_s * 1000:.2f} ms")
    assert took_s <= 0.001
