"""Sets of time: sorted intervals [start, end) that neither touch nor overlap."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime

Interval = tuple[datetime, datetime]


def united(intervals: Iterable[Interval]) -> list[Interval]:
    """Return the union of the intervals as a set. Empty and reversed intervals are ignored."""
    found: list[Interval] = []
    for start, end in sorted(interval for interval in intervals if interval[0] < interval[1]):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def clipped(intervals: Iterable[Interval], window: Interval) -> list[Interval]:
    """Return the part of a set inside the window."""
    start, end = window
    return [(max(begin, start), min(until, end)) for begin, until in intervals if begin < end and until > start]


def difference(intervals: Iterable[Interval], taken: Sequence[Interval]) -> list[Interval]:
    """Return the parts of intervals outside a set, in one pass. The intervals are sorted and do not overlap."""
    found: list[Interval] = []
    first = 0
    for start, end in intervals:
        while first < len(taken) and taken[first][1] <= start:
            first += 1
        at, place = start, first
        while place < len(taken) and taken[place][0] < end:
            if taken[place][0] > at:
                found.append((at, taken[place][0]))
            at = max(at, taken[place][1])
            place += 1
        if at < end:
            found.append((at, end))
    return found


def without(window: Interval, intervals: Iterable[Interval]) -> list[Interval]:
    """Return the part of the window outside a set."""
    found: list[Interval] = []
    at, end = window
    for begin, until in clipped(intervals, window):
        if begin > at:
            found.append((at, begin))
        at = max(at, until)
    if at < end:
        found.append((at, end))
    return found
