"""Days and times in the words of a search. Words with two meanings are not understood.

A day without a year is the latest one that is not in the future; the name of a weekday, too.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

_DAY_MINUTES = 24 * 60
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july", "august", "september", "october"),
    *("november", "december"),
)
_ISO = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})", re.ASCII)
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})?", re.ASCII)
_DAY_NUMBER = re.compile(r"(\d{1,2})(?:st|nd|rd|th|\.)?", re.ASCII)
_YEAR = re.compile(r"\d{4}", re.ASCII)
_TIME = re.compile(r"(\d{1,2})(?::(\d{2}))?(am|pm)?", re.ASCII)
_RANGE = re.compile(r"(.+?)[-–](.+)")
_UNITS = {"minute": 1, "minutes": 1, "hour": 60, "hours": 60, "day": _DAY_MINUTES, "days": _DAY_MINUTES}
_TO = frozenset({"to", "until", "till", "-", "–"})
_MOST_MINUTES = 366 * _DAY_MINUTES


@dataclass(frozen=True, slots=True)
class Days:
    """Whole days, both inclusive. `end`: None for an open end."""

    start: date | None
    end: date | None


@dataclass(frozen=True, slots=True)
class Times:
    """A part of each day in minutes, without its end. `end` before `start`: over midnight."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Since:
    """From a moment to now."""

    start: datetime


Read = tuple[Days | Times | Since, int]
"""The days or the time, and the number of their words."""


def read_time(words: Sequence[str], now: datetime) -> Read | None:
    """Return the day, days or time at the beginning of the words; None if there is none.

    `now`: in the server's time zone.
    """
    for read in (_last, _range_of_days, _range_of_times):
        if (found := read(words, now)) is not None:
            return found
    return None


def start_of(day: date, minute: int = 0) -> datetime:
    """Return the moment of a minute of the day by the clocks of the server's time zone."""
    local = datetime.combine(day, time()) + timedelta(minutes=minute)
    return local.astimezone().astimezone(UTC)


def _last(words: Sequence[str], now: datetime) -> Read | None:
    """Read `last 2 hours`, `past hour`."""
    if len(words) < 2 or words[0] not in {"last", "past"}:
        return None
    has_count = words[1].isascii() and words[1].isdigit() and len(words[1]) <= 4 and len(words) > 2
    unit = _UNITS.get(words[2] if has_count else words[1])
    if unit is None:
        return None
    minutes = unit * int(words[1]) if has_count else unit
    return (Since(now - timedelta(minutes=minutes)), 3 if has_count else 2) if 0 < minutes <= _MOST_MINUTES else None


def _range_of_days(words: Sequence[str], now: datetime) -> Read | None:
    """Read `yesterday`, `monday to wednesday`, `since monday`, `2026-11-24`."""
    today = now.date()
    skipped = 1 if words[0] in {"from", "between", "since", "on", "before", "until"} else 0
    first = _day(words[skipped:], today)
    if first is None:
        return None
    day, used = first
    used += skipped
    if skipped and words[0] == "since":
        return Days(day, None), used
    if skipped and words[0] in {"before", "until"}:
        return Days(None, day if words[0] == "until" else day - timedelta(days=1)), used
    joins = _TO | {"and"} if skipped and words[0] == "between" else _TO
    if len(words) > used + 1 and words[used] in joins and (second := _day(words[used + 1 :], today)) is not None:
        last, more = second
        return (Days(day, last), used + 1 + more) if day <= last else None
    return None if skipped and words[0] in {"from", "between"} else (Days(day, day), used)


def _day(words: Sequence[str], today: date) -> tuple[date, int] | None:
    if not words:
        return None
    word = words[0]
    if word in {"today", "yesterday"}:
        return today - timedelta(days=word == "yesterday"), 1
    is_last = word == "last" and len(words) > 1
    if (name := words[1] if is_last else word) in _WEEKDAYS:
        back = (today.weekday() - _WEEKDAYS.index(name)) % 7
        return today - timedelta(days=back or (7 if is_last else 0)), 2 if is_last else 1
    if found := _ISO.fullmatch(word):
        return _dated(int(found[1]), int(found[2]), int(found[3]), 1)
    if found := _DOTTED.fullmatch(word):
        return _of_year(found[3], int(found[2]), int(found[1]), 1, today)
    return _with_month(words, today)


def _with_month(words: Sequence[str], today: date) -> tuple[date, int] | None:
    """Read `24 november`, `november 24th 2026`."""
    if len(words) < 2:
        return None
    first, second = words[0], words[1]
    if first in _MONTHS:
        number, month = _DAY_NUMBER.fullmatch(second), first
    else:
        number, month = _DAY_NUMBER.fullmatch(first), second
    if number is None or month not in _MONTHS:
        return None
    year = words[2] if len(words) > 2 and _YEAR.fullmatch(words[2]) else None
    return _of_year(year, _MONTHS.index(month) + 1, int(number[1]), 3 if year else 2, today)


def _of_year(year: str | None, month: int, day: int, used: int, today: date) -> tuple[date, int] | None:
    if year is not None:
        return _dated(int(year), month, day, used)
    for one in range(today.year, today.year - 9, -1):  # 29 February may be eight years ago
        found = _dated(one, month, day, used)
        if found is not None and found[0] <= today:
            return found
    return None


def _dated(year: int, month: int, day: int, used: int) -> tuple[date, int] | None:
    try:
        return (date(year, month, day), used) if year >= 1970 else None
    except ValueError:
        return None


def _range_of_times(words: Sequence[str], _now: datetime) -> Read | None:
    """Read `18:00-20:00`, `6pm to 8pm`, `between 18:00 and 20:00`, `after 18:00`."""
    if (found := _RANGE.fullmatch(words[0])) is not None:
        first, last = _minute(found[1]), _minute(found[2])
        return None if first is None or last is None else _times(first, last, 1)
    word = words[0]
    skipped = 1 if word in {"from", "between", "after", "since", "before", "until"} else 0
    start = _clock(words[skipped:])
    if start is None:
        return None
    minute, used = start[0], start[1] + skipped
    if skipped and word in {"after", "since"}:
        return _times(minute, _DAY_MINUTES, used)
    if skipped and word in {"before", "until"}:
        return _times(0, minute, used)
    joins = _TO | {"and"} if word == "between" else _TO
    if len(words) > used + 1 and words[used] in joins and (end := _clock(words[used + 1 :])) is not None:
        return _times(minute, end[0], used + 1 + end[1])
    return None


def _times(start: int, end: int, used: int) -> Read | None:
    return None if start in (end, _DAY_MINUTES) else (Times(start, end), used)


def _clock(words: Sequence[str]) -> tuple[int, int] | None:
    """Return the minute of the day, and the number of words: `18:00`, `6pm`, `6 pm`."""
    if len(words) > 1 and words[1] in {"am", "pm"}:
        minute = _minute(words[0] + words[1])
        return None if minute is None else (minute, 2)
    minute = _minute(words[0]) if words else None
    return None if minute is None else (minute, 1)


def _minute(text: str) -> int | None:
    """Return the minute of the day of `18:00`, `6pm` or `6:30pm`. A bare number may be anything."""
    found = _TIME.fullmatch(text.strip())
    if found is None or (found[2] is None and found[3] is None):
        return None
    hours, minutes, half = int(found[1]), int(found[2] or 0), found[3]
    if half is not None:
        if not 1 <= hours <= 12:
            return None
        hours = hours % 12 + (12 if half == "pm" else 0)
    minute = 60 * hours + minutes
    return minute if minutes < 60 and minute <= _DAY_MINUTES else None
