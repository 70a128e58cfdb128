"""Compares a device's time stamps with real time: how many seconds really pass in one second of the stamps.

Cameras stamp 25 frames per second and send 15 (night mode, weak Wi-Fi), name another clock rate than they use, or
count frames or whole seconds in their stamps. The
network makes single packets late, so each second is judged by its least delayed packet, and several seconds must
agree.
"""

from __future__ import annotations

from collections import deque
from itertools import pairwise

_WINDOW_S = 1.0
_FEW, _SEVERAL, _MANY = 4, 9, 25  # windows
_FEW_DIFFER = 0.1
_FEW_AGREE = 0.35
_SLIGHT_S = 0.12  # the network may make all packets of a window late by less than this
_EXACT = 0.005
_MOST = 100_000.0


class PaceEstimator:
    """Call observe() for each frame. `pace`: seconds of real time per second of the stamps, usually 1."""

    def __init__(self) -> None:
        self.pace = 1.0
        self._points: deque[tuple[float, float]] = deque(maxlen=_MANY)  # (arrival, stamp) of ended windows
        self._window_began_s: float | None = None
        self._best: tuple[float, float] = (0.0, 0.0)  # (arrival, stamp) of the least delayed frame in the window

    def restart(self) -> None:
        """The stamps have jumped: forget the comparison, keep the pace."""
        self._points.clear()
        self._window_began_s = None

    def observe(self, arrived_s: float, stamp_s: float) -> bool:
        """Take a frame with its arrival and its stamp, both in seconds. True if the pace has changed."""
        if self._window_began_s is None:
            self._window_began_s = arrived_s
            self._best = (arrived_s, stamp_s)
            return False
        if arrived_s - self._window_began_s < _WINDOW_S:
            best_arrived_s, best_stamp_s = self._best
            if arrived_s - stamp_s * self.pace < best_arrived_s - best_stamp_s * self.pace:
                self._best = (arrived_s, stamp_s)
            return False
        self._points.append(self._best)
        self._window_began_s = arrived_s
        self._best = (arrived_s, stamp_s)
        return self._judge()

    def _judge(self) -> bool:
        points = list(self._points)
        if len(points) < _FEW:
            return False
        pace = self._steady_pace(points[-_FEW:])
        if pace is None and len(points) >= _SEVERAL:
            pace = self._slight_pace(points)
        if pace is None:
            return False
        self.pace = 1.0 if abs(pace - 1.0) < _EXACT else pace
        self._points.clear()
        return True

    def _steady_pace(self, points: list[tuple[float, float]]) -> float | None:
        """Return the pace of a few seconds, if it differs clearly and all of them agree. Otherwise None."""
        whole = _pace_between(points[0], points[-1])
        if whole is None:
            return None
        error = whole / self.pace - 1
        if abs(error) < _FEW_DIFFER:
            return None
        for before, after in pairwise(points):
            part = _pace_between(before, after)
            if part is None or abs(part / self.pace - 1 - error) > _FEW_AGREE * abs(error):
                return None
        return whole

    def _slight_pace(self, points: list[tuple[float, float]]) -> float | None:
        """Return the pace of many seconds, if it differs a little in both halves. Otherwise None."""
        middle = points[len(points) // 2]
        whole = _pace_between(points[0], points[-1])
        halves = (_pace_between(points[0], middle), _pace_between(middle, points[-1]))
        if whole is None or None in halves or abs(whole / self.pace - 1) < _SLIGHT_S / (len(points) - 1):
            return None
        error = whole / self.pace - 1
        agree = all(half is not None and (half / self.pace - 1) / error > _FEW_AGREE for half in halves)
        return whole if agree else None


def _pace_between(before: tuple[float, float], after: tuple[float, float]) -> float | None:
    stamp_s = after[1] - before[1]
    if stamp_s <= 0:
        return None
    pace = (after[0] - before[0]) / stamp_s
    return pace if 1 / _MOST < pace < _MOST else None
