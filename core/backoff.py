"""Growing, jittered waits between tries. Only computes them: it has no clock and never sleeps."""

from __future__ import annotations

import random
from collections.abc import Callable

_MOST_DOUBLINGS = 16


def growing_wait_s(failures: int, first_s: float, longest_s: float) -> float:
    """Return the wait after so many failures in a row: first_s, doubled for each further one, at most longest_s."""
    return min(longest_s, first_s * 2.0 ** min(max(0, failures - 1), _MOST_DOUBLINGS))


def jittered(wait_s: float, low: float = 0.75, high: float = 1.25) -> float:
    """Return wait_s times a random factor, so that what failed together does not come back together."""
    return wait_s * (low + (high - low) * random.random())  # noqa: S311 - spreads tries, protects nothing


class Backoff:
    """Counts failures in a row of one thing. Not safe between threads.

    A try that was healthy for `healthy_after_s` makes earlier failures forgotten. `breaks_after`: from so many failures
    on, each wait is `longest_s` and `is_broken` is True.
    """

    def __init__(
        self,
        *,
        first_s: float,
        longest_s: float,
        healthy_after_s: float,
        breaks_after: int | None = None,
        jitter: Callable[[float], float] = jittered,
    ) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._healthy_after_s = healthy_after_s
        self._breaks_after = breaks_after
        self._jitter = jitter
        self._failures = 0

    @property
    def is_broken(self) -> bool:
        """True after so many failures in a row that the next try will probably fail, too."""
        return self._breaks_after is not None and self._failures >= self._breaks_after

    def failed_after(self, healthy_s: float) -> float:
        """Count the failure of a try that was healthy for healthy_s. Return the seconds to wait before the next."""
        self._failures = 1 if healthy_s >= self._healthy_after_s else self._failures + 1
        if self.is_broken:
            return self._jitter(self._longest_s)
        return self._jitter(growing_wait_s(self._failures, self._first_s, self._longest_s))

    def forget(self) -> None:
        """Forget all failures."""
        self._failures = 0
