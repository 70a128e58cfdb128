"""Notices jumps in the times of a stream's frames, at which its stretch must end.

The source of live units ends a stretch itself when the server's clock steps. This guard holds for everything else, so
that no fragment ever spans a jump.
"""

from __future__ import annotations

from core.archive import GapReason, Origin
from media.codecs.access_unit import VIDEO, AccessUnit

_MOST_BACK_S = 2.0  # frames that are shown later than they are decoded go back less
_LONGEST_PAUSE_S = {Origin.SERVER: 30.0, Origin.DEVICE: 5.0}
"""Cameras in the dark may send a frame every 10 s; on a recorder such a pause is a gap between two recordings."""


class ClockGuard:
    """Looks at the frames of one stream in the order of arrival."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._last_s: float | None = None
        self._last_arrived_s = 0.0

    def forget(self) -> None:
        """Take the next frame as the first one."""
        self._last_s = None

    def jump_before(self, unit: AccessUnit, at_s: float) -> GapReason | None:
        """Return the reason to end the stretch before this unit, None if its time follows the time before."""
        if unit.track != VIDEO:
            return None
        last_s, last_arrived_s = self._last_s, self._last_arrived_s
        self._last_s, self._last_arrived_s = at_s, unit.arrived_s
        if last_s is None or -_MOST_BACK_S <= at_s - last_s <= _LONGEST_PAUSE_S[self._origin]:
            return None
        if self._origin is Origin.DEVICE:
            return GapReason.UNKNOWN
        waited_s = unit.arrived_s - last_arrived_s
        has_waited = waited_s > _LONGEST_PAUSE_S[self._origin] or not unit.arrived_s
        return GapReason.STALLED if at_s > last_s and has_waited else GapReason.CLOCK_STEPPED
