"""Convert between true time, as the API uses it, and the time of a device's clock.

Only the recording manager uses this class. Replay sessions convert by themselves, with the same correction_s().
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from core.recordings import RecordingEvent, correction_s


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """A device's clock. `ahead_s`: whole seconds that it is ahead of true time; 0 if it is right within 5 s."""

    ahead_s: int

    @classmethod
    def of_offset(cls, offset_s: float | None) -> DeviceClock:
        return cls(correction_s(offset_s))

    def told(self, true: datetime) -> datetime:
        """Return the device's time for a true time, both UTC."""
        return _shifted(true, self.ahead_s)

    def true(self, told: datetime) -> datetime:
        """Return the true time for a time of the device."""
        return _shifted(told, -self.ahead_s)

    def true_or_none(self, told: datetime | None) -> datetime | None:
        return None if told is None else self.true(told)

    def true_event(self, event: RecordingEvent) -> RecordingEvent:
        return replace(event, time=self.true(event.time))


def _shifted(moment: datetime, seconds: int) -> datetime:
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return moment


def range_clock(moment: datetime) -> str:
    """Return `20261122T100000Z`, with a fraction unless it is zero (RFC 2326, 3.7 "Absolute Time")."""
    text = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    fraction = f".{moment.microsecond:06}".rstrip("0") if moment.microsecond else ""
    return f"{text}{fraction}Z"
