"""The clock of one device, as its answers to GetSystemDateAndTime show it. Login tokens are dated with it."""

from __future__ import annotations

import time
from datetime import datetime, timedelta

from core.clock import Clock
from core.records import ClockOffset
from onvif_services.device import quarter_hours_s

_MOVED_S = 2.0  # times are whole seconds; devices accept tokens some seconds off
_HALF_SECOND_S = 0.5  # a device cuts its time to whole seconds: on average half a second is missing


class MeasuredClock:
    """Device time minus our time, and the part of it that is a time zone: some firmware tells local time as UTC.

    `zone_in_utc_s` is that part, 0 unless a refused login showed it; such a device checks tokens against true UTC.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._told: ClockOffset | None = None
        self.zone_in_utc_s = 0.0

    @property
    def told(self) -> ClockOffset | None:
        """The offset of the time that the device tells, zone included; None if it was never measured."""
        return self._told

    @property
    def offset(self) -> ClockOffset | None:
        """Device time minus our time, to half a second; None if it was never measured."""
        told = self._told
        return told and ClockOffset(told.offset_s - self.zone_in_utc_s, told.measured_at)

    def now_utc(self) -> datetime:
        """Return the present time of the device's clock, or true time if it was never measured."""
        offset = self.offset
        return self._clock.now_utc() + timedelta(seconds=offset.offset_s if offset else 0.0)

    def keep(self, device_utc: datetime | None, middle_s: float | None = None) -> bool:
        """Keep the offset of an answer. False if the answer had no time; the earlier offset then stays.

        `middle_s` is the time.monotonic() halfway between the request and its answer, at which the device read its
        clock. Nothing but the travel of both counts: building the first request parses the WSDL, which takes a second.
        """
        if device_utc is None:
            return False
        now_utc, now_s = self._clock.now_utc(), time.monotonic()
        middle = now_utc - timedelta(seconds=now_s - middle_s if middle_s is not None else 0.0)
        offset_s = (device_utc - middle).total_seconds() + _HALF_SECOND_S
        self._told = ClockOffset(offset_s, now_utc)
        return True

    def explains_refusal(self, before: ClockOffset | None) -> bool:
        """True if a token that was dated by the offset `before` may have been refused for its date.

        The clock has moved since, or the time zone in its UTC is another one than assumed; assume the new one from now.
        """
        told = self._told
        if told is None:
            return False
        has_moved = before is None or abs(told.offset_s - before.offset_s) > _MOVED_S
        if has_moved and self.zone_in_utc_s == 0.0:
            return True
        # The device may tell local time as UTC; if we already knew that, summer time may have begun or ended.
        zone_s, self.zone_in_utc_s = self.zone_in_utc_s, quarter_hours_s(told.offset_s)
        return has_moved or self.zone_in_utc_s != zone_s
