"""A node of the app without cameras: its database, a disk with files, and the parts that copy them."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import select

from archive.records import FileKey, to_ms
from archive.volumes import Volumes
from core.archive import RecordedQuality, StreamKey
from core.settings import Settings
from database import Database
from object_storage.bucket import Bucket
from object_storage.copies import CopyStore
from object_storage.health import StorageHealth
from object_storage.parts import StorageParts
from object_storage.uploader import Uploader
from tables import ArchiveFileRow, ObjectLeftoverRow
from tests.hand_clock import HandClock
from tests.prepared_database import prepared_database

MAIN = RecordedQuality.MAIN


class NodeWithFiles:
    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.clock = HandClock()
        self.database = prepared_database(settings.database_file)
        self.database.open()
        self.volumes = Volumes(settings)
        self.volume = self.volumes.all()[0]
        self.volume.folder.parent.mkdir(parents=True, exist_ok=True)
        self.volume.identify([])
        self.restart()

    def close(self) -> None:
        self.uploader.stop()
        self.database.close()

    def restart(self, **settings: object) -> None:
        """Build the parts anew, as a start of the app does."""
        self.settings = replace(self.settings, **settings)  # type: ignore[arg-type]
        self.bucket = Bucket(self.settings)
        self.bucket.open()
        self.copies = CopyStore(self.database, self.settings.node_name)
        self.health = StorageHealth(self.clock)
        self.parts = StorageParts(self.bucket, self.copies, self.health, self.clock)
        self.uploader = Uploader(self.parts, self.volumes, self.settings)

    def record(self, size_bytes: int = 1000, *, minutes_ago: float = 10, camera_id: int = 1, **columns: object) -> int:
        """Write a file and its row. Return the id of the row."""
        start = self.clock.now - timedelta(minutes=minutes_ago)
        return self.record_at(start, size_bytes, camera_id=camera_id, **columns)

    def record_at(self, start: datetime, size_bytes: int, *, camera_id: int = 1, **columns: object) -> int:
        key = FileKey(StreamKey(camera_id, 1, MAIN), 0, to_ms(start))
        path = self.volume.folder / key.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(random.Random(key.start_ms).randbytes(size_bytes))
        place = {"node": self.settings.node_name, "volume": self.volume.uuid, "camera_id": camera_id}
        return self.add_row(self.database, start, size_bytes, **{**place, **columns})

    @staticmethod
    def add_row(database: Database, start: datetime, size_bytes: int, **columns: object) -> int:
        """Add the row of a finished file of a minute. Return its id."""
        values: dict[str, object] = {
            "node": "",
            "camera_id": 1,
            "channel": 1,
            "quality": MAIN.value,
            "start_ms": to_ms(start),
            "end_ms": to_ms(start) + 60_000,
            "size_bytes": size_bytes,
            "volume": "",
            "stretch_id": 1,
            "epoch": 7,
            "is_sealed": True,
            **columns,
        }
        with database.write() as session:
            row = ArchiveFileRow(**values)
            session.add(row)
            session.flush()
            return row.id

    def row(self, row_id: int) -> ArchiveFileRow | None:
        with self.database.read() as session:
            found = session.get(ArchiveFileRow, row_id)
            if found is not None:
                session.expunge(found)
            return found

    def key_of(self, row_id: int) -> str | None:
        row = self.row(row_id)
        return row.object_key if row is not None else None

    def leftovers(self) -> list[str]:
        with self.database.read() as session:
            return list(session.scalars(select(ObjectLeftoverRow.object_key)))

    def content(self, row_id: int) -> bytes:
        """Return the bytes of the file on the disk."""
        row = self.row(row_id)
        assert row is not None
        key = FileKey(StreamKey(row.camera_id, row.channel, MAIN), 0, row.start_ms)
        return (self.volume.folder / key.path).read_bytes()
