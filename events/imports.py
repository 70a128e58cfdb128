"""Events that a recorder has noted in its recordings (FindEvents), as events of the log with the source `import`.

A motion that the log has already, from the device's own messages or from the app's detector, is not imported again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.exc import IntegrityError

from core.events import ClosedWhy, EventKind, EventSource, LoggedEvent, severity_of
from core.recordings import RecordingEvent
from database import Database
from events.log import EventLog
from events.log_query import from_ms, to_ms
from onvif_services.event_kinds import bare_topic, kind_of_topic
from tables import EventImportRow

SAME_WITHIN = timedelta(seconds=2)
ENDS_AFTER = timedelta(seconds=60)  # a beginning whose end the recorder does not tell
_TOLD_WITHIN = timedelta(minutes=10)
MOST_OF_CHANNEL = 2_000  # in one import; more become fewer and longer ones
_JOINED = (timedelta(seconds=5), timedelta(minutes=1), timedelta(minutes=10))

Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class ImportedChannel:
    """A channel of a recorder. `is_sure`: the recorder itself names the channel of the recordings."""

    camera_id: int
    number: int | None
    is_sure: bool


ImportedEvents = tuple[ImportedChannel, Sequence[RecordingEvent]]


class EventImports:
    """The stretch of each camera whose recorded events are in the log. Safe between threads; waits for the disk."""

    def __init__(self, database: Database, log: EventLog) -> None:
        self._database = database
        self._log = log

    def imported(self, camera_id: int) -> Stretch | None:
        """Return the stretch that was imported; None before the first import."""
        with self._database.read() as session:
            row = session.get(EventImportRow, camera_id)
            return None if row is None else (from_ms(row.from_ms), from_ms(row.until_ms))

    def note(self, camera_id: int, start: datetime, end: datetime) -> None:
        """Note the whole imported stretch of a camera. A camera that was removed meanwhile is ignored."""
        try:
            with self._database.write() as session:
                session.merge(EventImportRow(camera_id=camera_id, from_ms=to_ms(start), until_ms=to_ms(end)))
        except IntegrityError:
            return

    def forget(self, camera_id: int) -> None:
        """Forget the stretch of a camera that may be another device now. Its events stay."""
        with self._database.write() as session:
            session.execute(delete(EventImportRow).where(EventImportRow.camera_id == camera_id))

    def add(self, found: Iterable[ImportedEvents], start: datetime, end: datetime) -> int:
        """Log the events that begin in [start, end), in true time. Return the number of new ones.

        Raise Unavailable or StorageFull. All channels of a recorder come together, in one transaction: a transaction
        for each of them takes three times as long.
        """
        logged: dict[tuple[int, int | None], list[LoggedEvent]] = {}
        new: list[LoggedEvent] = []
        for channel, recorded in found:
            events = events_of(channel, recorded, start, end)
            if not events:
                continue
            key = (channel.camera_id, channel.number)
            if key not in logged:
                logged[key] = self._log.store.intervals(*key, start, end + ENDS_AFTER)
            unknown = [event for event in events if not _is_logged(event, logged[key])]
            logged[key] += unknown
            new += unknown
        self._log.add_past(new)
        return len(new)


def events_of(
    channel: ImportedChannel, events: Iterable[RecordingEvent], start: datetime, end: datetime
) -> list[LoggedEvent]:
    """Return the events of a channel that begin in [start, end).

    `events` go on some time after `end`, so that the ends of the last ones are among them.
    """
    by_kind: dict[EventKind, list[tuple[datetime, datetime, str]]] = {}
    for topic, kind, of_topic in _by_topic(events):
        by_kind.setdefault(kind, []).extend((*stretch, topic) for stretch in _stretches(of_topic))
    found = []
    for kind, stretches in by_kind.items():
        begun = sorted(stretch for stretch in stretches if start <= stretch[0] < end)
        found += [_event(channel, kind, *stretch) for stretch in _joined(begun)]
    return sorted(found, key=lambda event: event.start_at)


def _by_topic(events: Iterable[RecordingEvent]) -> list[tuple[str, EventKind, list[RecordingEvent]]]:
    """Return the activities by topic and recording: a channel may have several recordings of the same time."""
    found: dict[tuple[str, str], list[RecordingEvent]] = {}
    for event in events:
        if not event.is_start_state:
            found.setdefault((bare_topic(event.topic), event.recording_token), []).append(event)
    kinds = {key: kind_of_topic(key[0]) for key in found}
    return [(key[0], kinds[key], of_it) for key, of_it in found.items() if kinds[key].is_activity]


def _stretches(events: Sequence[RecordingEvent]) -> list[Stretch]:
    """Return the stretches in which an activity went on. One without a state is a moment.

    A recorder may never tell an end: another beginning long after the last one then begins another stretch.
    """
    found: list[Stretch] = []
    since = told = None
    for event in sorted(events, key=lambda one: one.time):
        if since is not None and told is not None and event.active and event.time - told > _TOLD_WITHIN:
            found.append((since, told + ENDS_AFTER))
            since = None
        if event.active is None:
            found.append((event.time, event.time))
        elif event.active:
            since, told = since or event.time, event.time
        elif since is not None:
            found.append((since, event.time))
            since = None
    if since is not None and told is not None:
        found.append((since, told + ENDS_AFTER))
    return found


def _joined(stretches: Sequence[tuple[datetime, datetime, str]]) -> list[tuple[datetime, datetime, str]]:
    """Join stretches with a short pause in between; with a longer one, if there are too many."""
    found = list(stretches)
    for pause in _JOINED:
        joined: list[tuple[datetime, datetime, str]] = []
        for start, end, topic in found:
            if joined and start - joined[-1][1] <= pause:
                joined[-1] = joined[-1][0], max(joined[-1][1], end), joined[-1][2]
            else:
                joined.append((start, end, topic))
        found = joined
        if len(found) <= MOST_OF_CHANNEL:
            break
    return found[:MOST_OF_CHANNEL]


def _event(channel: ImportedChannel, kind: EventKind, start: datetime, end: datetime, topic: str) -> LoggedEvent:
    return LoggedEvent(
        camera_id=channel.camera_id,
        channel=channel.number,
        kind=kind,
        source=EventSource.IMPORT,
        start_at=start,
        end_at=end,
        topic=topic,
        severity=severity_of(kind),
        is_device_time=True,
        closed_why=ClosedWhy.TOLD,
        is_channel_sure=channel.is_sure,
    )


def _is_logged(event: LoggedEvent, logged: Sequence[LoggedEvent]) -> bool:
    """True if the log has an event of this kind at this time."""
    start, end = event.start_at - SAME_WITHIN, (event.end_at or event.start_at) + SAME_WITHIN
    return any(
        one.kind is event.kind and one.start_at <= end and (one.end_at is None or one.end_at >= start) for one in logged
    )
