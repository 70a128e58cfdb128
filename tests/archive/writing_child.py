"""A program that records 16 streams until it is killed.

    python -m tests.archive.writing_child DATA_DIR ARCHIVE_DIR [ARCHIVE_FLUSH_S]

It prints a line as soon as all streams have pictures on the disk.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from archive.index import ArchiveIndex
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from core.archive import RecordedQuality, StreamKey
from core.clock import SystemClock
from core.settings import Settings
from media.codecs.access_unit import VIDEO, AccessUnit
from tests.media.archive.archived import description

STREAMS = [StreamKey(1, channel, RecordedQuality.MAIN) for channel in range(1, 17)]
FPS = 20
GOP = 10


def settings_of(data: Path, folder: Path, flush_s: float = 1.0) -> Settings:
    return Settings(
        data_dir=data, archive_dirs=str(folder), archive_min_free_bytes=0, archive_flush_s=flush_s, archive_file_s=10.0
    )


def record(data: Path, folder: Path, flush_s: float) -> None:
    settings = settings_of(data, folder, flush_s)
    index = ArchiveIndex(settings.archive_index_file)
    writer = ArchiveWriter(settings, SystemClock(), Volumes(settings), index)
    writer.start(is_new_index=index.open())
    sinks = [writer.open_stream(stream) for stream in STREAMS]
    for sink in sinks:
        sink.on_description(description())
    number = 0
    has_told = False
    while True:
        for sink in sinks:
            data_of_frame = bytes([0x41]) + number.to_bytes(4, "big") + b"\x80" * 2000
            unit = AccessUnit(VIDEO, (data_of_frame,), 0, 90_000, is_key=number % GOP == 0, arrived_s=time.monotonic())
            sink.on_units([unit], [time.time()])
        number += 1
        time.sleep(1 / FPS)
        if not has_told and all(sink.written_until_utc_s() for sink in sinks):
            has_told = True
            print("writing", flush=True)


if __name__ == "__main__":
    record(Path(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else 1.0)
