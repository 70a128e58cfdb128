"""Kept ranges: footage that the retention does not delete, until a time if there is one.

A channel's limit by law (RecordingRule.limit_days) counts for kept footage, too.
"""

from __future__ import annotations

import logging
import threading
from bisect import bisect_left
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import func, select
from sqlalchemy.exc import IntegrityError

from archive.records import to_ms
from core.access import Permission, Principal
from core.archive import KeptRange
from core.clock import Clock
from core.errors import Forbidden, InvalidRequest, LimitReached, NotFound
from database import Database
from tables.archive import KeptRangeRow

log = logging.getLogger(__name__)

MOST_RANGES = 5000
LONGEST = timedelta(days=31)
_FUTURE = timedelta(days=1)
"""A range may end later than now, so that a user can keep an incident that goes on."""

Channel = tuple[int, int]
"""The camera's id and the number of the channel."""


class KeptSpans:
    """The kept times of one channel, in ms UTC: sorted, and apart from each other."""

    def __init__(self, spans: tuple[tuple[int, int], ...] = ()) -> None:
        self.spans = spans
        self._ends = [end for _, end in spans]

    def end_of(self, start_ms: int, end_ms: int) -> int | None:
        """Return the end of the first kept time that overlaps [start, end); None if no kept time does."""
        place = bisect_left(self._ends, start_ms + 1)
        if place == len(self.spans):
            return None
        begin_ms, until_ms = self.spans[place]
        return until_ms if begin_ms < max(end_ms, start_ms + 1) else None

    def covers(self, start_ms: int, end_ms: int) -> bool:
        """True if all of [start, end) is kept."""
        return any(begin_ms <= start_ms and end_ms <= until_ms for begin_ms, until_ms in self.spans)


NOTHING_KEPT = KeptSpans()


class KeptRanges:
    """Needs an open database. Safe between threads.

    All calls read the database: another node may have kept or released a range.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._lock = threading.RLock()

    def ranges(self, camera_id: int | None = None) -> list[KeptRange]:
        """Return the kept ranges of a camera or of all cameras, the newest footage first."""
        wanted = select(KeptRangeRow).order_by(KeptRangeRow.start_at.desc(), KeptRangeRow.id.desc())
        if camera_id is not None:
            wanted = wanted.where(KeptRangeRow.camera_id == camera_id)
        with self._database.read() as session:
            return [_range(row) for row in session.scalars(wanted)]

    def get(self, range_id: int) -> KeptRange:
        """Raise NotFound."""
        with self._database.read() as session:
            return _range(_existing(session.get(KeptRangeRow, range_id)))

    def keep(
        self,
        camera_id: int,
        channel: int,
        start: datetime,
        end: datetime,
        *,
        reason: str,
        until: datetime | None,
        by: Principal,
    ) -> KeptRange:
        """Keep a range. Raise InvalidRequest, NotFound for an unknown camera, or LimitReached (kept_limit)."""
        now = self._clock.now_utc()
        _check(start, end, until, now)
        row = KeptRangeRow(
            camera_id=camera_id,
            channel=channel,
            start_at=start,
            end_at=end,
            reason=reason[:200],
            until_at=until,
            by=by.name[:80],
            user_id=by.user_id,
            created_at=now,
        )
        with self._lock:
            try:
                with self._database.write() as session:
                    if (session.scalar(select(func.count()).select_from(KeptRangeRow)) or 0) >= MOST_RANGES:
                        raise LimitReached(f"There are {MOST_RANGES} kept ranges: release some.", code="kept_limit")
                    session.add(row)
                    session.flush()
                    found = _range(row)
            except IntegrityError:
                raise NotFound("There is no such camera.") from None
        return found

    def release(self, range_id: int, by: Principal) -> None:
        """Let the retention delete the range again. Raise NotFound, or Forbidden for a range of another user."""
        with self._lock, self._database.write() as session:
            row = _existing(session.get(KeptRangeRow, range_id))
            if not may_release(by, _range(row)):
                raise Forbidden("Another user keeps this range: only this user or an admin may release it.")
            session.delete(row)

    def expire(self) -> int:
        """Release the ranges whose time is over. Return their number."""
        now = self._clock.now_utc()
        over = KeptRangeRow.until_at <= now
        with self._database.read() as session:
            if session.scalar(select(KeptRangeRow.id).where(over).limit(1)) is None:
                return 0
        with self._lock, self._database.write() as session:
            rows = list(session.scalars(select(KeptRangeRow).where(over)))
            for row in rows:
                log.info(
                    "camera %d channel %d: the range %d from %s is no longer kept: its time is over",
                    row.camera_id,
                    row.channel,
                    row.id,
                    row.start_at.isoformat(timespec="seconds"),
                )
                session.delete(row)
        return len(rows)

    @contextmanager
    def unchanged(self) -> Iterator[Mapping[Channel, KeptSpans]]:
        """Yield the kept times by channel. Until the end of the block this process adds and releases no range."""
        with self._lock:
            yield self._read_spans()

    def spans(self) -> Mapping[Channel, KeptSpans]:
        """Return the kept times by channel, as of now."""
        with self.unchanged() as spans:
            return spans

    def covers(self, camera_id: int, channel: int, start: datetime, end: datetime) -> bool:
        """True if all of [start, end) is kept."""
        return self.spans().get((camera_id, channel), NOTHING_KEPT).covers(to_ms(start), to_ms(end))

    def _read_spans(self) -> Mapping[Channel, KeptSpans]:
        found: dict[Channel, list[tuple[int, int]]] = {}
        with self._database.read() as session:
            columns = (KeptRangeRow.camera_id, KeptRangeRow.channel, KeptRangeRow.start_at, KeptRangeRow.end_at)
            for camera_id, channel, start, end in session.execute(select(*columns).order_by(KeptRangeRow.start_at)):
                spans = found.setdefault((camera_id, channel), [])
                start_ms, end_ms = to_ms(start), to_ms(end)
                if spans and start_ms <= spans[-1][1]:
                    spans[-1] = (spans[-1][0], max(spans[-1][1], end_ms))
                else:
                    spans.append((start_ms, end_ms))
        return {channel: KeptSpans(tuple(spans)) for channel, spans in found.items()}


def may_release(who: Principal, kept: KeptRange) -> bool:
    """True if the user may release this range. The user must be able to see it."""
    return who.may(Permission.MANAGE) or (who.user_id is not None and who.user_id == kept.user_id)


def _check(start: datetime, end: datetime, until: datetime | None, now: datetime) -> None:
    if end <= start:
        raise InvalidRequest.of_field("end_time", "later than start_time")
    if end - start > LONGEST:
        raise InvalidRequest.of_field("end_time", f"at most {LONGEST.days} days after start_time")
    if end > now + _FUTURE:
        raise InvalidRequest.of_field("end_time", "at most one day from now")
    if until is not None and until <= now:
        raise InvalidRequest.of_field("until", "later than now")


def _existing(row: KeptRangeRow | None) -> KeptRangeRow:
    if row is None:
        raise NotFound("There is no such kept range.")
    return row


def _range(row: KeptRangeRow) -> KeptRange:
    return KeptRange(
        id=row.id,
        camera_id=row.camera_id,
        channel=row.channel,
        start=row.start_at,
        end=row.end_at,
        reason=row.reason,
        until=row.until_at,
        by=row.by,
        created_at=row.created_at,
        user_id=row.user_id,
    )
