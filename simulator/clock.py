"""The device's clock, which may be wrong, and the time zone it claims."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

from simulator.faults import Faults


class DeviceClock:
    """What time the device thinks it is. `utc_offset_s` is where it stands, seconds east of UTC."""

    def __init__(self, faults: Faults, utc_offset_s: int) -> None:
        self._faults = faults
        self.utc_offset_s = utc_offset_s
        self.started_s = time.time()

    def epoch_s(self) -> float:
        """Seconds since 1970 as the device counts them; a device that keeps local time as UTC counts them wrong."""
        return time.time() + self._faults.number("clock_offset") + self._faults.number("local_time_in_utc")

    def utc(self) -> datetime:
        """What the device believes is UTC."""
        return datetime.fromtimestamp(self.epoch_s(), UTC)

    def local(self) -> datetime:
        """What the device shows on its own screen, labelled UTC."""
        if self._faults.number("local_time_in_utc"):
            return self.utc()
        return self.utc() + timedelta(seconds=self.utc_offset_s)

    def time_zone(self) -> str:
        """POSIX 1003.1, section 8.3: the sign is west of Greenwich."""
        hours, minutes = divmod(abs(self.utc_offset_s) // 60, 60)
        return f"LOC{'-' if self.utc_offset_s >= 0 else ''}{hours:d}:{minutes:02d}:00"


def as_xml_time(moment: datetime) -> str:
    """xs:dateTime in UTC, to the millisecond."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
