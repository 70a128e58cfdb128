"""The recorder notes gaps with their reasons, over restarts, too; one fault stays in its channel."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete

from archive.channel_recorder import RecordingStateName
from archive.gaps import RecordingGap
from core.archive import GapReason, RecordedQuality, RecordingMode, RecordingRule, StreamKey, WeekSpan
from tables import CameraRow
from tests.archive.collecting import CollectingTarget
from tests.archive.recorded_cameras import ALL_TIME, CONTINUOUS, RecorderHarness, unreachable
from tests.patience import LIMIT_S, promised, until


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[RecorderHarness]:
    made = RecorderHarness(tmp_path)
    yield made
    made.close()


# --- gaps


@pytest.mark.parametrize("reason", [GapReason.DEVICE_AWAY, GapReason.NO_SIGNAL, GapReason.REFUSED, GapReason.STALLED])
def test_an_outage_is_one_gap_from_the_last_frame_to_the_first(
    harness: RecorderHarness, reason: GapReason, caplog: pytest.LogCaptureFixture
) -> None:
    harness.record()
    harness.pass_s(10)
    last_frame = harness.clock.now
    harness.cameras.away = unreachable()
    harness.gateway.feeds[0].fail(reason)
    harness.pass_s(55)
    assert harness.state().state is RecordingStateName.PROBLEM
    (row,) = harness.gaps.open_gaps()
    assert (row.start, row.reason) == (last_frame, reason)
    assert harness.gaps.alerts() == []
    harness.pass_s(10)
    (alert,) = harness.gaps.alerts()
    assert alert.detail
    assert caplog.messages.count(f"camera 1, channel 1 is not being recorded: {reason}") == 1
    assert "has ended" not in caplog.text
    harness.cameras.away = None
    harness.open_streams(1)
    harness.pass_s(5)
    (gap,) = harness.stored_gaps()
    assert gap.end == datetime.fromtimestamp(harness.target().stretches[-1].utc_s[0], UTC)
    assert harness.gaps.alerts()[0].end == gap.end
    assert caplog.messages.count("camera 1, channel 1: the gap in the recording has ended") == 1
    assert harness.state().state is RecordingStateName.RECORDING


def test_a_camera_that_answers_again_is_tried_without_a_further_pause(harness: RecorderHarness) -> None:
    harness.cameras.away = unreachable()
    harness.rules.set_rule(1, 1, CONTINUOUS)
    harness.pass_s(300)
    searches = harness.cameras.searches
    assert 5 <= searches <= 12, "the pauses between tries grow"
    harness.recorders.look()
    harness.cameras.away = None
    harness.open_streams(1)


def test_a_gap_is_not_lost_while_the_database_fails(harness: RecorderHarness) -> None:
    harness.record()
    harness.pass_s(10)
    last_frame = harness.clock.now
    harness.database.close()
    harness.cameras.away = unreachable()
    harness.gateway.feeds[0].fail(GapReason.DEVICE_AWAY)
    harness.pass_s(30)
    harness.database.open()
    harness.pass_s(2)
    assert [row.start for row in harness.gaps.open_gaps()] == [last_frame]
    harness.database.close()
    harness.cameras.away = None
    harness.open_streams(1)
    harness.pass_s(5)
    harness.database.open()
    harness.pass_s(2)
    (gap,) = harness.stored_gaps()
    assert gap.end == datetime.fromtimestamp(harness.target().stretches[-1].utc_s[0], UTC)


def test_a_fault_in_one_channel_leaves_the_others_alone(
    harness: RecorderHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_stream = harness.targets.open_stream

    def fails_for_channel_1(stream: StreamKey) -> CollectingTarget:
        if stream.channel == 1:
            raise RuntimeError("a fault of ours")
        return open_stream(stream)

    monkeypatch.setattr(harness.targets, "open_stream", fails_for_channel_1)
    harness.rules.set_rule(1, 1, CONTINUOUS)
    harness.rules.set_rule(1, 2, CONTINUOUS)
    harness.open_streams(1)
    harness.pass_s(2)
    assert harness.state(1, 2).state is RecordingStateName.RECORDING


def test_a_device_that_hangs_delays_no_other_camera(harness: RecorderHarness) -> None:
    harness.cameras.answers.clear()
    for channel in (1, 2):
        harness.rules.set_rule(2, channel, CONTINUOUS)
    harness.recorders.look()
    until(lambda: harness.cameras.searches == 2)
    harness.record()
    harness.pauses.pause(2, 1, None, "Anna")
    harness.recorders.apply(2, 1)
    assert harness.state(2, 1).state is RecordingStateName.PAUSED
    harness.cameras.answers.set()
    harness.open_streams(2)
    assert {feed.source.camera_id for feed in harness.gateway.open_feeds} == {1, 2}


@pytest.fixture
def hanging_gap(harness: RecorderHarness, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Thread]:
    """Two channels are recorded, and a thread of the recorder is about to store the gap of channel 1 until the end."""
    harness.rules.set_rule(1, 1, CONTINUOUS)
    harness.rules.set_rule(1, 2, CONTINUOUS)
    harness.open_streams(2)
    harness.pass_s(2)
    is_writing, may_go_on = threading.Event(), threading.Event()
    begin = harness.gaps.begin

    def hang(camera_id: int, channel: int, *rest: Any, **named: Any) -> RecordingGap | None:
        if channel == 1:
            is_writing.set()
            may_go_on.wait(LIMIT_S)
        return begin(camera_id, channel, *rest, **named)

    monkeypatch.setattr(harness.gaps, "begin", hang)
    for feed in harness.gateway.open_feeds:
        feed.fail(GapReason.STALLED)
    harness.cameras.away = unreachable()
    harness.clock.move(seconds=10)
    looking = threading.Thread(target=harness.recorders.look, daemon=True)
    looking.start()
    assert is_writing.wait(LIMIT_S)
    yield looking
    may_go_on.set()
    looking.join(LIMIT_S)


def test_a_pause_does_not_wait_for_the_gap_of_another_channel(
    harness: RecorderHarness, hanging_gap: threading.Thread
) -> None:
    harness.pauses.pause(1, 2, None, "Anna")
    pausing = threading.Thread(target=harness.recorders.apply, args=(1, 2), daemon=True)
    pausing.start()
    until(lambda: harness.state(1, 2).state is RecordingStateName.PAUSED, what="the pause")
    assert hanging_gap.is_alive(), "the gap is still being stored"
    pausing.join(LIMIT_S)


def test_the_stop_ends_the_other_channels_while_a_gap_is_stored(
    harness: RecorderHarness, hanging_gap: threading.Thread
) -> None:
    with promised(2.0):
        harness.recorders.stop()
    assert hanging_gap.is_alive(), "the gap is still being stored"
    assert [(one.camera_id, one.channel) for one in harness.recorders.states()] == [(1, 1)]
    assert harness.target(StreamKey(1, 2, RecordedQuality.MAIN)).finished is GapReason.SERVER_OFF


def test_a_short_outage_is_no_gap(harness: RecorderHarness) -> None:
    harness.record()
    harness.pass_s(10)
    harness.gateway.feeds[0].fail(GapReason.DEVICE_AWAY)
    harness.pass_s(3)
    harness.open_streams(1)
    harness.pass_s(3)
    assert harness.gaps.gaps(1, 1, *ALL_TIME) == []


@pytest.mark.parametrize("problem", [GapReason.DISK_FULL, GapReason.DISK_GONE, GapReason.DISK_TOO_SLOW])
def test_a_problem_of_the_disk_is_a_gap_although_the_camera_sends(harness: RecorderHarness, problem: GapReason) -> None:
    harness.record()
    harness.pass_s(10)
    target = harness.target()
    target.problem = problem
    harness.pass_s(70)
    state = harness.state()
    assert (state.state, state.reason) == (RecordingStateName.PROBLEM, problem)
    assert [alert.reason for alert in harness.gaps.alerts()] == [problem]
    target.problem = None
    harness.pass_s(2)
    (gap,) = harness.stored_gaps()
    assert gap.end is not None
    assert timedelta(seconds=68) <= gap.end - gap.start <= timedelta(seconds=72)


def test_a_forward_step_of_our_clock_is_a_gap_of_its_own(harness: RecorderHarness) -> None:
    harness.record()
    harness.pass_s(5)
    before = harness.clock.now
    feed = harness.gateway.feeds[0]
    assert feed.sink
    harness.clock.now += timedelta(hours=1)
    feed.sink.on_end(GapReason.CLOCK_STEPPED)
    feed.open_units(feed.sink)
    feed.number = 0
    harness.pass_s(5)
    (gap,) = harness.stored_gaps()
    assert gap.reason is GapReason.CLOCK_STEPPED
    assert gap.start == before
    assert gap.end == before + timedelta(hours=1, seconds=0.1)
    assert len(harness.gateway.feeds) == 1, "the session goes on"


def test_a_rule_without_a_camera_on_line_has_the_cameras_reason(harness: RecorderHarness) -> None:
    harness.rules.set_rule(1, 9, CONTINUOUS)
    harness.pass_s(10)
    assert harness.state(1, 9).reason is GapReason.NO_SIGNAL
    harness.cameras.away = unreachable()
    harness.pass_s(10)
    assert harness.state(1, 9).reason is GapReason.DEVICE_AWAY


# --- restarts and changed cameras


def test_a_restart_closes_the_gap_of_before_and_adds_the_time_off(harness: RecorderHarness) -> None:
    harness.record()
    harness.pass_s(5)
    harness.cameras.away = unreachable()
    harness.gateway.feeds[0].fail(GapReason.DEVICE_AWAY)
    harness.pass_s(70)
    last_alive = harness.clock.now
    harness.recorders.stop()
    harness.clock.move(minutes=10)
    started = harness.clock.now
    again = harness.recorders = harness.new_recorders()
    harness.cameras.away = None
    again.start(last_alive)
    assert [(gap.reason, gap.end) for gap in harness.stored_gaps()][:2] == [
        (GapReason.DEVICE_AWAY, last_alive),
        (GapReason.SERVER_OFF, started),
    ]
    assert {alert.reason for alert in harness.gaps.alerts()} == {GapReason.DEVICE_AWAY, GapReason.SERVER_OFF}


def test_a_pause_over_a_restart_is_one_gap(harness: RecorderHarness) -> None:
    harness.record()
    harness.pass_s(5)
    harness.pauses.pause(1, 1, None, "Anna")
    harness.pass_s(5)
    harness.recorders.stop()
    harness.clock.move(minutes=10)
    harness.recorders = harness.new_recorders()
    harness.recorders.start(harness.clock.now - timedelta(minutes=10))
    harness.recorders.look()
    (gap,) = harness.stored_gaps()
    assert (gap.reason, gap.end) == (GapReason.PAUSED, None)
    assert harness.state().paused_by == "Anna"


def test_a_pause_that_ends_while_the_app_is_off_is_a_gap_to_its_end(harness: RecorderHarness) -> None:
    """Otherwise its time may be fetched from the recorder, although the user asked for no recording."""
    harness.record()
    harness.pass_s(5)
    until_utc = harness.clock.now + timedelta(minutes=4)
    harness.pauses.pause(1, 1, until_utc, "Anna")
    harness.pass_s(5)
    harness.recorders.stop()
    alive = harness.clock.now
    harness.clock.move(minutes=10)
    harness.recorders = harness.new_recorders()
    harness.recorders.start(alive)
    assert [(gap.reason, gap.start, gap.end) for gap in harness.stored_gaps()][-2:] == [
        (GapReason.PAUSED, until_utc - timedelta(minutes=4), until_utc),
        (GapReason.SERVER_OFF, until_utc, harness.clock.now),
    ]


def test_the_time_off_counts_only_where_the_schedule_asks_for_it(harness: RecorderHarness) -> None:
    spans = tuple(WeekSpan(day, 8 * 60, 9 * 60) for day in range(7))
    rule = RecordingRule(RecordingMode.SCHEDULE, schedule=spans, time_zone="UTC")
    harness.rules.set_rule(1, 1, rule)
    harness.rules.set_rule(1, 2, RecordingRule())
    harness.recorders.start(harness.clock.now - timedelta(days=2))
    assert [(gap.start.hour, gap.end and gap.end.hour) for gap in harness.stored_gaps()] == [(8, 9), (8, 9)]
    assert harness.gaps.gaps(1, 2, *ALL_TIME) == []


def test_a_changed_camera_is_opened_again_and_a_removed_one_ends(harness: RecorderHarness) -> None:
    harness.record()
    harness.pass_s(3)
    harness.recorders.forget_camera(1)
    assert harness.target().stretches[-1].end is GapReason.DEVICE_AWAY
    harness.open_streams(1)
    assert len(harness.gateway.feeds) == 2
    with harness.database.write() as session:
        session.execute(delete(CameraRow).where(CameraRow.id == 1))
    harness.recorders.forget_camera(1)
    assert harness.gateway.open_feeds == []
    assert harness.target().finished is GapReason.SWITCHED_OFF
    assert harness.recorders.states() == []


def test_stopping_ends_all_streams_and_may_be_repeated(harness: RecorderHarness) -> None:
    harness.record()
    harness.pass_s(3)
    harness.recorders.stop()
    harness.recorders.stop()
    assert harness.gateway.open_feeds == []
    assert harness.target().finished is GapReason.SERVER_OFF


def test_units_after_the_end_are_ignored(harness: RecorderHarness) -> None:
    harness.record()
    harness.pass_s(3)
    feed = harness.gateway.feeds[0]
    harness.pauses.pause(1, 1, None, "Anna")
    harness.recorders.apply(1, 1)
    frames = harness.target().frames
    for _ in range(30):
        feed.send(harness.clock.now)
    assert harness.target().frames == frames
