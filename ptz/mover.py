"""The mover of a head: one user at a time. Other users wait until the mover has finished."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from core.access import Permission, Principal
from core.clock import Clock
from core.errors import Forbidden, PtzInUse
from ptz.views import MoverView

HOLD_S = 5.0
"""Seconds that a user keeps a head after the last command."""


@dataclass(slots=True)
class _Mover:
    user: str
    name: str
    key: str
    since_s: float
    until_s: float  # the end of the last command
    is_moving: bool = False

    def free_in_s(self, now_s: float) -> float:
        return self.until_s + HOLD_S - now_s


class Movers:
    """The mover of one head. Thread-safe.

    All logins of a user count as the same mover, so that a page on a phone can continue what a desk began.
    `on_taken(name)` is called when an admin has replaced the user of this name, in the thread of the admin's request.
    """

    def __init__(self, clock: Clock, on_taken: Callable[[str], None] | None = None) -> None:
        self._clock = clock
        self._on_taken = on_taken
        self._lock = threading.Lock()
        self._mover: _Mover | None = None

    def claim(self, who: Principal, *, for_s: float = 0.0, take_over: bool = False, moves: bool = False) -> None:
        """Make a user the mover for a command that takes `for_s`. `moves`: the head moves until stop or dead man.

        A command that does not move the head, such as one to a lamp, leaves a move of the user as it is.
        Raise PtzInUse if another user is the mover. With `take_over`, an admin replaces that user; others get
        Forbidden.
        """
        self._claim(who, for_s=for_s, take_over=take_over, moves=moves, begins=True)

    def check(self, who: Principal, *, take_over: bool = False) -> None:
        """Raise the errors of claim(). Begin to hold the head only in place of another user (`take_over`).

        HOLD_S then keeps the other user out, whose page may renew its move twice a second.
        """
        self._claim(who, for_s=0.0, take_over=take_over, moves=False, begins=False)

    def _claim(self, who: Principal, *, for_s: float, take_over: bool, moves: bool, begins: bool) -> None:
        now_s = self._clock.monotonic_s()
        user = _user_of(who)
        taken_from: str | None = None
        with self._lock:
            mover = self._mover
            if mover is not None and mover.free_in_s(now_s) <= 0:
                mover = None
            if mover is not None and mover.user != user:
                if not take_over:
                    raise PtzInUse(mover.name, moving_for_s=now_s - mover.since_s, free_in_s=mover.free_in_s(now_s))
                if not who.may(Permission.MANAGE):
                    raise Forbidden("Only an admin may take over a camera that another user moves.")
                taken_from, mover = mover.name, None
            if mover is None and not begins and taken_from is None:
                self._mover = None
                return
            if mover is None:
                mover = self._mover = _Mover(user, who.name, who.key, now_s, now_s)
            mover.until_s = now_s + for_s if moves else max(mover.until_s, now_s + for_s)
            if moves or not mover.is_moving:
                mover.key, mover.is_moving = who.key, moves
        if taken_from is not None and self._on_taken is not None:
            self._on_taken(taken_from)

    def stopped(self) -> None:
        """Note that the head stands: the mover keeps it for HOLD_S more."""
        with self._lock:
            if self._mover is not None and self._mover.is_moving:
                self._mover.is_moving = False
                self._mover.until_s = min(self._mover.until_s, self._clock.monotonic_s())

    def end_logins(self, keys: frozenset[str]) -> bool:
        """Release the head if one of these logins or tokens is the mover; return whether it was."""
        with self._lock:
            if self._mover is None or self._mover.key not in keys or self._mover.free_in_s(self._now_s()) <= 0:
                return False
            self._mover = None
            return True

    def is_moved_by(self, who: Principal) -> bool:
        """True if this login or token is the mover; another login of the same user is not."""
        with self._lock:
            mover = self._mover
            return mover is not None and mover.is_moving and (mover.user, mover.key) == (_user_of(who), who.key)

    def view(self, who: Principal) -> MoverView | None:
        now_s = self._now_s()
        with self._lock:
            mover = self._mover
            if mover is None or mover.free_in_s(now_s) <= 0:
                return None
            return MoverView(
                mover.name,
                own=mover.user == _user_of(who),
                moving=mover.is_moving,
                for_s=now_s - mover.since_s,
                free_in_s=mover.free_in_s(now_s),
            )

    def _now_s(self) -> float:
        return self._clock.monotonic_s()


def _user_of(who: Principal) -> str:
    """Return a name that is the same for all logins and tokens of a user."""
    return f"user {who.user_id}" if who.user_id is not None else who.key or who.kind
