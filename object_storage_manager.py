"""Copies of recordings in an object storage: the interface of the package `object_storage`."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from archive_manager import ArchiveManager
from core.clock import Clock
from core.events import EventKind, Trouble
from core.placement import Placement
from core.settings import Settings
from database import Database
from object_storage.bucket import Bucket
from object_storage.copies import CopyStore
from object_storage.expiry import Expiry
from object_storage.health import StorageHealth
from object_storage.object_store import ObjectStore
from object_storage.parts import StorageParts
from object_storage.place import CopiesPlace
from object_storage.uploader import Uploader
from object_storage.view import ObjectStorageView, StoredCopies, WaitingFiles

__all__ = ["ObjectStorageManager"]

_SUMS_FOR_S = 10.0


class ObjectStorageManager:
    """Thread-safe. The database and the archive must be open between start() and stop()."""

    def __init__(
        self, database: Database, settings: Settings, clock: Clock, placement: Placement, archive: ArchiveManager
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._bucket = Bucket(settings)
        self._copies = CopyStore(database, settings.node_name)
        self._health = StorageHealth(clock)
        parts = StorageParts(self._bucket, self._copies, self._health, clock)
        self._uploader = Uploader(parts, archive.volumes, settings)
        self._expiry = Expiry(parts, archive, placement, self._uploader, days=settings.object_storage_days)
        self._place = CopiesPlace(database, settings)
        self._lock = threading.Lock()
        self._sums: tuple[float, tuple[WaitingFiles, ...], StoredCopies] | None = None
        self.store = ObjectStore(self._bucket, clock)

    def start(self) -> None:
        """Begin to upload and to delete.

        Raise StartRefused if the package is not installed, or if the copies of the database are in another bucket.
        """
        self._bucket.open()
        self._place.check()
        self._uploader.start()
        self._expiry.start()

    def stop(self) -> None:
        """End an upload between two parts, within some seconds. May be called twice."""
        self._expiry.stop()
        self._uploader.stop()

    def view(self) -> ObjectStorageView:
        """Return the state of the object storage, and the files that wait. Raise Unavailable."""
        waiting, copies = self._read_sums()
        health = self._health
        return ObjectStorageView(
            url=self._settings.object_storage_url,
            state=health.state,
            detail=health.detail,
            waiting=waiting,
            copies=copies,
            last_copy_at=health.last_copy_at,
            last_error=health.last_error,
            days=self._settings.object_storage_days,
        )

    def troubles(self) -> Sequence[Trouble]:
        """Return the trouble of an object storage that has failed for a minute."""
        state = self._health.alert
        if state is None:
            return ()
        url = self._settings.object_storage_url
        return (Trouble(key="object storage", kind=EventKind.STORAGE, reason=f"copies_{state}", label=url),)

    def _read_sums(self) -> tuple[tuple[WaitingFiles, ...], StoredCopies]:
        """Return the sums of the table, which a page requests often and which take a tenth of a second."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            if self._sums is None or now_s - self._sums[0] > _SUMS_FOR_S:
                self._sums = now_s, tuple(self._copies.waiting_files()), self._copies.copies()
            return self._sums[1:]
