"""Questions to the log of events: their conditions in SQL, and the cursors of pages."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, false, or_, select, true

from core.access import EVERYTHING, Scope
from core.errors import InvalidRequest
from core.events import OWN_KINDS, EventKind, EventSource, LoggedEvent, Severity
from tables import EventDayRow, EventRow, EventSeenRow

WHOLE_DEVICE = 0  # the channel in event_days of events of the app's own connection
UNKNOWN_CHANNEL = -1  # of events whose message names no channel that the app knows
_CURSOR = re.compile(r"([0-9]{1,15})-([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class EventQuery:
    """The wanted events: those that began in [start, end), and that the user of `scope` may see.

    `user_id`: whose marks count for `is_seen`; 0 without accounts. `channel` needs one camera.
    `from_minute`, `until_minute`: of the day by the server's time zone; a night passes midnight.
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


@dataclass(frozen=True, slots=True)
class EventPage:
    """Events, the newest first. `next_cursor`: None for the last page. `as_of`: for the question about news since."""

    events: tuple[LoggedEvent, ...]
    next_cursor: str | None
    as_of: datetime


@dataclass(frozen=True, slots=True)
class EventNewsPage:
    """Events that began or changed, the earliest change first. `has_more`: ask again with `as_of`."""

    events: tuple[LoggedEvent, ...]
    as_of: datetime
    has_more: bool


def to_ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def from_ms(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


def conditions(query: EventQuery) -> list[ColumnElement[bool]]:
    """Return the conditions that the rows of `events` must meet, except those of `places`."""
    found: list[ColumnElement[bool]] = []
    kinds = set(query.kinds)
    if query.source is EventSource.SERVER:  # it has these kinds only, and they have an index
        kinds = kinds & OWN_KINDS if kinds else set(OWN_KINDS)
    if query.start is not None:
        found.append(EventRow.start_ms >= to_ms(query.start))
    if query.end is not None:
        found.append(EventRow.start_ms < to_ms(query.end))
    if kinds or query.kinds:
        found.append(EventRow.kind.in_(sorted(kind.value for kind in kinds)))
    if query.severity is not None:
        found.append(EventRow.severity == query.severity.value)
    if query.source is not None:
        found.append(EventRow.source == query.source.value)
    if query.is_seen is not None:
        marked = select(EventSeenRow.event_id).where(EventSeenRow.user_id == query.user_id)
        if query.is_seen:  # few events have a mark, most have none
            found.append(EventRow.id.in_(marked))
        else:
            found.append(~marked.where(EventSeenRow.event_id == EventRow.id).exists())
    return [*found, *_time_of_day(query)]


def is_rare(query: EventQuery) -> bool:
    """True if the kinds or the severity leave out most events: an index of these finds the rest fastest."""
    return bool(query.kinds and EventKind.MOTION not in query.kinds) or query.severity is Severity.ALERT


def places(query: EventQuery) -> list[ColumnElement[bool]]:
    """Return the wanted places that the user may see: one condition for each camera or channel, without overlap.

    An index has the rows of each place in the order of their beginning, except for rare events. The rule is that of
    `may_see_event`.
    """
    # The sum keeps SQLite from the index of the cameras, in which it would read all events of a place.
    camera = EventRow.camera_id + 0 if is_rare(query) else EventRow.camera_id

    def place(camera_id: int, channel: int | None) -> ColumnElement[bool]:
        is_camera = camera == camera_id
        return is_camera if channel is None else and_(is_camera, EventRow.channel == channel)

    if query.scope.cameras is None:
        return [place(camera_id, query.channel) for camera_id in query.camera_ids] or [true()]
    found: list[ColumnElement[bool]] = []
    for camera_id, channels in query.scope.cameras.items():
        if query.camera_ids and camera_id not in query.camera_ids:
            continue
        if channels is None:
            found.append(place(camera_id, query.channel))
            continue
        numbers = [number for number in sorted(channels) if query.channel in (None, number)]
        found += [and_(place(camera_id, number), EventRow.is_channel_sure.is_(True)) for number in numbers]
        if query.channel is None:
            is_own = EventRow.source == EventSource.SERVER.value
            found.append(and_(camera == camera_id, EventRow.channel.is_(None), is_own))
    return found


def day_conditions(query: EventQuery) -> list[ColumnElement[bool]]:
    """Return the conditions for the rows of `event_days`: window, scope, cameras, channel and kinds."""
    found: list[ColumnElement[bool]] = []
    if query.start is not None:
        found.append(EventDayRow.day >= day_of(query.start))
    if query.end is not None:
        found.append(EventDayRow.day <= day_of(query.end))
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

    An event of the app's own connection concerns the whole camera. An event whose channel the app does not know, or has
    guessed, may concern any channel: only users who may see all of them see it.
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
