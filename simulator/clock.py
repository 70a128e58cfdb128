"""The device's clock, which faults can make wrong, and its time zone."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from simulator.faults import Faults


class DeviceClock:
    """The device's time. `utc_offset_s`: its time zone, seconds east of UTC."""

    def __init__(self, faults: Faults, utc_offset_s: int) -> None:
        self._faults = faults
        self.utc_offset_s = utc_offset_s
        self.started_s = time.time()

    def epoch_s(self) -> float:
        """Seconds since 1970 by the device's clock; they are wrong with the faults of the clock."""
        return time.time() + self._faults.number("clock_offset") + self._faults.number("local_time_in_utc")

    def utc(self) -> datetime:
        """UTC by the device's clock."""
        return datetime.fromtimestamp(self.epoch_s(), UTC)

    def local(self) -> datetime:
        """Local time by the device's clock, in a datetime labelled UTC."""
        if self._faults.number("local_time_in_utc"):
            return self.utc()
        return self.utc() + timedelta(seconds=self.utc_offset_s)

    def time_zone(self) -> str:
        """The time zone as POSIX 1003.1, section 8.3, writes it: positive offsets are west of Greenwich."""
        hours, minutes = divmod(abs(self.utc_offset_s) // 60, 60)
        return f"LOC{'-' if self.utc_offset_s >= 0 else ''}{hours:d}:{minutes:02d}:00"


def as_xml_time(moment: datetime) -> str:
    """The moment as xs:dateTime in UTC, to the millisecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
