"""Gaps: times that a rule asks for, and that are not recorded. Users get an alert for the long ones."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, delete, or_, select, update
from sqlalchemy.exc import IntegrityError

from core.archive import ArchiveGap, GapReason, Origin
from core.clock import Clock
from database import Database
from tables import RecordingGapRow

MAX_ALERTS = 200
_REASONS = {it.value: it for it in GapReason}  # three times as fast as a call of the class
_ALERTS_OF = timedelta(days=7)
_KEPT = timedelta(days=400)  # the longest window of the timeline
_SHORT_KEPT = timedelta(days=30)  # a camera with a loose plug makes thousands of gaps without an alert
_FORGETS_EVERY_S = 86_400.0
_DETAILS = {
    GapReason.DEVICE_AWAY: "The camera gives no usable answer, or has ended the connection.",
    GapReason.NO_SIGNAL: "The camera sends no video.",
    GapReason.REFUSED: "The camera refuses: its password, its certificate, or its number of sessions or subscriptions.",
    GapReason.STALLED: "The camera is connected and sends no more video.",
    GapReason.DISK_FULL: "The disk for recordings is full.",
    GapReason.DISK_TOO_SLOW: "The disk for recordings is too slow.",
    GapReason.DISK_GONE: "The disk for recordings is not there, or cannot be written.",
    GapReason.SERVER_OFF: "The server was off.",
    GapReason.CLOCK_STEPPED: "The server's clock was set.",
    GapReason.UNSUPPORTED: "The camera sends video that cannot be recorded, or reports no events for the rule.",
    GapReason.PAUSED: "A user has paused the recording.",
}


@dataclass(frozen=True, slots=True)
class RecordingGap:
    """A stored gap. `end` None: it goes on. `origin` DEVICE: a gap of the recorder itself. `by`: who paused."""

    id: int
    camera_id: int
    channel: int
    origin: Origin
    start: datetime
    end: datetime | None
    reason: GapReason
    by: str = ""
    alerted_at: datetime | None = None
    seen_at: datetime | None = None

    @property
    def detail(self) -> str:
        """The reason as a sentence for users."""
        if self.origin is Origin.DEVICE:
            return "The recorder itself did not record."
        return _DETAILS.get(self.reason, "The reason is not known.")


class GapStore:
    """Needs an open database. Safe between threads. Each call is one transaction and may wait for the disk."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._forgot_s = -_FORGETS_EVERY_S

    def begin(
        self,
        camera_id: int,
        channel: int,
        start: datetime,
        reason: GapReason,
        *,
        end: datetime | None = None,
        by: str = "",
        origin: Origin = Origin.SERVER,
    ) -> RecordingGap | None:
        """Add a gap, which goes on unless it has an end. None if the camera was removed meanwhile.

        Once a day, it forgets old gaps.
        """
        self._forget_old()
        row = RecordingGapRow(
            camera_id=camera_id,
            channel=channel,
            origin=origin.value,
            start_at=start,
            end_at=end,
            reason=reason.value,
            by=by[:80],
        )
        try:
            with self._database.write() as session:
                session.add(row)
                session.flush()
                return _gap(row)
        except IntegrityError:
            return None

    def end(self, gap_id: int, end: datetime) -> None:
        """End a gap. An end before its start counts as its start."""
        with self._database.write() as session:
            row = session.get(RecordingGapRow, gap_id)
            if row is not None:
                row.end_at = max(end, row.start_at)

    def set_reason(self, gap_id: int, reason: GapReason) -> None:
        """Correct the reason of a gap, once it is known."""
        self._update(RecordingGapRow.id == gap_id, reason=reason.value)

    def alert(self, gap_id: int) -> None:
        """Make an alert of a gap."""
        self._update(RecordingGapRow.id == gap_id, alerted_at=self._clock.now_utc())

    def open_gaps(self, origin: Origin = Origin.SERVER) -> list[RecordingGap]:
        """Return the gaps that go on."""
        return self._find(RecordingGapRow.end_at.is_(None), RecordingGapRow.origin == origin.value)

    def gaps(
        self, camera_id: int, channel: int, start: datetime, end: datetime, *, origin: Origin = Origin.SERVER
    ) -> list[ArchiveGap]:
        """Return the gaps of a channel that touch [start, end), in order: the server's, or those of the recorder."""
        row = RecordingGapRow
        wanted = (
            select(row.start_at, row.end_at, row.reason)
            .where(
                row.camera_id == camera_id,
                row.channel == channel,
                row.origin == origin.value,
                row.start_at < end,
                or_(row.end_at.is_(None), row.end_at > start),
            )
            .order_by(row.start_at, row.id)
        )
        with self._database.read() as session:  # columns: rows as objects take five times as long
            return [
                ArchiveGap(camera_id, channel, begin, until, _REASONS[reason])
                for begin, until, reason in session.execute(wanted)
            ]

    def alerts(self) -> list[RecordingGap]:
        """Return alerts of the last week and older ones that no user has seen: 200 at most.

        Gaps that go on come first, then the newest ones.
        """
        since = self._clock.now_utc() - _ALERTS_OF
        recent = or_(
            RecordingGapRow.seen_at.is_(None), RecordingGapRow.end_at.is_(None), RecordingGapRow.end_at > since
        )
        return self._find(RecordingGapRow.alerted_at.is_not(None), recent, newest=MAX_ALERTS)

    def mark_seen(self, gap_ids: Collection[int]) -> None:
        """Mark alerts as seen."""
        self._update(
            RecordingGapRow.id.in_(gap_ids),
            RecordingGapRow.alerted_at.is_not(None),
            RecordingGapRow.seen_at.is_(None),
            seen_at=self._clock.now_utc(),
        )

    def _find(self, *conditions: ColumnElement[bool], newest: int | None = None) -> list[RecordingGap]:
        """Return gaps in the order of their times; or at most `newest`: those that go on, then the newest ones."""
        query = select(RecordingGapRow).where(*conditions)
        if newest is None:
            query = query.order_by(RecordingGapRow.start_at, RecordingGapRow.id)
        else:
            is_over = RecordingGapRow.end_at.is_not(None)
            query = query.order_by(is_over, RecordingGapRow.start_at.desc(), RecordingGapRow.id.desc()).limit(newest)
        with self._database.read() as session:
            return [_gap(row) for row in session.scalars(query)]

    def _forget_old(self) -> None:
        """Delete gaps beyond the longest window of the timeline, and short ones earlier, at most once a day."""
        now_s = self._clock.monotonic_s()
        if now_s - self._forgot_s < _FORGETS_EVERY_S:
            return
        self._forgot_s = now_s
        now = self._clock.now_utc()
        short = and_(RecordingGapRow.alerted_at.is_(None), RecordingGapRow.end_at < now - _SHORT_KEPT)
        with self._database.write() as session:
            session.execute(delete(RecordingGapRow).where(or_(RecordingGapRow.end_at < now - _KEPT, short)))

    def _update(self, *conditions: ColumnElement[bool], **values: object) -> None:
        with self._database.write() as session:
            session.execute(update(RecordingGapRow).where(*conditions).values(**values))


def _gap(row: RecordingGapRow) -> RecordingGap:
    return RecordingGap(
        row.id,
        row.camera_id,
        row.channel,
        Origin(row.origin),
        row.start_at,
        row.end_at,
        GapReason(row.reason),
        row.by,
        row.alerted_at,
        row.seen_at,
    )
