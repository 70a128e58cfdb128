"""Between true time, as the API tells it, and a device's own: the recordings room's face translates, nobody else."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from core.recordings import RecordingEvent, correction_s


@dataclass(frozen=True, slots=True)
class DeviceClock:
    """`ahead_s`: whole seconds that the device's clock is ahead of true time; 0 within 5 s."""

    ahead_s: int

    @classmethod
    def of_offset(cls, offset_s: float | None) -> DeviceClock:
        return cls(correction_s(offset_s))

    def told(self, true: datetime) -> datetime:
        """What the device's clock shows then, kept as UTC."""
        return _shifted(true, self.ahead_s)

    def true(self, told: datetime) -> datetime:
        """When that was in truth."""
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
    """`20261122T100000Z`, with a fraction where there is one (RFC 2326, 3.7 "Absolute Time")."""
    text = moment.astimezone(UTC).strftime("%Y%m%dT%H%M%S")
    fraction = f".{moment.microsecond:06}".rstrip("0") if moment.microsecond else ""
    return f"{text}{fraction}Z"
