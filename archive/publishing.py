"""Tells other nodes of this node's archive files: copies the rows of its index into the shared table.

The index and the files are the truth. A thread follows the changes of the index, and compares everything at the start,
after a failure, and now and then.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Iterable

from archive.file_changes import FileChanges
from archive.index import ArchiveIndex
from archive.records import EPOCH, FileKey, FileState, IndexedFile, from_ms
from archive.shared_files import Name, SharedFiles, WrittenFile
from core.archive import StreamKey
from core.clock import Clock
from core.errors import AppError
from core.recording_storage import StoredFile
from core.stop_signal import StopSignal

log = logging.getLogger(__name__)

OPEN_FILES_EVERY_S = 30.0
"""How often the row of a file that is being written is renewed. Other nodes know its end as well as that."""
_COMPARE_EVERY_S = 6 * 3600.0
_TICK_S = 2.0
_GATHER_S = 0.5
_STOP_S = 2.0


class FilePublisher:
    """start() and stop() may be called twice. The index and the database must be open between them."""

    def __init__(self, index: ArchiveIndex, shared: SharedFiles, clock: Clock) -> None:
        self._index = index
        self._shared = shared
        self._clock = clock
        self._changes = FileChanges()
        self._open: dict[FileKey, float] = {}  # when the rows of files that are being written were renewed
        self._compared_at_s = float("-inf")
        self._is_stopping = StopSignal()
        self._thread: threading.Thread | None = None
        index.note_changes_in(self._changes)

    def start(self) -> None:
        if self._thread is None:
            self._is_stopping.begin()
            self._changes.note_everything()
            self._thread = threading.Thread(
                target=self._is_stopping.bound(self._serve), name="archive-files", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        """Tell of the files that were sealed until now, if the database answers within two seconds."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._is_stopping.set()
            self._changes.news.set()
            thread.join(_STOP_S)

    def publish_again(self) -> None:
        """Let the thread compare the table with the index soon. Thread-safe; returns immediately."""
        self._changes.note_everything()

    def publish(self) -> None:
        """Write the changes since the last call. Raise Unavailable; the next call writes it then."""
        keys, is_everything = self._changes.take()
        now_s = self._clock.monotonic_s()
        try:
            if is_everything or now_s - self._compared_at_s > _COMPARE_EVERY_S:
                self._compare()
                self._compared_at_s = now_s
            due = {key for key, at_s in self._open.items() if now_s - at_s >= OPEN_FILES_EVERY_S}
            self._write(keys | due, now_s)
        except BaseException:
            self._changes.note(keys)
            if is_everything:
                self._changes.note_everything()
            raise

    def _serve(self) -> None:
        while True:
            self._changes.news.wait(_TICK_S)
            is_last = self._is_stopping.wait(_GATHER_S)  # a flush commits the files of all streams of a volume
            self._changes.news.clear()
            try:
                self.publish()
            except AppError as error:
                log.info("other nodes could not be told of recordings (%s)", error.code)
                self._is_stopping.wait(_TICK_S)
            except Exception:  # the top of a thread
                log.exception("other nodes could not be told of recordings")
                self._is_stopping.wait(_TICK_S)
            if is_last:
                return

    def _write(self, keys: Collection[FileKey], now_s: float) -> None:
        volumes = self._volumes()
        written: list[IndexedFile] = []
        gone: dict[StreamKey, list[Name]] = {}
        for key in keys:
            file = self._index.file(key)
            if file is None or not file.is_playable:
                gone.setdefault(key.stream, []).append(_name(key, volumes))
                self._open.pop(key, None)
            elif file.state is not FileState.OPEN or now_s - self._open.get(key, float("-inf")) >= OPEN_FILES_EVERY_S:
                written.append(file)
        self._shared.save([_written(file, volumes) for file in written])
        for stream, names in gone.items():
            self._shared.forget(stream, names)
        for file in written:
            if file.state is FileState.OPEN:
                self._open[file.key] = now_s
            else:
                self._open.pop(file.key, None)

    def _compare(self) -> None:
        """Bring the table in line with the index."""
        volumes = self._volumes()
        self._shared.adopt(volumes.values())
        number = 0
        for stream in {*self._index.streams(), *self._shared.own_streams()}:
            rows = self._shared.own_files(stream)
            found = {it.name: it for it in (_written(file, volumes) for file in self._files(stream))}
            changed = [it for name, it in found.items() if name not in rows or not _is_same(it, rows[name])]
            self._shared.save(changed)
            gone = {name for name, row in rows.items() if row.is_on_disk} - found.keys()
            if gone:
                self._shared.forget(stream, gone)
            number += len(changed) + len(gone)
        if number:
            log.info("the table of recordings of all nodes is brought in line with the index: %d files", number)

    def _files(self, stream: StreamKey) -> Iterable[IndexedFile]:
        far = from_ms(253_370_764_800_000)  # the year 9999
        return (it for it in self._index.files_of(stream, EPOCH, far) if it.is_playable)

    def _volumes(self) -> dict[int, str]:
        return {it.id: it.uuid for it in self._index.volumes()}


def _written(file: IndexedFile, volumes: dict[int, str]) -> WrittenFile:
    volume, start_ms, suffix = _name(file.key, volumes)
    return WrittenFile(
        file.stream,
        volume,
        start_ms,
        suffix,
        end_ms=file.end_ms,
        size_bytes=file.size_bytes,
        stretch_id=file.stretch_id,
        is_sealed=file.state is FileState.CLOSED,
        epoch=file.epoch,
    )


def _name(key: FileKey, volumes: dict[int, str]) -> Name:
    return (volumes.get(key.volume_id, ""), key.start_ms, key.suffix)


def _is_same(file: WrittenFile, row: StoredFile) -> bool:
    return row.is_on_disk and (file.end_ms, file.size_bytes, file.stretch_id, file.is_sealed) == (
        row.end_ms,
        row.size_bytes,
        row.stretch_id,
        row.is_sealed,
    )
