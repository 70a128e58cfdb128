"""Which gaps of a recorder are alerts: those at times when it is expected to record."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from backfill.planning import without
from backfill.records import Stretch
from core.errors import CameraUnreachable, CameraUnsupported
from tests.backfill.planned import OFF, PlannerBench

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[PlannerBench]:
    made = PlannerBench(tmp_path)
    yield made
    made.database.close()


def days_without(bench: PlannerBench, *gaps: Stretch, days: int = 20) -> list[Stretch]:
    """Return the last days and the next one, without these gaps."""
    return without([Stretch(bench.clock.now - days * DAY, bench.clock.now + DAY)], gaps)


def check(bench: PlannerBench) -> None:
    """Let all recorders be checked, and the gaps be confirmed."""
    for _ in range(4):
        bench.plan()
    bench.clock.move(minutes=21)
    bench.plan()


def test_a_gap_of_a_recorder_goes_on_until_it_records_again(bench: PlannerBench) -> None:
    """A recorder that has stopped still stands when it is checked, once a day."""
    now = bench.clock.now
    stopped = now - 3 * HOUR
    bench.recordings.listed = [Stretch(now - 72 * HOUR, stopped)]
    bench.plan()
    assert bench.archive.alerts() == [], "its list may be late"
    bench.clock.move(minutes=21)
    bench.plan()
    (alert,) = bench.archive.alerts()
    assert (alert.start, alert.end) == (stopped, None)
    assert bench.recordings.again
    bench.clock.move(hours=30)
    bench.plan()
    (alert,) = bench.archive.alerts()
    assert alert.end is None, "it has not recorded for more than a day"
    again = bench.clock.now + HOUR
    bench.recordings.listed.append(Stretch(again, again + 24 * HOUR))
    bench.clock.move(hours=2)
    bench.plan()
    (alert,) = bench.archive.alerts()
    assert (alert.start, alert.end) == (stopped, again)


def test_a_recording_that_a_recorder_lists_late_is_no_alert(bench: PlannerBench) -> None:
    now = bench.clock.now
    late, lacking = Stretch(now - HOUR / 2, now), Stretch(now - 5 * HOUR, now - 4 * HOUR)
    bench.recordings.listed = [Stretch(now - 72 * HOUR, lacking.start), Stretch(lacking.end, late.start)]
    bench.plan()
    bench.recordings.listed.append(Stretch(late.start, now + 24 * HOUR))
    bench.clock.move(minutes=21)
    bench.plan()
    (alert,) = bench.archive.alerts()
    assert (alert.start, alert.end) == (lacking.start, lacking.end)


def test_gaps_are_checked_again_if_the_recorder_does_not_confirm_them(bench: PlannerBench) -> None:
    stopped = bench.clock.now - 3 * HOUR
    bench.recordings.listed = [Stretch(stopped - 72 * HOUR, stopped)]
    bench.plan()
    bench.clock.move(minutes=21)
    bench.recordings.complete = False
    bench.plan()
    assert bench.archive.alerts() == []
    bench.recordings.complete = True
    for _ in range(3):
        bench.clock.move(minutes=21)
        bench.plan()
    (alert,) = bench.archive.alerts()
    assert alert.start == stopped


def test_a_channel_without_a_rule_is_checked(bench: PlannerBench) -> None:
    """The alert about a failed disk also reaches users who play from the recorder only."""
    night = Stretch(bench.clock.now - 5 * HOUR, bench.clock.now - 4 * HOUR)
    bench.recordings.listed = days_without(bench, night)
    bench.set_rule(1, 1, OFF)
    bench.recordings.channels = {(1, 1), (2, 2)}
    check(bench)
    assert {(it.camera_id, it.channel, it.start, it.end) for it in bench.archive.alerts()} == {
        (1, 1, night.start, night.end),
        (2, 2, night.start, night.end),
    }
    for _ in range(10):
        bench.clock.move(hours=2)
        bench.plan()
    assert len(bench.archive.alerts()) == 2


def test_a_recorder_is_asked_once_a_day(bench: PlannerBench) -> None:
    bench.recordings.listed = days_without(bench)
    bench.set_rule(1, 1, OFF)
    for _ in range(47):
        bench.plan()
        bench.clock.move(hours=1)
    assert {key: bench.recordings.searches.count(key) for key in bench.recordings.searches} == {
        (camera_id, channel): 2 for camera_id in (1, 2) for channel in (1, 2)
    }


@pytest.mark.parametrize("error", [CameraUnreachable("away"), CameraUnsupported("no disk", service="recording")])
def test_a_camera_without_an_answer_is_asked_rarely(bench: PlannerBench, error: CameraUnreachable) -> None:
    bench.set_rule(1, 1, OFF)
    bench.recordings.errors = {(camera_id, channel): error for camera_id in (1, 2) for channel in (1, 2)}
    for _ in range(12):
        bench.plan()
        bench.clock.move(hours=2)
    assert set(bench.recordings.searches) == {(1, 1), (2, 1)}
    assert len(bench.recordings.searches) <= 12


def test_a_schedule_of_a_recorder_makes_no_alert(bench: PlannerBench) -> None:
    """It records from Monday to Friday, or leaves out the same hour of each day."""
    now = bench.clock.now
    weekends = [Stretch(now - DAY / 2 - weeks * 7 * DAY, now + DAY - weeks * 7 * DAY) for weeks in range(4)]
    lunches = [Stretch(now - 6 * HOUR - days * DAY, now - 5 * HOUR - days * DAY) for days in range(20)]
    bench.recordings.channels = {(1, 1)}
    for gaps in (weekends, lunches):
        bench.recordings.listed = days_without(bench, *gaps)
        check(bench)
        assert bench.archive.alerts() == []
        bench.clock.move(hours=30)


def test_a_recorder_that_keeps_less_than_a_week_is_checked(bench: PlannerBench) -> None:
    gap = Stretch(bench.clock.now - 5 * HOUR, bench.clock.now - 4 * HOUR)
    bench.recordings.listed = days_without(bench, gap, days=5)
    check(bench)
    (alert,) = bench.archive.alerts()
    assert (alert.start, alert.end) == (gap.start, gap.end)


def test_a_recorder_that_records_on_motion_makes_no_alert(bench: PlannerBench) -> None:
    now = bench.clock.now
    bench.recordings.listed = [Stretch(now - hours * HOUR, now - hours * HOUR + HOUR / 2) for hours in range(1, 400)]
    check(bench)
    assert bench.archive.alerts() == []
