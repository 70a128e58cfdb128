"""Questions to the log of events: their conditions in SQL, and the cursors of pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, select, true

from core.access import EVERYTHING, Scope
from core.errors import InvalidRequest
from core.events import EventKind, EventSource, LoggedEvent, Severity
from events.details import EventDetails, detail_conditions
from tables import EventDayRow, EventRow, EventSeenRow

WHOLE_DEVICE = 0  # the channel in event_days of events of the app's own connection
UNKNOWN_CHANNEL = -1  # of events whose message names no channel that the app knows
_RARE_SOURCES = frozenset({EventSource.SERVER, EventSource.IMPORT, EventSource.WATCH})
_MOST_PLACES = 16  # each is a question of its own; beyond, a walk through the newest events is faster
_MINUTES = 1440  # of a day
_SUMMER_TIME = timedelta(hours=2)  # a change of the clock within the window moves the hours
_CURSOR = re.compile(r"([0-9]{1,15})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class EventQuery:
    """The wanted events: those that began in [start, end), and that the user of `scope` may see.

    `user_id`: whose marks count for `is_seen`; 0 without accounts. `channel` needs one camera.
    `from_minute`, `until_minute`: of the day by the server's time zone; a night passes midnight. `joins`: leave out the
    motion for which a more precise event stands, unless the query is about kinds, zones or details.
    """

    scope: Scope = EVERYTHING
    user_id: int = 0
    start: datetime | None = None
    end: datetime | None = None
    camera_ids: tuple[int, ...] = ()
    channel: int | None = None
    kinds: tuple[EventKind, ...] = ()
    severity: Severity | None = None
    source: EventSource | None = None
    is_seen: bool | None = None
    from_minute: int | None = None
    until_minute: int | None = None
    zones: tuple[str, ...] = ()
    details: tuple[EventDetails, ...] = ()
    joins: bool = False

    @property
    def leaves_joined_out(self) -> bool:
        """True if motion is left out for which a more precise event stands, which the query has, too."""
        is_narrow = self.kinds or self.zones or self.source or any(one != EventDetails() for one in self.details)
        return self.joins and not is_narrow


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, the newest first. `next_cursor`: None for the last page. `as_of`: for the question about news since."""

    events: tuple[LoggedEvent, ...]
    next_cursor: str | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class EventNewsPage:
    """Events that began or changed, the earliest change first. `has_more`: ask again with `as_of`.

    `gone`: the ids of events that a query that joins leaves out from now on.
    """

    events: tuple[LoggedEvent, ...]
    as_of: datetime
    has_more: bool
    gone: tuple[int, ...] = ()


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


class _Columns:
    """Columns of events. Those that are not `indexed` are computed, so that SQLite does not read by their indexes.

    SQLite does not know how many rows a value has, and would sort all of them rather than read in the wanted order.
    """

    def __init__(self, *indexed: str) -> None:
        def column(name: str, nothing: int | str) -> ColumnElement[Any]:
            found: ColumnElement[Any] = EventRow.__table__.c[name]
            return found if name in indexed else found + nothing

        self.id = column("id", 0)
        self.camera_id = column("camera_id", 0)
        self.channel = column("channel", 0)
        self.kind = column("kind", "")
        self.source = column("source", "")
        self.severity = column("severity", "")
        self.start_ms = column("start_ms", 0)
        self.zone = column("zone", "")


_COMPUTED = _Columns()
_BY_START = ("id", "start_ms")


def conditions(query: EventQuery) -> list[ColumnElement[bool]]:
    """Return the conditions that the rows of `events` must meet, for questions in any order except a page's."""
    return [*_filters(query, _COMPUTED), or_(false(), *_places(query, _COMPUTED, _COMPUTED))]


def page_conditions(query: EventQuery) -> tuple[list[ColumnElement[bool]], list[ColumnElement[bool]]]:
    """Return the conditions of a page, and those of its places: cameras or channels, without overlap.

    Ask for the newest rows of each place: an index has them in the order of their beginning.
    """
    is_about_alerts = query.severity is Severity.ALERT
    if query.zones:
        columns = _Columns("zone", *_BY_START)
    elif query.source in _RARE_SOURCES:
        columns = _Columns("source", *_BY_START)
    elif query.kinds and EventKind.MOTION not in query.kinds:  # rarer than the events of a camera
        columns = _Columns("kind", "severity", *_BY_START)
    else:
        columns = _Columns("camera_id", "severity" if is_about_alerts else "channel", *_BY_START)
        places = _places(query, columns, columns if is_about_alerts else _Columns("source"))
        if len(places) <= _MOST_PLACES:
            if query.scope.cameras is None and not query.camera_ids and len(query.kinds) == 1 and not is_about_alerts:
                columns = _Columns("kind", *_BY_START)
            return _filters(query, columns), places
        columns = _Columns(*(("severity",) if is_about_alerts else ()), *_BY_START)
    return _filters(query, columns), [or_(false(), *_places(query, columns, columns))]


def _filters(query: EventQuery, columns: _Columns) -> list[ColumnElement[bool]]:
    """Return all conditions except those of the places."""
    found: list[ColumnElement[bool]] = []
    start, end = _window(query)
    if start is not None:
        found.append(columns.start_ms >= to_ms(start))
    if end is not None:
        found.append(columns.start_ms < to_ms(end))
    if query.kinds:
        found.append(columns.kind.in_([kind.value for kind in query.kinds]))
    if query.severity is not None:
        found.append(columns.severity == query.severity.value)
    if query.source is not None:
        found.append(columns.source == query.source.value)
    if query.zones:  # the index of zones has only events with one
        found += [EventRow.zone != "", columns.zone.in_(query.zones)]
    if query.leaves_joined_out:
        found.append(EventRow.is_joined.is_(False))
    if query.is_seen is not None:
        marked = select(EventSeenRow.event_id).where(EventSeenRow.user_id == query.user_id)
        if query.is_seen:  # few events have a mark, most have none
            found.append(columns.id.in_(marked))
        else:
            found.append(~marked.where(EventSeenRow.event_id == EventRow.id).exists())
    return [*found, *_time_of_day(query), *detail_conditions(query.details)]


def _window(query: EventQuery) -> tuple[datetime | None, datetime | None]:
    """Return the query's window without the hours at its ends that its time of day leaves out, or somewhat more."""
    parts = [one.minutes for one in query.details if one.minutes is not None]
    if query.from_minute is not None or query.until_minute is not None:
        parts.append((query.from_minute or 0, _MINUTES if query.until_minute is None else query.until_minute))
    start, end = query.start, query.end
    for begins, ends in parts:
        if start is not None:
            start = max(start, _next_at(start, begins, ends) - _SUMMER_TIME)
        if end is not None:
            end = min(end, _last_at(end, begins, ends) + _SUMMER_TIME)
    return start, end


def _next_at(moment: datetime, begins: int, ends: int) -> datetime:
    """Return the moment if it is in the time of day, otherwise the next beginning of that."""
    local = moment.astimezone()
    if _is_between(60 * local.hour + local.minute, begins, ends):
        return moment
    found = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(minutes=begins)
    return found if found > local else found + timedelta(days=1)


def _last_at(moment: datetime, begins: int, ends: int) -> datetime:
    """Return the moment if it is in the time of day, otherwise the last end of that."""
    local = moment.astimezone()
    if _is_between(60 * local.hour + local.minute, begins, ends):
        return moment
    found = local.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(minutes=ends)
    return found if found <= local else found - timedelta(days=1)


def _is_between(minute: int, begins: int, ends: int) -> bool:
    return begins <= minute < ends if begins < ends else minute >= begins or minute < ends


def _places(query: EventQuery, columns: _Columns, of_own: _Columns) -> list[ColumnElement[bool]]:
    """Return the wanted places that the user may see. The rule is that of `may_see_event`.

    `of_own`: the columns for the events of the app's own connection to the cameras of a limited user.
    """

    def place(camera_id: int, channel: int | None) -> ColumnElement[bool]:
        is_camera = columns.camera_id == camera_id
        return is_camera if channel is None else and_(is_camera, columns.channel == channel)

    if query.scope.cameras is None:
        return [place(camera_id, query.channel) for camera_id in query.camera_ids] or [true()]
    found: list[ColumnElement[bool]] = []
    own: list[int] = []
    for camera_id, channels in query.scope.cameras.items():
        if query.camera_ids and camera_id not in query.camera_ids:
            continue
        if channels is None:
            found.append(place(camera_id, query.channel))
            continue
        own.append(camera_id)
        numbers = [number for number in sorted(channels) if query.channel in (None, number)]
        found += [and_(place(camera_id, number), EventRow.is_channel_sure.is_(True)) for number in numbers]
    if own and query.channel is None and query.source in (None, EventSource.SERVER):
        is_own = of_own.source == EventSource.SERVER.value
        found.append(and_(is_own, of_own.camera_id.in_(own), of_own.channel.is_(None)))
    return found


def day_conditions(query: EventQuery) -> list[ColumnElement[bool]]:
    """Return the conditions for the rows of `event_days`: window, scope, cameras, channel and kinds."""
    found: list[ColumnElement[bool]] = []
    if query.start is not None:
        found.append(EventDayRow.day >= day_of(query.start))
    if query.end is not None:
        found.append(EventDayRow.day <= day_of(query.end - timedelta(milliseconds=1)))
    if query.camera_ids:
        found.append(EventDayRow.camera_id.in_(query.camera_ids))
    if query.channel is not None:
        found.append(EventDayRow.channel == query.channel)
    if query.kinds:
        found.append(EventDayRow.kind.in_([kind.value for kind in query.kinds]))
    if query.scope.cameras is not None:
        allowed: list[ColumnElement[bool]] = []
        for camera_id, channels in query.scope.cameras.items():
            is_camera = EventDayRow.camera_id == camera_id
            if channels is None:
                allowed.append(is_camera)
                continue
            is_own = and_(EventDayRow.channel.in_(channels), EventDayRow.is_channel_sure.is_(True))
            allowed.append(and_(is_camera, or_(is_own, EventDayRow.channel == WHOLE_DEVICE)))
        found.append(or_(*allowed) if allowed else false())
    return found


def may_see_event(scope: Scope, event: LoggedEvent) -> bool:
    """True if a user with this scope may see the event.

    An event of the app's own connection belongs to the whole camera. An event of an unknown or guessed channel may
    belong to any channel, so it needs a scope with all channels of the camera.
    """
    if event.camera_id is None:
        return not scope.is_limited
    if event.channel is None and event.source is EventSource.SERVER:
        return scope.has_camera(event.camera_id)
    return scope.has_channel(event.camera_id, event.channel if event.is_channel_sure else None)


def day_of(moment: datetime) -> str:
    """Return the day of a time by the server's time zone."""
    return f"{moment.astimezone():%Y-%m-%d}"


def minute_of(moment: datetime) -> int:
    """Return the minute of the day by the server's time zone."""
    local = moment.astimezone()
    return 60 * local.hour + local.minute


def cursor_of(event: LoggedEvent) -> str:
    return f"{to_ms(event.start_at)}-{event.id}"


def after_cursor(cursor: str) -> ColumnElement[bool]:
    """Return the condition for the rows of the next page. Raise InvalidRequest for an invalid cursor."""
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise InvalidRequest.of_field("cursor", "unknown; begin again without it")
    start_ms, event_id = int(found[1]), int(found[2])
    return and_(EventRow.start_ms <= start_ms, or_(EventRow.start_ms < start_ms, EventRow.id < event_id))


def _time_of_day(query: EventQuery) -> Sequence[ColumnElement[bool]]:
    begins, ends = query.from_minute, query.until_minute
    parts = []
    if begins is not None:
        parts.append(EventRow.minute >= begins)
    if ends is not None:
        parts.append(EventRow.minute < ends)
    if begins is not None and ends is not None and begins >= ends:
        return (or_(*parts),)
    return parts
