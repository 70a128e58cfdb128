"""Turn the beginnings and ends that devices tell into events of the log. Pure functions."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import datetime

from core.events import ChannelActivity, ClosedWhy, EventKind, EventSource, LoggedEvent, Severity, severity_of

# States that may hold for years, such as an input that is active while a door is closed.
_LASTING = frozenset({EventKind.INPUT, EventKind.OUTPUT, EventKind.COUNT, EventKind.DEVICE_FAULT, EventKind.OTHER})
# Values that a device reports every few seconds, such as the load of its processor.
_VALUES = frozenset({EventKind.COUNT, EventKind.OTHER})


def key_of(activity: ChannelActivity) -> Hashable:
    """Return the key of an event that goes on: its beginning and its end have the same."""
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
    )


def end_of(activity: ChannelActivity) -> datetime:
    """Return the time of an end: the last sign of life if the device did not tell the end itself."""
    if activity.closed_why in {ClosedWhy.MISSED, ClosedWhy.TIMEOUT} and activity.last_told_at is not None:
        return activity.last_told_at
    return activity.at
