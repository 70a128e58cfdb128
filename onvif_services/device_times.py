"""Reading of times as devices write them: xs:dateTime with deviations."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_tz
from urllib.parse import unquote

_DATE_FIRST = re.compile(
    r"([0-9]{4})[-/._]([0-9]{1,2})[-/._]([0-9]{1,2})[Tt _-]+"
    r"([0-9]{1,3})([:.-])([0-9]{1,3})(?:\5([0-9]{1,3}))?(?:[.,:]([0-9]{0,30}))?(.{0,24})"
)
_DATE_ONLY = re.compile(r"([0-9]{4})[-/._]([0-9]{1,2})[-/._]([0-9]{1,2})")
_COMPACT = re.compile(
    r"([0-9]{4})([0-9]{2})([0-9]{2})[Tt _-]?([0-9]{2})(:?)([0-9]{2}):?([0-9]{2})?(?:[.,]([0-9]{0,30}))?(.{0,24})"
)
_SECONDS = re.compile(r"([0-9]{9,10})(?:[.,]([0-9]{1,30}))?|([0-9]{12,13})(?:[0-9]{3})?")
_PADDING = re.compile(r"(?<=[:/-]) (?=[0-9])")  # of a number that was written with a width of two
_YEAR_LAST = re.compile(r"([0-9]{1,2})([-/.])([0-9]{1,2})\2([0-9]{4})(?![0-9])")
_OTHER_LETTERS = str.maketrans({"\0": "", "\u2212": "-", "年": "-", "月": "-", "日": "", "\uff1a": ":"})
_POSIX_ZONE = re.compile(r"(?!UTC|GMT)[A-Za-z]{3,5}[+-][0-9]{1,2}(?::[0-9]{2})*", re.IGNORECASE)
_OFFSET = re.compile(r"(?:UTC|GMT)?\s*([+-])\s*([0-9]{1,2})(?::?([0-9]{2}))?(?::?[0-9]{2})?", re.IGNORECASE)
# Names of zones are not unique and do not tell the offset: such a time counts as one without a zone.
_NO_OFFSET = re.compile(r"Z|UTC|GMT|UT|L|LT|local(?:\s*time)?|[A-Z]{3,5}", re.IGNORECASE)
POSIX_TZ = re.compile(r"(?:[A-Za-z]{3,}|<[A-Za-z0-9+-]{3,}>)([+-]?)([0-9]{1,2})(?::([0-9]{2}))?")
_MOST_HOURS, _MOST_MINUTES = 48, 120
FIRST_YEAR, LAST_YEAR = 1970, 2100
# Profile G dates from 2012; a recorder whose clock was reset dates its disks with the epoch.
_EPOCH_RESET = datetime(2000, 1, 1, tzinfo=UTC)
# A time of zero as NTP (RFC 4330, 3), and the largest one of 31 bits: a day around each, for the zones.
_NO_DATES = (datetime(2036, 2, 7, 6, 28, 16, tzinfo=UTC), datetime(2038, 1, 19, 3, 14, 7, tzinfo=UTC))


def read_moment(value: str | None) -> datetime | None:
    """Return the time in UTC; None if it is unreadable or outside of the years 1970 to 2100.

    A time without a zone is UTC, like ONVIF's times (Core, "Time"). Fractions of any length are cut to microseconds.
    Seconds, minutes and hours beyond their range are carried over: 24:00:00 (XML Schema 3.2.7.1), leap seconds, and
    00:61:16, which some recorders write. Also read: other separators, RFC 2326's 20261122T100000Z, seconds since 1970,
    a date alone, and the forms of C and of mail (Sun Nov 22 10:00:00 2026).
    """
    text = _PADDING.sub("0", unquote((value or "")[:80]).translate(_OTHER_LETTERS).strip().strip("\"'"))
    text = _year_first(text)
    if (since := _SECONDS.fullmatch(text)) is not None:
        return _in_years(_since_epoch(since))
    if _DATE_ONLY.fullmatch(text):
        text += "T00:00:00"
    found = _DATE_FIRST.fullmatch(text) or _COMPACT.fullmatch(text)
    if found is None:
        return _with_name_of_month(text)
    east = _offset(found[9].strip())
    if east is None:
        return None
    year, month, day, hour, minute, second = (int(found[part] or 0) for part in (1, 2, 3, 4, 6, 7))
    if hour > _MOST_HOURS or minute > _MOST_MINUTES or second > _MOST_MINUTES:
        return None
    micros = int((found[8] or "")[:6].ljust(6, "0"))
    try:
        length = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)
        return _in_years(datetime(year, month, day, tzinfo=UTC) + length - east)
    except (ValueError, OverflowError):
        return None


def _year_first(text: str) -> str:
    """Return a time with its year in front, if the year is the third number of the date and day and month are clear.

    Dots and dashes stand in dates that begin with the day. With slashes only a number above 12 tells the day.
    """
    found = _YEAR_LAST.match(text)
    if found is None:
        return text
    first, mark, second, year = found.groups()
    day, month = (second, first) if mark == "/" and int(second) > 12 else (first, second)
    is_clear = mark != "/" or int(day) > 12
    return f"{year}-{month}-{day}{text[found.end() :]}" if is_clear else text


def _offset(zone: str) -> timedelta | None:
    """Return the offset from UTC of the text behind a time; None if it is unreadable."""
    zone = zone.strip("()[] ")
    if _POSIX_ZONE.fullmatch(zone):
        return timedelta(seconds=posix_zone_offset_s(zone))
    zone = zone.strip("Zz ") or "Z"  # 10:00:00Z+08:00, 10:00:00+00:00Z
    if _NO_OFFSET.fullmatch(zone):
        return timedelta()
    found = _OFFSET.fullmatch(zone)
    if found is None or int(found[2]) > 23:
        return None
    east = timedelta(hours=int(found[2]), minutes=int(found[3] or 0))
    return -east if found[1] == "-" else east


def _with_name_of_month(text: str) -> datetime | None:
    found = parsedate_tz(text)
    if found is None or not any(char.isalpha() for char in text):
        return None
    try:
        moment = datetime(*found[:6], tzinfo=UTC) - timedelta(seconds=found[9] or 0)
    except (ValueError, OverflowError):
        return None
    return _in_years(moment)


def posix_zone_offset_s(zone: str) -> float:
    """Return the seconds east of UTC of a POSIX TZ such as `CST-8` (its sign counts west); 0 if unreadable."""
    match = POSIX_TZ.match(zone)
    if not match:
        return 0.0
    seconds = int(match[2]) * 3600.0 + int(match[3] or 0) * 60.0
    return seconds if match[1] == "-" else -seconds


def _since_epoch(found: re.Match[str]) -> datetime:
    milliseconds = int(found[3]) if found[3] else int(found[1]) * 1000 + int((found[2] or "")[:3].ljust(3, "0"))
    return datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=milliseconds)


def _in_years(moment: datetime) -> datetime | None:
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None


def read_hint(value: str | None) -> datetime | None:
    """Read the earliest or latest time of a recording; None for the time of a clock that was reset, or of no clock.

    Those lie before 2000, or at the end of NTP's first era (2036) or of 31-bit seconds (2038).
    """
    moment = read_moment(value)
    if moment is None or moment < _EPOCH_RESET:
        return None
    return None if any(abs(moment - no_date) < timedelta(days=1) for no_date in _NO_DATES) else moment
