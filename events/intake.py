"""Turn the beginnings and ends that devices tell into events of the log.

Many devices tell one motion by two topics, such as VideoSource/MotionAlarm and RuleEngine/CellMotionDetector/Motion.
The log has one event then, from the first beginning to the last end.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import datetime

from core.events import ChannelActivity, ClosedWhy, EventKind, EventSource, LoggedEvent, Severity, severity_of
from events.log import EventLog

# States that may hold for years, such as an input that is active while a door is closed.
_LASTING = frozenset({EventKind.INPUT, EventKind.OUTPUT, EventKind.COUNT, EventKind.DEVICE_FAULT, EventKind.OTHER})
# Values that a device reports every few seconds, such as the load of its processor.
_VALUES = frozenset({EventKind.COUNT, EventKind.OTHER})


@dataclass(slots=True)
class _Told:
    """An event that goes on. `members`: the keys of the activities that are this event, and go on."""

    key: Hashable
    activity: ChannelActivity  # the first one
    topics: set[str]
    members: set[Hashable] = field(default_factory=set)
    count: int = 0
    ended_at: datetime | None = None

    def has_place_for(self, other: ChannelActivity) -> bool:
        """True if another activity is the same event: a motion by another topic. One by another rule is not."""
        first = self.activity
        if other.kind is not EventKind.MOTION:
            return False
        if (first.camera_id, first.channel, first.kind) != (other.camera_id, other.channel, other.kind):
            return False
        return first.rule == other.rule or other.topic not in self.topics


class EventIntake:
    """Hands activities to the log. For one call at a time; nothing here waits."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._told: dict[Hashable, _Told] = {}

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
            told = _Told(key, activity, set())
            self._log.begin(key, begun(activity))
        told.topics.add(activity.topic)
        told.members.add(key)
        self._told[key] = told

    def _end(self, key: Hashable, activity: ChannelActivity) -> None:
        told = self._told.pop(key, None)
        if told is None:
            return
        told.members.discard(key)
        told.count += activity.changes
        at = end_of(activity)
        told.ended_at = at if told.ended_at is None else max(told.ended_at, at)
        if not told.members:
            self._log.end(told.key, told.ended_at, activity.closed_why, count=told.count)


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
    )


def end_of(activity: ChannelActivity) -> datetime:
    """Return the time of an end: the last sign of life if the device did not tell the end itself."""
    if activity.closed_why in {ClosedWhy.MISSED, ClosedWhy.TIMEOUT} and activity.last_told_at is not None:
        return activity.last_told_at
    return activity.at
