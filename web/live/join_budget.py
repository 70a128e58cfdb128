"""Limits how often one user joins streams, over all sockets together.

A join hands over the frames since the last key frame, up to 12 MB, in the thread that also reads all cameras. Joins
beyond the budget wait; those that the page has replaced meanwhile cost nothing.
"""

from __future__ import annotations

from collections.abc import Hashable

from core.errors import Unavailable

JOINS_PER_S = 16.0
JOIN_BURST = 128  # some walls, or the pages of one user after a restart of the app
_LONGEST_WAIT_S = 10.0
_MOST_USERS = 1000


class JoinBudget:
    """Used in the loop only. Times are those of one monotonic clock, in seconds."""

    def __init__(self) -> None:
        self._empty_s: dict[Hashable, float] = {}  # by user: when all joins so far are paid for

    def reserve_s(self, user: Hashable, now_s: float) -> float:
        """Take one join of a user, and return the seconds until it may begin.

        Raise Unavailable, and take none, if it would wait for more than _LONGEST_WAIT_S.
        """
        empty_s = max(now_s, self._empty_s.get(user, now_s)) + 1 / JOINS_PER_S
        wait_s = max(0.0, empty_s - now_s - JOIN_BURST / JOINS_PER_S)
        if wait_s > _LONGEST_WAIT_S:
            raise Unavailable("You request channels too often.", code="busy")
        if len(self._empty_s) >= _MOST_USERS:
            self._empty_s = {one: its_s for one, its_s in self._empty_s.items() if its_s > now_s}
        self._empty_s[user] = empty_s
        return wait_s
