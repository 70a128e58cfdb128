"""Convert between true time, as the API uses it, and the time of a device's clock.

Only the recording manager uses this class. Replay sessions convert by themselves, with the same correction_s().
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from core.recordings import RecordingEvent, correction_s


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """A device's clock. `correction_s`: see core.recordings.correction_s."""

    correction_s: int

    @classmethod
    def of_offset(cls, offset_s: float | None) -> DeviceClock:
        return cls(correction_s(offset_s))

    def to_device_time(self, true_utc: datetime) -> datetime:
        """Return the device's time for a true time, both UTC."""
        return _shifted(true_utc, self.correction_s)

    def to_true_time(self, device_utc: datetime) -> datetime:
        """Return the true time for a time of the device."""
        return _shifted(device_utc, -self.correction_s)

    def to_true_time_or_none(self, device_utc: datetime | None) -> datetime | None:
        return None if device_utc is None else self.to_true_time(device_utc)

    def event_in_true_time(self, event: RecordingEvent) -> RecordingEvent:
        return replace(event, time=self.to_true_time(event.time))


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
