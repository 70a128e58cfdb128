"""Turn the beginnings and ends that devices tell into events of the log.

Many devices tell one motion by two topics, such as VideoSource/MotionAlarm and RuleEngine/CellMotionDetector/Motion.
The log has one event then, from the first beginning to the last end. Too many events of a camera in a minute are one
event, too, which tells only their number.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import datetime

from core.clock import Clock
from core.events import ChannelActivity, ClosedWhy, EventKind, EventSource, LoggedEvent, Severity, severity_of
from events.log import EventLog

# States that may hold for years, such as an input that is active while a door is closed.
_LASTING = frozenset({EventKind.INPUT, EventKind.OUTPUT, EventKind.COUNT, EventKind.DEVICE_FAULT, EventKind.OTHER})
# Values that a device reports every few seconds, such as the load of its processor.
_VALUES = frozenset({EventKind.COUNT, EventKind.OTHER})
MOST_ROWS_A_MINUTE = 240  # of one camera: a hostile or broken device may invent rules
_MINUTE_S = 60.0


@dataclass(slots=True)
class _Told:
    """An event that goes on. `members`: the keys of the activities that are this event, and go on."""

    key: Hashable
    activity: ChannelActivity  # the first one
    topics: set[str]
    members: set[Hashable] = field(default_factory=set)
    count: int = 0
    ended_at: datetime | None = None
    is_storm: bool = False

    def has_place_for(self, other: ChannelActivity) -> bool:
        """True if another activity is the same event: a motion by another topic. One by another rule is not."""
        first = self.activity
        if other.kind is not EventKind.MOTION:
            return False
        if (first.camera_id, first.channel, first.kind) != (other.camera_id, other.channel, other.kind):
            return False
        return first.rule == other.rule or other.topic not in self.topics


@dataclass(slots=True)
class _Minute:
    """The number of rows of a camera since a time."""

    began_s: float
    rows: int = 0


class EventMerger:
    """Hands activities to the log. For one call at a time; nothing here waits."""

    def __init__(self, log: EventLog, clock: Clock) -> None:
        self._log = log
        self._clock = clock
        self._told: dict[Hashable, _Told] = {}
        self._minutes: dict[int, _Minute] = {}
        self._storms: dict[int, _Told] = {}

    def take(self, activity: ChannelActivity, *, is_wanted: bool = True) -> None:
        """Take the beginning or the end of an activity. `is_wanted`: False for a camera without a log."""
        key = _key_of(activity)
        if not activity.active:
            self._end(key, activity)
        elif is_wanted and is_logged(activity) and key not in self._told:
            self._begin(key, activity)

    def _begin(self, key: Hashable, activity: ChannelActivity) -> None:
        told = next((one for one in self._told.values() if one.has_place_for(activity)), None)
        if told is None:
            told = self._add(key, activity) if self._has_row(activity.camera_id) else self._storm(activity)
        if not told.is_storm:  # its topics may be any number
            told.topics.add(activity.topic)
        told.members.add(key)
        self._told[key] = told

    def _add(self, key: Hashable, activity: ChannelActivity) -> _Told:
        self._log.begin(key, begun(activity))
        return _Told(key, activity, set())

    def _has_row(self, camera_id: int) -> bool:
        """Count a row of a camera. Return False if the camera has too many in this minute."""
        now_s = self._clock.monotonic_s()
        minute = self._minutes.get(camera_id)
        if minute is None or now_s - minute.began_s >= _MINUTE_S:
            minute = self._minutes[camera_id] = _Minute(now_s)
        minute.rows += 1
        return minute.rows <= MOST_ROWS_A_MINUTE

    def _storm(self, activity: ChannelActivity) -> _Told:
        """Return the one event that counts a camera's activities beyond the limit. It ends with the last of them."""
        camera_id = activity.camera_id
        storm = self._storms.get(camera_id)
        if storm is None:
            whole = replace(activity, channel=None, kind=EventKind.OTHER, rule="", topic="")
            key = ("storm", camera_id)
            storm = self._storms[camera_id] = _Told(key, whole, set(), is_storm=True)
            label = f"more than {MOST_ROWS_A_MINUTE} events in a minute"
            self._log.begin(key, replace(begun(whole), label=label, severity=Severity.ALERT))
        return storm

    def _end(self, key: Hashable, activity: ChannelActivity) -> None:
        told = self._told.pop(key, None)
        if told is None:
            return
        told.members.discard(key)
        told.count += activity.changes
        at = end_of(activity)
        told.ended_at = at if told.ended_at is None else max(told.ended_at, at)
        if not told.members:
            if told.is_storm:
                del self._storms[activity.camera_id]
            why = ClosedWhy.STORM if told.is_storm else activity.closed_why
            self._log.end(told.key, told.ended_at, why, count=told.count)


def _key_of(activity: ChannelActivity) -> Hashable:
    return (activity.camera_id, activity.channel, activity.kind, activity.topic, activity.rule, activity.item)


def is_logged(activity: ChannelActivity) -> bool:
    """True if a beginning belongs into the log. States that last, and values, are on the device's page only."""
    if activity.is_pulse and activity.kind in _VALUES:
        return False
    return not (activity.is_state and activity.kind in _LASTING)


def begun(activity: ChannelActivity) -> LoggedEvent:
    """Return the event that begins. A state that the app finds is no news, so it is no alert either."""
    return LoggedEvent(
        camera_id=activity.camera_id,
        channel=activity.channel,
        kind=activity.kind,
        source=EventSource.DEVICE,
        start_at=activity.at,
        topic=activity.topic,
        rule=activity.rule,
        severity=Severity.NOTICE if activity.is_state else severity_of(activity.kind),
        is_device_time=activity.is_device_time,
        is_channel_sure=activity.is_channel_sure,
        device_at=activity.device_at,
    )


def end_of(activity: ChannelActivity) -> datetime:
    """Return the time of an end: the last sign of life if the device did not tell the end itself."""
    if activity.closed_why in {ClosedWhy.MISSED, ClosedWhy.TIMEOUT} and activity.last_told_at is not None:
        return activity.last_told_at
    return activity.at
