"""How long to wait before the next try, and when to stop trying so often."""

from __future__ import annotations

import random
from collections.abc import Callable

FIRST_S = 0.5
LONGEST_S = 15.0
BREAK_AFTER = 6
BROKEN_S = 30.0
HEALTHY_S = 60.0

# Why a session counts as failed at once, and how long until it looks again. The reason is either
# ours (and cheap to look at) or one that the device will not change its mind about soon.
FIXED_WAIT_S = {
    "storage_full": 2.0,
    "transcode_limit": 5.0,
    "ffmpeg_missing": 10.0,
    "camera_unsupported": 60.0,
    "not_found": 60.0,
    "internal_error": 60.0,
}
# When a player that is told so should ask again.
RETRY_AFTER_S = {"camera_auth_failed": 60, "camera_unsupported": 60, "ffmpeg_missing": 10}


class Backoff:
    """Doubles from FIRST_S to LONGEST_S, each time off by up to a quarter, so that sixteen sessions
    of a recorder that comes back do not knock together. After BREAK_AFTER failures in a row it is
    broken: a try every BROKEN_S, so that it still heals by itself. A run of HEALTHY_S forgets all."""

    def __init__(self, jitter: Callable[[], float] = random.random) -> None:
        self._jitter = jitter
        self._failures = 0

    @property
    def is_broken(self) -> bool:
        return self._failures >= BREAK_AFTER

    def failed_after(self, healthy_s: float) -> float:
        """Counts a failure after healthy_s seconds of segments; the wait before the next try."""
        self._failures = 1 if healthy_s >= HEALTHY_S else self._failures + 1
        wait_s = BROKEN_S if self.is_broken else min(LONGEST_S, FIRST_S * 2.0 ** (self._failures - 1))
        return wait_s * (0.75 + 0.5 * self._jitter())

    def forget(self) -> None:
        self._failures = 0
