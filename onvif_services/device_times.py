"""Reading of times as devices write them: xs:dateTime with deviations."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

_MOMENT = re.compile(
    r"([0-9]{4})-([0-9]{1,2})-([0-9]{1,2})[Tt ]+([0-9]{1,2}):([0-9]{1,2}):([0-9]{1,2})(?:[.,]([0-9]{1,30}))?"
    r"\s*(?:([Zz])|([+-])([0-9]{2}):?([0-9]{2}))?"
)
FIRST_YEAR, LAST_YEAR = 1970, 2100
# Profile G dates from 2012; a recorder whose clock was reset dates its disks with the epoch.
_EPOCH_RESET = datetime(2000, 1, 1, tzinfo=UTC)


def read_moment(value: str | None) -> datetime | None:
    """Return the time in UTC; None if it is unreadable or outside of the years 1970 to 2100.

    A time without a zone is UTC, like ONVIF's times (Core, "Time"). Fractions of any length are cut to microseconds;
    24:00:00 is the next day's midnight (XML Schema 3.2.7.1), and a leap second the next minute.
    """
    found = _MOMENT.fullmatch((value or "")[:80].strip())
    if found is None:
        return None
    year, month, day, hour, minute, second = (int(part) for part in found.groups()[:6])
    if hour > 24 or minute > 59 or second > 60 or (hour == 24 and (minute or second)):
        return None
    fraction, _, sign, zone_hours, zone_minutes = found.groups()[6:]
    try:
        zone_s = (int(zone_hours) * 3600 + int(zone_minutes) * 60) * (-1 if sign == "-" else 1) if sign else 0
        midnight = datetime(year, month, day, tzinfo=timezone(timedelta(seconds=zone_s)))
        micros = int((fraction or "")[:6].ljust(6, "0"))
        length = timedelta(hours=hour, minutes=minute, seconds=second, microseconds=micros)
        moment = (midnight + length).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return moment if FIRST_YEAR <= moment.year <= LAST_YEAR else None


def read_hint(value: str | None) -> datetime | None:
    """Read the earliest or latest time of a recording; also None if it lies before 2000, as of a reset clock."""
    moment = read_moment(value)
    return moment if moment and moment >= _EPOCH_RESET else None
