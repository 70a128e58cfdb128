"""What devices tell about motion in each channel: whether they tell it at all, and when they told it last."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.clock import Clock
from core.errors import AppError
from core.events import ChannelActivity, EventKind, EventSource
from event_manager import EventManager
from events.log_query import EventQuery
from motion.records import Place

TRUSTED_FOR = timedelta(days=7)
SAME = timedelta(seconds=2)
"""Two events of a channel that begin within this time are one."""
MOVEMENTS = (
    EventKind.MOTION,
    EventKind.PERSON,
    EventKind.VEHICLE,
    EventKind.ANIMAL,
    EventKind.OBJECT,
    EventKind.INTRUSION,
    EventKind.LINE_CROSSED,
    EventKind.LOITERING,
)
_ASKED_EVERY_S = 600.0


@dataclass(slots=True)
class _Told:
    """`began_at`: of the last motion. `is_active`: it goes on."""

    began_at: datetime
    is_active: bool


class DeviceMotion:
    """Safe between threads. refresh() waits for the disk; the other methods do not."""

    def __init__(self, events: EventManager, clock: Clock) -> None:
        self._events = events
        self._clock = clock
        self._lock = threading.Lock()
        self._told: dict[Place, _Told] = {}
        self._logged: dict[Place, datetime | None] = {}  # the last motion in the log
        self._asked_s: dict[Place, float] = {}
        events.on_motion(self.note)

    def note(self, activity: ChannelActivity) -> None:
        """Note a beginning or an end of which a device has told."""
        if activity.channel is None or activity.kind not in MOVEMENTS or not activity.is_channel_sure:
            return
        place = (activity.camera_id, activity.channel)
        with self._lock:
            known = self._told.get(place)
            if activity.active:
                self._told[place] = _Told(activity.at, is_active=not activity.is_pulse)
            elif known is not None:
                known.is_active = activity.is_channel_active

    def refresh(self, places: Iterable[Place]) -> None:
        """Read from the log, every ten minutes, when devices have told motion last. Raise Unavailable."""
        now_s, now = self._clock.monotonic_s(), self._clock.now_utc()
        for place in places:
            with self._lock:
                if now_s - self._asked_s.get(place, float("-inf")) < _ASKED_EVERY_S:
                    continue
            wanted = EventQuery(
                start=now - TRUSTED_FOR,
                camera_ids=(place[0],),
                channel=place[1],
                kinds=MOVEMENTS,
                source=EventSource.DEVICE,
            )
            page = self._events.log.page(wanted, limit=1)
            with self._lock:
                self._logged[place] = page.events[0].start_at if page.events else None
                self._asked_s[place] = now_s

    def is_told(self, place: Place) -> bool:
        """True if the device has told motion in this channel within the last seven days, and the app listens to it."""
        with self._lock:
            told = self._told.get(place)
            moments = [told.began_at if told else None, self._logged.get(place)]
        is_recent = any(moment is not None and self._clock.now_utc() - moment < TRUSTED_FOR for moment in moments)
        return is_recent and self._listens(place[0])

    def is_known(self, place: Place) -> bool:
        """True if the log was read for this channel."""
        with self._lock:
            return place in self._asked_s

    def has_told(self, place: Place, began_at: datetime) -> bool:
        """True if the device tells the motion itself that began at this time."""
        with self._lock:
            told = self._told.get(place)
        return told is not None and (told.is_active or abs(told.began_at - began_at) <= SAME)

    def forget_camera(self, camera_id: int) -> None:
        """The camera was changed or removed: it may be another device now."""
        with self._lock:
            for known in (self._told, self._logged, self._asked_s):
                for place in [place for place in known if place[0] == camera_id]:
                    del known[place]

    def _listens(self, camera_id: int) -> bool:
        try:
            return camera_id in self._events.event_cameras()
        except AppError:
            return False
