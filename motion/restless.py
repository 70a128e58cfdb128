"""Finds scenes that move most of the time, such as snow, a flag or a tree in the wind, and too many events."""

from __future__ import annotations

from collections import deque

WINDOW_MS = 600_000
MOST_LEVEL = 3
MOST_EVENTS_AN_HOUR = 60
_HOUR_MS = 3_600_000
_MINUTE_MS = 60_000
_RESTLESS = 0.5
_CALM = 0.2
_LEAST_MINUTES = 8  # of the window


class Restlessness:
    """For one channel. Each level doubles the least movement that counts. Times are those of the pictures."""

    def __init__(self) -> None:
        self.level = 0
        self._minutes: deque[list[int]] = deque()  # minute, pictures, pictures with motion
        self._events: deque[int] = deque()

    @property
    def factor(self) -> float:
        """The factor of the least movement."""
        return float(2**self.level)

    def note(self, time_ms: int, *, is_moving: bool) -> bool:
        """Count a picture. Return True if the level has changed, so that the count begins anew."""
        minute = time_ms // _MINUTE_MS
        if not self._minutes or self._minutes[-1][0] != minute:
            self._minutes.append([minute, 0, 0])
            while self._minutes[0][0] <= minute - WINDOW_MS // _MINUTE_MS:
                self._minutes.popleft()
            if self._judge():
                self._minutes.clear()
                self._minutes.append([minute, 1, int(is_moving)])
                return True
        self._minutes[-1][1] += 1
        self._minutes[-1][2] += is_moving
        return False

    def _judge(self) -> bool:
        pictures = sum(one[1] for one in self._minutes)
        if len(self._minutes) <= _LEAST_MINUTES or not pictures:
            return False
        share = sum(one[2] for one in self._minutes) / pictures
        before = self.level
        if share > _RESTLESS:
            self.level = min(MOST_LEVEL, self.level + 1)
        elif share < _CALM:
            self.level = max(0, self.level - 1)
        return self.level != before

    def may_begin(self, time_ms: int) -> bool:
        """Count an event that begins. Return False if there were too many within the hour before."""
        while self._events and self._events[0] <= time_ms - _HOUR_MS:
            self._events.popleft()
        if len(self._events) >= MOST_EVENTS_AN_HOUR:
            return False
        self._events.append(time_ms)
        return True

    def is_flooding(self, time_ms: int) -> bool:
        """True while no further event may begin."""
        recent = sum(one > time_ms - _HOUR_MS for one in self._events)
        return recent >= MOST_EVENTS_AN_HOUR
