"""Deletes old events in batches, their pictures and numbers by day, and the events of removed cameras."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

from core.clock import Clock
from core.events import EventKind
from core.settings import Settings
from events.log_query import day_of, to_ms
from events.log_store import EventLogStore
from events.pictures import EventPictures
from tables import EventDayRow, EventRow

MOST_AT_ONCE = 5_000  # rows of one transaction: it takes some 30 ms, in which no other thread writes
LOOKS_EVERY_S = 600.0
_FREQUENT = frozenset({EventKind.MOTION})  # millions of rows in a year


class EventRetention:
    """`step` is for one thread; the other methods may be called from any."""

    def __init__(self, store: EventLogStore, pictures: EventPictures, settings: Settings, clock: Clock) -> None:
        self._store = store
        self._pictures = pictures
        self._settings = settings
        self._clock = clock
        self._lock = threading.Lock()
        self._removed: set[int] = set()
        self._due_s = float("-inf")
        self._is_busy = False

    def forget_camera(self, camera_id: int) -> None:
        """Delete the events of a removed camera soon."""
        self._pictures.drop_camera(camera_id)
        with self._lock:
            self._removed.add(camera_id)
            self._store.hide(self._removed)

    def forget_removed(self) -> None:
        """Delete the events of cameras that were removed while the app did not run."""
        with self._lock:
            self._removed |= self._store.removed_cameras()
            self._store.hide(self._removed)

    def step(self) -> bool:
        """Delete one batch if it is time. Return True if more is to be deleted now. Raise Unavailable."""
        if self._delete_removed():
            return True
        now_s = self._clock.monotonic_s()
        if not self._is_busy and now_s < self._due_s:
            return False
        if not self._is_busy:
            self._drop_pictures_of_no_event()
        self._is_busy = self._delete_old()
        self._due_s = now_s + LOOKS_EVERY_S
        return self._is_busy

    def _delete_removed(self) -> bool:
        with self._lock:
            camera_id = min(self._removed, default=None)
        if camera_id is None:
            return False
        deleted = self._store.delete_batch(EventRow.camera_id == camera_id, limit=MOST_AT_ONCE)
        if len(deleted) == MOST_AT_ONCE:
            return True
        self._store.delete_days(EventDayRow.camera_id == camera_id)
        self._pictures.drop_camera(camera_id)  # one may have been taken meanwhile
        with self._lock:
            self._removed.discard(camera_id)
            self._store.hide(self._removed)
            return bool(self._removed)

    def _drop_pictures_of_no_event(self) -> None:
        """Remove the pictures of events that other nodes have deleted."""
        present = self._pictures.events()
        missing = set(self._store.missing([event_id for _, event_id in present]))
        self._pictures.drop([one for one in present if one[1] in missing])

    def _delete_old(self) -> bool:
        """Delete a batch of each kind of old events. Events that go on stay. Return True if there may be more."""
        has_more = False
        for kind in EventKind:
            limit = self._limit(is_frequent=kind in _FREQUENT)
            of_kind, is_over = EventRow.kind == kind.value, EventRow.end_ms.is_not(None)
            deleted = self._store.delete_batch(of_kind, EventRow.start_ms < to_ms(limit), is_over, limit=MOST_AT_ONCE)
            self._pictures.drop(deleted)
            has_more = has_more or len(deleted) == MOST_AT_ONCE
        if not has_more:
            self._delete_old_days()
            has_more = self._delete_beyond_limit()
        return has_more

    def _delete_beyond_limit(self) -> bool:
        """Delete a batch of the events beyond the limit of all rows, the oldest notices first.

        Return True if there may be more.
        """
        beyond = self._store.count() - self._settings.event_max_rows
        if beyond <= 0:
            return False
        found, deleted = self._store.delete_oldest(limit=min(beyond, MOST_AT_ONCE))
        self._pictures.drop(deleted)
        return 0 < found < beyond

    def _delete_old_days(self) -> None:
        """Delete the numbers of days before the limits: in every look, because a kind of events may have stopped."""
        frequent = EventDayRow.kind.in_([kind.value for kind in _FREQUENT])
        for is_frequent, kinds in ((True, frequent), (False, ~frequent)):
            self._store.delete_days(kinds, EventDayRow.day < day_of(self._limit(is_frequent=is_frequent)))

    def _limit(self, *, is_frequent: bool) -> datetime:
        days = self._settings.event_keep_motion_days if is_frequent else self._settings.event_keep_days
        return self._clock.now_utc() - timedelta(days=days)
