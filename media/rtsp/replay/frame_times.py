"""The recording's time of each frame: the device's own time where something confirms it, otherwise counted.

Recorders stamp frames (0xABAC) with zeros, with local time, with the present time or with one time for all frames.
So the first stamp after a PLAY is compared with the start of the answer's Range and with the requested time:

- near one of them: the stamps are right;
- a whole number of quarter hours from one of them: the stamps are in another time zone, which is taken off;
- near one of them if they count from 1970 instead of 1900 (as NTP does): the difference is taken off;
- anything else: frames are counted from the Range or the requested time by their RTP timestamps, unconfirmed.
"""

from __future__ import annotations

from enum import Enum, auto

from media.codecs.access_unit import AccessUnit

_EARLY_S = 60.0  # the longest way back to a key frame, or to the beginning of a minute
_LATE_S = 10.0
_SAME_TIME_S = 10.0  # a GOP, and the error of a clock
_QUARTER_HOUR_S = 900.0
_LARGEST_ZONE_S = 14 * 3600.0
_YEAR_S = 366 * 86_400.0
_EPOCHS_APART_S = 2.0**32 - 2_208_988_800  # of 1970 and of NTP's era 1, as which such stamps are read
_STANDSTILL_S = 3.0  # some recorders stamp whole seconds only


class _Stamps(Enum):
    """The worth of the stamps that answer one PLAY."""

    NOT_JUDGED = auto()
    RIGHT = auto()  # once the zone is taken off
    WRONG = auto()


class FrameTimes:
    """The times of the frames that answer one PLAY.

    `requested_s` and `range_s`: the requested time and the start of the answer's Range, in seconds since 1970 by the
    device; `range_s` is None if the answer has no such time. `is_standing`: an earlier PLAY has shown that the stamps
    give one time for all frames.
    """

    def __init__(self, requested_s: float, range_s: float | None, *, is_standing: bool = False) -> None:
        self._requested_s = requested_s
        self._range_s = range_s if range_s is not None and abs(range_s - requested_s) <= _YEAR_S else None
        range_zone_s = 0.0 if self._range_s is None else _zone_s(self._range_s - requested_s)
        self.start_s = requested_s if self._range_s is None else self._range_s - range_zone_s
        """The time of the first frame if it has no stamp."""
        self._is_range_confirmed = self._range_s is not None and not range_zone_s
        self._is_confirmed = self._is_range_confirmed
        self._stamps = _Stamps.WRONG if is_standing else _Stamps.NOT_JUDGED
        self.zone_s = 0.0
        """The time zone of the stamps, or the difference of their epoch."""
        self._last: tuple[int, float] | None = None  # ticks and time of the last frame
        self._last_told_s: float | None = None
        self._standstill_s = 0.0
        self.is_standing = is_standing
        """True if the stamps give one time for all frames."""

    @property
    def has_right_stamps(self) -> bool:
        """True once the stamps were found to be right."""
        return self._stamps is _Stamps.RIGHT

    def of_frame(self, unit: AccessUnit, *, is_stamped: bool, reported_s: float | None = None) -> tuple[float, bool]:
        """Return the time of a video frame, and True if it is confirmed.

        `reported_s`: the frame's time by the newest sender report. It confirms the times of a device without stamps,
        if it agrees: many recorders report the present time instead.
        """
        time_s = self._counted_s(unit)
        if is_stamped and unit.device_s is not None:
            if self._stamps is _Stamps.NOT_JUDGED:
                self._judge(unit.device_s)
            elif self._stamps is _Stamps.WRONG and unit.is_key and self._is_near(unit.device_s, time_s):
                self._stamps, self._is_confirmed = _Stamps.RIGHT, True  # the first frame was one of the old position
            time_s = self._time_of_stamp(unit.device_s, time_s)
        elif self._stamps is _Stamps.NOT_JUDGED and unit.is_key and reported_s is not None:
            self._is_confirmed = self._is_confirmed or abs(reported_s - time_s) <= _SAME_TIME_S
        self._last = unit.ticks, time_s
        return time_s, self._is_confirmed and self._stamps is not _Stamps.WRONG

    def count_from(self, unit: AccessUnit, time_s: float) -> None:
        """Count the frames after this one from its known time."""
        self._last = unit.ticks, time_s

    def of_audio(self, told_s: float | None, *, is_stamped: bool) -> float | None:
        """Return the time of audio; None if only its place among the frames is known."""
        if told_s is None or not is_stamped:
            return told_s
        return told_s - self.zone_s if self._stamps is _Stamps.RIGHT else None

    # -- inside ------------------------------------------------------------------------------------

    def _judge(self, told_s: float) -> None:
        references = [self._requested_s] if self._range_s is None else [self._range_s, self._requested_s]
        self._stamps = _Stamps.WRONG
        for off_s in (0.0, _EPOCHS_APART_S):
            if any(self._is_near(told_s - off_s, reference_s) for reference_s in references):
                is_requested = self._is_near(told_s - off_s, self._requested_s)
                self._stamps, self._is_confirmed = _Stamps.RIGHT, is_requested or self._is_range_confirmed
                self.zone_s = off_s
                return
        for reference_s in references:
            if zone_s := _zone_s(told_s - reference_s):
                self._stamps, self.zone_s = _Stamps.RIGHT, zone_s
                return

    def _is_near(self, told_s: float, reference_s: float) -> bool:
        return not self.is_standing and -_EARLY_S <= told_s - reference_s <= _LATE_S

    def _counted_s(self, unit: AccessUnit) -> float:
        """Return the frame's time by its RTP timestamp, from the last frame on."""
        if self._last is None:
            return self.start_s
        ticks, time_s = self._last
        return time_s + (unit.ticks - ticks) / unit.clock_rate

    def _time_of_stamp(self, told_s: float, counted_s: float) -> float:
        """Return the counted time for a stamp that repeats the one before, or that is years off (zeros)."""
        is_repeated = told_s == self._last_told_s
        self._last_told_s = told_s
        if is_repeated and self._last is not None:
            self._standstill_s += max(0.0, counted_s - self._last[1])
            if self._standstill_s > _STANDSTILL_S:
                self._stamps, self.is_standing = _Stamps.WRONG, True
            return counted_s
        self._standstill_s = 0.0
        time_s = told_s - self.zone_s
        return time_s if self._stamps is _Stamps.RIGHT and abs(time_s - counted_s) <= _YEAR_S else counted_s


def _zone_s(off_s: float) -> float:
    """Return the time zone that a difference looks like: a multiple of 15 min up to 14 h; 0 if it looks like none.

    A recorder begins at the key frame before the requested time, so the difference may be a little smaller.
    """
    zone_s = round(off_s / _QUARTER_HOUR_S) * _QUARTER_HOUR_S
    is_zone = 0 < abs(zone_s) <= _LARGEST_ZONE_S and -_EARLY_S <= off_s - zone_s <= _LATE_S
    return zone_s if is_zone else 0.0
