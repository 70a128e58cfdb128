"""Sets of time: the difference in one pass is that of each interval alone."""

from __future__ import annotations

import random
from datetime import timedelta

from recordings.intervals import Interval, difference, united, without
from tests.recordings.recorder import NOON

MINUTE = timedelta(minutes=1)


def test_the_difference_of_sets_is_that_of_their_intervals() -> None:
    chance = random.Random(5)

    def some() -> list[Interval]:
        starts = [chance.randrange(300) for _ in range(chance.randint(0, 12))]
        return united((NOON + at * MINUTE, NOON + (at + chance.randint(1, 20)) * MINUTE) for at in starts)

    for _ in range(200):
        whole, taken = some(), some()
        assert difference(whole, taken) == [part for interval in whole for part in without(interval, taken)]
