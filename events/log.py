"""The log of events: their beginnings and ends, which one thread writes in batches.

The listeners of devices only hand their events in: they never wait for the disk.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Hashable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from core.clock import Clock
from core.errors import AppError
from core.events import ClosedWhy, EventDay, EventSource, EventZone, LoggedEvent, PictureSubject
from core.stop_signal import StopSignal
from database import Database
from events.log_query import EventNewsPage, EventPage, EventQuery
from events.log_store import EventChange, EventLogStore

log = logging.getLogger(__name__)

WRITES_EVERY_S = 0.5
MOST_WAITING = 20_000  # events that wait for a full or slow disk; more are dropped and counted
MOST_TRIES = 3  # of events whose writing fails for a reason that is not the state of the database
_MOST_AT_ONCE = 1_000  # of one transaction
_ALIVE_EVERY_S = 15.0
_LONGEST_PAUSE_S = 10.0  # after a fault of the database
_STOPPING_S = 3.0

StoredListener = Callable[[LoggedEvent], None]


@dataclass(slots=True)
class _Entry:
    """An event on its way to the database. `is_waiting`: it has values that are not stored yet.

    `is_unsure`: the database was lost while the event was written, and may have stored it.
    """

    event: LoggedEvent
    id: int = 0
    is_waiting: bool = False
    tries: int = 0
    is_unsure: bool = False


class EventLog:
    """Safe between threads. Needs an open database between start() and stop()."""

    def __init__(self, database: Database, clock: Clock, node: str = "") -> None:
        """`node`: the name of this node, "" for a single process."""
        self.store = EventLogStore(database, node)
        self._clock = clock
        self._lock = threading.Lock()
        self._open: dict[Hashable, _Entry] = {}
        self._waiting: list[_Entry] = []
        self._pictured: dict[int, PictureSubject | None] = {}
        self._dropped = 0
        self._alive_s = float("-inf")
        self._listeners: list[StoredListener] = []
        self._change_listeners: list[StoredListener] = []
        self._flushing = threading.Lock()
        self._news = threading.Condition()
        self._changes = 0  # of stored events, since the start of the app
        self._untold = False  # the other nodes do not know of changes
        self._news_listeners: list[Callable[[], None]] = []
        self._is_stopping = StopSignal()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """End the events that a crash has left open, and start the thread that writes."""
        left = self.store.close_open(self._clock.now_utc())
        if left:
            log.info("%d events were open when the app ended; they end at its last sign of life", left)
        self._is_stopping.begin()
        serve = self._is_stopping.bound(self._serve)
        self._thread = threading.Thread(target=serve, name="event-log", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End all events, and write those that wait. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is None:
            return
        now = self._clock.now_utc()
        with self._lock:
            keys = list(self._open)
        for key in keys:
            self.end(key, now, ClosedWhy.STOPPED)
        self._is_stopping.set()
        with self._news:
            self._news.notify_all()
        thread.join(_STOPPING_S)

    def on_stored(self, listener: StoredListener) -> None:
        """Call `listener` with each new event after it is stored, in the thread of the log. It must not wait.

        Imported events are left out: they happened long ago.
        """
        self._listeners.append(listener)

    def on_changed(self, listener: StoredListener) -> None:
        """Call `listener` with each stored event that has changed, such as at its end. Otherwise as on_stored()."""
        self._change_listeners.append(listener)

    def on_news(self, listener: Callable[[], None]) -> None:
        """Call `listener()` after this process has changed stored events, in the thread of the log."""
        self._news_listeners.append(listener)

    def wake(self) -> None:
        """Let news() look again: another node may have changed stored events."""
        with self._news:
            self._changes += 1
            self._news.notify_all()

    def close_left_open(self, camera_ids: Collection[int], living: Collection[str]) -> None:
        """End the events of cameras of this node that other nodes have left open. Raise Unavailable.

        `living`: the names of the living nodes. The events of the server itself end if their node is not among them.
        """
        with self._flushing:
            count = self.store.close_left_open(camera_ids, living, self._clock.now_utc())
        if count:
            log.info("%d events of other nodes were open; they end at the last sign of life of their node", count)
            self._note_change()

    # ---- events ----------------------------------------------------------------------------------

    def begin(self, key: Hashable, event: LoggedEvent) -> None:
        """An event begins; `end` with the same key ends it. Without effect while an event with this key is open."""
        with self._lock:
            if key not in self._open and (entry := self._add(event)) is not None:
                self._open[key] = entry

    def resume(self, key: Hashable, event: LoggedEvent) -> None:
        """Like `begin`, but go on with a stored event of the same source, kind, channel and beginning.

        Such an event ended because the app did. Waits for the disk. Raise Unavailable.
        """
        stored = self.store.find_same(event)
        with self._lock:
            if stored is None or key in self._open:
                entry = None if key in self._open else self._add(event)
            else:
                entry = _Entry(replace(stored, end_at=None, closed_why=ClosedWhy.TOLD), stored.id)
                self._wait(entry)
            if entry is not None:
                self._open[key] = entry

    def end(
        self,
        key: Hashable,
        at: datetime,
        why: ClosedWhy = ClosedWhy.TOLD,
        *,
        count: int | None = None,
        rule: str | None = None,
    ) -> None:
        """An event ends, at the earliest at its beginning. Without effect if there is none with this key.

        `rule`: known only now; None to keep that of the beginning.
        """
        with self._lock:
            entry = self._open.pop(key, None)
            if entry is None:
                return
            entry.event = replace(
                entry.event,
                end_at=max(at, entry.event.start_at),
                closed_why=why,
                count=entry.event.count if count is None else count,
                rule=entry.event.rule if rule is None else rule,
            )
            self._wait(entry)

    def is_open(self, key: Hashable) -> bool:
        with self._lock:
            return key in self._open

    def is_stored(self, event: LoggedEvent) -> bool:
        """True if the same event is stored with this end already. Waits for the disk. Raise Unavailable."""
        stored = self.store.find_same(event)
        return stored is not None and stored.end_at == event.end_at

    def add(self, event: LoggedEvent) -> None:
        """Log an event that is over."""
        with self._lock:
            self._add(event)

    def add_past(self, events: Sequence[LoggedEvent]) -> None:
        """Store events that happened long ago, immediately and in this thread. Raise StorageFull or Unavailable."""
        with self._flushing:
            for first in range(0, len(events), _MOST_AT_ONCE):
                self.store.write(events[first : first + _MOST_AT_ONCE], [], self._clock.now_utc())

    def note_picture(self, event_id: int, subject: PictureSubject | None = None) -> None:
        """A stored event has a picture, or another one. Its subject replaces the box, score and label of the event."""
        with self._lock:
            self._pictured[event_id] = subject

    def flush(self) -> None:
        """Write the waiting events, in one transaction a batch. Raise StorageFull or Unavailable: the rest waits."""
        with self._flushing:
            while self._flush_batch():
                pass

    # ---- questions -------------------------------------------------------------------------------

    def page(self, query: EventQuery, *, limit: int, cursor: str | None = None) -> EventPage:
        """Return stored events, the newest first. Raise InvalidRequest for an invalid cursor."""
        return self.store.page(query, limit=limit, cursor=cursor)

    def news(self, query: EventQuery, after: datetime, *, limit: int, wait_s: float = 0.0) -> EventNewsPage:
        """Return the events that began or changed after `as_of` of an earlier answer; wait for one if there is none."""
        until_s = self._clock.monotonic_s() + wait_s
        while True:
            with self._news:
                changes = self._changes
            found = self.store.news(query, after, limit=limit)
            left_s = until_s - self._clock.monotonic_s()
            if found.events or found.gone or left_s <= 0 or self._is_stopping.is_set():
                return found
            with self._news:
                if self._changes == changes:
                    self._news.wait(left_s)
            after = found.as_of

    def get(self, query: EventQuery, event_id: int) -> LoggedEvent:
        """Raise NotFound if there is no such event, or if the query leaves it out."""
        return self.store.get(query, event_id)

    def node_of(self, event_id: int) -> str:
        """Return the name of the node that has begun the event; "" for a single process, or if there is none."""
        return self.store.node_of(event_id)

    def get_some(self, query: EventQuery, ids: Collection[int]) -> list[LoggedEvent]:
        """Return the events with these ids, in no order. Leave out those that the query leaves out."""
        return self.store.get_some(query, ids)

    def days(self, query: EventQuery) -> list[EventDay]:
        """Return the numbers of events by day, in order. Days without events are left out."""
        return self.store.days(query)

    def zones(self, query: EventQuery, *, limit: int) -> list[EventZone]:
        """Return the zones with events of the query, by camera, channel and name."""
        return self.store.zones(query, limit=limit)

    def mark_seen(self, query: EventQuery, ids: Collection[int], *, is_seen: bool) -> None:
        """Mark events as seen by the query's user, or as unseen. Ignore ids of events that the query leaves out."""
        self.store.mark_seen(query, ids, is_seen=is_seen)

    # ---- inside ----------------------------------------------------------------------------------

    def _add(self, event: LoggedEvent) -> _Entry | None:
        if len(self._waiting) >= MOST_WAITING:
            self._dropped += 1
            return None
        arrived_at = event.arrived_at or self._clock.now_utc()
        entry = _Entry(replace(event, arrived_at=arrived_at))
        self._wait(entry)
        return entry

    def _wait(self, entry: _Entry) -> None:
        if not entry.is_waiting:
            entry.is_waiting = True
            self._waiting.append(entry)

    def _flush_batch(self) -> bool:
        """Write a batch. Return True if more waits."""
        with self._lock:
            batch, self._waiting = self._waiting[:_MOST_AT_ONCE], self._waiting[_MOST_AT_ONCE:]
            for entry in batch:
                entry.is_waiting = False
            dropped, self._dropped = self._dropped, 0
            pictured, self._pictured = self._pictured, {}
        if dropped:
            log.warning("%d events were dropped, because too many waited for the database", dropped)
        try:
            found = self._find_written(batch)
            with self._lock:
                new = [entry for entry in batch if not entry.id]
                added = [entry.event for entry in new]
                known = [replace(entry.event, id=entry.id) for entry in batch if entry.id and not entry.is_unsure]
                changed = [_change(entry) for entry in batch if entry.id]
            ids = self.store.write(added, changed, self._clock.now_utc(), pictured)
        except Exception as error:
            self._write_later(batch, pictured, error)
            raise
        with self._lock:
            for entry, event_id in zip(new, ids, strict=True):
                entry.id = event_id
            for entry in batch:
                entry.is_unsure = False
            stored = [replace(entry.event, id=entry.id) for entry in found]
            has_more = bool(self._waiting)
        if batch or pictured:
            self._note_change()
        stored += [replace(event, id=event_id) for event, event_id in zip(added, ids, strict=True)]
        fresh = [event for event in stored if event.source is not EventSource.IMPORT]
        _tell(self._listeners, fresh)
        _tell(self._change_listeners, known)
        return has_more and len(batch) == _MOST_AT_ONCE

    def _find_written(self, batch: list[_Entry]) -> list[_Entry]:
        """Return the unsure entries that the database has stored; they have their ids then. Raise Unavailable."""
        unsure = [entry for entry in batch if entry.is_unsure]
        unread = [entry for entry in unsure if not entry.id]
        if unread:
            for entry, event_id in zip(unread, self.store.find_written([one.event for one in unread]), strict=True):
                entry.id = event_id
        return [entry for entry in unsure if entry.id]

    def _write_later(self, batch: list[_Entry], pictured: dict[int, PictureSubject | None], error: Exception) -> None:
        """Let a batch wait again. A fault of the app itself, which its events may cause, is tried a few times only."""
        if isinstance(error, AppError):
            if error.code == "database_unreachable":  # the end of the connection may have hidden a success
                for entry in batch:
                    entry.is_unsure = entry.is_unsure or not entry.id
        else:
            for entry in batch:
                entry.tries += 1
        self._put_back([entry for entry in batch if entry.tries < MOST_TRIES], pictured)

    def _put_back(self, batch: list[_Entry], pictured: dict[int, PictureSubject | None]) -> None:
        with self._lock:
            again = [entry for entry in batch if not entry.is_waiting]
            for entry in again:
                entry.is_waiting = True
            self._waiting = again + self._waiting
            self._pictured = pictured | self._pictured

    def _note_change(self) -> None:
        self._untold = True
        self.wake()

    def _tell_nodes(self) -> None:
        """Tell the other nodes once of all changes since the last call."""
        if self._untold:
            self._untold = False
            for listener in self._news_listeners:
                listener()

    def _note_alive(self) -> None:
        """Store a sign of life while events are open."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            is_due = bool(self._open) and now_s - self._alive_s >= _ALIVE_EVERY_S
        if is_due:
            self.store.note_alive(self._clock.now_utc())
            self._alive_s = now_s

    def _serve(self) -> None:
        pause_s = WRITES_EVERY_S
        while not self._is_stopping.wait(pause_s):
            pause_s = self._work(pause_s)
        self._work(pause_s)

    def _work(self, pause_s: float) -> float:
        """Write the waiting events. Return the seconds until the next attempt."""
        try:
            self.flush()
            self._tell_nodes()
            self._note_alive()
        except AppError as error:
            log.warning("the log of events could not be written (%s)", error.code)
            return min(2 * pause_s, _LONGEST_PAUSE_S)
        except Exception:  # the top of a thread
            log.exception("writing the log of events failed")
            return _LONGEST_PAUSE_S
        return WRITES_EVERY_S


def _tell(listeners: list[StoredListener], events: list[LoggedEvent]) -> None:
    for listener in listeners:
        for event in events:
            try:
                listener(event)
            except Exception:  # a fault in one listener keeps no event from the others
                log.exception("telling a stored event failed")


def _change(entry: _Entry) -> EventChange:
    event = entry.event
    return EventChange(entry.id, event.end_at, event.count, event.closed_why, event.rule)
