"""Time zones as functions of time: by an IANA name (Europe/Berlin) or a POSIX text (CET-1CEST,M3.5.0,M10.5.0/3).

Devices name their zone by such a POSIX text (IEEE 1003.1, 8.3) in GetSystemDateAndTime. Times here are seconds since
1970. An unreadable name is no zone.
"""

from __future__ import annotations

import re
import struct
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from functools import lru_cache
from io import BytesIO
from zoneinfo import ZoneInfo

LONGEST_NAME = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_+\-]*(?:/[A-Za-z0-9_+\-]+)*")
_POSIX = re.compile(r"(?:[A-Za-z]{3,10}|<[A-Za-z0-9+\-]{3,10}>)[+\-0-9][A-Za-z0-9<>+\-,./:]*")
_DAY_S = 86_400
_FIRST_S, _LAST_S = -(2**31), 4_102_444_800  # 1901 and 2100: devices tell no other times


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """From `at_s` on (UTC) local time is `after_s` ahead of UTC, before it `before_s`."""

    at_s: int
    before_s: int
    after_s: int

    @property
    def repeated_s(self) -> int:
        """The seconds of local time that come twice, half of them before the change; 0 if some are left out."""
        return max(0, self.before_s - self.after_s)


def is_zone(name: str) -> bool:
    """True for a readable name of a time zone."""
    return _zone(name) is not None


def is_named_zone(name: str) -> bool:
    """True for an IANA name."""
    return len(name) <= LONGEST_NAME and _named(name) is not None


def has_changes(name: str) -> bool:
    """True for a zone with summer time, or with other changes between 1990 and 2060."""
    return any(_changes_of_year(name, year) for year in (1990, 2000, 2010, 2020, 2030, 2040, 2050, 2060))


def zone_offset_s(name: str, utc_s: float) -> int:
    """Return by how many seconds local time is ahead of UTC; 0 for an unreadable name."""
    zone = _zone(name)
    return 0 if zone is None else _offset_s(zone, utc_s)


def changes_between(name: str, start_s: float, end_s: float) -> list[ZoneChange]:
    """Return the changes of a zone in (start, end), in order."""
    found: list[ZoneChange] = []
    if _zone(name) is None or end_s <= start_s:
        return found
    for year in range(_year(start_s), _year(end_s) + 1):
        found += _changes_of_year(name, year)
    times = [change.at_s for change in found]
    return found[bisect_right(times, start_s) : bisect_left(times, end_s)]


def is_repeated(name: str, utc_s: float) -> bool:
    """True if the local time of this moment comes twice, as in the hour before and after the end of summer time."""
    near = changes_between(name, utc_s - _DAY_S, utc_s + _DAY_S)
    return any(change.at_s - change.repeated_s <= utc_s < change.at_s + change.repeated_s for change in near)


def certain_parts(name: str, start_s: float, end_s: float) -> list[tuple[float, float]]:
    """Return the parts of [start, end) whose local times do not come twice, each with one difference to UTC."""
    parts, at_s = [], start_s
    for change in changes_between(name, start_s - _DAY_S, end_s + _DAY_S):
        parts.append((at_s, min(end_s, float(change.at_s - change.repeated_s))))
        at_s = max(at_s, float(change.at_s + change.repeated_s))
    return [part for part in [*parts, (at_s, end_s)] if part[0] < part[1]]


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo | None:
    return None if len(name) > LONGEST_NAME else _named(name) or _posix(name)


def _named(name: str) -> tzinfo | None:
    try:
        return ZoneInfo(name) if _NAME.fullmatch(name) else None
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return None


def _posix(name: str) -> tzinfo | None:
    try:
        return ZoneInfo.from_file(BytesIO(_file_of(name))) if _POSIX.fullmatch(name) else None
    except (ValueError, OverflowError):
        return None


def _file_of(posix: str) -> bytes:
    """Return a file of zoneinfo (RFC 8536) without any changes: the text at its end has the rule."""
    kind = struct.pack(">lBB", 0, 0, 0) + b"LOC\0"
    header = struct.pack(">4sc15x6l", b"TZif", b"2", 0, 0, 0, 0, 1, 4)
    return header + kind + header + kind + b"\n" + posix.encode("ascii") + b"\n"


def _offset_s(zone: tzinfo, utc_s: float) -> int:
    moment = datetime.fromtimestamp(min(max(utc_s, _FIRST_S), _LAST_S), UTC)
    offset = moment.astimezone(zone).utcoffset()
    return 0 if offset is None else int(offset.total_seconds())


def _year(utc_s: float) -> int:
    return datetime.fromtimestamp(min(max(utc_s, _FIRST_S), _LAST_S), UTC).year


@lru_cache(maxsize=1024)
def _changes_of_year(name: str, year: int) -> tuple[ZoneChange, ...]:
    zone = _zone(name)
    if zone is None:
        return ()
    found = []
    start_s = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
    end_s = int(datetime(year + 1, 1, 1, tzinfo=UTC).timestamp())
    before_s = _offset_s(zone, start_s - 1)
    for low_s in range(start_s - 1, end_s - 1, _DAY_S):
        high_s = min(low_s + _DAY_S, end_s - 1)
        after_s = _offset_s(zone, high_s)
        if after_s != before_s:
            found.append(ZoneChange(_first_s(zone, low_s, high_s, before_s), before_s, after_s))
            before_s = after_s
    return tuple(found)


def _first_s(zone: tzinfo, low_s: int, high_s: int, before_s: int) -> int:
    """Return the first second in (low, high] with another difference to UTC."""
    while high_s - low_s > 1:
        middle_s = (low_s + high_s) // 2
        if _offset_s(zone, middle_s) == before_s:
            low_s = middle_s
        else:
            high_s = middle_s
    return high_s
