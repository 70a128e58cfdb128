"""Fifteen channels that move each 30 s for five minutes: the log has each motion of the recorder's timetable, once."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cameras.connecting import Pace
from core.events import EventKind
from events.log_query import EventQuery
from simulator.subscriptions import MOTION_APART_S, MOTION_EVERY_S, MOTION_FOR_S
from tests.events.listening import Demand, Listening, listening, make_harness
from tests.patience import until
from tests.simulator.process import Simulator

pytestmark = pytest.mark.stress

CHANNELS = 15
LENGTH_S = 300.0
MOST_OFF_S = 1.0
_HELD_S = 10.0  # until an end is in the log


@pytest.fixture
def app(cache_dir: Path, tmp_path: Path) -> Iterator[Listening]:
    simulator = Simulator(cache_dir, "--channels", str(CHANNELS), "--dead", "none")
    harness = make_harness(tmp_path)
    harness.pace = Pace()
    try:
        with listening(harness, Demand()) as made:
            made.add(simulator.onvif_port)
            until(lambda: made.events.told(1).topics, what="the first states")
            yield made
    finally:
        simulator.stop()


def _timetable(channel: int, begin_s: float, end_s: float) -> list[float]:
    """Return the starts of the channel's motions between two times."""
    first = math.ceil((begin_s + channel * MOTION_APART_S) / MOTION_EVERY_S)
    starts = (place * MOTION_EVERY_S - channel * MOTION_APART_S for place in range(first, first + 1000))
    return [start for start in starts if begin_s <= start < end_s]


def test_each_motion_of_the_timetable_is_in_the_log_once(app: Listening) -> None:
    begin_s = time.time() + 1
    end_s = begin_s + LENGTH_S
    until(lambda: time.time() > end_s + MOTION_FOR_S + _HELD_S, 2 * LENGTH_S, "the end of the five minutes")
    found = app.events.log.page(EventQuery(camera_ids=(1,), kinds=(EventKind.MOTION,)), limit=1000).events
    off_s: list[float] = []
    for channel in range(1, CHANNELS + 1):
        mine = sorted((event.start_at.timestamp(), event.end_at) for event in found if event.channel == channel)
        told = [(start, end) for start, end in mine if begin_s - MOST_OFF_S <= start < end_s - MOST_OFF_S]
        wanted = _timetable(channel, begin_s - MOST_OFF_S, end_s - MOST_OFF_S)
        assert len(told) == len(wanted), (channel, told, wanted)
        for (start, end), start_s in zip(told, wanted, strict=True):
            assert end is not None, (channel, start)
            off_s += [abs(start - start_s), abs(end.timestamp() - start_s - MOTION_FOR_S)]
    print(f"{len(off_s) // 2} motions, at most {max(off_s):.2f} s off")
    assert max(off_s) <= MOST_OFF_S
