"""Joins motion and the more precise event of the same seconds: for a review, one happening is one row.

A person makes a motion event and a person event. Both stay in the log; a list that joins leaves the motion out.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import Row, and_, select
from sqlalchemy.orm import Session, aliased

from core.events import EventKind, EventSource, LoggedEvent, Severity
from events.log_days import COUNTED
from events.log_query import to_ms
from tables import EventRow

WITHIN_MS = 10_000
"""The beginnings of the two events are at most so far apart."""

MORE_PRECISE = frozenset(
    {
        EventKind.PERSON,
        EventKind.VEHICLE,
        EventKind.ANIMAL,
        EventKind.FACE,
        EventKind.PACKAGE,
        EventKind.LICENCE_PLATE,
        EventKind.OBJECT,
        EventKind.INTRUSION,
        EventKind.LINE_CROSSED,
        EventKind.LOITERING,
        EventKind.LEFT_OBJECT,
        EventKind.REMOVED_OBJECT,
        EventKind.TAMPER,
        EventKind.DOORBELL,
    }
)
_PRECISE = [kind.value for kind in MORE_PRECISE]
_MOTION = EventKind.MOTION.value
_COLUMNS: tuple[Any, ...] = (EventRow.id, *COUNTED)


def find_joined(session: Session, added: Sequence[LoggedEvent]) -> list[Row[Any]]:
    """Return the motion events to leave out because of new events, or that are new themselves. They are stored."""
    times: dict[tuple[int, int], list[int]] = defaultdict(list)
    for event in added:
        if event.channel is not None and (event.kind is EventKind.MOTION or event.kind in MORE_PRECISE):
            times[event.camera_id or 0, event.channel].append(to_ms(event.start_at))
    found: list[Row[Any]] = []
    for (camera_id, channel), starts_ms in times.items():
        wanted = select(*_COLUMNS).where(
            EventRow.camera_id == camera_id,
            EventRow.channel == channel,
            EventRow.start_ms >= min(starts_ms) - WITHIN_MS,
            EventRow.start_ms <= max(starts_ms) + WITHIN_MS,
            EventRow.kind.in_([_MOTION, *_PRECISE]),
        )
        rows: Sequence[Row[Any]] = session.execute(wanted.order_by(EventRow.start_ms)).all()
        found += _joined(rows)
    return found


def _joined(rows: Sequence[Row[Any]]) -> list[Row[Any]]:
    """Return the rows of motion with a precise event close by. An alert is not left out because of a notice."""
    precise = [row for row in rows if row.kind != _MOTION]
    alerts_ms = [row.start_ms for row in precise if row.severity == Severity.ALERT.value]
    all_ms = [row.start_ms for row in precise]

    def has_precise(row: Row[Any]) -> bool:
        times_ms = alerts_ms if row.severity == Severity.ALERT.value else all_ms
        place = bisect_left(times_ms, row.start_ms - WITHIN_MS)
        return place < len(times_ms) and times_ms[place] <= row.start_ms + WITHIN_MS

    return [row for row in rows if row.kind == _MOTION and not row.is_joined and has_precise(row)]


def is_news(row: Row[Any]) -> bool:
    """True if pages that show the row have to leave it out now. Imported events are no news."""
    return bool(row.source != EventSource.IMPORT.value)


def joined_with(session: Session, event_ids: Collection[int]) -> list[int]:
    """Return the ids of the motion events that a list leaves out because of these events."""
    motion, precise = aliased(EventRow), aliased(EventRow)
    is_near = and_(
        motion.camera_id == precise.camera_id,
        motion.channel == precise.channel,
        motion.start_ms >= precise.start_ms - WITHIN_MS,
        motion.start_ms <= precise.start_ms + WITHIN_MS,
    )
    wanted = select(motion.id).join(precise, is_near)
    wanted = wanted.where(precise.id.in_(event_ids), precise.kind.in_(_PRECISE), motion.is_joined.is_(True))
    return list(session.scalars(wanted.distinct()))
