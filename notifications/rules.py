"""Which events a rule wants, and when it is quiet: pure decisions, which get the time from the caller."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from core.events import EventSource, LoggedEvent, Severity
from notifications.records import Rule, RuleDraft

LATEST = timedelta(minutes=10)
"""From this age on, an event and a waiting delivery are no news any more."""

_MOST_KEYS = 10_000


def is_news(event: LoggedEvent, now: datetime) -> bool:
    """True if the event has just begun. Recorded events that the app has imported are no news."""
    if event.source is EventSource.IMPORT:
        return False
    known_at = event.arrived_at if event.source is EventSource.SERVER else None
    return now - (known_at or event.start_at) <= LATEST


def wants(rule: Rule, event: LoggedEvent, now: datetime) -> bool:
    """True if the rule is on, not snoozed, and wants this event, whatever its length."""
    wanted = rule.wanted
    if not is_active(rule, now):
        return False
    if wanted.kinds and event.kind not in wanted.kinds:
        return False
    if wanted.severity is not None and event.severity is not wanted.severity:
        return False
    if wanted.camera_id is not None and event.camera_id != wanted.camera_id:
        return False
    if wanted.channel is not None and event.channel != wanted.channel:
        return False
    if wanted.zone is not None and wanted.zone not in (event.zone, event.rule):
        return False
    return is_in_time(wanted, event.start_at)


def is_active(rule: Rule, now: datetime) -> bool:
    """True if the rule is on and not snoozed."""
    return rule.wanted.is_on and (rule.wanted.snooze_until is None or rule.wanted.snooze_until <= now)


def is_in_time(wanted: RuleDraft, moment: datetime) -> bool:
    """True if the moment is in the rule's days and hours. A night belongs to the day on which it begins."""
    local = moment.astimezone(zone_of(wanted.time_zone))
    minute, day = 60 * local.hour + local.minute, local.weekday()
    begins, ends = wanted.from_minute, wanted.until_minute
    if begins is not None and ends is not None and begins >= ends:
        if minute < ends:
            day = (day - 1) % 7
        elif minute < begins:
            return False
    elif (begins is not None and minute < begins) or (ends is not None and minute >= ends):
        return False
    return not wanted.days or day in wanted.days


def is_long_enough(wanted: RuleDraft, event: LoggedEvent) -> bool:
    """True if the event lasted long enough. Ask it only of an event that is over, or so old that it would be."""
    return event.end_at is None or (event.end_at - event.start_at).total_seconds() >= wanted.min_length_s


@dataclass(frozen=True, slots=True)
class _Told:
    event_id: int
    severity: Severity
    at_s: float


@dataclass(frozen=True, slots=True)
class Passed:
    """An event that the cool-down lets through. `is_alert_again`: a notice about the same channel came before."""

    is_alert_again: bool


class CoolDowns:
    """The last notification of each rule for each channel. An alert passes although a notice has just passed.

    For one thread.
    """

    def __init__(self) -> None:
        self._told: OrderedDict[tuple[int, int, int], _Told] = OrderedDict()

    def take(self, rule: Rule, event: LoggedEvent, now_s: float) -> Passed | None:
        """Return None if the event is within the cool-down, or has passed before. Otherwise the cool-down begins."""
        key = (rule.id, event.camera_id or 0, event.channel or 0)
        last = self._told.get(key)
        is_again = False
        if last is not None:
            is_near = now_s - last.at_s < rule.wanted.cool_down_s
            is_same = last.event_id == event.id
            is_again = event.severity is Severity.ALERT and last.severity is Severity.NOTICE and (is_near or is_same)
            if (is_near or is_same) and not is_again:
                return None
        self._told[key] = _Told(event.id, event.severity, now_s)
        self._told.move_to_end(key)
        while len(self._told) > _MOST_KEYS:
            self._told.popitem(last=False)
        return Passed(is_again)


def zone_of(name: str) -> ZoneInfo | None:
    """Return None, the server's zone, for an empty or unknown name."""
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None
