"""A start with many files: recording begins at once, and the comparison of index and disk runs behind it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from archive.index import ArchiveIndex
from archive.records import FileKey, FileState, IndexedFile, IndexedStretch, to_ms
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from core.archive import GapReason, RecordedQuality, StreamKey
from core.clock import SystemClock
from media.codecs.access_unit import VIDEO, AccessUnit
from tests.archive.writing_child import settings_of
from tests.media.archive.archived import description
from tests.patience import promised, until

CAMERAS = 64
FILES = 144  # of a day
FPS = 10
FILE = timedelta(minutes=10)
SIZE = 4096

pytestmark = pytest.mark.slow


def fill(index: ArchiveIndex, folder: Path, begin: datetime) -> None:
    """Give each camera a day of files, of which no byte is allocated."""
    for camera in range(1, CAMERAS + 1):
        stream = StreamKey(camera, 1, RecordedQuality.MAIN)
        stretch_id, files = index.new_stretch_id(), []
        for number in range(FILES):
            key = FileKey(stream, 1, to_ms(begin + number * FILE))
            end_ms = key.start_ms + to_ms(begin + FILE) - to_ms(begin)
            files.append(IndexedFile(key, end_ms, SIZE, stretch_id, FileState.CLOSED))
            path = folder / key.path
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("wb") as made:
                made.truncate(SIZE)
        stretch = IndexedStretch(
            stretch_id, stream, files[0].key.start_ms, files[-1].end_ms, end_reason=GapReason.SERVER_OFF
        )
        index.commit(files, [stretch])


def test_a_start_with_a_day_of_64_cameras_takes_at_most_a_second(tmp_path: Path) -> None:
    settings = settings_of(tmp_path / "data", tmp_path / "volume")
    index = ArchiveIndex(settings.archive_index_file)
    index.open()
    volumes = Volumes(settings)
    assert volumes.open(volumes.all()[0], index)
    fill(index, tmp_path / "volume", SystemClock().now_utc() - timedelta(days=2))
    index.close()
    index = ArchiveIndex(settings.archive_index_file)
    with promised(1.0):
        writer = ArchiveWriter(settings, SystemClock(), Volumes(settings), index)
        writer.start(is_new_index=index.open())
        sink = writer.open_stream(StreamKey(1, 1, RecordedQuality.MAIN))
    sink.on_description(description())
    for number in range(2 * FPS):
        frame = bytes([0x41]) + number.to_bytes(4, "big") + b"\x80" * 2000
        unit = AccessUnit(VIDEO, (frame,), 0, 90_000, is_key=number % FPS == 0, arrived_s=time.monotonic())
        sink.on_units([unit], [time.time() + number / FPS])
    until(sink.written_until_utc_s, what="the first picture on the disk")
    writer.stop()
    index.close()
