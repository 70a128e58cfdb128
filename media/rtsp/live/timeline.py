"""The time of a packet: maps device timestamps onto our own monotonic clock.

A device's RTP clock starts anywhere, drifts (100 ppm are 9 s per day), jumps when the device sets its clock, and
differs between tracks. Consumers need one timeline that moves forward evenly; the page shows how old a frame is. So
each track has a TrackClock: `time = ticks / rate * pace + offset`.

- The offset is first taken from arrival. It is moved towards the offset that later arrivals give, so slowly (at most
  5 ms per second) that no player notices. Network delay only adds, so the smallest lag of the last seconds counts.
- The rest of that correction, the residual, is known immediately: arrived_s_of() adds it, so that the wall time of a
  frame is right before the slow correction has ended.
- A jump of the device's timestamps is replaced by the time that really passed.
- The pace (pace.py) is 1, unless the stamps run slower or faster than real time for some seconds.
- A time that is far from arrival (a device that stopped and went on where it was, the first seconds of a wrong pace)
  is corrected immediately: forward by a leap, backward by a wait.
- Frames whose stamp does not change get the time of their arrival.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from datetime import UTC, datetime

from core.clock import Clock
from media.rtsp.live.pace import PaceEstimator

_JUMP_S = 1.0
_WINDOW_S = 5.0
_WINDOWS = 3
_TOLERATED_S = 0.02
_KNOT_S = 0.03
_MAX_KNOTS = 4096
_SLEW_PART = 0.02
_SLEW_MAX = 0.005
_SETTLED_AFTER_S = 2.0
_REPORTS_DIFFER_S = 1.5
_FAR_S = 0.5
_FAR_FOR_S = 3.0
_LEAST_STEP_S = 0.001
_FROZEN_FOR_S = 0.2


class TrackClock:
    """The clock of one track. Not safe between threads, except arrived_s_of()."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._ticks = 0
        self._timestamp: int | None = None
        self._arrived_s = 0.0
        self._first_arrived_s = 0.0
        self._offset_s = 0.0
        self._time_s = 0.0
        self._windows: deque[float] = deque(maxlen=_WINDOWS)
        self._window_began_s = 0.0
        self._reported_s: float | None = None
        self._knots: list[tuple[float, float]] = []
        self._pace = PaceEstimator()
        self._is_frozen = False  # the last frame had the stamp of the one before it
        self._stamp_s = 0.0  # of the last packet, by the rate alone
        self._late_since_s: float | None = None
        self._waits_until_s: float | None = None
        self._follows = False
        self._least_late_s = 0.0
        self.residual_s = 0.0
        self.is_settled = False

    @property
    def has_begun(self) -> bool:
        """True once a packet was placed."""
        return self._timestamp is not None

    def place(
        self, timestamp: int, arrived_s: float, *, is_new_frame: bool = False, clock_went_back: bool = False
    ) -> float:
        """Return the time of a packet with this device timestamp (32 bits) that arrives now.

        `is_new_frame`: it belongs to another frame than the packet before, even if it has the same timestamp.
        `clock_went_back`: the timestamp is before the last one, and the frame is not shown before the last one.
        """
        if timestamp == self._timestamp:
            if is_new_frame:
                self.is_settled = self.is_settled or arrived_s - self._first_arrived_s > _FROZEN_FOR_S
                self._is_frozen = True
                self._time_s = max(arrived_s - self.residual_s, self._time_s + _LEAST_STEP_S)
            return self._time_s
        if self._timestamp is None:
            self._first_arrived_s = arrived_s
            self._anchor(timestamp, arrived_s, arrived_s)
            return self._time_s
        step = _signed(timestamp - self._timestamp)
        step_s = step / self._rate * self._pace.pace
        gap_s = arrived_s - self._arrived_s
        time_s = self.time_of(timestamp)
        is_ahead = time_s > arrived_s + _JUMP_S
        if clock_went_back or step_s < -_JUMP_S or (is_ahead and step_s > gap_s + _JUMP_S):
            self._pace.restart()
            self._anchor(timestamp, arrived_s, max(arrived_s - self.residual_s, self._time_s + _LEAST_STEP_S))
            return self._time_s
        self._ticks += step
        self._timestamp = timestamp
        self._arrived_s = arrived_s
        self._stamp_s += step / self._rate
        was_frozen, self._is_frozen = self._is_frozen, False
        if self._pace.observe(arrived_s, self._stamp_s):
            self._correct(arrived_s, arrived_s if abs(arrived_s - time_s) > _FAR_S else time_s)
        elif is_ahead:
            self._correct(arrived_s, arrived_s)
        elif was_frozen and time_s <= self._time_s:  # the stamps count whole seconds
            self._correct(arrived_s, max(arrived_s - self.residual_s, self._time_s + _LEAST_STEP_S))
        elif (late_s := self._lateness(arrived_s - time_s, arrived_s)) > 0:
            self._correct(arrived_s, time_s + late_s)
        else:
            self._go_on(arrived_s, time_s)
        if not self.is_settled:
            self._settle(step_s, gap_s)
        return self._time_s

    def _go_on(self, arrived_s: float, time_s: float) -> None:
        if self._waits_until_s is not None and time_s <= self._waits_until_s:
            self._time_s = self._waits_until_s = self._waits_until_s + _LEAST_STEP_S
            self._observe(arrived_s - time_s, arrived_s)
            self._add_knot(arrived_s - self._time_s)
            return
        self._waits_until_s = None
        self._time_s = time_s
        self._observe(arrived_s - time_s, arrived_s)

    def _lateness(self, lag_s: float, arrived_s: float) -> float:
        """Return the seconds by which all packets of the last seconds came late; 0 if not all are far from their time.

        A track that follows another one may be late all the time.
        """
        if lag_s < _FAR_S or self._follows:
            self._late_since_s = None
            return 0.0
        if self._late_since_s is None:
            self._late_since_s, self._least_late_s = arrived_s, lag_s
        self._least_late_s = min(self._least_late_s, lag_s)
        return self._least_late_s if arrived_s - self._late_since_s >= _FAR_FOR_S else 0.0

    def _correct(self, arrived_s: float, time_s: float) -> None:
        """Give the present packet this time. If that lies before the last packet's, wait until time has caught up."""
        self._offset_s = time_s - self._ticks / self._rate * self._pace.pace
        self._windows.clear()
        self._windows.append(arrived_s - time_s)
        self._window_began_s = arrived_s
        self._reported_s = self._late_since_s = None
        is_past = time_s <= self._time_s
        self._time_s = self._time_s + _LEAST_STEP_S if is_past else time_s
        self._waits_until_s = self._time_s if is_past else None
        self._take_residual(arrived_s - time_s)

    def time_of(self, timestamp: int) -> float:
        """Return the time of a packet near the last one, by the present offset."""
        ticks = self._ticks + self._ticks_to(timestamp)
        return ticks / self._rate * self._pace.pace + self._offset_s

    def _ticks_to(self, timestamp: int) -> int:
        return _signed(timestamp - self._timestamp) if self._timestamp is not None else 0

    def _anchor(self, timestamp: int, arrived_s: float, time_s: float) -> None:
        self._ticks = 0
        self._timestamp = timestamp
        self._arrived_s = arrived_s
        self._offset_s = self._time_s = time_s
        self._windows.clear()
        self._windows.append(arrived_s - time_s)
        self._window_began_s = arrived_s
        self._reported_s = None
        self._take_residual(arrived_s - time_s)

    def _settle(self, step_s: float, gap_s: float) -> None:
        """Recognize the end of the start: some devices first send the frames that they hold in memory, all together."""
        if self.residual_s < 0:  # time stamps run ahead of arrival: the first packets were old
            self._shift(self.residual_s)
            self._time_s = self.time_of(self._timestamp or 0)
        if (step_s > 0 and gap_s >= step_s / 2) or self._arrived_s - self._first_arrived_s > _SETTLED_AFTER_S:
            self.is_settled = True

    def settle(self) -> None:
        """The device has sent nothing for a moment: the frames that it held in memory have come."""
        self.is_settled = self.is_settled or self.has_begun

    def _observe(self, lag_s: float, arrived_s: float) -> None:
        if arrived_s - self._window_began_s > _WINDOW_S:
            self._window_began_s = arrived_s
            self._windows.append(lag_s)
        elif lag_s < self._windows[-1]:
            self._windows[-1] = lag_s
        smallest = min(self._windows)
        if smallest != self.residual_s:
            self._take_residual(smallest)

    def _take_residual(self, residual_s: float) -> None:
        self.residual_s = residual_s
        self._add_knot(residual_s)

    def _add_knot(self, residual_s: float) -> None:
        if not self._knots or abs(residual_s - self._knots[-1][1]) > _KNOT_S:
            self._knots.append((self._time_s, residual_s))
            del self._knots[:-_MAX_KNOTS]

    def _shift(self, by_s: float) -> None:
        self._offset_s += by_s
        for index, lag_s in enumerate(self._windows):
            self._windows[index] = lag_s - by_s
        self._take_residual(self.residual_s - by_s)

    def report(self, timestamp: int, ntp_s: float) -> None:
        """Take a sender report: `timestamp` was at `ntp_s` by the device's clock."""
        if self._timestamp is not None:
            self._reported_s = ntp_s - (self._ticks + self._ticks_to(timestamp)) / self._rate

    def slew(self, elapsed_s: float, leader: TrackClock | None = None) -> None:
        """Move the offset a little towards its target.

        With a leader (the video, for audio) the device's sender reports align the two tracks, if they are plausible;
        otherwise arrival decides.
        """
        self._follows = leader is not None
        error_s = self._error_to(leader) if leader else self.residual_s
        if not self.is_settled:
            self._shift(error_s)
        elif abs(error_s) > _TOLERATED_S:
            most_s = _SLEW_MAX * elapsed_s
            self._shift(max(-most_s, min(most_s, error_s * _SLEW_PART * elapsed_s)))

    def _error_to(self, leader: TrackClock) -> float:
        if self._reported_s is None or leader._reported_s is None or self._pace.pace != leader._pace.pace:
            return self.residual_s
        error_s = leader._offset_s - leader._reported_s + self._reported_s - self._offset_s
        return error_s if abs(error_s - self.residual_s) < _REPORTS_DIFFER_S else self.residual_s

    def arrived_s_of(self, time_s: float) -> float:
        """Return the arrival of the media at `time_s` by our monotonic clock, without the network's jitter."""
        knots = self._knots
        index = bisect_right(knots, (time_s, float("inf"))) - 1
        return time_s + (knots[max(index, 0)][1] if knots else 0.0)


class WallClock:
    """Converts monotonic seconds to UTC, also for times before the machine's clock was set."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._knots = [(float("-inf"), self._difference_s())]

    def _difference_s(self) -> float:
        return self._clock.now_utc().timestamp() - self._clock.monotonic_s()

    def tick(self) -> None:
        """Notice a step of the wall clock. Call it about every second."""
        difference_s = self._difference_s()
        if abs(difference_s - self._knots[-1][1]) > 0.05:
            self._knots.append((self._clock.monotonic_s(), difference_s))
            del self._knots[:-256]

    def utc_of(self, monotonic_s: float) -> datetime:
        return datetime.fromtimestamp(monotonic_s + self.difference_s_at(monotonic_s), UTC)

    def difference_s_at(self, monotonic_s: float) -> float:
        """Return the seconds to add to a time of the monotonic clock to get UTC since 1970."""
        knots = self._knots
        index = bisect_right(knots, (monotonic_s, float("inf"))) - 1
        return knots[max(index, 0)][1]


def _signed(difference: int) -> int:
    """Return a difference of 32-bit counters as a signed number."""
    return (difference + 0x80000000 & 0xFFFFFFFF) - 0x80000000
