"""Convert between true time, as the API uses it, and the time of a device's clock.

Only the recording manager uses this class. Replay sessions convert by themselves, with the same correction_s() and
ZoneOfTimes.shift_at().

A recorder may keep local time, whose difference to UTC changes with summer time. At the end of summer time an hour of
local time comes twice, and the recorder's times do not tell one from the other: a recording of such a time counts for
both.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from core.recordings import RecordingEvent, ZoneOfTimes, correction_s
from core.zones import ZoneChange, changes_between

_DAY_S = 86_400
_WEEK_S = 7 * _DAY_S
_REPEATED_EVERY_S = 300.0
_WRITTEN_S = 1_500.0  # some recorders list a recording minutes after its beginning


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """A device's clock. `correction_s`: see core.recordings.correction_s; it counts where `zone` has no shift."""

    correction_s: int
    zone: ZoneOfTimes = ZoneOfTimes()

    @classmethod
    def of_offset(cls, offset_s: float | None, zone: ZoneOfTimes | None = None) -> DeviceClock:
        return cls(correction_s(offset_s), zone or ZoneOfTimes())

    def at(self, true_utc: datetime) -> DeviceClock:
        """Return the clock of this moment, with a fixed correction."""
        return DeviceClock(self.correction_s + self.zone.shift_at(true_utc.timestamp())) if self.zone.name else self

    def parts(self, start: datetime, end: datetime) -> list[ClockPart]:
        """Return [start, end) of true time in parts, each with a clock of a fixed correction."""
        moments = [start, *self.changes(start, end), end]
        return [(first, last, self.at(first)) for first, last in pairwise(moments)]

    def window(self, start: datetime, end: datetime) -> tuple[datetime, datetime]:
        """Return the shortest stretch of the device's time that contains [start, end) of true time."""
        parts = self.parts(start, end)
        begins = min(clock.to_device_time(first) for first, _, clock in parts)
        return begins, max(clock.to_device_time(last) for _, last, clock in parts)

    def repeated(self, true_utc: datetime) -> ZoneChange | None:
        """Return the end of summer time in the week before this moment; None if there is none."""
        now_s = true_utc.timestamp()
        return next((it for it in self._changes(now_s - _WEEK_S, now_s) if it.repeated_s), None)

    def latest(self, true_utc: datetime) -> datetime:
        """Return the latest time that the device's clock has shown until this moment."""
        change, now = self.repeated(true_utc), self.to_device_time(true_utc)
        if change is None:
            return now
        before = self.at(_utc(change.at_s - 1)).to_device_time(_utc(change.at_s))
        return max(before, now)

    def to_device_time(self, true_utc: datetime) -> datetime:
        """Return the device's time for a true time, both UTC."""
        return _shifted(true_utc, self.at(true_utc).correction_s)

    def to_true_time(self, device_utc: datetime, *, is_end: bool = False) -> datetime:
        """Return the true time for a time of the device: the first one, or the last one for an end."""
        if not self.zone.name:
            return _shifted(device_utc, -self.correction_s)
        rough_s = device_utc.timestamp() - self.correction_s
        shifts = sorted({self.zone.shift_at(rough_s + days * _DAY_S) for days in (-1, 1)}, reverse=True)
        found = [_shifted(device_utc, -self.correction_s - shift) for shift in shifts]
        real = [it for it, shift in zip(found, shifts, strict=True) if self.zone.shift_at(it.timestamp()) == shift]
        return (real or found)[-1 if is_end else 0]

    def to_true_time_or_none(self, device_utc: datetime | None, *, is_end: bool = False) -> datetime | None:
        return None if device_utc is None else self.to_true_time(device_utc, is_end=is_end)

    def event_in_true_time(self, event: RecordingEvent) -> RecordingEvent:
        return replace(event, time=self.to_true_time(event.time))

    def changes(self, start: datetime, end: datetime) -> list[datetime]:
        """Return the times in (start, end) at which the difference of the device's time to UTC changes."""
        return [_utc(it.at_s) for it in self._changes(start.timestamp(), end.timestamp())]

    def _changes(self, start_s: float, end_s: float) -> list[ZoneChange]:
        return changes_between(self.zone.name, start_s, end_s) if self.zone.name else []


ClockPart = tuple[datetime, datetime, DeviceClock]
"""A part [start, end) of true time, and the clock of a fixed correction in it."""


class RepeatedHours:
    """Decides when to ask a recorder again for the hour that has come twice. Safe between threads.

    The first pass of the hour was asked while it passed, so the hour counts as asked when the second pass begins.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._asked: dict[tuple[int, int], tuple[float, float]] = {}  # camera, change -> when, and since the change

    def due(self, camera_id: int, clock: DeviceClock, now: datetime, now_s: float) -> tuple[datetime, datetime] | None:
        """Return the hour by the device's clock, as far as its second pass has come; None if it is not due."""
        change = clock.repeated(now)
        if change is None:
            return None
        start, passed_s = _utc(change.at_s), now.timestamp() - change.at_s
        written_s = change.repeated_s + _WRITTEN_S
        key = camera_id, change.at_s
        with self._lock:
            asked_s, asked_passed_s = self._asked.get(key, (-math.inf, -math.inf))
            is_due = now_s - asked_s >= _REPEATED_EVERY_S if passed_s < written_s else asked_passed_s < written_s
            if not is_due:
                return None
            self._asked[key] = now_s, passed_s
        length = timedelta(seconds=min(passed_s, change.repeated_s))
        begins = clock.at(start).to_device_time(start)
        return (begins, begins + length) if length else None


def _utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def _shifted(moment: datetime, seconds: int) -> datetime:
    if not seconds:
        return moment
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return moment


def range_clock(moment: datetime) -> str:
    """Return `20261122T100000Z`, with a fraction unless it is zero (RFC 2326, 3.7 "Absolute Time")."""
    text = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    fraction = f".{moment.microsecond:06}".rstrip("0") if moment.microsecond else ""
    return f"{text}{fraction}Z"
