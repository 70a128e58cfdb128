"""Uploads finished files of the archive, the oldest first.

Recordings are written to the disk first, in any case. The queue is the rows without a copy in the database, so nothing
is lost if the line, the storage or the app is away.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from secrets import token_hex

from archive.records import FileKey, from_ms, stream_folder, to_ms
from archive.volume import has_marker
from archive.volumes import Volumes
from core.backoff import Backoff
from core.reading_pace import ReadingPace
from core.recording_storage import StoredFile
from core.settings import Settings
from media.archive.byte_source import DiskBytes
from object_storage.bucket import PART_BYTES
from object_storage.health import Purpose
from object_storage.parts import StorageParts
from object_storage.problems import ObjectStorageFailed, StorageState
from object_storage.work import BackgroundWork

log = logging.getLogger(__name__)

_IDLE_S = 5.0
_FIRST_WAIT_S = 2.0
_LONGEST_WAIT_S = 120.0
_AFTER_UNREADABLE_S = 0.05  # all files of a disk may be damaged
_PUT_OFF_S = 300.0  # files whose disk is away, or that the storage does not take, or that cannot be read


class _Stopping(Exception):
    """The app stops in the middle of an upload."""


class _Away(Exception):
    """The disk with the file is not there."""


class _Unreadable(Exception):
    """The file cannot be read from its disk, or is not as long as its row says."""


@dataclass(frozen=True, slots=True)
class _Upload:
    """An upload whose end the database does not know yet."""

    file: StoredFile
    key: str
    is_whole: bool = False


def object_key_of(file: StoredFile) -> str:
    """Return a new name for the copy of a file: camera, channel, beginning in UTC, and the epoch of its lease.

    It ends with a random word, so that no two uploads ever write the same object.
    """
    begin = from_ms(file.start_ms)
    name = f"{begin:%H%M%S}_{file.start_ms % 1000:03d}-e{file.epoch}-{token_hex(4)}.mp4"
    return f"{stream_folder(file.stream)}/{begin:%Y-%m-%d}/{name}"


class Uploader(BackgroundWork):
    """The thread that uploads: one for the process."""

    def __init__(self, parts: StorageParts, volumes: Volumes, settings: Settings) -> None:
        super().__init__("object-upload")
        self._bucket = parts.bucket
        self._copies = parts.copies
        self._health = parts.health
        self._clock = parts.clock
        self._volumes = volumes
        self._days = settings.object_storage_days
        self._pace = ReadingPace(parts.clock, settings.object_storage_max_mbps)
        self._backoff = Backoff(first_s=_FIRST_WAIT_S, longest_s=_LONGEST_WAIT_S, healthy_after_s=_LONGEST_WAIT_S)
        self._refused: dict[int, float] = {}  # ids of files that the storage refused, and when to try them again
        self._away: dict[str, float] = {}  # disks that are not there, and when to try them again
        self._unreadable: StoredFile | None = None  # the last one: after the newest file, all are tried again
        self._again_at_s = 0.0
        self._uploading = ""
        self._unnoted: _Upload | None = None

    @property
    def uploading(self) -> str:
        """The name of the object that is being uploaded; empty between uploads."""
        return self._uploading

    def work(self) -> float:
        """Upload the next file. Return the seconds to wait before the one after it."""
        self._note_end()
        file = self._next()
        if file is None:
            return _IDLE_S
        try:
            self._upload(file)
        except _Stopping:
            return 0.0
        except _Away:
            log.warning("the recordings of the disk %s wait for their copies: it is not there", file.volume)
            self._away[file.volume] = self._clock.monotonic_s() + _PUT_OFF_S
            return 0.0
        except _Unreadable as error:
            log.warning("a recording of camera %d waits for its copy: %s", file.stream.camera_id, error)
            self._unreadable, self._again_at_s = file, self._clock.monotonic_s() + _PUT_OFF_S
            return _AFTER_UNREADABLE_S
        except ObjectStorageFailed as failure:
            self._health.note_failure(failure, Purpose.UPLOAD)
            if failure.state is StorageState.FAILED:  # perhaps only of this file
                self._refused[file.id] = self._clock.monotonic_s() + _PUT_OFF_S
            return self._backoff.failed_after(0.0)
        self._backoff.forget()
        return 0.0

    def _next(self) -> StoredFile | None:
        """Return the oldest waiting file that is not put off; None if there is none."""
        now_s = self._clock.monotonic_s()
        self._refused = {file_id: due_s for file_id, due_s in self._refused.items() if due_s > now_s}
        self._away = {volume: due_s for volume, due_s in self._away.items() if due_s > now_s}
        # An older file would be deleted from the storage as soon as it is there.
        since = self._clock.now_utc() - timedelta(days=self._days) if self._days else None
        since_ms = to_ms(since) if since is not None else 0
        waiting = partial(self._copies.waiting, 1, since_ms=since_ms, but=self._refused, but_volumes=self._away)
        found = waiting(after=self._unreadable)
        if not found and self._unreadable is not None and now_s >= self._again_at_s:
            self._unreadable = None
            found = waiting()
        return found[0] if found else None

    def _upload(self, file: StoredFile) -> None:
        source = self._open(file)
        try:
            if source.size() != file.size_bytes:
                raise _Unreadable("it is not as long as the index says")
            self._uploading = key = object_key_of(file)
            self._copies.begin(key)
            self._unnoted = _Upload(file, key)
            self._bucket.put(key, self._parts(source, file.size_bytes))
            self._unnoted = _Upload(file, key, is_whole=self._is_whole(file, key))
        finally:
            self._uploading = ""
            source.close()
        self._note_end()

    def _is_whole(self, file: StoredFile, key: str) -> bool:
        """Return True. Raise ObjectStorageFailed if the storage has another number of bytes."""
        stored_bytes = self._bucket.size(key)
        if stored_bytes != file.size_bytes:
            raise ObjectStorageFailed(
                StorageState.FAILED, f"The object storage has {stored_bytes or 0} bytes of {file.size_bytes}."
            )
        self._health.note_copy()
        return True

    def _note_end(self) -> None:
        """Note the end of the last upload, if that is still to be done. Raise Unavailable; the next call does it then.

        Another node may have forgotten the upload while this one was cut off.
        """
        ended = self._unnoted
        if ended is None:
            return
        if not ended.is_whole:
            self._copies.abandon(ended.key)
        elif not self._copies.finish(ended.file, ended.key):
            log.debug("a recording was deleted while it was uploaded; its copy follows")
        self._unnoted = None

    def _open(self, file: StoredFile) -> DiskBytes:
        """Raise _Away or _Unreadable."""
        volume = next((it for it in self._volumes.all() if it.uuid == file.volume), None)
        if volume is None or not has_marker(volume.folder, file.volume):
            raise _Away
        try:
            return DiskBytes(volume.folder / _path_of(file))
        except OSError as error:
            raise _Unreadable(error.strerror or "its file cannot be opened") from error

    def _parts(self, source: DiskBytes, size_bytes: int) -> Iterator[bytes]:
        """Yield the bytes of a file at the pace of the settings."""
        for first in range(0, size_bytes, PART_BYTES):
            if self._is_stopping.wait(self._pace.wait_s()):
                raise _Stopping
            try:
                part = source.read(first, min(PART_BYTES, size_bytes - first))
            except OSError as error:
                raise _Unreadable(error.strerror or "its disk cannot be read") from error
            if len(part) < min(PART_BYTES, size_bytes - first):
                raise _Unreadable("it became shorter")
            self._pace.took(len(part))
            yield part


def _path_of(file: StoredFile) -> Path:
    return Path(FileKey(file.stream, 0, file.start_ms, file.suffix).path)
