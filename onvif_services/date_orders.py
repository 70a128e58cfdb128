"""Dates of recordings that devices write with the day or the month first, or with two digits for the year.

A single date such as 05/11/2026 does not tell its order. All dates of an answer do: in the right order each of them
exists, none lies in the future, and the newest one is mostly today's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from enum import Enum

from onvif_services.answers import Element
from onvif_services.device_times import read_moment

_NUMBERS = re.compile(r"\s*([0-9]{1,2})([-/.])([0-9]{1,2})\2((?:20)?[0-9]{2})(?![0-9])")
_TIMES = ("EarliestRecording", "LatestRecording", "DataFrom", "DataTo", "DataUntil", "Time")
_FUTURE = timedelta(days=1)  # for the zones
_RECENT = timedelta(days=2)
_FIRST_YEAR = 2010  # Profile G dates from 2012


class DateOrder(Enum):
    """The order of the numbers in a date."""

    YEAR_FIRST = "year, month, day"
    DAY_FIRST = "day, month, year"
    MONTH_FIRST = "month, day, year"


def write_clear_dates(answer: Element, now_utc: datetime, known: DateOrder | None) -> DateOrder | None:
    """Write the times of recordings in an answer with the year first, if their order is clear, and return it.

    `known`: the order of earlier answers. `now_utc`: by the device's clock.
    """
    unclear = [item for item in answer.iter(*(f"{{*}}{name}" for name in _TIMES)) if _NUMBERS.match(item.text or "")]
    if not unclear:
        return known
    order = find_order([item.text or "" for item in unclear], now_utc, known)
    if order is None:
        return known
    for item in unclear:
        item.text = _year_first(item.text or "", order)
    return order


def find_order(texts: Sequence[str], now_utc: datetime, known: DateOrder | None = None) -> DateOrder | None:
    """Return the order of these dates; None if several orders are possible, or none is."""
    newest = {order: moment for order in DateOrder if (moment := _newest(texts, order, now_utc)) is not None}
    if known in newest:
        return known
    if len(newest) > 1:
        newest = {order: moment for order, moment in newest.items() if now_utc - moment < _RECENT}
    return next(iter(newest)) if len(newest) == 1 else None


def _newest(texts: Sequence[str], order: DateOrder, now_utc: datetime) -> datetime | None:
    """Return the newest of these dates in this order; None if it is not the order of all of them."""
    moments = [read_moment(_year_first(text, order)) for text in texts]
    found = [moment for moment in moments if moment is not None]
    if len(found) < len(texts) or min(found).year < _FIRST_YEAR or max(found) > now_utc + _FUTURE:
        return None
    return max(found)


def _year_first(text: str, order: DateOrder) -> str:
    found = _NUMBERS.match(text)
    if found is None or (order is DateOrder.YEAR_FIRST and len(found[4]) > 2):
        return ""
    first, second, last = found[1], found[3], found[4]
    year, month, day = {
        DateOrder.YEAR_FIRST: (first, second, last),
        DateOrder.DAY_FIRST: (last, second, first),
        DateOrder.MONTH_FIRST: (last, first, second),
    }[order]
    return f"20{year[-2:]:>02}-{month}-{day}{text[found.end() :]}"
