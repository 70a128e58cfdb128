"""The motion of one head as far as the app knows it: its last commands, and the time of its stop."""

from __future__ import annotations

import math
from collections.abc import Callable

from core.clock import Clock
from core.ptz import STANDING, HeadPlace, Velocity
from ptz.axes import EVERYTHING

DEVICE_MARGIN_S = 1.0
"""A device gets so much more time for a move than the app, so that the app's stop is usually the one that ends it."""
_TRAVEL_S = 30.0  # the longest usual way to a preset: no device tells reliably that its head has arrived


class HeadMotion:
    """Used with the lock of its Head held. `on_motion` and `on_time` are those of the Head."""

    def __init__(
        self, clock: Clock, on_motion: Callable[[HeadPlace | None], None], on_time: Callable[[], None]
    ) -> None:
        self._clock = clock
        self._on_motion = on_motion
        self._on_time = on_time
        self.place = HeadPlace()
        self.velocity = STANDING
        """The velocity that the device may have."""
        self.is_guess = False
        """True if nothing is known about the axes that move."""
        self._sent_s = -math.inf
        self._dead_man_s = math.inf  # when a move that is not renewed is stopped
        self._stop_again_s = math.inf
        self._travels_until_s = -math.inf  # the head may be on its way to a position
        self._is_marked = False
        self._is_unstopped = False  # the device refused all stops of a moving head

    @property
    def may_go_on(self) -> bool:
        """True if the device may move the head, or may get a move late."""
        return not self.velocity.is_zero or self._may_move_late

    @property
    def may_travel(self) -> bool:
        """True if the head may be on its way to a position."""
        return self._clock.monotonic_s() < self._travels_until_s

    @property
    def next_stop_s(self) -> float:
        """The time (monotonic_s) of the next stop; infinite if none is due."""
        return min(self._dead_man_s, self._stop_again_s)

    def take_due_stop(self) -> bool:
        """True if a stop is due now."""
        now_s = self._clock.monotonic_s()
        if now_s < self.next_stop_s:
            return False
        self._stop_again_s = math.inf
        return True

    def renew(self, place: HeadPlace, timeout_s: float) -> None:
        """A user wants the head to move until `timeout_s` from now."""
        self.place = place
        self._dead_man_s = self._clock.monotonic_s() + timeout_s
        self._on_time()

    def goes_on_at(self, velocity: Velocity, timeout_s: float) -> bool:
        """True if the device moves at this velocity already, and will not stop by itself soon."""
        renew_s = (timeout_s + DEVICE_MARGIN_S) / 2
        is_fresh = self._clock.monotonic_s() - self._sent_s < renew_s
        return self.velocity == velocity and not velocity.is_zero and is_fresh

    def begin(self) -> None:
        """A move is queued. Its stop also ends a late move."""
        self._stop_again_s = math.inf
        if not self._is_marked:
            self._is_marked = True
            self._on_motion(self.place)

    def assume_everything(self, place: HeadPlace) -> None:
        """The head was moving when the app ended."""
        self.place, self._is_marked = place, True
        self.velocity, self.is_guess = EVERYTHING, True

    def change(self, velocity: Velocity) -> Velocity:
        """A move is sent. Return the velocity before it."""
        before, self.velocity = self.velocity, velocity
        self._sent_s = self._clock.monotonic_s()
        return before

    def travel(self) -> None:
        """The head is sent to a position."""
        self._travels_until_s = self._clock.monotonic_s() + _TRAVEL_S

    def stop_is_queued(self) -> None:
        self._dead_man_s = math.inf

    def stop_again_after(self, wait_s: float) -> None:
        self._stop_again_s = self._clock.monotonic_s() + wait_s
        self._on_time()

    def stop_again_within(self, wait_s: float) -> None:
        self._stop_again_s = min(self._stop_again_s, self._clock.monotonic_s() + wait_s)
        self._on_time()

    def was_not_sent(self, before: Velocity, *, moves_next: bool) -> None:
        """The device did not get the last move. `moves_next`: another one waits."""
        self.velocity = before
        if before.is_zero and not moves_next:
            self._dead_man_s = math.inf
            self._unmark()

    def stopped(self, *, is_accepted: bool, moves_next: bool) -> None:
        """Note that nothing is left to stop. A moving head whose stop was not accepted is stopped after a restart."""
        self._is_unstopped = not is_accepted and (self._is_unstopped or not self.velocity.is_zero)
        self.velocity, self.is_guess, self._travels_until_s = STANDING, False, -math.inf
        if not (self._is_unstopped or self._may_move_late or moves_next):
            self._unmark()

    @property
    def _may_move_late(self) -> bool:
        """True if a move without an answer may still arrive: another stop is due."""
        return not math.isinf(self._stop_again_s)

    def _unmark(self) -> None:
        if self._is_marked:
            self._is_marked = False
            self._on_motion(None)
