"""The archive's writer without its threads: tests move the clock and let each volume's writer run by hand."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

from archive.index import ArchiveIndex
from archive.records import IndexedFile, to_ms
from archive.stream_files import StreamFiles
from archive.stream_writer import StreamWriter
from archive.volume import Volume
from archive.volume_writer import ArchiveParts, VolumeWriter
from archive.volumes import Volumes
from core.archive import ArchiveStretch, RecordedQuality, StreamKey
from core.settings import Settings
from media.archive.file_reader import ArchiveFile
from media.codecs.access_unit import VIDEO, AccessUnit
from tests.hand_clock import HandClock
from tests.media.archive.archived import description

STREAM = StreamKey(1, 3, RecordedQuality.MAIN)
CLOCK_RATE = 90_000
FPS = 5
GOP = 5


class Recording:
    """One or several volumes in `folder`, and their writers. Frames come by the hand clock, 5 per second."""

    def __init__(self, folder: Path, *, volumes: int = 1, crashed_at_ms: int | None = None, **settings: object) -> None:
        self.folders = [folder / f"volume{number}" for number in range(volumes)]
        values: dict[str, object] = {
            "archive_dirs": ":".join(map(str, self.folders)),
            "archive_min_free_bytes": 0,
            "archive_file_s": 60.0,
            **settings,
        }
        self.settings = Settings(
            data_dir=folder / "data",
            **values,  # type: ignore[arg-type] # a test's own
        )
        self.clock = HandClock()
        self.index = ArchiveIndex(self.settings.archive_index_file)
        self.volumes = Volumes(self.settings)
        self.parts = ArchiveParts(self.settings, self.clock, self.volumes, self.index)
        self.parts.adopts = self.index.open()
        self.parts.crashed_at_ms = crashed_at_ms
        self.volumes.add_former(self.index)
        for volume in self.volumes.all():
            self.parts.writers[volume] = VolumeWriter(volume, self.parts)
        self.sent: dict[StreamKey, list[tuple[bytes, float]]] = {}
        self.run()

    @property
    def volume(self) -> Volume:
        return self.volumes.all()[0]

    @property
    def writer(self) -> VolumeWriter:
        return self.parts.writers[self.volume]

    def run(self) -> None:
        """Let each volume's writer run once."""
        for writer in self.parts.writers.values():
            writer.run_once()

    def flush(self) -> None:
        self.run()
        for writer in self.parts.writers.values():
            writer.flush()

    def open_stream(self, stream: StreamKey = STREAM, **more: object) -> StreamWriter:
        files = StreamFiles(stream, self.index, file_s=self.settings.archive_file_s, **more)  # type: ignore[arg-type]
        writer = self.parts.writers[self.volumes.first_usable() or self.volume]
        made = StreamWriter(stream, files, writer.budget)
        writer.add(made)
        made.on_description(description())
        return made

    def frames(self, stream: StreamWriter, seconds: float, *, size: int = 50) -> None:
        """Send frames, the first one a key frame, while the clock moves on; let the writers run each second."""
        for number in range(round(seconds * FPS)):
            self.frame(stream, is_key=number % GOP == 0, size=size)
            if number % FPS == FPS - 1:
                self.run()

    def frame(self, stream: StreamWriter, *, is_key: bool, size: int = 50) -> None:
        at_s = to_ms(self.clock.now) / 1000
        sent = self.sent.setdefault(stream.stream, [])
        data = bytes([0x65 if is_key else 0x41]) + len(sent).to_bytes(4, "big") + b"\x80" * size
        unit = AccessUnit(VIDEO, (data,), 0, CLOCK_RATE, is_key=is_key, arrived_s=self.clock.passed_s)
        stream.on_units([unit], [at_s])
        sent.append((data, at_s))
        self.clock.move(seconds=1 / FPS)

    # ---- the recordings ------------------------------------------------------------------------

    def stretches(self, stream: StreamKey = STREAM) -> list[ArchiveStretch]:
        year = timedelta(days=365)
        return self.index.stretches([stream], self.clock.now - year, self.clock.now + year)

    def files(self, stream: StreamKey = STREAM) -> list[IndexedFile]:
        year = timedelta(days=365)
        return self.index.files_of(stream, self.clock.now - year, self.clock.now + year)

    def path(self, file: IndexedFile) -> Path:
        volume = self.volumes.by_id(file.key.volume_id)
        assert volume is not None
        return volume.folder / file.key.path

    def stored(self, stream: StreamKey = STREAM) -> list[tuple[bytes, float]]:
        """The frames of all files, as far as their rows promise them, with their times to the millisecond."""
        return [frame for file in self.files(stream) for frame in frames_in(self.path(file), file.size_bytes)]

    def stored_of(self, folder: Path) -> list[tuple[bytes, float]]:
        """The frames of all files below a folder, also those that no row promises."""
        return [frame for name in sorted(all_files(folder)) for frame in frames_in(folder / name)]

    def is_all_stored(self, stream: StreamKey = STREAM) -> bool:
        return same(self.stored(stream), self.sent[stream])

    def close(self) -> None:
        self.index.close()


def frames_in(path: Path, good_bytes: int | None = None) -> list[tuple[bytes, float]]:
    with ArchiveFile.open(path, good_bytes) as file:
        units = [unit for fragment in file.fragments() for unit in file.read_units(fragment)]
    return [(unit.parts[0], unit.device_s or 0.0) for unit in units]


def same(stored: Sequence[tuple[bytes, float]], sent: Sequence[tuple[bytes, float]]) -> bool:
    """True if the same frames have the same times to the millisecond."""
    return [data for data, _ in stored] == [data for data, _ in sent] and all(
        abs(came_s - went_s) < 0.0015 for (_, came_s), (_, went_s) in zip(stored, sent, strict=True)
    )


def all_files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*.mp4")}


def threads_named(prefix: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(prefix)]
