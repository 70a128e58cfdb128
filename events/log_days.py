"""The numbers of events by day, for the calendar: rows that are counted up and down with the events."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, func, select
from sqlalchemy.orm import Session

from core.events import EventDay, EventSource, LoggedEvent, Severity
from events.details import EventDetails
from events.log_query import (
    UNKNOWN_CHANNEL,
    WHOLE_DEVICE,
    EventQuery,
    conditions,
    day_conditions,
    day_of,
    from_ms,
    page_conditions,
)
from tables import EventDayRow, EventRow

_DAY = timedelta(days=1)
_STEP_MS = 900_000  # every time zone changes its day at a whole quarter of an hour
COUNTED = (
    EventRow.camera_id,
    EventRow.channel,
    EventRow.start_ms,
    EventRow.kind,
    EventRow.is_channel_sure,
    EventRow.source,
    EventRow.severity,
    EventRow.is_joined,
)
"""The columns whose values `uncount_days` needs."""
Counted = tuple[int, int | None, int, str, bool, str, str, bool]
"""The values of `COUNTED`."""

_Key = tuple[int, int, str, str, bool]
_Counts = dict[str, tuple[int, int]]


def count_days(session: Session, added: Sequence[LoggedEvent]) -> None:
    """Add new events to the numbers of their days."""
    counts: Counter[_Key] = Counter()
    alerts: Counter[_Key] = Counter()
    for event in added:
        channel = _channel(event.channel, event.source)
        key = (event.camera_id or 0, channel, day_of(event.start_at), event.kind.value, event.is_channel_sure)
        counts[key] += 1
        alerts[key] += event.severity is Severity.ALERT
    days = _days_of(session, counts)
    for key, count in counts.items():
        row = days.get(key)
        if row is None:
            names = ("camera_id", "channel", "day", "kind", "is_channel_sure")
            session.add(EventDayRow(**dict(zip(names, key, strict=True)), count=count, alerts=alerts[key]))
        else:
            row.count += count
            row.alerts += alerts[key]


def _days_of(session: Session, keys: Collection[_Key]) -> dict[_Key, EventDayRow]:
    """Return the stored rows of these days, from one query."""
    if not keys:
        return {}
    cameras, _, days, _, _ = (set(part) for part in zip(*keys, strict=True))
    wanted = select(EventDayRow).where(EventDayRow.camera_id.in_(cameras), EventDayRow.day.in_(days))
    found = {
        (row.camera_id, row.channel, row.day, row.kind, row.is_channel_sure): row for row in session.scalars(wanted)
    }
    return {key: found[key] for key in keys if key in found}


def count_joined(session: Session, rows: Iterable[Row[Any]]) -> None:
    """Note in the numbers of the days that lists may leave out these motion events."""
    counts: Counter[_Key] = Counter()
    alerts: Counter[_Key] = Counter()
    for row in rows:
        key = (row.camera_id, row.channel, day_of(from_ms(row.start_ms)), row.kind, row.is_channel_sure)
        counts[key] += 1
        alerts[key] += row.severity == Severity.ALERT.value
    days = _days_of(session, counts)
    for key, count in counts.items():
        day = days.get(key)
        if day is not None:
            day.joined += count
            day.joined_alerts += alerts[key]


def uncount_days(session: Session, deleted: Iterable[Counted]) -> None:
    """Take deleted events off the numbers of their days."""
    counts: Counter[_Key] = Counter()
    alerts: Counter[_Key] = Counter()
    joined: Counter[_Key] = Counter()
    joined_alerts: Counter[_Key] = Counter()
    for camera_id, channel, start_ms, kind, is_sure, source, severity, is_joined in deleted:
        key = (camera_id, _channel(channel, EventSource(source)), day_of(from_ms(start_ms)), kind, is_sure)
        is_alert = severity == Severity.ALERT.value
        counts[key] += 1
        alerts[key] += is_alert
        joined[key] += is_joined
        joined_alerts[key] += is_joined and is_alert
    for key, count in counts.items():
        row = session.get(EventDayRow, key)
        if row is None:
            continue
        row.count, row.alerts = row.count - count, max(0, row.alerts - alerts[key])
        row.joined = max(0, row.joined - joined[key])
        row.joined_alerts = max(0, row.joined_alerts - joined_alerts[key])
        if row.count <= 0:
            session.delete(row)


def find_days(session: Session, query: EventQuery, hidden: frozenset[int]) -> list[EventDay]:
    """Return the numbers of the days that have events, in order, without those of `hidden` cameras.

    Days count whole, also those in which the query's window begins and ends.
    """
    if _needs_events(query):
        found = _count_events(session, query, hidden)
    elif query.is_seen is True:
        found = _count_seen(session, query, hidden)
    else:
        found = _count_all(session, query, hidden)
        if query.is_seen is False:
            seen = _count_seen(session, query, hidden)
            found = {day: _less(counts, seen.get(day, (0, 0))) for day, counts in found.items()}
    if query.severity is Severity.ALERT:
        found = {day: (alerts, alerts) for day, (_, alerts) in found.items()}
    elif query.severity is Severity.NOTICE:
        found = {day: (count - alerts, 0) for day, (count, alerts) in found.items()}
    return [EventDay(day, *counts) for day, counts in sorted(found.items()) if counts[0] > 0]


def _needs_events(query: EventQuery) -> bool:
    """True if the numbers by day do not have what the query asks for, so that the events themselves are counted."""
    has_details = any(details != EventDetails() for details in query.details)
    has_times = query.from_minute is not None or query.until_minute is not None
    return bool(query.zones) or query.source is not None or has_times or has_details


def _less(counts: tuple[int, int], seen: tuple[int, int]) -> tuple[int, int]:
    return counts[0] - seen[0], max(0, counts[1] - seen[1])


def _count_all(session: Session, query: EventQuery, hidden: frozenset[int]) -> _Counts:
    count, alerts = EventDayRow.count.expression, EventDayRow.alerts.expression
    if query.leaves_joined_out:
        count, alerts = count - EventDayRow.joined, alerts - EventDayRow.joined_alerts
    wanted = select(EventDayRow.day, func.sum(count), func.sum(alerts))
    wanted = wanted.where(*day_conditions(query), *_shown(EventDayRow.camera_id, hidden)).group_by(EventDayRow.day)
    return {day: (number, of_alerts) for day, number, of_alerts in session.execute(wanted)}


def _count_seen(session: Session, query: EventQuery, hidden: frozenset[int]) -> _Counts:
    """Count the events with a mark of the user."""
    wide = _widened(query, is_seen=True, severity=None)
    return _count_steps(session, query, conditions(wide), hidden)


def _count_events(session: Session, query: EventQuery, hidden: frozenset[int]) -> _Counts:
    """Count the events of the query, by the index that a page of them is read by."""
    wanted, places = page_conditions(_widened(query))
    found: _Counts = {}
    for place in places:
        for day, (count, alerts) in _count_steps(session, query, [place, *wanted], hidden).items():
            before = found.get(day, (0, 0))
            found[day] = before[0] + count, before[1] + alerts
    return found


def _widened(query: EventQuery, **changes: Any) -> EventQuery:
    """Return the query with a window that has the whole of its first and last day."""
    return replace(query, start=query.start and query.start - _DAY, end=query.end and query.end + _DAY, **changes)


def _count_steps(
    session: Session, query: EventQuery, wanted: list[ColumnElement[bool]], hidden: frozenset[int]
) -> _Counts:
    """Count the events that meet the conditions by day. Leave out the days outside of the query's window."""
    step, is_alert = EventRow.start_ms - EventRow.start_ms % _STEP_MS, EventRow.severity == Severity.ALERT.value
    counted = select(step, func.count(), func.count().filter(is_alert))
    counted = counted.where(*wanted, *_shown(EventRow.camera_id, hidden)).group_by(step)
    first = "" if query.start is None else day_of(query.start)
    last = "9" if query.end is None else day_of(query.end - timedelta(milliseconds=1))
    found: _Counts = {}
    for start_ms, count, alerts in session.execute(counted):
        if first <= (day := day_of(from_ms(start_ms))) <= last:
            before = found.get(day, (0, 0))
            found[day] = before[0] + count, before[1] + alerts
    return found


def _shown(column: Any, hidden: frozenset[int]) -> list[ColumnElement[bool]]:
    return [column.not_in(hidden)] if hidden else []


def _channel(channel: int | None, source: EventSource) -> int:
    if channel is not None:
        return channel
    return WHOLE_DEVICE if source is EventSource.SERVER else UNKNOWN_CHANNEL
