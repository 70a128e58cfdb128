"""The times of audio whose RTP time stamps are wrong, and the sampling rate of AAC whose description is wrong.

The bytes of a unit tell its length: an AAC frame has 1024 samples, a byte of G.711 is one. Samples are counted in place
of time stamps that step otherwise: in 90 kHz although the rtpmap line says 16000, or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import log

from media.codecs import aac
from media.rtsp.client.track_times import TickCounter

_TOLERATED_PART = 0.1
_TOLERATED_S = 0.002
_ODD_STEPS = 16  # in a row: the time stamps are not believed any more
_USUAL_STEPS = 8  # in a row: they are believed again
_GAP_S = 1.0
_BURST_S = 0.005  # packets that arrive closer to each other have waited for each other
_PACE_S = 1.0  # long enough for a busy machine, which takes packets in bursts


class AudioTicks:
    """Gives units their place in samples. `stamp_rate`: of the RTP time stamps, `rate`: of the samples."""

    def __init__(self, stamp_rate: int, rate: int) -> None:
        self._stamp_rate = stamp_rate
        self._rate = rate
        self._stamps = TickCounter()
        self._stamp = 0  # the last one, beyond 32 bits
        self._samples = 0  # of the last unit
        self._arrived_s = 0.0
        self._ticks: int | None = None
        self._is_believed = True
        self._base = (0, 0)  # a time stamp and its ticks, while time stamps are believed
        self._has_been_usual = False
        self._odd = 0
        self._usual = 0

    @property
    def are_stamps(self) -> bool:
        """True if the ticks are the RTP time stamps themselves."""
        return self._is_believed and self._stamp_rate == self._rate and self._base[0] == self._base[1]

    def place(self, timestamp: int, samples: int, arrived_s: float) -> int:
        """Return the ticks of a unit with `samples` that begins at this time stamp."""
        stamp = self._stamps.extend(timestamp)
        if self._ticks is None:
            self._base = (stamp, stamp)
            self._ticks = stamp
        else:
            self._ticks = self._next(self._ticks, stamp, arrived_s)
        self._stamp, self._samples, self._arrived_s = stamp, samples, arrived_s
        return self._ticks

    def _next(self, ticks: int, stamp: int, arrived_s: float) -> int:
        length_s = self._samples / self._rate
        self._judge((stamp - self._stamp) / self._stamp_rate, length_s)
        counted = ticks + self._samples
        if self._is_believed:
            base_stamp, base_ticks = self._base
            return base_ticks + (stamp - base_stamp) * self._rate // self._stamp_rate
        missing_s = arrived_s - self._arrived_s - length_s
        if missing_s > _GAP_S:
            counted += int(missing_s * self._rate)
        self._base = (stamp, counted)
        return counted

    def _judge(self, step_s: float, length_s: float) -> None:
        """Believe the time stamps while they step by the units' lengths. Steps over lost units are few."""
        if abs(step_s - length_s) <= _TOLERATED_PART * length_s + _TOLERATED_S:
            self._odd = 0
            self._usual += 1
            self._is_believed = self._is_believed or self._usual >= _USUAL_STEPS
            self._has_been_usual = True
            return
        self._usual = 0
        self._odd += 1
        if self._odd >= _ODD_STEPS or not self._has_been_usual:
            self._is_believed = False


@dataclass(frozen=True, slots=True)
class TimedFrames:
    """The number of AAC frames in a packet, its time stamp and its arrival."""

    timestamp: int
    frames: int
    arrived_s: float


def aac_rate(stated: int, stamp_rate: int, packets: Sequence[TimedFrames], *, is_live: bool) -> int | None:
    """Return the sampling rate of AAC whose configuration says `stated` and whose rtpmap line says `stamp_rate`.

    None if more packets are needed. Some cameras send the configuration of another rate than the audio has. The step
    of the time stamps decides, and the pace of arrival if two rates remain.
    """
    if stamp_rate == stated:
        return stated
    if len(packets) < 2:
        return None
    first, second = packets[0], packets[1]
    step = ((second.timestamp - first.timestamp) & 0xFFFF_FFFF) / max(first.frames, 1)
    if not _is_near(step, aac.FRAME_SAMPLES) or stamp_rate not in aac.RATES:
        return stated
    if not is_live:
        return stamp_rate
    frame_s = _frame_s(packets)
    if frame_s is None:
        return None
    return min(stated, stamp_rate, key=lambda rate: abs(log(frame_s * rate / aac.FRAME_SAMPLES)))


def _frame_s(packets: Sequence[TimedFrames]) -> float | None:
    """Return the mean time between two frames as they arrive. None if more packets are needed.

    The first burst has waited for an unknown time, and the last one may go on: their frames do not count.
    """
    ends = [place for place, pair in enumerate(pairwise(packets)) if _gap_s(pair) > _BURST_S]
    if not ends:
        return None
    begin, end = ends[0], ends[-1]
    took_s = packets[end].arrived_s - packets[begin].arrived_s
    return took_s / sum(it.frames for it in packets[begin + 1 : end + 1]) if took_s >= _PACE_S else None


def _gap_s(pair: tuple[TimedFrames, TimedFrames]) -> float:
    before, after = pair
    return after.arrived_s - before.arrived_s


def _is_near(value: float, wanted: float) -> bool:
    return abs(value - wanted) <= wanted * 0.03
