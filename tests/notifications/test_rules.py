"""Which events a rule wants, and when it is quiet."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from core.events import EventKind, EventSource, LoggedEvent, Severity
from notifications.records import Rule, RuleDraft
from notifications.rules import CoolDowns, Passed, is_in_time, is_long_enough, is_news, wants
from tests.events.logged import NOON, event


def rule(**wanted: Any) -> Rule:
    return Rule(1, None, RuleDraft(**{"name": "Rule", **wanted}))


PERSON = event(EventKind.PERSON, zone="drive", rule="Line 1")


@pytest.mark.parametrize(
    ("wanted", "is_wanted"),
    [
        ({}, True),
        ({"is_on": False}, False),
        ({"kinds": (EventKind.PERSON, EventKind.MOTION)}, True),
        ({"kinds": (EventKind.MOTION,)}, False),
        ({"severity": Severity.ALERT}, True),
        ({"camera_id": 1}, True),
        ({"camera_id": 2}, False),
        ({"camera_id": 1, "channel": 1}, True),
        ({"camera_id": 1, "channel": 2}, False),
        ({"zone": "drive"}, True),
        ({"zone": "Line 1"}, True),
        ({"zone": "street"}, False),
        ({"snooze_until": NOON + timedelta(seconds=1)}, False),
        ({"snooze_until": NOON}, True),
    ],
)
def test_a_rule_wants_events_by_its_fields(wanted: dict[str, Any], is_wanted: bool) -> None:
    assert wants(rule(**wanted), PERSON, NOON) is is_wanted


def test_a_rule_for_alerts_leaves_out_notices() -> None:
    assert not wants(rule(severity=Severity.ALERT), event(EventKind.MOTION), NOON)


def at(day: int, hour: int, minute: int = 0) -> datetime:
    """A day of November 2026 in Berlin; the 23rd is a Monday."""
    return datetime(2026, 11, day, hour - 1, minute, tzinfo=UTC)


@pytest.mark.parametrize(
    ("wanted", "moment", "is_in"),
    [
        ({"from_minute": 18 * 60, "until_minute": 20 * 60}, at(23, 18), True),
        ({"from_minute": 18 * 60, "until_minute": 20 * 60}, at(23, 20), False),
        ({"from_minute": 18 * 60, "until_minute": 20 * 60}, at(23, 17, 59), False),
        ({"from_minute": 18 * 60}, at(23, 23), True),
        ({"until_minute": 18 * 60}, at(23, 18), False),
        ({"from_minute": 22 * 60, "until_minute": 6 * 60}, at(23, 23), True),
        ({"from_minute": 22 * 60, "until_minute": 6 * 60}, at(24, 5), True),
        ({"from_minute": 22 * 60, "until_minute": 6 * 60}, at(24, 12), False),
        ({"days": (0,)}, at(23, 12), True),
        ({"days": (0,)}, at(24, 12), False),
        ({"days": (0,), "from_minute": 22 * 60, "until_minute": 6 * 60}, at(24, 5), True),
        ({"days": (0,), "from_minute": 22 * 60, "until_minute": 6 * 60}, at(23, 5), False),
        ({"days": (1,), "from_minute": 22 * 60, "until_minute": 6 * 60}, at(24, 5), False),
        ({"from_minute": 12 * 60, "until_minute": 12 * 60}, at(23, 3), True),
    ],
)
def test_days_and_hours_are_those_of_the_rules_zone(wanted: dict[str, Any], moment: datetime, is_in: bool) -> None:
    draft = RuleDraft(name="Rule", time_zone="Europe/Berlin", **wanted)
    assert is_in_time(draft, moment) is is_in


def test_an_empty_zone_is_the_servers() -> None:
    local = NOON.astimezone()
    minute = 60 * local.hour + local.minute
    assert is_in_time(RuleDraft(name="Rule", from_minute=minute, until_minute=minute + 1), NOON)


def test_hours_follow_summer_time() -> None:
    draft = RuleDraft(name="Rule", time_zone="Europe/Berlin", from_minute=18 * 60, until_minute=19 * 60)
    assert is_in_time(draft, datetime(2026, 7, 1, 16, 30, tzinfo=UTC))
    assert is_in_time(draft, datetime(2026, 12, 1, 17, 30, tzinfo=UTC))


@pytest.mark.parametrize(
    ("told", "is_new"),
    [
        (event(at_s=-60), True),
        (event(at_s=-700), False),
        (event(source=EventSource.IMPORT), False),
        (event(EventKind.RECORDING_GAP, at_s=-7000, source=EventSource.SERVER, arrived_at=NOON), True),
        (event(EventKind.MOTION, at_s=-7000, arrived_at=NOON), False),
    ],
)
def test_only_what_has_just_begun_is_news(told: LoggedEvent, is_new: bool) -> None:
    assert is_news(told, NOON) is is_new


def test_an_event_that_ended_too_early_is_not_long_enough() -> None:
    assert not is_long_enough(RuleDraft(name="Rule", min_length_s=11), event())
    assert is_long_enough(RuleDraft(name="Rule", min_length_s=10), event())
    assert is_long_enough(RuleDraft(name="Rule", min_length_s=3600), event(end_at=None))


def test_a_channel_is_quiet_for_the_cool_down_and_others_are_not() -> None:
    downs, told = CoolDowns(), rule(cool_down_s=30.0)
    assert downs.take(told, event(id=1), 0.0) is not None
    assert downs.take(told, event(id=2), 29.0) is None
    assert downs.take(told, event(id=3, channel=2), 29.0) is not None
    assert downs.take(Rule(2, None, told.wanted), event(id=4), 29.0) is not None
    assert downs.take(told, event(id=5), 30.0) is not None


def test_an_alert_is_told_although_a_notice_was_told_just_before() -> None:
    downs, told = CoolDowns(), rule(cool_down_s=30.0)
    first = downs.take(told, event(EventKind.MOTION, id=1), 0.0)
    alert = downs.take(told, event(EventKind.PERSON, id=2), 1.0)
    assert first == Passed(is_alert_again=False)
    assert alert == Passed(is_alert_again=True)
    assert downs.take(told, event(EventKind.PERSON, id=3), 2.0) is None


def test_an_event_that_grows_into_an_alert_is_told_once_more() -> None:
    downs, told = CoolDowns(), rule(cool_down_s=0.0)
    grown = event(EventKind.MOTION, id=1, severity=Severity.ALERT)
    assert downs.take(told, event(EventKind.MOTION, id=1), 0.0) is not None
    assert downs.take(told, event(EventKind.MOTION, id=1), 1.0) is None
    assert downs.take(told, grown, 500.0) is not None
    assert downs.take(told, grown, 1000.0) is None
