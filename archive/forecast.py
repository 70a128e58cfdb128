"""How long the recordings last: pure calculations from bytes per day, limits and capacity.

The retention deletes the oldest footage of all channels first. So all channels of a volume reach equally far back,
except those that reach their own limit before.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

DAY_MS = 86_400_000
WEEK_MS = 7 * DAY_MS
_SHORTEST_MS = 10_000  # as long as the first bytes need to the index


@dataclass(frozen=True, slots=True)
class Load:
    """A channel's share of a volume. `most_days`: by the limits of the rule, inf without one.

    `held_days`: how far back its unkept recordings reach.
    """

    bytes_per_day: float
    most_days: float = math.inf
    held_days: float = 0.0


def most_days(bytes_per_day: float, keep_days: float | None, keep_bytes: int | None, limit_days: float | None) -> float:
    """Return the days that a rule lets a channel hold; inf without a limit."""
    limits = [days for days in (keep_days, limit_days) if days is not None]
    if keep_bytes is not None and bytes_per_day > 0:
        limits.append(keep_bytes / bytes_per_day)
    return min(limits, default=math.inf)


def inflow_window_ms(oldest_ms: int, now_ms: int) -> int:
    """Return the time over which a channel's inflow is measured: a week, a day, or the time since its oldest file."""
    age_ms = now_ms - oldest_ms
    if age_ms >= WEEK_MS:
        return WEEK_MS
    return max(_SHORTEST_MS, min(DAY_MS, age_ms))


def common_days(loads: Sequence[Load], capacity_bytes: float) -> float:
    """Return how many days all channels reach back once the capacity is used up; inf if all limits fit."""
    left_bytes = capacity_bytes
    waiting = sorted((load for load in loads if load.bytes_per_day > 0), key=lambda load: load.most_days)
    for place, load in enumerate(waiting):
        rate = sum(each.bytes_per_day for each in waiting[place:])  # no running difference: it would round to nothing
        if load.most_days * rate > left_bytes:
            return max(0.0, left_bytes / rate)
        left_bytes -= load.most_days * load.bytes_per_day
    return math.inf


def full_in_days(loads: Sequence[Load], spare_bytes: float) -> float:
    """Return the days until `spare_bytes` more are used; inf if the limits end the growth before.

    A channel's bytes grow until its recordings reach back as far as its limit.
    """
    if spare_bytes <= 0:
        return 0.0
    growing = sorted(
        (max(0.0, load.most_days - load.held_days), load.bytes_per_day) for load in loads if load.bytes_per_day > 0
    )
    at_days = 0.0
    for place, (until_days, _) in enumerate(growing):
        rate = sum(each for _, each in growing[place:])
        step_bytes = (until_days - at_days) * rate
        if step_bytes >= spare_bytes:
            return at_days + spare_bytes / rate
        spare_bytes -= step_bytes
        at_days = until_days
    return math.inf
