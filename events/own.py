"""Events of the app's own connection and recording: devices away, refused logins, wrong clocks, gaps, disks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cameras.records import CameraView
from core.clock import Clock
from core.events import EventKind, EventSource, LoggedEvent, Trouble, severity_of
from core.records import CameraStatus
from events.log import EventLog

AWAY_S = 15.0  # a device that is back sooner was not away: a reconnection is no event
FIRST_AWAY_S = 60.0  # for a device that the app has not reached yet
WRONG_CLOCK_S = 5.0
_RIGHT_CLOCK_S = 3.0  # near the limit, the event must not begin and end many times
_MOST_NOTED = 1000

_Key = tuple[str, ...]


@dataclass(slots=True)
class _Link:
    """The connection to a camera, since it is in its present state."""

    is_online: bool
    since: datetime
    since_s: float
    has_been_online: bool


class OwnEvents:
    """For one thread, which calls the methods every few seconds. Nothing here waits for a device."""

    def __init__(self, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._links: dict[int, _Link] = {}
        self._open: dict[_Key, Trouble] = {}
        self._noted: dict[str, None] = {}  # troubles that are over and logged, the newest last

    def look_at_cameras(self, views: Iterable[CameraView]) -> None:
        """Log what begins and what ends in the connections to these cameras, which are all."""
        now, found = self._clock.now_utc(), list(views)
        for camera_id in self._links.keys() - {view.id for view in found}:
            del self._links[camera_id]
        wanted: dict[_Key, Trouble] = {}
        for view in found:
            for trouble in self._troubles_of(view):
                wanted["camera", trouble.key] = trouble
        self._follow("camera", wanted, now)

    def look_at_recording(self, troubles: Iterable[Trouble]) -> None:
        """Log the gaps and the troubles of disks, which are all that there are. Raise Unavailable."""
        now = self._clock.now_utc()
        wanted: dict[_Key, Trouble] = {}
        for trouble in troubles:
            if trouble.until is None:
                wanted["recording", trouble.key] = trouble
            elif trouble.key not in self._noted:
                self._note_over(trouble, trouble.until)
        self._follow("recording", wanted, now)

    def _follow(self, subject: str, wanted: dict[_Key, Trouble], now: datetime) -> None:
        """Begin the wanted events that are not open, and end the open ones that are not wanted any more."""
        for key in [key for key in self._open if key[0] == subject and key not in wanted]:
            del self._open[key]
            self._log.end(key, now)
        for key, trouble in wanted.items():
            if key not in self._open:
                event = _event_of(trouble, now)
                if trouble.since is None:
                    self._log.begin(key, event)
                else:
                    self._log.resume(key, event)
                self._open[key] = trouble

    def _note_over(self, trouble: Trouble, until: datetime) -> None:
        """Log a trouble that is over: end its event, or log it as a whole."""
        key = ("recording", trouble.key)
        event = _event_of(trouble, until)
        is_open = self._open.pop(key, None) is not None
        if is_open or not self._log.is_stored(replace(event, end_at=until)):
            if not is_open:
                self._log.resume(key, event)
            self._log.end(key, until)
        self._noted[trouble.key] = None
        while len(self._noted) > _MOST_NOTED:
            del self._noted[next(iter(self._noted))]

    def _troubles_of(self, view: CameraView) -> list[Trouble]:
        link = self._link(view)
        if not link.is_online:
            if view.status is CameraStatus.AUTH_FAILED:
                return [_of_camera(view, EventKind.LOGIN_REFUSED, since=link.since)]
            away_s = self._clock.monotonic_s() - link.since_s
            if away_s < (AWAY_S if link.has_been_online else FIRST_AWAY_S):
                return []
            return [_of_camera(view, EventKind.OFFLINE, since=link.since)]
        offset_s = abs(view.clock_offset_s or 0.0)
        is_known = ("camera", _key_of(view, EventKind.CLOCK_WRONG)) in self._open
        if offset_s < (_RIGHT_CLOCK_S if is_known else WRONG_CLOCK_S):
            return []
        return [_of_camera(view, EventKind.CLOCK_WRONG)]

    def _link(self, view: CameraView) -> _Link:
        is_online = view.status is CameraStatus.ONLINE
        known = self._links.get(view.id)
        if known is None or known.is_online != is_online:
            has_been_online = is_online or (known is not None and known.has_been_online)
            known = _Link(is_online, self._clock.now_utc(), self._clock.monotonic_s(), has_been_online)
            self._links[view.id] = known
        return known


def _key_of(view: CameraView, kind: EventKind) -> str:
    return f"{kind} {view.id}"


def _of_camera(view: CameraView, kind: EventKind, *, since: datetime | None = None) -> Trouble:
    if kind is EventKind.CLOCK_WRONG:
        reason = f"{view.clock_offset_s or 0.0:+.0f} s"
    else:
        reason = view.error.code if view.error is not None else ""
    return Trouble(_key_of(view, kind), kind, reason, camera_id=view.id, since=since)


def _event_of(trouble: Trouble, now: datetime) -> LoggedEvent:
    return LoggedEvent(
        camera_id=trouble.camera_id,
        channel=trouble.channel,
        kind=trouble.kind,
        source=EventSource.SERVER,
        start_at=trouble.since or now,
        rule=trouble.reason,
        label=trouble.label,
        severity=severity_of(trouble.kind),
    )
