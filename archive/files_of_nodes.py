"""The archive files that readers see with several nodes: those of this node, those of others, and those in an object
storage.

Two nodes may have the same seconds, because a node that was cut off records until its fence. The file with the higher
epoch counts then, and nothing is played twice.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from operator import attrgetter
from typing import TypeVar

from archive.footage_elsewhere import footage_elsewhere
from archive.readable import OpenedFile, ReadableFile, ReadableFiles
from archive.records import FileKey, from_ms, to_ms
from archive.shared_files import SharedFiles, StoredStretch
from archive.storages import Storages, StoredBytes
from core.archive import ArchivedStream, ArchiveStretch, FootageElsewhere, GapReason, Origin, StreamKey
from core.clock import Clock
from core.errors import ArchiveUnreadable, Unavailable
from core.recording_storage import StoredFile
from media.archive.file_reader import ArchiveFile, ArchiveFileError

log = logging.getLogger(__name__)

_EXTENTS_S = 2.0
_LOST_S = 2.0  # before the next question to a database that does not answer
_NEWEST = 2**31  # the epoch of own files that have no row yet
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Ranked:
    """A file with the epoch that decides between two files of the same time."""

    epoch: int
    file: ReadableFile


class FilesOfNodes(ReadableFiles):
    """`local`: the files of this node. Thread-safe."""

    def __init__(self, local: ReadableFiles, shared: SharedFiles, storages: Storages, clock: Clock) -> None:
        self._local = local
        self._shared = shared
        self._storages = storages
        self._clock = clock
        self._extents: dict[int, tuple[float, list[ArchivedStream]]] = {}
        self._lost_until_s = float("-inf")

    # ---- what other places have ------------------------------------------------------------------

    def extents(self, camera_id: int) -> Sequence[ArchivedStream]:
        """Return the streams of a camera that other places have files of, as of two seconds ago or, while the database
        is lost, as of its last answer: own footage plays on. Raise Unavailable without one."""
        now_s = self._clock.monotonic_s()
        kept = self._extents.get(camera_id)
        if kept is not None and now_s - kept[0] < _EXTENTS_S:
            return kept[1]
        try:
            found = self._ask(lambda: self._shared.extents(camera_id))
        except Unavailable:
            if kept is None:
                raise
            return kept[1]
        self._extents[camera_id] = (now_s, found)
        return found

    def stretches(self, streams: Iterable[StreamKey], start: datetime, end: datetime) -> list[ArchiveStretch]:
        """Return what other places have of these streams in [start, end) and can be read now."""
        places = self._storages.places()
        return [_stretch(it) for it in self._stretches_elsewhere(streams, start, end) if places.has(it)]

    def footage_elsewhere(
        self, camera_id: int, channel: int, start: datetime, end: datetime, own: Sequence[ArchiveStretch]
    ) -> list[FootageElsewhere]:
        """Return the time of a channel that only other nodes have. `own`: the stretches of this node's index."""
        streams = [it.stream for it in self.extents(camera_id) if it.stream.channel == channel]
        if not streams:
            return []
        others = self._stretches_elsewhere(streams, start, end)
        return footage_elsewhere((start, end), own, others, self._storages.places(), self._shared.node)

    def _stretches_elsewhere(self, streams: Iterable[StreamKey], start: datetime, end: datetime) -> list[StoredStretch]:
        with_files = [stream for stream in streams if self._has_elsewhere(stream)]
        return self._ask(lambda: self._shared.stretches_elsewhere(with_files, start, end)) if with_files else []

    def _has_elsewhere(self, stream: StreamKey) -> bool:
        return any(it.stream == stream for it in self.extents(stream.camera_id))

    def _ask(self, read: Callable[[], _T]) -> _T:
        """Return what a read of the shared table returns. Raise Unavailable, also for two seconds after a failure."""
        if self._clock.monotonic_s() < self._lost_until_s:
            raise Unavailable("The database with the recordings of all servers did not answer.")
        try:
            return read()
        except Unavailable as error:
            log.info("only own recordings can be read for a while (%s)", error.code)
            self._lost_until_s = self._clock.monotonic_s() + _LOST_S
            raise

    # ---- for readers: own files can be read without the database -----------------------------------

    def files_of(self, stream: StreamKey, start: datetime, end: datetime) -> Sequence[ReadableFile]:
        try:
            if self._has_elsewhere(stream):
                return self._files_of_all(stream, start, end)
        except Unavailable:
            log.debug("only own recordings can be read")
        return self._local.files_of(stream, start, end)

    def _files_of_all(self, stream: StreamKey, start: datetime, end: datetime) -> list[ReadableFile]:
        found = self._ranked(stream, start, end)
        last = max((from_ms(it.file.end_ms) for it in found), default=end)
        if last > end:  # a later owner may go on before these files end
            found = self._ranked(stream, start, last)
        before_ms = to_ms(end)
        return [it for it in _by_epoch(found) if it.start_ms < before_ms]

    def _ranked(self, stream: StreamKey, start: datetime, end: datetime) -> list[_Ranked]:
        """Return the files of all places in [start, end), with their epochs."""
        places, here = self._storages.places(), self._shared.node
        rows = self._ask(lambda: self._shared.files([stream], start, end))
        others = [it for it in rows if (it.node != here or not it.is_on_disk) and places.has(it)]
        epochs = {(it.start_ms, it.suffix): it.epoch for it in rows if it.node == here}
        own = [_Ranked(_epoch_of(it, epochs), it) for it in self._local.files_of(stream, start, end)]
        return own + [_Ranked(it.epoch, _readable(it)) for it in others]

    def next_file(self, stream: StreamKey, start_ms: int) -> ReadableFile | None:
        own = self._local.next_file(stream, start_ms)
        try:
            other = self._next_elsewhere(stream, start_ms)
        except Unavailable:
            return own
        found = [*([own] if own is not None else []), *([_readable(other)] if other is not None else [])]
        return min(found, key=attrgetter("start_ms"), default=None)

    def _next_elsewhere(self, stream: StreamKey, start_ms: int) -> StoredFile | None:
        if not self._has_elsewhere(stream):
            return None
        return self._ask(lambda: self._shared.next_elsewhere(stream, start_ms, self._storages.places()))

    def open(self, stream: StreamKey, file: ReadableFile) -> OpenedFile | None:
        if isinstance(file.key, StoredFile):
            return self._open_stored(file.key)
        try:
            opened = self._local.open(stream, file)
        except ArchiveUnreadable:
            copy = self._copy_of(stream, file.key)
            if copy is None:
                raise
        else:
            copy = self._copy_of(stream, file.key) if opened is None else None
            if copy is None:
                return opened
        return self._open_stored(copy)

    def _open_stored(self, file: StoredFile) -> OpenedFile | None:
        try:
            return ArchiveFile.of_source(StoredBytes(self._storages, file))
        except FileNotFoundError:
            return None
        except ArchiveFileError as error:
            log.warning("archive file %d of the server %s cannot be read: %s", file.id, file.node, error)
            return None

    def _copy_of(self, stream: StreamKey, key: Hashable) -> StoredFile | None:
        """Return the copy in the object storage of a file of this node that its own disk does not give.

        None without one, or if the database with the names of copies does not answer.
        """
        assert isinstance(key, FileKey)  # noqa: S101 - of the local index
        if not self._storages.places().has_objects:
            return None
        begin, end = from_ms(key.start_ms), from_ms(key.start_ms + 1)
        try:
            rows = self._ask(lambda: self._shared.files([stream], begin, end))
        except Unavailable:
            return None
        of_key = (
            it for it in rows if (it.node, it.start_ms, it.suffix) == (self._shared.node, key.start_ms, key.suffix)
        )
        found = next((it for it in of_key if it.object_key is not None), None)
        return None if found is None else replace(found, is_on_disk=False)

    def refuse_missing(self, stream: StreamKey, start_ms: int, end_ms: int) -> None:
        places = self._storages.places()
        for file in self._stretches_elsewhere([stream], from_ms(start_ms), from_ms(end_ms)):
            if not places.has(file) and file.node != self._shared.node:
                raise ArchiveUnreadable(f"Only the server {file.node} has this recording, and it does not answer.")


def united_extents(own: Sequence[ArchivedStream], others: Sequence[ArchivedStream]) -> Sequence[ArchivedStream]:
    """Return each recorded stream once, with the beginning of its first and the end of its last footage."""
    found = {it.stream: it for it in own}
    for it in others:
        before = found.get(it.stream, it)
        found[it.stream] = ArchivedStream(it.stream, min(before.earliest, it.earliest), max(before.latest, it.latest))
    return [*found.values()]


def _readable(file: StoredFile) -> ReadableFile:
    stretch = (file.node, file.stretch_id)
    return ReadableFile(file, file.start_ms, file.end_ms, stretch, is_open=not file.is_sealed)


def _epoch_of(file: ReadableFile, epochs: dict[tuple[int, int], int]) -> int:
    key = file.key
    assert isinstance(key, FileKey)  # noqa: S101 - of the local index
    return file.epoch or epochs.get((key.start_ms, key.suffix), _NEWEST)


def _by_epoch(ranked: Sequence[_Ranked]) -> list[ReadableFile]:
    """Return the files in the order of their beginnings. One ends where a file of a later owner goes on; one that later
    owners have recorded completely is left out."""
    found: list[ReadableFile] = []
    for one in ranked:
        file = one.file
        later = [it.file for it in ranked if it.epoch > one.epoch]
        if any(it.start_ms <= file.start_ms and file.end_ms <= it.end_ms for it in later):
            continue
        follow = [
            it.start_ms for it in later if file.start_ms < it.start_ms < file.latest_end_ms and _goes_on(it, file)
        ]
        found.append(replace(file, until_ms=min(follow)) if follow else file)
    return sorted(found, key=attrgetter("start_ms"))


def _goes_on(later: ReadableFile, file: ReadableFile) -> bool:
    """True if a file of a later owner may have all the rest of a file."""
    return file.end_ms <= later.latest_end_ms


def _stretch(file: StoredStretch) -> ArchiveStretch:
    return ArchiveStretch(
        file.stream, from_ms(file.start_ms), from_ms(file.end_ms), Origin.SERVER, end_reason=GapReason.UNKNOWN
    )
