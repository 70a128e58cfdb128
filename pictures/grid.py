"""The times of pictures: fixed grids, so that all viewers share the same pictures.

A time is a whole second since 1970 in true UTC. Each time of a coarse grid is also one of every finer grid.
"""

from __future__ import annotations

STEPS_S = (1, 10, 60, 600, 3600)
HOUR_S = 3600


def grid_times(start_s: float, end_s: float, step_s: int) -> range:
    """Return the times of a grid before `end_s`, from the one at or before `start_s` on."""
    return range(int(start_s // step_s) * step_s, -int(-end_s // 1), step_s)


def widest_step_s(time_s: int) -> int:
    """Return the step of the coarsest grid that has this time. Its file in the cache is named after it."""
    return max(step_s for step_s in STEPS_S if time_s % step_s == 0)
