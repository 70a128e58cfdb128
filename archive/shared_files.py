"""The table of archive files that several nodes share: each node writes the rows of its own files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, case, delete, func, or_, select, tuple_, update
from sqlalchemy.orm import Session, aliased

from archive.records import from_ms, to_ms
from core.archive import ArchivedStream, RecordedQuality, StreamKey
from core.recording_storage import StoredFile
from database import Database
from database_dialects.inserts import insert_of
from tables import ArchiveFileRow as Row
from tables import CameraRow, ObjectLeftoverRow

LONGEST_FILE_MS = 2 * 3600 * 1000  # as in archive/index.py
JOINED_MS = 1000
"""Files of one stretch touch, but for rounding."""
_MOST_OF_ONE_CALL = 200  # rows of a transaction; others write in between
_FILES = select(*Row.__table__.columns)  # rows, not objects: a month of a channel has thousands
Name = tuple[str, int, int]
"""A file of a recorded stream and of a node: volume, start_ms, suffix."""


_KEY = ("node", "volume", "camera_id", "channel", "quality", "start_ms", "suffix")
_CHANGED = ("end_ms", "size_bytes", "stretch_id", "is_sealed", "is_on_disk")


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """A file of this node, as its own index knows it now. `epoch`: 0 if the index does not know it."""

    stream: StreamKey
    volume: str
    start_ms: int
    suffix: int
    end_ms: int
    size_bytes: int
    stretch_id: int
    is_sealed: bool
    epoch: int = 0

    @property
    def name(self) -> Name:
        return (self.volume, self.start_ms, self.suffix)


@dataclass(frozen=True, slots=True)
class StoredStretch:
    """Files of one stretch in one place that touch. Times are milliseconds since 1970, UTC; see StoredFile."""

    node: str
    stream: StreamKey
    start_ms: int
    end_ms: int
    epoch: int
    is_on_disk: bool
    has_object: bool


@dataclass(frozen=True, slots=True)
class ReachablePlaces:
    """The places that can be read now: names of living nodes, and the object storage."""

    nodes: frozenset[str]
    has_objects: bool = False

    def has(self, file: StoredFile | StoredStretch) -> bool:
        """True if one of these places has the file."""
        return self.has_node_of(file) or (self.has_objects and file.has_object)

    def has_node_of(self, file: StoredFile | StoredStretch) -> bool:
        """True if the node that has the file on its disk can be read."""
        return file.is_on_disk and file.node in self.nodes


class SharedFiles:
    """Reads and writes the table. Thread-safe; each call raises Unavailable if the database does not answer."""

    def __init__(self, database: Database, node: str) -> None:
        """`node`: the name of this node, "" for an app of one process."""
        self._database = database
        self.node = node

    # ---- reading ---------------------------------------------------------------------------------

    def get(self, file_id: int) -> StoredFile | None:
        with self._database.read() as session:
            row = session.execute(_FILES.where(Row.id == file_id)).one_or_none()
            return None if row is None else _stored(row)

    def files(self, streams: Iterable[StreamKey], start: datetime, end: datetime) -> list[StoredFile]:
        """Return the files of all nodes that overlap [start, end), in the order of their beginnings."""
        start_ms, end_ms = to_ms(start), to_ms(end)
        found: list[StoredFile] = []
        with self._database.read() as session:
            for stream in streams:
                rows = session.execute(
                    _FILES.where(
                        _is_of(stream),
                        Row.start_ms < end_ms,
                        Row.start_ms > start_ms - LONGEST_FILE_MS,
                        Row.end_ms > start_ms,
                    ).order_by(Row.start_ms, Row.suffix)
                )
                found += map(_stored, rows)
        return sorted(found, key=lambda it: it.start_ms)

    def stretches_elsewhere(self, streams: Iterable[StreamKey], start: datetime, end: datetime) -> list[StoredStretch]:
        """Return the files that overlap [start, end) and are not on a disk of this node, those that touch as one.

        The database joins them: a year of a channel has 100,000 files.
        """
        start_ms, end_ms = to_ms(start), to_ms(end)
        found: list[StoredStretch] = []
        with self._database.read() as session:
            for stream in streams:
                rows = session.execute(
                    _joined(
                        and_(
                            _is_of(stream),
                            Row.start_ms < end_ms,
                            Row.start_ms > start_ms - LONGEST_FILE_MS,
                            Row.end_ms > start_ms,
                            self._is_elsewhere(),
                        )
                    )
                )
                found += [
                    StoredStretch(node, stream, begin, until, epoch, bool(is_on_disk), bool(has_object))
                    for node, epoch, is_on_disk, has_object, begin, until in rows
                ]
        return sorted(found, key=lambda it: it.start_ms)

    def next_elsewhere(self, stream: StreamKey, start_ms: int, places: ReachablePlaces) -> StoredFile | None:
        """Return the first file that begins at or after a time, and that one of these places has."""
        with self._database.read() as session:
            row = session.execute(
                _FILES.where(_is_of(stream), Row.start_ms >= start_ms, self._is_elsewhere(), _is_in(places))
                .order_by(Row.start_ms, Row.suffix)
                .limit(1)
            ).first()
            return None if row is None else _stored(row)

    def extents(self, camera_id: int) -> list[ArchivedStream]:
        """Return the streams of a camera with files that are not on a disk of this node, with their first and last
        time."""
        with self._database.read() as session:
            rows = session.execute(
                select(Row.channel, Row.quality, func.min(Row.start_ms), func.max(Row.end_ms))
                .where(Row.camera_id == camera_id, self._is_elsewhere())
                .group_by(Row.channel, Row.quality)
            ).all()
        return [
            ArchivedStream(StreamKey(camera_id, channel, RecordedQuality(quality)), from_ms(first), from_ms(last))
            for channel, quality, first, last in rows
        ]

    def own_streams(self) -> list[StreamKey]:
        """Return the streams with files of this node."""
        with self._database.read() as session:
            rows = session.execute(
                select(Row.camera_id, Row.channel, Row.quality).where(Row.node == self.node).distinct()
            ).all()
        return [StreamKey(camera_id, channel, RecordedQuality(quality)) for camera_id, channel, quality in rows]

    def own_files(self, stream: StreamKey) -> dict[Name, StoredFile]:
        """Return the rows of this node's files of a stream."""
        with self._database.read() as session:
            rows = session.execute(_FILES.where(_is_of(stream), Row.node == self.node))
            return {(row.volume, row.start_ms, row.suffix): _stored(row) for row in rows}

    # ---- writing ---------------------------------------------------------------------------------

    def save(self, files: Sequence[WrittenFile]) -> None:
        """Write the rows of files of this node. The epoch and the object of an existing row stay."""
        for begin in range(0, len(files), _MOST_OF_ONE_CALL):
            with self._database.write() as session:
                self._save(session, files[begin : begin + _MOST_OF_ONE_CALL])

    def forget(self, stream: StreamKey, names: Collection[Name]) -> None:
        """Files of this node are not on its disks any more. Rows of files with an object stay."""
        volumes: dict[str, list[Name]] = {}
        for name in sorted(names):
            volumes.setdefault(name[0], []).append(name)
        for volume, of_volume in volumes.items():
            for begin in range(0, len(of_volume), _MOST_OF_ONE_CALL):
                gone = self._named(stream, volume, of_volume[begin : begin + _MOST_OF_ONE_CALL])
                with self._database.write() as session:
                    session.execute(
                        delete(Row).where(gone, Row.object_key.is_(None)).execution_options(synchronize_session=False)
                    )
                    session.execute(
                        update(Row).where(gone).values(is_on_disk=False).execution_options(synchronize_session=False)
                    )

    def _named(self, stream: StreamKey, volume: str, names: Sequence[Name]) -> ColumnElement[bool]:
        """A condition for files of this node on a volume. Without `start_ms`, no index finds tuples."""
        return and_(
            Row.node == self.node,
            Row.volume == volume,
            _is_of(stream),
            Row.start_ms.in_(sorted({start_ms for _, start_ms, _ in names})),
            tuple_(Row.start_ms, Row.suffix).in_([(start_ms, suffix) for _, start_ms, suffix in names]),
        )

    def adopt(self, volumes: Collection[str]) -> None:
        """Take over the rows of these volumes that the app wrote before it had a NODE_NAME, or while it had one."""
        if not volumes:
            return
        with self._database.write() as session:
            is_former = Row.node == "" if self.node else Row.node != ""
            former = select(Row.node).where(is_former, Row.volume.in_(volumes)).distinct()
            for node in session.scalars(former).all():
                self._adopt(session, and_(Row.node == node, Row.volume.in_(volumes)))

    def _adopt(self, session: Session, is_theirs: ColumnElement[bool]) -> None:
        """Take over rows. A file that has a row of this node already keeps that one, and gets its copy."""
        own = aliased(Row)
        columns = (Row.volume, Row.camera_id, Row.channel, Row.quality, Row.start_ms, Row.suffix)
        is_twin = and_(own.node == self.node, *(column == getattr(own, column.key) for column in columns))
        twins = session.execute(
            select(Row.id, Row.object_key, own.id, own.object_key).join(own, is_twin).where(is_theirs)
        )
        doubled: list[int] = []
        for row_id, key, own_id, own_key in twins.all():
            doubled.append(row_id)
            if key is not None and own_key is None:
                session.execute(update(Row).where(Row.id == own_id).values(object_key=key))
            elif key is not None and key != own_key:
                session.add(ObjectLeftoverRow(object_key=key, node=self.node, is_deleting=True, may_arrive=False))
        for begin in range(0, len(doubled), _MOST_OF_ONE_CALL):
            ids = doubled[begin : begin + _MOST_OF_ONE_CALL]
            session.execute(delete(Row).where(Row.id.in_(ids)).execution_options(synchronize_session=False))
        session.execute(
            update(Row).where(is_theirs).values(node=self.node).execution_options(synchronize_session=False)
        )

    def _save(self, session: Session, files: Sequence[WrittenFile]) -> None:
        epochs = self._epochs(session, {it.stream.camera_id for it in files if not it.epoch})
        insert = insert_of(session, Row)
        written = insert.on_conflict_do_update(
            index_elements=_KEY, set_={name: insert.excluded[name] for name in _CHANGED}
        )
        session.execute(written, [self._values(it, it.epoch or epochs.get(it.stream.camera_id, 0)) for it in files])

    def _values(self, file: WrittenFile, epoch: int) -> dict[str, object]:
        return {
            "node": self.node,
            "camera_id": file.stream.camera_id,
            "channel": file.stream.channel,
            "quality": file.stream.quality.value,
            "start_ms": file.start_ms,
            "end_ms": file.end_ms,
            "suffix": file.suffix,
            "size_bytes": file.size_bytes,
            "volume": file.volume,
            "stretch_id": file.stretch_id,
            "epoch": epoch,
            "is_sealed": file.is_sealed,
            "is_on_disk": True,
        }

    def _epochs(self, session: Session, camera_ids: Collection[int]) -> dict[int, int]:
        """Return the likely epochs of files whose index does not know them: of this node as owner, or as former one."""
        if not camera_ids:
            return {}
        rows = session.execute(
            select(CameraRow.id, CameraRow.node, CameraRow.epoch).where(CameraRow.id.in_(camera_ids))
        ).all()
        # Another owner has raised the epoch with its claim.
        return {
            camera_id: epoch if node in (None, "", self.node) else max(0, epoch - 1) for camera_id, node, epoch in rows
        }

    def _is_elsewhere(self) -> ColumnElement[bool]:
        return or_(Row.node != self.node, Row.is_on_disk.is_(False))


def _is_of(stream: StreamKey) -> ColumnElement[bool]:
    return and_(Row.camera_id == stream.camera_id, Row.channel == stream.channel, Row.quality == stream.quality.value)


def _joined(condition: ColumnElement[bool]) -> Select[Any]:
    """Return the query for stretches of files: node, epoch, is_on_disk, has_object, beginning and end of each."""
    has_object = Row.object_key.is_not(None)
    of_stretch = (Row.node, Row.stretch_id, Row.epoch, Row.is_on_disk, has_object)
    before_ms = func.max(Row.end_ms).over(partition_by=of_stretch, order_by=(Row.start_ms, Row.suffix), rows=(None, -1))
    begins = case((Row.start_ms - before_ms <= JOINED_MS, 0), else_=1)
    named = [Row.node, Row.stretch_id, Row.epoch, Row.is_on_disk, has_object.label("has_object")]
    files = select(*named, Row.start_ms, Row.suffix, Row.end_ms, begins.label("begins")).where(condition).subquery().c
    keys = (files.node, files.stretch_id, files.epoch, files.is_on_disk, files.has_object)
    number = func.sum(files.begins).over(partition_by=keys, order_by=(files.start_ms, files.suffix))
    parts = select(*keys, files.start_ms, files.end_ms, number.label("number")).subquery().c
    shown = (parts.node, parts.epoch, parts.is_on_disk, parts.has_object)
    return select(*shown, func.min(parts.start_ms), func.max(parts.end_ms)).group_by(
        *shown, parts.stretch_id, parts.number
    )


def _is_in(places: ReachablePlaces) -> ColumnElement[bool]:
    on_disk = and_(Row.is_on_disk, Row.node.in_(places.nodes))
    return or_(on_disk, Row.object_key.is_not(None)) if places.has_objects else on_disk


_MAIN_OR_SUB = {it.value: it for it in RecordedQuality}


def _stored(row: Any) -> StoredFile:
    """Return the file of a row of _FILES."""
    file_id, node, camera_id, channel, quality, start_ms, end_ms, suffix, size_bytes, *others = row
    stream = StreamKey(camera_id, channel, _MAIN_OR_SUB[quality])
    volume, stretch_id, epoch, is_sealed, is_on_disk, object_key = others
    return StoredFile(
        file_id,
        node,
        stream,
        start_ms,
        end_ms,
        size_bytes,
        volume,
        suffix=suffix,
        stretch_id=stretch_id,
        epoch=epoch,
        is_sealed=is_sealed,
        is_on_disk=is_on_disk,
        object_key=object_key,
    )
