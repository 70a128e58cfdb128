"""One time line for the units of a track that a device sends after several PLAYs."""

from __future__ import annotations

from dataclasses import replace

from media.codecs.access_unit import AccessUnit

_SAME_FRAME_S = 0.0005


class TrackTimeline:
    """Drops units that were delivered before, and continues their ticks.

    After another PLAY, a device begins at the key frame at or before the requested time, and may restart its RTP
    timestamps.
    """

    def __init__(self) -> None:
        self.device_s: float | None = None
        """The device's time of the last unit; None if there is none yet, or the device gives no times."""
        self._ticks: int | None = None
        self._shift = 0
        self._skip_to_s: float | None = None
        self._is_new = False

    @property
    def is_skipping(self) -> bool:
        """True while units that were delivered before the last begin() may still come."""
        return self._skip_to_s is not None

    def begin(self) -> None:
        """The units from now on answer another PLAY."""
        self._skip_to_s = self.device_s
        self._is_new = self._ticks is not None

    def place(self, unit: AccessUnit) -> AccessUnit | None:
        """Return the unit with continued ticks; None if it was delivered before."""
        if self._skip_to_s is not None and unit.device_s is not None:
            if unit.device_s <= self._skip_to_s + _SAME_FRAME_S:
                return None
            self._skip_to_s = None
        if self._is_new and self._ticks is not None:
            self._is_new = False
            has_times = unit.device_s is not None and self.device_s is not None
            passed_s = (unit.device_s or 0.0) - (self.device_s or 0.0) if has_times else 0.0
            self._shift = self._ticks + round(passed_s * unit.clock_rate) - unit.ticks
        if self._shift:
            unit = replace(unit, ticks=unit.ticks + self._shift)
        self._ticks, self.device_s = unit.ticks, unit.device_s
        return unit
