"""Limits how often one user joins streams, over all sockets together.

A join hands over the frames since the last key frame, up to 12 MB, in the thread that also reads all cameras. Joins
beyond the budget wait. A join costs nothing if the page replaces or leaves its watch while it waits, and little if it
hands over no old frames.
"""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass

from core.errors import Unavailable

JOINS_PER_S = 16.0
JOIN_BURST = 128  # some walls, or the pages of one user after a restart of the app
_SMALL_JOIN = 1 / 8  # of the cost of a large one
_LONGEST_WAIT_S = 10.0
_MOST_USERS = 1000
JOIN_LIMIT = "join_limit"  # a code of its own: after `stream_limit` a page gives up the main stream


@dataclass(eq=False, slots=True)
class Join:
    """One join of a user. It may begin after `wait_s`. Used in the loop only."""

    budget: JoinBudget
    user: Hashable
    cost_s: float
    wait_s: float
    is_waiting: bool = True

    def begin(self) -> bool:
        """Return False if the join was cancelled."""
        was_waiting, self.is_waiting = self.is_waiting, False
        return was_waiting

    def cancel(self) -> None:
        """Give the join's place back, unless it has begun."""
        if self.is_waiting:
            self.is_waiting = False
            self.budget.give_back(self)


class JoinBudget:
    """Used in the loop only. Times are those of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._empty_s: dict[Hashable, float] = {}  # by user: when all joins so far are paid for

    def reserve(self, user: Hashable, now_s: float, *, is_large: bool = True) -> Join:
        """Take one join of a user. `is_large`: it hands over the frames since the last key frame.

        Raise Unavailable (join_limit), and take none, if it would wait for more than _LONGEST_WAIT_S. The caller may
        try again when all joins that wait have begun.
        """
        cost_s = (1 if is_large else _SMALL_JOIN) / JOINS_PER_S
        empty_s = max(now_s, self._empty_s.get(user, now_s)) + cost_s
        wait_s = max(0.0, empty_s - now_s - JOIN_BURST / JOINS_PER_S)
        if wait_s > _LONGEST_WAIT_S:
            raise Unavailable("You start too many streams at a time.", code=JOIN_LIMIT, retry_after_s=math.ceil(wait_s))
        if len(self._empty_s) >= _MOST_USERS:
            self._empty_s = {one: its_s for one, its_s in self._empty_s.items() if its_s > now_s}
        self._empty_s[user] = empty_s
        return Join(self, user, cost_s, wait_s)

    def give_back(self, join: Join) -> None:
        if join.user in self._empty_s:
            self._empty_s[join.user] -= join.cost_s
