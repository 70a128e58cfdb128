"""The log of events in the database: batches of new and changed rows, pages, marks, numbers by day."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, cast

from sqlalchemy import ColumnElement, Row, Table, and_, bindparam, delete, func, insert, or_, select, true, update
from sqlalchemy.orm import Session

from core.errors import NotFound
from core.events import (
    ClosedWhy,
    EventDay,
    EventSource,
    EventZone,
    LoggedEvent,
    PictureSubject,
    Severity,
)
from database import Database
from database_dialects.inserts import insert_of
from events.joined import find_joined, is_news, joined_with
from events.log_days import COUNTED, count_days, count_joined, find_days, uncount_days
from events.log_query import (
    EventNewsPage,
    EventPage,
    EventQuery,
    after_cursor,
    conditions,
    cursor_of,
    from_ms,
    page_conditions,
    to_ms,
)
from events.log_rows import LABEL, event_of, stored_box, values_of
from events.open_events import end_open, write_alive
from tables import CameraRow, EventDayRow, EventRow, EventSeenRow

_COLUMNS = (  # rows of columns are read twice as fast as objects; `count` is a method of rows
    *(column for column in EventRow.__table__.c if column.name != "count"),
    EventRow.count.label("changes"),
)
# By the table, not by the class: an update of a class fails for all rows if one of them is deleted meanwhile.
_UPDATE = update(cast(Table, EventRow.__table__)).where(EventRow.id == bindparam("row_id"))
_CHANGE = _UPDATE.values(
    {name: bindparam(name) for name in ("end_ms", "count", "closed_why", "rule", "changed_ms", "node")}
)
_MARK_PICTURE = _UPDATE.values({name: bindparam(name) for name in ("has_picture", "changed_ms")})
_JOIN = _UPDATE.values({"is_joined": True})
_JOIN_NEWS = _UPDATE.values({"is_joined": True, "changed_ms": bindparam("changed_ms")})
_SHOW_SUBJECT = _UPDATE.values({name: bindparam(name) for name in ("score", "label", "box")})
_LEAST_MARK = 946_684_800_000  # the year 2000: an empty log tells an `as_of` that a request may have
_IDS_AT_ONCE = 500  # SQLite allows 999 variables in a statement


@dataclass(frozen=True, slots=True)
class EventChange:
    """New values of a stored event."""

    id: int
    end_at: datetime | None
    count: int
    closed_why: ClosedWhy
    rule: str


class EventLogStore:
    """Needs an open database. Each call is one transaction and may wait for the disk.

    Only one thread of each process writes events. `node`: the name of this node, "" for a single process.
    """

    def __init__(self, database: Database, node: str = "") -> None:
        self._database = database
        self._node = node
        self._changed_ms = 0
        self._hidden: frozenset[int] = frozenset()

    def _newest_ms(self, session: Session) -> int:
        """Return the mark of the newest change. Only with other nodes, which give marks too, the table is read."""
        return _newest_mark(session) if self._node else self._changed_ms

    # ---- writing ---------------------------------------------------------------------------------

    def write(
        self,
        added: Sequence[LoggedEvent],
        changed: Sequence[EventChange],
        now: datetime,
        pictured: Mapping[int, PictureSubject | None] = MappingProxyType({}),
    ) -> list[int]:
        """Store new events and changes of stored ones. Return the ids of the new events, in their order.

        `pictured`: the ids of events that have a picture now, with its subject; None does not change the event's.
        """
        if not added and not changed and not pictured:
            return []
        with self._database.write() as session:
            marks_ms = max(to_ms(now), self._newest_ms(session) + 1)
            ids: list[int] = []
            if added:
                rows = [
                    {**values_of(event, _mark_of(event, marks_ms + place), now), "node": self._node}
                    for place, event in enumerate(added)
                ]
                inserted = insert(EventRow).returning(EventRow.id, sort_by_parameter_order=True)
                ids = list(session.scalars(inserted, rows))
            if changed:
                session.execute(
                    _CHANGE,
                    [
                        {
                            "row_id": item.id,
                            "end_ms": None if item.end_at is None else to_ms(item.end_at),
                            "count": item.count,
                            "closed_why": item.closed_why.value,
                            "rule": item.rule[:200],
                            "changed_ms": marks_ms + len(added) + place,
                            "node": self._node,
                        }
                        for place, item in enumerate(changed)
                    ],
                )
            pictures_ms = marks_ms + len(added) + len(changed)
            if pictured:
                marks = [
                    {"row_id": one, "has_picture": True, "changed_ms": pictures_ms + place}
                    for place, one in enumerate(pictured)
                ]
                session.execute(_MARK_PICTURE, marks)
            subjects = [(event_id, subject) for event_id, subject in pictured.items() if subject is not None]
            if subjects:
                session.execute(
                    _SHOW_SUBJECT,
                    [
                        {
                            "row_id": event_id,
                            "score": subject.score,
                            "label": subject.label[:LABEL],
                            "box": stored_box(subject.box),
                        }
                        for event_id, subject in subjects
                    ],
                )
            count_days(session, added)
            joined_ms = pictures_ms + len(pictured)
            joined_count = _join(session, added, joined_ms)
        self._changed_ms = joined_ms + joined_count - 1
        return ids

    def find_written(self, events: Sequence[LoggedEvent]) -> list[int]:
        """Return the ids of new events that a write() without an answer has stored; 0 for those that it has not.

        Their ends and rules may have changed since.
        """
        found: list[int] = []
        with self._database.read() as session:
            for event in events:
                wanted = select(EventRow.id).where(
                    *_same(event),
                    EventRow.arrived_ms == to_ms(event.arrived_at or event.start_at),
                    EventRow.topic == event.topic[:200],
                    EventRow.node == self._node,
                )
                ids = session.scalars(wanted.order_by(EventRow.id))
                found.append(next((one for one in ids if one not in found), 0))
        return found

    def note_alive(self, now: datetime) -> None:
        """Store that this node is alive, for the end of its open events after a crash."""
        with self._database.write() as session:
            write_alive(session, self._node, now)

    def close_open(self, now: datetime) -> int:
        """End the events that a crash of this node has left open, at its last sign of life. Return their number.

        A single process ends those of all nodes.
        """
        with self._database.write() as session:
            self._changed_ms = max(_newest_mark(session), to_ms(now))
            mine = EventRow.node == self._node if self._node else true()
            count = end_open(session, mine, self._changed_ms + 1)
        self._changed_ms += count
        return count

    def close_left_open(self, camera_ids: Collection[int], living: Collection[str], now: datetime) -> int:
        """End the events of cameras of this node that other nodes have left open. Return their number.

        The events of the server itself end if their node is not `living`.
        """
        is_of_camera = and_(EventRow.camera_id.in_(camera_ids), EventRow.node != self._node)
        is_of_dead = and_(EventRow.camera_id == 0, EventRow.node.not_in({*living, self._node}))
        wanted = or_(is_of_camera, is_of_dead)
        with self._database.read() as session:  # most nodes leave nothing open
            if session.scalar(select(EventRow.id).where(EventRow.end_ms.is_(None), wanted).limit(1)) is None:
                return 0
        with self._database.write() as session:
            return end_open(session, wanted, max(to_ms(now), self._newest_ms(session) + 1))

    def mark_seen(self, query: EventQuery, ids: Collection[int], *, is_seen: bool) -> None:
        """Mark events as seen by the query's user, or as unseen. Ignore ids of events that the query leaves out."""
        for chunk in _chunks(sorted(set(ids))):
            wanted = select(EventRow.id).where(EventRow.id.in_(chunk), *self._conditions(query))
            with self._database.write() as session:
                found = set(session.scalars(wanted))
                found.update(joined_with(session, found))
                mine = (EventSeenRow.user_id == query.user_id, EventSeenRow.event_id.in_(found))
                if not is_seen:
                    session.execute(delete(EventSeenRow).where(*mine))
                    continue
                if found:
                    rows = [{"event_id": one, "user_id": query.user_id} for one in sorted(found)]
                    session.execute(insert_of(session, EventSeenRow).on_conflict_do_nothing(), rows)

    # ---- reading ---------------------------------------------------------------------------------

    def page(self, query: EventQuery, *, limit: int, cursor: str | None = None) -> EventPage:
        """Return events, the newest first. Raise InvalidRequest for an invalid cursor."""
        wanted, places = page_conditions(query)
        wanted += self._not_hidden()
        if cursor is not None:
            wanted.append(after_cursor(cursor))
        with self._database.read() as session:
            as_of_ms = self._newest_ms(session)  # before the rows, so that a change in between is news
            found = _newest(session, wanted, places, limit + 1)
            page = _events(session, found[:limit], query.user_id)
        next_cursor = cursor_of(page[-1]) if len(found) > limit else None
        return EventPage(page, next_cursor, from_ms(as_of_ms))

    def news(self, query: EventQuery, after: datetime, *, limit: int) -> EventNewsPage:
        """Return the events that began or changed after `as_of` of an earlier answer."""
        after_ms = to_ms(after)
        with self._database.read() as session:
            as_of_ms = self._newest_ms(session)
            if after_ms >= as_of_ms:
                return EventNewsPage((), from_ms(as_of_ms), has_more=False)
            all_changes = replace(query, joins=False)
            wanted = (
                select(*_COLUMNS)
                .where(EventRow.changed_ms > after_ms, EventRow.changed_ms <= as_of_ms, *self._conditions(all_changes))
                .order_by(EventRow.changed_ms)
                .limit(limit + 1)
            )
            found = session.execute(wanted).all()
            shown = [row for row in found[:limit] if not (query.leaves_joined_out and row.is_joined)]
            page = _events(session, shown, query.user_id)
        has_more = len(found) > limit
        until_ms = found[limit - 1].changed_ms if has_more else as_of_ms
        gone = {row.id for row in found[:limit]} - {row.id for row in shown}
        return EventNewsPage(page, from_ms(until_ms), has_more, tuple(sorted(gone)))

    def get(self, query: EventQuery, event_id: int) -> LoggedEvent:
        """Raise NotFound if there is no such event, or if the query leaves it out."""
        with self._database.read() as session:
            found = session.execute(select(*_COLUMNS).where(EventRow.id == event_id, *self._conditions(query))).all()
            if not found:
                raise NotFound("There is no such event.")
            return _events(session, found, query.user_id)[0]

    def node_of(self, event_id: int) -> str:
        """Return the name of the node that has begun the event; "" for a single process, or if there is none."""
        with self._database.read() as session:
            return session.scalar(select(EventRow.node).where(EventRow.id == event_id)) or ""

    def missing(self, ids: Sequence[int]) -> list[int]:
        """Return those of these ids that are of no event any more."""
        known: set[int] = set()
        with self._database.read() as session:
            for chunk in _chunks(ids):
                known.update(session.scalars(select(EventRow.id).where(EventRow.id.in_(chunk))))
        return [event_id for event_id in ids if event_id not in known]

    def get_some(self, query: EventQuery, ids: Collection[int]) -> list[LoggedEvent]:
        """Return the events with these ids, in no order. Leave out those that the query leaves out."""
        wanted = select(*_COLUMNS).where(EventRow.id.in_(ids), *self._conditions(query))
        with self._database.read() as session:
            return list(_events(session, session.execute(wanted).all(), query.user_id))

    def intervals(self, camera_id: int, channel: int | None, start: datetime, end: datetime) -> list[LoggedEvent]:
        """Return the events of a channel that began less than a day before `start`, and before `end`."""
        wanted = select(*_COLUMNS).where(
            EventRow.camera_id == camera_id,
            EventRow.channel.is_(None) if channel is None else EventRow.channel == channel,
            EventRow.start_ms >= to_ms(start - timedelta(days=1)),
            EventRow.start_ms <= to_ms(end),
        )
        with self._database.read() as session:
            return [event_of(row, is_seen=False) for row in session.execute(wanted)]

    def find_same(self, event: LoggedEvent) -> LoggedEvent | None:
        """Return the stored event with the same source, kind, camera, channel and beginning; None if there is none."""
        wanted = select(*_COLUMNS).where(*_same(event))
        with self._database.read() as session:
            row = session.execute(wanted.limit(1)).first()
            return None if row is None else event_of(row, is_seen=False)

    def days(self, query: EventQuery) -> list[EventDay]:
        """Return the numbers of events by day, in order. Days without events are left out."""
        with self._database.read() as session:
            return find_days(session, query, self._hidden)

    def zones(self, query: EventQuery, *, limit: int) -> list[EventZone]:
        """Return the zones with events of the query, by camera, channel and name."""
        columns = (EventRow.camera_id, EventRow.channel, EventRow.zone)
        wanted = select(*columns, func.count()).where(EventRow.zone != "", *self._conditions(query))
        with self._database.read() as session:
            found = session.execute(wanted.group_by(*columns).order_by(*columns).limit(limit))
            return [EventZone(*row) for row in found]

    def _not_hidden(self) -> list[ColumnElement[bool]]:
        hidden = self._hidden
        return [EventRow.camera_id.not_in(hidden)] if hidden else []

    def _conditions(self, query: EventQuery) -> list[ColumnElement[bool]]:
        return [*conditions(query), *self._not_hidden()]

    def forget_pictures_before(
        self, camera_id: int, channel: int, moment: datetime, present: Sequence[int]
    ) -> list[int]:
        """Note that the events of a channel before a moment have no pictures any more. Return their ids.

        `present`: the events of the camera with a picture on disk, which the log does not know after a crash.
        """
        before = select(EventRow.id).where(
            EventRow.camera_id == camera_id, EventRow.channel == channel, EventRow.start_ms < to_ms(moment)
        )
        with self._database.read() as session:
            noted = list(session.scalars(before.where(EventRow.has_picture.is_(True))))
            found = set(noted)
            for chunk in _chunks(present):
                found.update(session.scalars(before.where(EventRow.id.in_(chunk))))
        for chunk in _chunks(noted):
            with self._database.write() as session:
                session.execute(update(EventRow).where(EventRow.id.in_(chunk)).values(has_picture=False))
        return sorted(found)

    # ---- retention -------------------------------------------------------------------------------

    def hide(self, camera_ids: Collection[int]) -> None:
        """Leave the events of these cameras out of all answers, and of no others."""
        self._hidden = frozenset(camera_ids)

    def camera_ids(self) -> set[int]:
        """Return the cameras with events, by the numbers by day; 0 is the server."""
        with self._database.read() as session:
            return set(session.scalars(select(EventDayRow.camera_id).distinct()))

    def removed_cameras(self) -> set[int]:
        """Return the cameras with events that do not exist any more."""
        is_removed = EventDayRow.camera_id.not_in(select(CameraRow.id))
        wanted = select(EventDayRow.camera_id).where(EventDayRow.camera_id != 0, is_removed).distinct()
        with self._database.read() as session:
            return set(session.scalars(wanted))

    def delete_batch(self, *wanted: ColumnElement[bool], limit: int) -> list[tuple[int, int]]:
        """Delete at most `limit` events that meet the conditions, with their marks.

        Return the camera id and the id of each.
        """
        with self._database.read() as session:  # the search must not hold up other threads that write
            found = session.execute(select(EventRow.camera_id, EventRow.id).where(*wanted).limit(limit))
            deleted = [(camera_id, event_id) for camera_id, event_id in found]
        if deleted:
            with self._database.write() as session:
                _delete(session, [event_id for _, event_id in deleted])
        return deleted

    def count(self) -> int:
        """Return the number of all events."""
        with self._database.read() as session:
            return session.scalar(select(func.count()).select_from(EventRow)) or 0

    def delete_oldest(self, *, limit: int) -> tuple[int, list[tuple[int, int]]]:
        """Delete the oldest notices that are over, or alerts if there is none; take them off the numbers of their days.

        Return how many there were, and the camera id and the id of each that this call has deleted: another node may
        have deleted the others at the same time.
        """
        with self._database.read() as session:  # the search must not hold up other threads that write
            found: Sequence[int] = ()
            for severity in (Severity.NOTICE, Severity.ALERT):
                wanted = select(EventRow.id).where(EventRow.severity == severity.value, EventRow.end_ms.is_not(None))
                found = found or session.scalars(wanted.order_by(EventRow.start_ms).limit(limit)).all()
        if not found:
            return 0, []
        with self._database.write() as session:
            rows = _delete(session, found)
            uncount_days(session, [row[1:] for row in rows])
        return len(found), [(row.camera_id, row.id) for row in rows]

    def delete_days(self, *wanted: ColumnElement[bool]) -> None:
        with self._database.write() as session:
            session.execute(delete(EventDayRow).where(*wanted))


def _delete(session: Session, ids: Sequence[int]) -> list[Any]:
    """Delete events. Return the id and the columns of `COUNTED` of those that existed."""
    found: list[Any] = []
    for chunk in _chunks(ids):
        wanted = delete(EventRow).where(EventRow.id.in_(chunk)).returning(EventRow.id, *COUNTED)
        found += session.execute(wanted.execution_options(synchronize_session=False)).all()
    return found


def _newest_mark(session: Session) -> int:
    return max(session.scalar(select(func.max(EventRow.changed_ms))) or 0, _LEAST_MARK)


def _same(event: LoggedEvent) -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for rows with the same source, kind, camera, channel and beginning."""
    return (
        EventRow.camera_id == (event.camera_id or 0),
        EventRow.channel.is_(None) if event.channel is None else EventRow.channel == event.channel,
        EventRow.start_ms == to_ms(event.start_at),
        EventRow.kind == event.kind.value,
        EventRow.source == event.source.value,
    )


def _chunks(ids: Sequence[int]) -> list[Sequence[int]]:
    return [ids[place : place + _IDS_AT_ONCE] for place in range(0, len(ids), _IDS_AT_ONCE)]


def _join(session: Session, added: Sequence[LoggedEvent], first_ms: int) -> int:
    """Note which motion lists may leave out since these events are stored. Return the number of marks of changes."""
    rows = find_joined(session, added)
    news = [row.id for row in rows if is_news(row)]
    others = [row.id for row in rows if not is_news(row)]
    if news:
        session.execute(_JOIN_NEWS, [{"row_id": one, "changed_ms": first_ms + at} for at, one in enumerate(news)])
    if others:
        session.execute(_JOIN, [{"row_id": one} for one in others])
    count_joined(session, rows)
    return len(news)


def _newest(
    session: Session, wanted: list[ColumnElement[bool]], places: list[ColumnElement[bool]], limit: int
) -> Sequence[Row[Any]]:
    """Return the newest rows of all places together.

    Each place has its own query, which reads an index in order. With an OR, SQLite sorts the rows of all places.
    """
    newest = (EventRow.start_ms.desc(), EventRow.id.desc())
    found: list[Row[Any]] = []
    for place in places:
        found += session.execute(select(*_COLUMNS).where(place, *wanted).order_by(*newest).limit(limit)).all()
    if len(places) > 1:
        found.sort(key=lambda row: (-row.start_ms, -row.id))
    return found[:limit]


def _events(session: Session, rows: Sequence[Row[Any]], user_id: int) -> tuple[LoggedEvent, ...]:
    if not rows:
        return ()
    ids = [row.id for row in rows]
    marks = select(EventSeenRow.event_id).where(EventSeenRow.user_id == user_id, EventSeenRow.event_id.in_(ids))
    seen = set(session.scalars(marks))
    return tuple(event_of(row, is_seen=row.id in seen) for row in rows)


def _mark_of(event: LoggedEvent, mark_ms: int) -> int:
    """Return the mark of a new event. Imported ones happened long ago: they are no news."""
    return 0 if event.source is EventSource.IMPORT else mark_ms
