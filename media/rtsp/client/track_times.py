"""The times of the units of one track: RTP time stamps beyond 32 bits, and the device's time."""

from __future__ import annotations

from media.rtsp.client.onvif_replay_extension import ReplayStamp


class TickCounter:
    """Continues RTP's 32-bit time stamps beyond their wrap (RFC 3550 section 5.1)."""

    def __init__(self) -> None:
        self._last: int | None = None
        self._ticks = 0

    def extend(self, timestamp: int) -> int:
        if self._last is None:
            self._ticks = timestamp
        else:
            self._ticks += ((timestamp - self._last + 0x8000_0000) & 0xFFFF_FFFF) - 0x8000_0000
        self._last = timestamp
        return self._ticks


class DeviceTime:
    """The device's time of each unit: its stamp's, otherwise counted on by ticks from the last one with a stamp."""

    def __init__(self, clock_rate: int, start_device_s: float | None = None) -> None:
        self._clock_rate = clock_rate
        self._start_s = start_device_s
        self._known: tuple[int, float] | None = None

    def of(self, stamp: ReplayStamp | None, ticks: int) -> float | None:
        if stamp is not None:
            self._known = (ticks, stamp.device_s)
            return stamp.device_s
        if self._known is None:
            if self._start_s is None:
                return None
            self._known = (ticks, self._start_s)
        return self._known[1] + (ticks - self._known[0]) / self._clock_rate
