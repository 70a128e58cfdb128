"""The shared table of archive files, as the upload and the expiry of copies need it.

A name of an object is in `object_leftovers` until its file's row names it, and again before the object is deleted. So
after a crash at any point the storage has no object that the database does not know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import (
    ColumnElement,
    CursorResult,
    Float,
    Result,
    and_,
    delete,
    func,
    literal_column,
    or_,
    select,
    update,
)
from sqlalchemy.orm import InstrumentedAttribute, Session

from archive.kept import Channel
from archive.records import from_ms, to_ms
from core.archive import RecordedQuality, StreamKey
from core.recording_storage import StoredFile
from database import Database
from object_storage.view import StoredCopies, WaitingFiles
from tables import ArchiveFileRow, CameraRow, KeptRangeRow, ObjectLeftoverRow

_ROW = ArchiveFileRow
_IS_WAITING = and_(_ROW.object_key.is_(None), _ROW.is_sealed, _ROW.is_on_disk)
_HAS_COPY = _ROW.object_key.is_not(None)


@dataclass(frozen=True, slots=True)
class Leftover:
    """An object that no file has. `may_arrive`: its upload may still end, after the object was deleted."""

    key: str
    may_arrive: bool


class CopyStore:
    """Needs an open database. Thread-safe. Each method raises Unavailable or StorageFull."""

    def __init__(self, database: Database, node: str) -> None:
        """`node`: the name of this process, "" for one process alone."""
        self._database = database
        self._node = node

    # ---- uploads ---------------------------------------------------------------------------------

    def waiting(
        self,
        count: int,
        *,
        since_ms: int = 0,
        after: StoredFile | None = None,
        but: Collection[int] = (),
        but_volumes: Collection[str] = (),
    ) -> list[StoredFile]:
        """Return sealed files on disks of this node without a copy, the oldest first, `after` a file in that order."""
        wanted = select(_ROW).where(_ROW.node == self._node, _IS_WAITING, _ROW.start_ms >= since_ms)
        if after is not None:
            is_same_time = and_(_ROW.start_ms == after.start_ms, _ROW.id > after.id)
            wanted = wanted.where(_ROW.start_ms >= after.start_ms, or_(_ROW.start_ms > after.start_ms, is_same_time))
        wanted = wanted.where(_ROW.id.not_in(but), _ROW.volume.not_in(but_volumes))
        with self._database.read() as session:
            return [_file(row) for row in session.scalars(wanted.order_by(_ROW.start_ms, _ROW.id).limit(count))]

    def begin(self, key: str) -> None:
        """Note the name of an object before its upload."""
        with self._database.write() as session:
            session.add(ObjectLeftoverRow(object_key=key, node=self._node))

    def finish(self, file: StoredFile, key: str) -> bool:
        """Note the end of an upload: the copy of a file. May be called again.

        Return False if the file or the copy was deleted meanwhile: the object is then a leftover.
        """
        is_same = and_(_ROW.id == file.id, _IS_WAITING, _ROW.size_bytes == file.size_bytes)
        with self._database.write() as session:
            begun = session.get(ObjectLeftoverRow, key)
            if begun is None and _is_named(session, key):
                return True  # the answer to the first call was lost
            has_copy = update(_ROW).where(is_same).values(object_key=key)
            if begun is not None and not begun.is_deleting and _changed(session.execute(has_copy)):
                session.delete(begun)
                return True
            self._leave(session, begun, key, may_arrive=False)
        return False

    def abandon(self, key: str) -> None:
        """Note that an upload has failed. Its object may exist, or appear later."""
        with self._database.write() as session:
            begun = session.get(ObjectLeftoverRow, key)
            if begun is not None or not _is_named(session, key):
                self._leave(session, begun, key, may_arrive=True)

    def _leave(self, session: Session, begun: ObjectLeftoverRow | None, key: str, *, may_arrive: bool) -> None:
        """Note the object of an upload as a leftover, also if another node has forgotten it meanwhile."""
        row = begun if begun is not None else ObjectLeftoverRow(object_key=key, node=self._node)
        row.is_deleting, row.may_arrive = True, may_arrive
        session.add(row)

    # ---- expiry ----------------------------------------------------------------------------------

    def clock_s(self) -> float | None:
        """Return the seconds of the clock of the database's server; None if it is that of this machine."""
        expression = self._database.dialect.clock_s
        if expression is None:
            return None
        with self._database.read() as session:
            found: float = session.scalars(select(literal_column(expression, Float))).one()
            return found

    def channels(self) -> list[Channel]:
        """Return the cameras and channels with files."""
        with self._database.read() as session:
            return [
                (camera_id, channel)
                for camera_id in _each(session, _ROW.camera_id)
                for channel in _each(session, _ROW.channel, _ROW.camera_id == camera_id)
            ]

    def of_removed_cameras(self, count: int) -> list[StoredFile]:
        """Return files with copies whose camera was removed."""
        with self._database.read() as session:
            known = set(session.scalars(select(CameraRow.id)))
            removed = [camera_id for camera_id in _each(session, _ROW.camera_id) if camera_id not in known]
            wanted = select(_ROW).where(_ROW.camera_id.in_(removed), _HAS_COPY).limit(count)
            return [_file(row) for row in session.scalars(wanted)] if removed else []

    def of_channel(self, camera_id: int, channel: int, before_ms: int, count: int) -> list[StoredFile]:
        """Return files with copies of a channel that begin before a time."""
        wanted = select(_ROW).where(_is_of(camera_id, channel), _ROW.start_ms < before_ms, _HAS_COPY).limit(count)
        with self._database.read() as session:
            return [_file(row) for row in session.scalars(wanted)]

    def without_disk(
        self, channel: Channel, before_ms: int, others: Collection[str], count: int, *, after_id: int = 0
    ) -> list[StoredFile]:
        """Return files with copies of a channel that ended before a time, and that no disk of a living node has, by
        their ids. `others`: the other living nodes."""
        is_off = or_(_ROW.is_on_disk.is_(False), _ROW.node.not_in({*others, self._node}))
        is_old = and_(_ROW.start_ms < before_ms, _ROW.end_ms < before_ms)
        wanted = select(_ROW).where(_is_of(*channel), is_old, _HAS_COPY, is_off, _ROW.id > after_id)
        with self._database.read() as session:
            return [_file(row) for row in session.scalars(wanted.order_by(_ROW.id).limit(count))]

    def give_up(self, files: Sequence[StoredFile], *, spares_kept: bool = False) -> None:
        """Take the copies from these files: their objects become leftovers. Rows of files on no disk are deleted.

        `spares_kept`: not from files of kept ranges. Another node may have kept one a moment ago.
        """
        with self._database.write() as session:
            kept = _kept_in(session, files) if spares_kept else {}
            for file in files:
                spans = kept.get((file.stream.camera_id, file.stream.channel), ())
                if any(start_ms < file.end_ms and file.start_ms < end_ms for start_ms, end_ms in spans):
                    continue
                is_same = and_(_ROW.id == file.id, _ROW.object_key == file.object_key)
                if _changed(session.execute(update(_ROW).where(is_same).values(object_key=None))):
                    self._leave(session, None, str(file.object_key), may_arrive=False)
                    session.execute(delete(_ROW).where(_ROW.id == file.id, _ROW.is_on_disk.is_(False)))

    def claim_leftovers(
        self, others: Collection[str], count: int, *, uploading: Callable[[], str], after: str = ""
    ) -> list[Leftover]:
        """Return objects that no file has, by their names, except those of other living nodes: no upload may end with
        them any more. `uploading` returns the name of the one that this process uploads now."""
        left = ObjectLeftoverRow
        is_ours = and_(left.node.not_in(others), left.object_key > after)
        with self._database.read() as session:
            keys = list(session.scalars(select(left.object_key).where(is_ours).order_by(left.object_key).limit(count)))
        own = uploading()  # an upload that began after the statement is not in its answer
        keys = [key for key in keys if key != own]
        if not keys:
            return []
        of_keys = left.object_key.in_(keys)
        with self._database.write() as session:
            session.execute(update(left).where(of_keys, left.is_deleting.is_(False)).values(is_deleting=True))
            found = session.execute(select(left.object_key, left.may_arrive).where(of_keys).order_by(left.object_key))
            return [Leftover(key, may_arrive) for key, may_arrive in found]

    def forget(self, leftovers: Collection[Leftover]) -> None:
        """Forget leftovers whose objects are deleted, except those whose upload has ended meanwhile."""
        left = ObjectLeftoverRow
        with self._database.write() as session:
            for may_arrive in (False, True):
                keys = [it.key for it in leftovers if it.may_arrive is may_arrive]
                session.execute(delete(left).where(left.object_key.in_(keys), left.may_arrive.is_(may_arrive)))

    # ---- sums ------------------------------------------------------------------------------------

    def waiting_files(self) -> list[WaitingFiles]:
        """Return the files without a copy of each node that has some."""
        wanted = (
            select(_ROW.node, func.count(), func.sum(_ROW.size_bytes), func.min(_ROW.start_ms))
            .where(_IS_WAITING)
            .group_by(_ROW.node)
            .order_by(_ROW.node)
        )
        with self._database.read() as session:
            return [
                WaitingFiles(node, files, int(size), from_ms(oldest_ms))
                for node, files, size, oldest_ms in session.execute(wanted)
            ]

    def copies(self) -> StoredCopies:
        """Return number and bytes of all copies, and of those whose file is on no disk any more."""
        is_only = _HAS_COPY & _ROW.is_on_disk.is_(False)
        sums = select(func.count(), func.coalesce(func.sum(_ROW.size_bytes), 0))
        with self._database.read() as session:
            files, size = session.execute(sums.where(_HAS_COPY)).one()
            only_files, only_size = session.execute(sums.where(is_only)).one()
        return StoredCopies(files, int(size), only_files, int(only_size))


def _is_of(camera_id: int, channel: int) -> ColumnElement[bool]:
    """Return the condition for a channel. With all qualities, an index finds the rows before a time."""
    qualities = [quality.value for quality in RecordedQuality]
    return and_(_ROW.camera_id == camera_id, _ROW.channel == channel, _ROW.quality.in_(qualities))


def _each(
    session: Session, column: InstrumentedAttribute[int], condition: ColumnElement[bool] | None = None
) -> Iterator[int]:
    """Yield the values of a column of the index of streams, with one look for each: DISTINCT reads all rows."""
    lowest = select(func.min(column)) if condition is None else select(func.min(column)).where(condition)
    found = session.scalar(lowest)
    while found is not None:
        yield found
        found = session.scalar(lowest.where(column > found))


def _kept_in(session: Session, files: Sequence[StoredFile]) -> dict[Channel, list[tuple[int, int]]]:
    """Return the kept ranges of the cameras of some files."""
    row, found = KeptRangeRow, defaultdict[Channel, list[tuple[int, int]]](list)
    columns = select(row.camera_id, row.channel, row.start_at, row.end_at)
    of_cameras = columns.where(row.camera_id.in_({file.stream.camera_id for file in files}))
    for camera_id, channel, start, end in session.execute(of_cameras):
        found[camera_id, channel].append((to_ms(start), to_ms(end)))
    return found


def _is_named(session: Session, key: str) -> bool:
    """True if the row of a file names this object."""
    return session.scalar(select(_ROW.id).where(_ROW.object_key == key).limit(1)) is not None


def _changed(result: Result[Any]) -> bool:
    return isinstance(result, CursorResult) and result.rowcount > 0


def _file(row: ArchiveFileRow) -> StoredFile:
    return StoredFile(
        id=row.id,
        node=row.node,
        stream=StreamKey(row.camera_id, row.channel, RecordedQuality(row.quality)),
        start_ms=row.start_ms,
        end_ms=row.end_ms,
        size_bytes=row.size_bytes,
        volume=row.volume,
        suffix=row.suffix,
        stretch_id=row.stretch_id,
        epoch=row.epoch,
        is_sealed=row.is_sealed,
        is_on_disk=row.is_on_disk,
        object_key=row.object_key,
    )
