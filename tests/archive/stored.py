"""Volumes of a few kilobytes with real files, and all parts of the retention over them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from archive import volume as volume_module
from archive.index import ArchiveIndex
from archive.inflow import Inflow
from archive.kept import KeptRanges
from archive.open_files import OpenFiles
from archive.records import FileState, IndexedFile, VolumeState, from_ms
from archive.retention import Retention, RetentionParts
from archive.rules import RuleStore
from archive.volume import Space, Volume
from archive.volumes import Volumes
from archive.writer import ArchiveWriter
from core.access import LOCAL
from core.archive import KeptRange, RecordingMode, RecordingRule, StreamKey
from core.settings import Settings
from tables.cameras import CameraRow
from tests.archive.indexed import HOUR_MS, NOW_MS, add_files, stream_of
from tests.archive.recorded_cameras import HandCameras
from tests.hand_clock import HandClock
from tests.prepared_database import prepared_database

DISK_BYTES = 100_000


@dataclass
class Disks:
    """Disks of `size_bytes`, one for each folder; their free space is what the files leave."""

    size_bytes: int = DISK_BYTES
    other_bytes: dict[Path, int] = field(default_factory=dict)  # of other programs

    def space(self, folder: Path) -> Space:
        used = sum(path.stat().st_size for path in folder.rglob("*.mp4*"))
        return Space(self.size_bytes, max(0, self.size_bytes - used - self.other_bytes.get(folder, 0)))


@dataclass
class StoredRules:
    """The rules and the kept ranges of cameras, as one node has them."""

    rules: RuleStore
    kept: KeptRanges
    clock: HandClock

    def set_rule(self, camera_id: int = 1, **values: object) -> None:
        rule = RecordingRule(**{"mode": RecordingMode.CONTINUOUS, "keep_days": None, **values})  # type: ignore[arg-type]
        self.rules.set_rule(camera_id, 1, rule)

    def keep(
        self, begin_hours_ago: float, end_hours_ago: float, *, camera_id: int = 1, until: datetime | None = None
    ) -> KeptRange:
        now = self.clock.now
        start, end = (now - timedelta(hours=hours) for hours in (begin_hours_ago, end_hours_ago))
        return self.kept.keep(camera_id, 1, start, end, reason="", until=until, by=LOCAL)


class StoredArchive(StoredRules):
    """Cameras 1 to 3, volumes on small disks, and a retention without its thread."""

    def __init__(self, folder: Path, *, volumes: int = 1, min_free_bytes: int = 0) -> None:
        self.disks = Disks()
        names = [str(folder / f"disk{number}") for number in range(1, volumes + 1)]
        self.settings = Settings(
            data_dir=folder / "data", archive_dirs=":".join(names), archive_min_free_bytes=min_free_bytes
        )
        clock = HandClock(from_ms(NOW_MS))
        self.database = prepared_database(self.settings.database_file)
        self.database.open()
        with self.database.write() as session:
            for camera_id in (1, 2, 3):
                session.add(
                    CameraRow(
                        id=camera_id,
                        name=f"Camera {camera_id}",
                        host=f"10.0.0.{camera_id}",
                        port_found=False,
                        username="",
                        password_box=b"",
                        pretend=False,
                        added_at=clock.now,
                    )
                )
        super().__init__(RuleStore(self.database, clock), KeptRanges(self.database, clock), clock)
        self.index = ArchiveIndex(self.settings.archive_index_file)
        self.index.open()
        self.volumes = Volumes(self.settings)
        for volume in self.volumes.all():
            assert self.volumes.open(volume, self.index), volume.detail
        self.writer = ArchiveWriter(self.settings, self.clock, self.volumes, self.index)
        self.open_files = OpenFiles()
        self.cameras = HandCameras()
        self.inflow = Inflow(self.index, self.rules, self.clock, self.cameras)
        self.parts = RetentionParts(
            self.index, self.volumes, self.writer, self.rules, self.kept, self.open_files, self.inflow
        )
        self.retention = self.make_retention()

    def make_retention(self) -> Retention:
        return Retention(self.parts, self.clock, min_free_bytes=self.settings.archive_min_free_bytes)

    def close(self) -> None:
        self.retention.stop()
        self.writer.stop()
        self.index.close()
        self.database.close()

    @property
    def volume(self) -> Volume:
        return self.volumes.all()[0]

    def volume_state(self) -> VolumeState:
        return self.volume.state

    def record(
        self,
        stream: StreamKey,
        hours_ago: Sequence[float],
        *,
        size_bytes: int = 1000,
        volume_id: int = 1,
        state: FileState = FileState.CLOSED,
    ) -> list[IndexedFile]:
        """Add files of ten minutes, in the index and on the volume."""
        now_ms = round(self.clock.now.timestamp() * 1000)
        starts_ms = [now_ms - round(hours * HOUR_MS) for hours in hours_ago]
        files = add_files(self.index, stream, starts_ms, size_bytes=size_bytes, volume_id=volume_id, state=state)
        for file in files:
            path = self.path(file)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(bytes(size_bytes))
        return files

    def path(self, file: IndexedFile) -> Path:
        volume = self.volumes.by_id(file.key.volume_id)
        assert volume is not None
        return volume.folder / file.key.path

    def hours_left(self, camera_id: int = 1) -> list[int]:
        """Return the beginnings of the camera's files on the disks, in hours before now; they agree with the index."""
        on_disk = sorted(
            str(path.relative_to(volume.folder))
            for volume in self.volumes.all()
            for path in volume.folder.glob(f"{camera_id}/**/*.mp4")
        )
        files = [
            file
            for stream in self.index.streams(camera_id)
            for file in self.index.files_of(stream, from_ms(0), self.clock.now + timedelta(days=9))
        ]
        assert sorted(file.key.path for file in files) == on_disk
        now_ms = round(self.clock.now.timestamp() * 1000)
        return sorted(((now_ms - file.start_ms) // HOUR_MS for file in files), reverse=True)

    def other_node(self) -> StoredRules:
        """Return what another node has in its memory."""
        return StoredRules(RuleStore(self.database, self.clock), KeptRanges(self.database, self.clock), self.clock)


__all__ = ["Disks", "StoredArchive", "stream_of", "volume_module"]
