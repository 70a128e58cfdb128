"""Weekly schedules by local time, right on the days when the clock changes.

A schedule follows the clock on the wall: an hour that the clock shows twice is recorded twice, and an hour that the
clock skips does not exist.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

from core.archive import WeekSpan

MINUTES_OF_DAY = 1440
_MINUTES_OF_WEEK = 7 * MINUTES_OF_DAY
_DAY = timedelta(days=1)
_LOCALTIME = Path("/etc/localtime")


@lru_cache(maxsize=64)
def time_zone(name: str) -> tzinfo | None:
    """Return the zone of an IANA name; None for the server's. Raise ValueError if there is no such zone."""
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (OSError, ValueError):  # ZoneInfoNotFoundError is a KeyError, others are ValueError, or OSError for folders
        raise ValueError("no time zone of this name") from None
    except KeyError:
        raise ValueError("no time zone of this name") from None


def server_time_zone() -> str:
    """Return the IANA name of the server's time zone, or its abbreviation if the name is not known."""
    for name in (os.environ.get("TZ", "").removeprefix(":"), _linked_zone()):
        try:
            if name and time_zone(name) is not None:
                return name
        except ValueError:
            continue
    return datetime.now().astimezone().tzname() or "UTC"


def _linked_zone() -> str:
    try:
        return str(_LOCALTIME.readlink()).rpartition("zoneinfo/")[2]
    except OSError:
        return ""


def share_of_week(spans: Sequence[WeekSpan]) -> float:
    """Return the part of a week that is in these spans, from 0 to 1. Overlaps count once."""
    minutes, until = 0, 0
    for one in sorted(spans, key=lambda it: (it.weekday, it.from_minute)):
        begin, end = (one.weekday * MINUTES_OF_DAY + minute for minute in (one.from_minute, one.until_minute))
        minutes += max(0, end - max(begin, until))
        until = max(until, end)
    return minutes / _MINUTES_OF_WEEK


class WeekSchedule:
    """Stretches of each week by local time. `zone` None: the server's."""

    def __init__(self, spans: Sequence[WeekSpan], zone: tzinfo | None) -> None:
        self._spans = tuple(spans)
        self._zone = zone

    def is_active(self, moment: datetime) -> bool:
        """True if the schedule records at this time."""
        local = moment.astimezone(self._zone)
        minute = local.hour * 60 + local.minute
        weekday = local.weekday()
        return any(one.weekday == weekday and one.from_minute <= minute < one.until_minute for one in self._spans)

    def active_ranges(self, start: datetime, end: datetime) -> list[tuple[datetime, datetime]]:
        """Return the ranges of UTC in [start, end) that the schedule records, in order and joined."""
        found: list[tuple[datetime, datetime]] = []
        borders = sorted({start, end, *(one for one in self._borders(start, end) if start < one < end)})
        for begin, finish in pairwise(borders):
            if not self.is_active(begin):
                continue
            if found and found[-1][1] == begin:
                found[-1] = (found[-1][0], finish)
            else:
                found.append((begin, finish))
        return found

    def _borders(self, start: datetime, end: datetime) -> Iterator[datetime]:
        """Yield all times at which the schedule may begin or end: its own borders, and changes of the clock."""
        day = (start.astimezone(self._zone) - _DAY).replace(hour=0, minute=0, second=0, microsecond=0, tzinfo=None)
        while (begin := self._utc(day, fold=0)) < end:
            yield from self._change(begin, self._utc(day + _DAY, fold=0))
            for one in self._spans:
                if one.weekday == day.weekday():
                    for minute in (one.from_minute, one.until_minute):
                        yield from (self._utc(day + timedelta(minutes=minute), fold=fold) for fold in (0, 1))
            day += _DAY

    def _utc(self, local: datetime, *, fold: int) -> datetime:
        local = local.replace(fold=fold)
        return (local.replace(tzinfo=self._zone) if self._zone else local).astimezone(UTC)

    def _change(self, low: datetime, high: datetime) -> Iterator[datetime]:
        """Yield the second between these times at which the clock changes, if there is one."""
        before = low.astimezone(self._zone).utcoffset()
        if high.astimezone(self._zone).utcoffset() == before:
            return
        while high - low > timedelta(seconds=1):
            middle = (low + (high - low) / 2).replace(microsecond=0)
            if middle.astimezone(self._zone).utcoffset() == before:
                low = middle
            else:
                high = middle
        yield high
