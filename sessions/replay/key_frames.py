"""Leaves all but the key frames of a recording out, for a link that does not carry the recording.

The app leaves them out, not the recorder: the thin link is between the app and the viewer, and the answer to
`Frames: intra` may begin with frames of the old position.
"""

from __future__ import annotations

from dataclasses import replace

from media.codecs.access_unit import VIDEO, AccessUnit

LONGEST_SPACING_S = 20.0
"""A varying GOP may have a key frame every 10 s. A longer step between two key frames counts as a gap."""

_SHORTEST_GAP_S = 5.0


class KeyFrameFilter:
    """Takes all units of one play() in order. A gap before a frame that is left out is marked at the next key frame."""

    def __init__(self) -> None:
        self._last: AccessUnit | None = None
        self._is_gap_due = False

    def kept(self, unit: AccessUnit) -> AccessUnit | None:
        """Return a key frame; None for all other units."""
        if unit.track != VIDEO:
            return None
        if self._is_gap_before(unit):
            self._is_gap_due = True
        self._last = unit
        if not unit.is_key:
            return None
        is_gap, self._is_gap_due = self._is_gap_due, False
        return replace(unit, is_discontinuous=True) if is_gap else unit

    def _is_gap_before(self, unit: AccessUnit) -> bool:
        last = self._last
        if last is None:
            return unit.is_discontinuous
        step_s = abs(unit.ticks - last.ticks) / unit.clock_rate
        return unit.is_discontinuous or last.ends_section or step_s > _SHORTEST_GAP_S
