"""The index of changed cells: which moments have changed in a region of a channel's picture."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from sqlalchemy import Select, delete, select, tuple_

from database import Database
from motion.cell_blob import (
    CELLS,
    MINUTE_MS,
    UNKNOWN_LEVEL,
    Changed,
    blocks_of,
    cells_of,
    count_of,
    level_in,
    level_of,
    packed,
    pictures_of,
    with_level,
)
from motion.records import CellHit, CellHits, Place
from tables import MotionCellsRow

MOST_HITS = 20_000
FINE_SHARE = 0.001
"""The index finds the movements that matter in any region if so much of the picture had to move (measured)."""
_PART_OF_REGION = 0.012  # searches look for a movement of this part of the region
_COARSE_SHARE = 0.01  # minutes of an unknown level may have it
_MOST_IN_MEMORY = 4_096  # minutes
_ROWS_AT_ONCE = 5_000

_MinuteKey = tuple[int, int, int]  # camera, channel, minute since 1970


@dataclass(slots=True)
class _Minute:
    """`is_whole`: a search has looked at the whole minute."""

    level: int = 1
    is_whole: bool = False
    count: int = 0
    pictures: list[Changed] = field(default_factory=list)


class CellIndex:
    """Safe between threads. add() never waits for the disk; the other methods do, and raise Unavailable."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = threading.Lock()
        self._writing = threading.Lock()
        self._minutes: dict[_MinuteKey, _Minute] = {}

    def add(
        self,
        place: Place,
        time_ms: int,
        cells: bytes,
        *,
        least_share: float = FINE_SHARE,
        is_whole: bool = False,
    ) -> None:
        """Note the changed cells of a picture. `least_share`: the part of it that had to move to count.

        `is_whole`: all pictures of the minute come with these values, whatever was noted before.
        """
        minute, ms = divmod(time_ms, MINUTE_MS)
        changed = int.from_bytes(cells)
        with self._lock:
            if len(self._minutes) >= _MOST_IN_MEMORY and (*place, minute) not in self._minutes:
                return  # the disk is full or slow
            noted = self._minutes.setdefault((*place, minute), _Minute())
            noted.level = max(noted.level, level_of(least_share))
            noted.is_whole |= is_whole
            noted.count += 1
            if changed:
                noted.pictures.append((ms, changed))

    def flush(self, before_ms: int | None = None) -> None:
        """Write the minutes that are over at `before_ms`, or all. Raise StorageFull or Unavailable; they then stay."""
        with self._writing:
            with self._lock:
                due = [key for key in self._minutes if before_ms is None or (key[2] + 1) * MINUTE_MS <= before_ms]
                taken = {key: self._minutes.pop(key) for key in due}
            if not taken:
                return
            try:
                self._write(taken)
            except BaseException:
                with self._lock:
                    for key, minute in taken.items():
                        newer = self._minutes.setdefault(key, _Minute())
                        newer.level = max(newer.level, minute.level)
                        newer.is_whole |= minute.is_whole
                        newer.count += minute.count
                        newer.pictures[:0] = minute.pictures
                raise

    def _write(self, minutes: dict[_MinuteKey, _Minute]) -> None:
        with self._database.write() as session:
            for key, minute in minutes.items():
                row = session.get(MotionCellsRow, key)
                level = minute.level if row is None or minute.is_whole else _coarser(level_in(row.blocks), minute.level)
                if row is None:
                    row = MotionCellsRow(camera_id=key[0], channel=key[1], minute=key[2], blocks=0, cells=b"")
                    session.add(row)
                known = dict(pictures_of(row.cells))
                count = count_of(row.cells) + sum(ms not in known for ms, _ in minute.pictures)
                count += minute.count - len(minute.pictures)
                pictures = sorted({**known, **dict(minute.pictures)}.items())
                row.cells = packed(count, pictures)
                row.blocks = with_level(blocks_of(cells for _, cells in pictures), level)

    def hits(self, place: Place, polygon: Sequence[tuple[float, float]], start: datetime, end: datetime) -> CellHits:
        """Return the pictures in [start, end) with changes in a polygon, at most MOST_HITS, in order.

        Points are parts of the picture's width and height. Minutes beyond MOST_HITS do not count as watched, nor do
        those in which a movement had to be larger than a search wants in this region.
        """
        region = cells_of(polygon)
        enough = max(FINE_SHARE, _PART_OF_REGION * region.bit_count() / CELLS)
        most_level = level_of(enough)
        least_level = UNKNOWN_LEVEL if most_level >= level_of(_COARSE_SHARE) else UNKNOWN_LEVEL + 1
        size, blocks = region.bit_count(), blocks_of([region])
        first_ms, last_ms = _ms(start), _ms(end)
        at_place = (
            MotionCellsRow.camera_id == place[0],
            MotionCellsRow.channel == place[1],
            MotionCellsRow.minute >= first_ms // MINUTE_MS,
            MotionCellsRow.minute <= last_ms // MINUTE_MS,
        )
        is_fine = (
            MotionCellsRow.blocks >= with_level(0, least_level),
            MotionCellsRow.blocks < with_level(0, most_level + 1),
        )
        minutes = select(MotionCellsRow.minute).where(*at_place, *is_fine).order_by(MotionCellsRow.minute)
        rows = select(MotionCellsRow.minute, MotionCellsRow.cells).where(
            *at_place, MotionCellsRow.blocks.bitwise_and(blocks) != 0
        )
        with self._database.read() as session:
            watched = list(session.scalars(minutes))
            found = session.execute(rows.order_by(MotionCellsRow.minute)).all()
        stored = ((minute, pictures_of(cells)) for minute, cells in found)
        with self._lock:  # the present minute
            present = {key[2]: one for key, one in self._minutes.items() if key[:2] == place}
            fresh = {minute: list(one.pictures) for minute, one in present.items()}
            coarse = {minute for minute, one in present.items() if one.level > most_level}
        hits: dict[int, float] = {}
        for minute, pictures in (*stored, *sorted(fresh.items())):
            for ms, cells in pictures:
                if changed := cells & region:
                    time_ms = minute * MINUTE_MS + ms
                    if first_ms <= time_ms < last_ms:
                        hits[time_ms] = changed.bit_count() / size
            if len(hits) >= MOST_HITS:
                break
        in_order = sorted(hits.items())[:MOST_HITS]
        last_minute = in_order[-1][0] // MINUTE_MS - 1 if len(in_order) == MOST_HITS else last_ms // MINUTE_MS
        minutes_known = sorted(
            one for one in {*watched, *fresh} - coarse if first_ms // MINUTE_MS <= one <= last_minute
        )
        return CellHits(
            tuple(CellHit(_moment(time_ms), share) for time_ms, share in in_order),
            tuple(_moment(minute * MINUTE_MS) for minute in minutes_known),
        )

    # ---- retention -------------------------------------------------------------------------------

    def forget_camera(self, camera_id: int) -> None:
        """Forget the waiting cells of a camera. delete() removes its rows."""
        with self._lock:
            for key in [key for key in self._minutes if key[0] == camera_id]:
                del self._minutes[key]

    def delete_before(self, moment: datetime) -> bool:
        """Delete a batch of old minutes. Return True if there may be more."""
        return self._delete(select(*_KEY).where(MotionCellsRow.minute < _ms(moment) // MINUTE_MS))

    def delete_of_channel_before(self, place: Place, moment: datetime) -> bool:
        """Delete a batch of a channel's minutes before a moment. Return True if there may be more."""
        return self._delete(
            select(*_KEY).where(
                MotionCellsRow.camera_id == place[0],
                MotionCellsRow.channel == place[1],
                MotionCellsRow.minute < _ms(moment) // MINUTE_MS,
            )
        )

    def delete_all_but(self, camera_ids: Collection[int]) -> bool:
        """Delete a batch of the minutes of removed cameras. Return True if there may be more."""
        return self._delete(select(*_KEY).where(MotionCellsRow.camera_id.not_in(camera_ids)))

    def _delete(self, wanted: Select[int, int, int]) -> bool:
        with self._writing:
            with self._database.read() as session:
                keys = [(row[0], row[1], row[2]) for row in session.execute(wanted.limit(_ROWS_AT_ONCE))]
            for chunk in _chunks(keys):
                with self._database.write() as session:
                    session.execute(delete(MotionCellsRow).where(tuple_(*_KEY).in_(chunk)))
        return len(keys) == _ROWS_AT_ONCE


def _coarser(one: int, other: int) -> int:
    return UNKNOWN_LEVEL if UNKNOWN_LEVEL in (one, other) else max(one, other)


_KEY = (MotionCellsRow.camera_id, MotionCellsRow.channel, MotionCellsRow.minute)


def _chunks(keys: Sequence[tuple[int, ...]]) -> Iterable[Sequence[tuple[int, ...]]]:
    return (keys[place : place + 250] for place in range(0, len(keys), 250))


def _ms(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _moment(time_ms: int) -> datetime:
    return _EPOCH + timedelta(milliseconds=time_ms)


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
