"""Movements as events: in the log, with a picture each, and for the recording of events.

A movement that the device tells, too, is one event: that of the device. In channels with motion of a device, an event
of the app waits two seconds for that of the device. The recording does not wait.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from core.clock import Clock
from core.events import ChannelActivity, EventKind, EventSource, LoggedEvent, PictureSubject, Severity
from event_manager import EventManager
from motion.device_motion import SAME, DeviceMotion
from motion.judge import Closed, Opened
from motion.records import Movement, Place
from vision.messages import Blob

log = logging.getLogger(__name__)

TOPIC = "watch"
_PICTURE_S = 5.0  # a picture that has not come by then does not come
_STALE_S = 60.0

ActivityListener = Callable[[ChannelActivity], None]


@dataclass(slots=True)
class _Going:
    """A movement that goes on, or whose event or picture is not written yet. `number`: of the movement."""

    movement: Movement
    number: int
    due_s: float  # when its event is logged
    began_s: float
    is_logged: bool = False
    is_left_out: bool = False  # the device tells it, or there are too many
    closed: Closed | None = None
    event_id: int = 0
    jpeg: bytes | None = None
    has_new_picture: bool = False


class MotionEvents:
    """Safe between threads. tick() writes pictures; the other methods do not wait for the disk."""

    def __init__(self, events: EventManager, device_motion: DeviceMotion, clock: Clock) -> None:
        self._events = events
        self._device_motion = device_motion
        self._clock = clock
        self._lock = threading.RLock()
        self._going: dict[Place, _Going] = {}
        self._ended: list[tuple[Place, _Going]] = []  # those that wait for their picture
        self._number = 0
        self._hits: Counter[Place] = Counter()
        self._hits_day = ""
        self._listeners: list[ActivityListener] = []
        events.log.on_stored(self._note_stored)

    def on_activity(self, listener: ActivityListener) -> None:
        """Call `listener` when a movement begins, and when it ends. It must not wait for a device."""
        self._listeners.append(listener)

    def begin(self, place: Place, opened: Opened) -> None:
        """A movement has begun."""
        now_s = self._clock.monotonic_s()
        wait_s = SAME.total_seconds() if self._device_motion.is_told(place) else 0.0
        with self._lock:
            self._number += 1
            going = _Going(opened.movement, self._number, now_s + wait_s, now_s, is_left_out=not opened.is_counted)
            self._going[place] = going
            self._count(place)
            self._log_if_due(place, going)
        self._tell(place, opened.movement, is_active=True, at_ms=opened.movement.start_ms)

    def go_on(self, place: Place) -> None:
        """A movement goes on: a recording that has begun meanwhile begins with it."""
        with self._lock:
            going = self._going.get(place)
        if going is not None:
            self._tell(place, going.movement, is_active=True, at_ms=None)

    def end(self, place: Place, closed: Closed) -> None:
        """A movement has ended."""
        with self._lock:
            going = self._going.pop(place, None)
            if going is None:
                return
            going.closed = closed
            self._log_if_due(place, going)
            self._ended.append((place, going))
        self._tell(place, going.movement, is_active=False, at_ms=closed.end_ms)

    def set_picture(self, place: Place, jpeg: bytes, blob: Blob | None) -> None:
        """Keep the best picture of the present movement. `blob`: the largest in it, None if that is unknown."""
        with self._lock:
            going = self._going.get(place)
            if going is None:
                return
            going.jpeg, going.has_new_picture = jpeg, True
            if blob is not None:
                going.movement = replace(going.movement, box=blob.box, share=blob.share)

    def tick(self) -> None:
        """Log the events whose time has come, and write the pictures of those that are stored."""
        now_s = self._clock.monotonic_s()
        with self._lock:
            for place, going in [*self._going.items(), *self._ended]:
                self._log_if_due(place, going)
            waiting = [*self._going.items(), *self._ended]
            self._ended = [one for one in self._ended if not self._is_done(one[1], now_s)]
        for place, going in waiting:
            self._write_picture(place, going, now_s)

    def hits_today(self, place: Place) -> int:
        """Return the movements since midnight of the server."""
        with self._lock:
            return self._hits[place] if self._hits_day == self._today() else 0

    def forget_camera(self, camera_id: int) -> None:
        with self._lock:
            for place in [place for place in self._hits if place[0] == camera_id]:
                del self._hits[place]

    # ---- inside ------------------------------------------------------------------------------------

    def _log_if_due(self, place: Place, going: _Going) -> None:
        if not going.is_logged and not going.is_left_out and self._clock.monotonic_s() >= going.due_s:
            if self._device_motion.has_told(place, _moment(going.movement.start_ms)):
                going.is_left_out = True
            else:
                going.is_logged = True
                self._events.log.begin(_key(going), _event(place, going.movement))
        if going.is_logged and going.closed is not None:
            self._events.log.end(_key(going), _moment(going.closed.end_ms), going.closed.why, rule=going.closed.rest)

    def _note_stored(self, event: LoggedEvent) -> None:
        """Learn the id of a stored event. In the thread of the log."""
        if (
            event.source is not EventSource.WATCH
            or event.kind is not EventKind.MOTION
            or event.camera_id is None
            or event.channel is None
        ):
            return
        with self._lock:
            for place, going in [*self._going.items(), *self._ended]:
                is_same = going.is_logged and _moment(going.movement.start_ms) == event.start_at
                if is_same and place == (event.camera_id, event.channel) and not going.event_id:
                    going.event_id = event.id
                    self._events.pictures.expect(event.camera_id, event.id)

    def _write_picture(self, place: Place, going: _Going, now_s: float) -> None:
        with self._lock:
            jpeg, event_id, movement = going.jpeg, going.event_id, going.movement
            is_new = going.has_new_picture and bool(event_id)
            if is_new:
                going.has_new_picture = False
        if not event_id:
            return
        if is_new and jpeg is not None and self._events.pictures.put(place[0], event_id, jpeg):
            self._events.log.note_picture(event_id, PictureSubject(movement.box, _score(movement)))
        if is_new or now_s - going.began_s > _PICTURE_S:
            self._events.pictures.give_up(place[0], event_id)

    def _is_done(self, going: _Going, now_s: float) -> bool:
        if going.is_left_out or now_s - going.began_s > _STALE_S:
            return True
        has_picture = going.jpeg is not None and not going.has_new_picture
        return going.is_logged and bool(going.event_id) and (has_picture or now_s - going.began_s > _PICTURE_S)

    def _count(self, place: Place) -> None:
        if self._hits_day != self._today():
            self._hits_day = self._today()
            self._hits.clear()
        self._hits[place] += 1

    def _today(self) -> str:
        return f"{self._clock.now_utc().astimezone():%Y-%m-%d}"

    def _tell(self, place: Place, movement: Movement, *, is_active: bool, at_ms: int | None) -> None:
        activity = ChannelActivity(
            camera_id=place[0],
            channel=place[1],
            kind=EventKind.MOTION,
            rule=movement.zone,
            active=is_active,
            at=self._clock.now_utc() if at_ms is None else _moment(at_ms),
            is_device_time=False,
            is_channel_active=is_active,
            topic=TOPIC,
        )
        for listener in self._listeners:
            try:
                listener(activity)
            except Exception:  # the other listeners must be told despite a fault in one
                log.exception("telling a movement failed")


def _key(going: _Going) -> tuple[str, int]:
    return (TOPIC, going.number)


def _event(place: Place, movement: Movement) -> LoggedEvent:
    return LoggedEvent(
        camera_id=place[0],
        channel=place[1],
        kind=EventKind.MOTION,
        source=EventSource.WATCH,
        start_at=_moment(movement.start_ms),
        severity=Severity.ALERT if movement.is_alert else Severity.NOTICE,
        score=_score(movement),
        box=movement.box,
        zone=movement.zone,
    )


def _score(movement: Movement) -> float:
    return round(movement.share, 4)


def _moment(time_ms: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=time_ms)
