"""The owner of a camera knows how long the owner before it has recorded, and notes the time between as a gap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from archive.signs import SignsOfLife
from core.archive import GapReason
from tests.archive.recorded_cameras import CONTINUOUS, RecorderHarness, unreachable

SIGN_EVERY = timedelta(seconds=5)


@pytest.fixture
def north(tmp_path: Path, database_engine: str) -> Iterator[RecorderHarness]:
    del database_engine  # it has chosen the engine
    made = RecorderHarness(tmp_path, is_node=True)
    yield made
    made.close()


@pytest.fixture
def south(north: RecorderHarness) -> Iterator[RecorderHarness]:
    """The other node, which does not own the cameras at first."""
    made = RecorderHarness(north.folder, clock=north.clock, is_node=True)
    made.cameras.are_owned = False
    yield made
    made.close()


def adopt(node: RecorderHarness) -> None:
    node.cameras.are_owned = True
    node.recorders.forget_camera(1)
    node.open_streams(1)


def leave(node: RecorderHarness) -> None:
    node.cameras.are_owned = False
    node.recorders.release_camera(1)
    node.recorders.look()


def test_the_time_after_a_crash_of_the_owner_is_a_gap_with_an_alert(
    north: RecorderHarness, south: RecorderHarness
) -> None:
    north.record()
    north.pass_s(22)
    crashed = north.clock.now
    north.clock.move(minutes=10)
    adopt(south)
    (gap,) = south.stored_gaps()
    assert (gap.reason, gap.end) == (GapReason.SERVER_OFF, south.clock.now)
    assert crashed - SIGN_EVERY - timedelta(seconds=1) <= gap.start <= crashed
    assert [alert.reason for alert in south.gaps.alerts()] == [GapReason.SERVER_OFF]


def test_a_takeover_within_seconds_is_a_gap_without_an_alert(north: RecorderHarness, south: RecorderHarness) -> None:
    north.record()
    north.pass_s(22)
    north.clock.move(seconds=9)
    adopt(south)
    assert [gap.reason for gap in south.stored_gaps()] == [GapReason.SERVER_OFF]
    assert south.gaps.alerts() == []


def test_a_moved_camera_has_no_gap(north: RecorderHarness, south: RecorderHarness) -> None:
    north.record()
    north.pass_s(24)
    leave(north)
    north.clock.move(seconds=2)
    adopt(south)
    south.pass_s(24)
    leave(south)
    south.clock.move(seconds=2)
    adopt(north)
    assert north.stored_gaps() == []


def test_a_time_without_any_owner_is_a_gap(north: RecorderHarness, south: RecorderHarness) -> None:
    north.record()
    north.pass_s(24)
    left = north.clock.now
    leave(north)
    north.clock.move(minutes=2)
    adopt(south)
    (gap,) = south.stored_gaps()
    assert (gap.start, gap.end) == (left, south.clock.now)


def test_a_node_that_starts_again_adds_the_time_when_it_gets_the_camera(north: RecorderHarness) -> None:
    north.record()
    north.pass_s(22)
    crashed = north.clock.now
    north.clock.move(minutes=10)
    north.cameras.are_owned = False
    north.recorders.stop()
    north.recorders = north.new_recorders()
    north.recorders.start(crashed)
    assert north.stored_gaps() == []
    north.clock.move(seconds=2)
    adopt(north)
    (gap,) = north.stored_gaps()
    assert gap.end == north.clock.now


def test_the_outage_of_a_dead_owner_ends_with_its_last_sign(north: RecorderHarness, south: RecorderHarness) -> None:
    north.record()
    north.pass_s(5)
    north.cameras.away = unreachable()
    north.gateway.feeds[0].fail(GapReason.DEVICE_AWAY)
    north.pass_s(30)
    north.clock.move(minutes=10)
    adopt(south)
    first, second = south.stored_gaps()
    assert (first.reason, second.reason) == (GapReason.DEVICE_AWAY, GapReason.SERVER_OFF)
    assert first.end == second.start


def test_an_outage_goes_on_in_a_move(north: RecorderHarness, south: RecorderHarness) -> None:
    north.record()
    north.pass_s(5)
    north.cameras.away = unreachable()
    north.gateway.feeds[0].fail(GapReason.DEVICE_AWAY)
    north.pass_s(30)
    leave(north)
    north.clock.move(seconds=2)
    adopt(south)
    (gap,) = south.stored_gaps()
    assert (gap.reason, gap.end) == (GapReason.DEVICE_AWAY, None)


def test_a_pause_that_another_node_has_noted_is_no_gap(north: RecorderHarness, south: RecorderHarness) -> None:
    north.record()
    north.pass_s(22)
    north.pauses.pause(1, 1, None, "Anna")
    north.pass_s(10)
    north.clock.move(minutes=10)
    south.cameras.are_owned = True
    south.rules.load()
    south.recorders.look()
    assert [(gap.reason, gap.end) for gap in south.stored_gaps()] == [(GapReason.PAUSED, None)]


def test_a_first_rule_begins_without_a_gap(north: RecorderHarness) -> None:
    north.record(CONTINUOUS)
    north.pass_s(10)
    assert north.stored_gaps() == []


def test_a_lost_database_delays_the_signs_of_life(north: RecorderHarness) -> None:
    north.record()
    north.pass_s(12)
    signs = SignsOfLife(north.database)
    before = signs.last(1, 1)
    north.database.close()
    north.pass_s(12)
    left = north.clock.now
    leave(north)
    north.database.open()
    north.clock.move(seconds=30)
    north.recorders.look()
    assert before is not None
    assert signs.last(1, 1) == left > before


def test_an_older_sign_replaces_no_newer_one(north: RecorderHarness) -> None:
    north.rules.set_rule(1, 1, CONTINUOUS)
    signs, now = SignsOfLife(north.database), north.clock.now
    signs.give({(1, 1): now})
    signs.give({(1, 1): now - SIGN_EVERY, (1, 2): now})
    north.rules.set_rule(1, 1, CONTINUOUS)
    assert (signs.last(1, 1), signs.last(1, 2)) == (now, None)
