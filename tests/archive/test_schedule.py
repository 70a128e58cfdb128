"""Weekly schedules by local time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from archive.schedule import MINUTES_OF_DAY, WeekSchedule, server_time_zone, share_of_week, time_zone
from core.archive import WeekSpan

BERLIN = ZoneInfo("Europe/Berlin")
SUNDAY = 6
ROOT = Path(__file__).parents[2]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def minutes(schedule: WeekSchedule, start: datetime, end: datetime) -> int:
    """Count the minutes that the schedule records, one by one."""
    return sum(
        schedule.is_active(start + timedelta(minutes=one)) for one in range((end - start) // timedelta(minutes=1))
    )


def test_zones_are_known_on_a_system_without_time_zones() -> None:
    """Slim containers have no /usr/share/zoneinfo."""
    program = "from archive.schedule import time_zone; print(time_zone('Europe/Berlin'), time_zone('Asia/Kathmandu'))"
    environment = {**os.environ, "PYTHONTZPATH": ""}
    found = subprocess.run(
        [sys.executable, "-c", program], env=environment, cwd=ROOT, capture_output=True, check=True, text=True
    )
    assert found.stdout.split() == ["Europe/Berlin", "Asia/Kathmandu"]


@given(
    st.lists(
        st.builds(
            lambda day, begin, length: WeekSpan(day, begin, min(begin + length, MINUTES_OF_DAY)),
            st.integers(0, 6),
            st.integers(0, MINUTES_OF_DAY - 1),
            st.integers(1, MINUTES_OF_DAY),
        ),
        max_size=8,
    )
)
def test_the_share_of_a_week_counts_each_minute_once(spans: list[WeekSpan]) -> None:
    minutes = {(one.weekday, minute) for one in spans for minute in range(one.from_minute, one.until_minute)}
    assert share_of_week(spans) == pytest.approx(len(minutes) / (7 * MINUTES_OF_DAY))


def test_a_span_of_a_weekday_is_active_by_local_time() -> None:
    schedule = WeekSchedule([WeekSpan(0, 8 * 60, 17 * 60)], BERLIN)
    assert schedule.active_ranges(utc("2026-11-23"), utc("2026-11-30")) == [
        (utc("2026-11-23T07:00"), utc("2026-11-23T16:00"))
    ]
    assert not schedule.is_active(utc("2026-11-23T06:59:59"))
    assert schedule.is_active(utc("2026-11-23T07:00"))
    assert not schedule.is_active(utc("2026-11-23T16:00"))


def test_a_night_of_two_spans_is_one_range() -> None:
    night = [WeekSpan(4, 22 * 60, 1440), WeekSpan(5, 0, 6 * 60)]
    assert WeekSchedule(night, BERLIN).active_ranges(utc("2026-11-23"), utc("2026-11-30")) == [
        (utc("2026-11-27T21:00"), utc("2026-11-28T05:00"))
    ]


def test_a_schedule_of_all_days_has_no_gap_even_when_the_clock_changes() -> None:
    schedule = WeekSchedule([WeekSpan(day, 0, 1440) for day in range(7)], BERLIN)
    for start, end in (("2026-03-01", "2026-04-30"), ("2026-10-01", "2026-11-30")):
        assert schedule.active_ranges(utc(start), utc(end)) == [(utc(start), utc(end))]


def test_the_hour_that_comes_twice_is_recorded_twice() -> None:
    schedule = WeekSchedule([WeekSpan(SUNDAY, 2 * 60, 3 * 60)], BERLIN)  # 2026-10-25: 3:00 becomes 2:00
    assert schedule.active_ranges(utc("2026-10-24T12:00"), utc("2026-10-25T12:00")) == [
        (utc("2026-10-25T00:00"), utc("2026-10-25T02:00"))
    ]


def test_a_span_within_the_hour_that_comes_twice_is_recorded_twice() -> None:
    schedule = WeekSchedule([WeekSpan(SUNDAY, 2 * 60 + 15, 2 * 60 + 30)], BERLIN)
    assert schedule.active_ranges(utc("2026-10-24T12:00"), utc("2026-10-25T12:00")) == [
        (utc("2026-10-25T00:15"), utc("2026-10-25T00:30")),
        (utc("2026-10-25T01:15"), utc("2026-10-25T01:30")),
    ]


def test_an_hour_that_the_clock_skips_is_not_recorded() -> None:
    schedule = WeekSchedule([WeekSpan(SUNDAY, 2 * 60, 3 * 60)], BERLIN)  # 2026-03-29: 2:00 becomes 3:00
    assert schedule.active_ranges(utc("2026-03-28T12:00"), utc("2026-03-29T12:00")) == []


def test_a_span_into_the_skipped_hour_ends_with_the_change() -> None:
    schedule = WeekSchedule([WeekSpan(SUNDAY, 60 + 30, 2 * 60 + 30)], BERLIN)
    assert schedule.active_ranges(utc("2026-03-28T12:00"), utc("2026-03-29T12:00")) == [
        (utc("2026-03-29T00:30"), utc("2026-03-29T01:00"))
    ]


@pytest.mark.parametrize(
    ("zone", "day"),
    [
        ("Europe/Berlin", "2026-03-29"),
        ("Europe/Berlin", "2026-10-25"),
        ("Australia/Lord_Howe", "2026-04-05"),  # by half an hour
        ("Australia/Lord_Howe", "2026-10-04"),
        ("America/St_Johns", "2026-11-01"),
        ("UTC", "2026-01-01"),
    ],
)
def test_ranges_and_single_minutes_agree(zone: str, day: str) -> None:
    spans = [WeekSpan(day, 17 * day, 90 + 200 * day) for day in range(7)]
    schedule = WeekSchedule(spans, ZoneInfo(zone))
    start = utc(f"{day}T05:07") - timedelta(days=4)
    end = start + timedelta(days=8)
    ranges = schedule.active_ranges(start, end)
    assert sum((stop - begin for begin, stop in ranges), timedelta()) == timedelta(
        minutes=minutes(schedule, start, end)
    )
    assert all(start <= begin < stop <= end for begin, stop in ranges)


def test_a_time_zone_is_an_iana_name_or_the_servers() -> None:
    assert time_zone("") is None
    assert time_zone("Europe/Berlin") == BERLIN
    for wrong in ("Europe/Atlantis", "../etc/passwd", "/etc/localtime", "Europe", "a\x00b", "x" * 300):
        with pytest.raises(ValueError, match="no time zone"):
            time_zone(wrong)


def test_the_servers_zone_has_a_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", ":Europe/Paris")
    assert server_time_zone() == "Europe/Paris"
    monkeypatch.setenv("TZ", "Nowhere/At/All")
    assert server_time_zone()


def test_without_a_zone_the_servers_own_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        schedule = WeekSchedule([WeekSpan(0, 9 * 60, 10 * 60)], None)
        assert schedule.active_ranges(utc("2026-11-22"), utc("2026-11-24")) == [
            (utc("2026-11-23T00:00"), utc("2026-11-23T01:00"))
        ]
    finally:
        monkeypatch.undo()
        time.tzset()
