"""Assigns the key frames of one play to the times of a grid.

Recorders send key frames that are at least the requested distance apart. If that is no multiple of the length of their
groups of pictures, the frames drift away from the grid: at most one group, then a time is left out. Only a lower bound
of the length is known: a recorder begins at the key frame at or before the requested time, and sends the first key
frame after the requested distance.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

_SHORTEST_GROUP_S = 1.0
_LONGEST_GROUP_S = 20.0
_ROUNDING_S = 0.05


class GroupLength:
    """The least length of a group of pictures that a recording has shown, in seconds."""

    def __init__(self) -> None:
        self.least_s = _SHORTEST_GROUP_S

    def note(self, at_least_s: float) -> None:
        """Note one sight. Each raises the length by little, because a gap in the recording looks the same."""
        self.least_s = max(self.least_s, min(at_least_s, 2 * self.least_s + 1.0, _LONGEST_GROUP_S))


class Placing:
    """Takes the key frames in order. Times and frames are in seconds of the same clock.

    `step_s`: the requested distance of the frames, and the distance of the times.
    """

    def __init__(self, times: Sequence[int], step_s: int, group: GroupLength) -> None:
        self._left = list(times)
        self._step_s = step_s
        self._group = group
        self._last_s: float | None = None

    @property
    def is_done(self) -> bool:
        """True if no further frame can belong to one of the times."""
        return not self._left

    def take(self, frame_s: float) -> Iterator[tuple[int, bool]]:
        """Yield the times that have their picture now, each with True for this frame, False for the one before it."""
        last_s, self._last_s = self._last_s, frame_s
        if last_s is None:
            yield from self._take_first(frame_s)
        else:
            self._group.note(frame_s - last_s - self._step_s)
            while self._left and self._left[0] <= frame_s:
                time_s = self._left.pop(0)
                is_this = frame_s - time_s < time_s - last_s
                if abs(time_s - (frame_s if is_this else last_s)) <= self._group.least_s + _ROUNDING_S:
                    yield time_s, is_this
        if self._left and abs(self._left[0] - frame_s) <= _ROUNDING_S:
            yield self._left.pop(0), True

    def finish(self) -> Iterator[int]:
        """Yield the times that have the last frame as their picture: no other one follows."""
        while self._left and self._last_s is not None:
            time_s = self._left.pop(0)
            if abs(time_s - self._last_s) <= self._group.least_s + _ROUNDING_S:
                yield time_s

    def _take_first(self, frame_s: float) -> Iterator[tuple[int, bool]]:
        """The first frame is the recorder's own answer for the first time, if it is near at all."""
        if self._left and is_answer(self._left[0], frame_s, self._group):
            self._group.note(self._left[0] - frame_s)
            yield self._left.pop(0), True


def is_answer(time_s: float, frame_s: float, group: GroupLength) -> bool:
    """True if a frame can be the recorder's answer for a time: the key frame before, or the first of a section."""
    return -_LONGEST_GROUP_S <= frame_s - time_s <= max(group.least_s, _SHORTEST_GROUP_S) + _ROUNDING_S
