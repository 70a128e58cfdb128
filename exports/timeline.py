"""Places of frames on a recording's time line, the same ones whether a range is read in one go or with interruptions.

A key frame's place is the device's own time, the others follow it by their RTP time stamps.
"""

from __future__ import annotations

from media.codecs.access_unit import AccessUnit

SAME_FRAME_S = 0.0005
_LONGEST_STEP_S = 5.0
_CLOCKS_APART_S = 1.0
_EXACT_WITHIN_S = 0.01


class FrameTimeline:
    """In decoding order. begin() begins another play(), whose RTP time stamps are not comparable with earlier ones."""

    def __init__(self) -> None:
        self._key: AccessUnit | None = None  # the last key frame
        self._key_s = 0.0  # its place
        self._last: AccessUnit | None = None
        self._usual_step_s = 0.0

    @property
    def has_key(self) -> bool:
        """True if the frames since the last key frame have come."""
        return self._key is not None

    def begin(self) -> None:
        self._key = self._last = None

    def place(self, unit: AccessUnit) -> float:
        """Return the frame's place.

        Some recorders stamp whole seconds only: then the RTP time stamps of key frames are more exact, too.
        """
        device_s = unit.device_s or 0.0
        if self._key is None:
            time_s = device_s
        else:
            time_s = self._key_s + (unit.ticks - self._key.ticks) / unit.clock_rate
            apart_s = abs(device_s - time_s)
            if unit.is_key and (apart_s <= _EXACT_WITHIN_S or apart_s > _CLOCKS_APART_S):
                time_s = device_s
        if unit.is_key or self._key is None:
            self._key, self._key_s = unit, time_s
        if self._last is not None:
            self._usual_step_s = abs(unit.ticks - self._last.ticks) / unit.clock_rate
        self._last = unit
        return time_s

    def is_gap(self, unit: AccessUnit) -> bool:
        """True if recorded time is missing between the last frame of this play() and `unit`."""
        if self._last is None:
            return False
        step_s = (unit.ticks - self._last.ticks) / unit.clock_rate
        if unit.is_discontinuous or abs(step_s) > _LONGEST_STEP_S:
            return True
        return abs((unit.device_s or 0.0) - (self._last.device_s or 0.0) - step_s) > _CLOCKS_APART_S

    def is_gap_after(self, last_s: float, device_s: float) -> bool:
        """True if recorded time is missing between the last frame of an earlier play() and this one's first."""
        return device_s - last_s > max(_CLOCKS_APART_S, 3 * self._usual_step_s)
