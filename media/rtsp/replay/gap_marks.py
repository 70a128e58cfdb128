"""The marks of gaps and of the end in a replay (bits E, D and T of 0xABAC), checked against the frames around them.

Some recorders set a bit on every frame. So D counts only where time jumps, and E and T only on a frame that follows
one without the same bit.
"""

from __future__ import annotations

from dataclasses import replace

from media.codecs.access_unit import AccessUnit

_SHORTEST_GAP_S = 1.0
_USUAL_STEPS = 3.0  # a step that is so many times longer than the one before is a gap


class GapMarks:
    """The marks of the frames that answer one PLAY."""

    def __init__(self) -> None:
        self._last: AccessUnit | None = None
        self._is_last_marked = True  # with E; a first frame has none before it that could lack the bit
        self._last_step_s = 0.0
        self._timestamp: int | None = None  # of the newest frame with a stamp
        self._is_terminal = False  # that frame has T
        self._is_before_terminal = True  # the frame before it had T
        self._stamped_frames = 0

    def is_end(self, timestamp: int, *, is_terminal: bool) -> bool:
        """Take the bit T of a packet. Return True if its frame is the recording's last one."""
        if timestamp != self._timestamp:
            self._is_before_terminal = self._is_terminal or self._timestamp is None
            self._timestamp, self._is_terminal = timestamp, False
            self._stamped_frames += 1
        self._is_terminal = self._is_terminal or is_terminal
        return self._is_terminal and not self._is_before_terminal

    @property
    def may_be_only_frame(self) -> bool:
        """True if the first frame has T, so that it is the last one, too, or the recorder sets T on every frame."""
        return self._is_terminal and self._stamped_frames == 1

    def checked(self, unit: AccessUnit) -> AccessUnit:
        """Return the next frame, with only the marks that are believed."""
        is_marked, self._is_last_marked = self._is_last_marked, unit.ends_section
        is_gap = self._is_gap_before(unit)
        self._last = unit
        is_discontinuous = unit.is_discontinuous and is_gap
        ends_section = unit.ends_section and not is_marked
        if (is_discontinuous, ends_section) == (unit.is_discontinuous, unit.ends_section):
            return unit
        return replace(unit, is_discontinuous=is_discontinuous, ends_section=ends_section)

    def _is_gap_before(self, unit: AccessUnit) -> bool:
        """True if time jumps before this frame, and for the first frame."""
        last = self._last
        if last is None:
            return True
        steps_s = [(unit.ticks - last.ticks) / unit.clock_rate]
        if unit.device_s is not None and last.device_s is not None:
            steps_s.append(unit.device_s - last.device_s)
        step_s = max(map(abs, steps_s))
        usual_s, self._last_step_s = self._last_step_s, step_s
        return step_s > max(_SHORTEST_GAP_S, _USUAL_STEPS * usual_s)
