"""The minutes that a search need not look at again, since the watch of motion has."""

from __future__ import annotations

from datetime import timedelta

from motion.records import MotionMode, MotionSettings, Sensitivity, Zone
from tests.motion.watching import Watching

HALF = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0))
WHOLE = ((0.0, 0.0), (1.0, 0.0), (1.0, 1.0), (0.0, 1.0))


def test_a_channel_of_low_sensitivity_does_not_count_as_watched(watching: Watching) -> None:
    settings = MotionSettings(MotionMode.KEY_FRAMES, Sensitivity.LOW)
    hit_ms = watching.show(watching.watch(settings=settings), share=0.02)
    watching.clock.move(minutes=2)
    watching.manager.tick()
    start = watching.clock.now - timedelta(hours=1)
    found = watching.manager.cell_hits(1, 1, HALF, start, watching.clock.now)
    assert found.watched_minutes == ()
    known = watching.manager.cell_hits(1, 1, WHOLE, start, watching.clock.now)
    assert [round(hit.at.timestamp() * 1000) for hit in known.hits] == [hit_ms], "the index has the movement"


def test_ignored_parts_do_not_count_as_watched(watching: Watching) -> None:
    street = Zone(3, "Street", "ignore", ((0.0, 0.0), (0.2, 0.0), (0.2, 0.2), (0.0, 0.2)))
    watching.show(watching.watch(settings=MotionSettings(MotionMode.KEY_FRAMES, zones=(street,))))
    watching.clock.move(minutes=2)
    watching.manager.tick()
    start = watching.clock.now - timedelta(hours=1)
    over_it = ((0.1, 0.1), (0.5, 0.1), (0.5, 0.5), (0.1, 0.5))
    assert watching.manager.cell_hits(1, 1, over_it, start, watching.clock.now).watched_minutes == ()
    beside = ((0.5, 0.5), (1.0, 0.5), (1.0, 1.0))
    assert len(watching.manager.cell_hits(1, 1, beside, start, watching.clock.now).watched_minutes) == 1
