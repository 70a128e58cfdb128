"""The recorder follows rules, schedules, events and pauses, and notes the gaps that remain."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import delete

from archive.channel_recorder import EVENT_AT_MOST_S, RecordingStateName
from core.archive import ArchiveGap, GapReason, RecordedQuality, RecordingMode, RecordingRule, StreamKey, WeekSpan
from tables import CameraRow
from tests.archive.collecting import CollectingTarget
from tests.archive.recorded_cameras import FPS, GOP, MAIN, SUB, RecorderHarness, unreachable
from tests.patience import until

CONTINUOUS = RecordingRule(RecordingMode.CONTINUOUS)
EVENTS = RecordingRule(RecordingMode.EVENTS, pre_s=5.0, post_s=10.0)
BOTH = (RecordedQuality.MAIN, RecordedQuality.SUB)
ALL_TIME = (datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[RecorderHarness]:
    made = RecorderHarness(tmp_path)
    yield made
    made.close()


def gaps(harness: RecorderHarness) -> list[ArchiveGap]:
    return harness.gaps.gaps(1, 1, *ALL_TIME)


def record(harness: RecorderHarness, rule: RecordingRule = CONTINUOUS, streams: int = 1) -> None:
    harness.rules.set_rule(1, 1, rule)
    harness.open_streams(streams)


# --- rules


def test_nothing_is_opened_without_a_rule(harness: RecorderHarness) -> None:
    harness.rules.set_rule(1, 1, RecordingRule())
    harness.pass_s(5)
    assert harness.cameras.searches == 0
    assert harness.state().state is RecordingStateName.OFF


def test_a_continuous_rule_records_every_frame(harness: RecorderHarness) -> None:
    record(harness)
    assert harness.state().state is RecordingStateName.WAITING
    harness.pass_s(20)
    assert harness.target().frames == 20 * FPS
    state = harness.state()
    assert state.state is RecordingStateName.RECORDING
    assert state.reason is None
    assert state.written_until == harness.clock.now - timedelta(seconds=0.9)
    assert gaps(harness) == []


def test_both_streams_of_a_channel_are_recorded(harness: RecorderHarness) -> None:
    record(harness, replace(CONTINUOUS, qualities=BOTH), streams=2)
    harness.pass_s(2)
    assert {feed.source.profile_token for feed in harness.gateway.open_feeds} == {"main", "sub"}
    assert harness.target(MAIN).frames == harness.target(SUB).frames == 20
    harness.rules.set_rule(1, 1, replace(CONTINUOUS, qualities=(RecordedQuality.SUB,)))
    harness.recorders.apply(1, 1)
    assert [feed.source.profile_token for feed in harness.gateway.open_feeds] == ["sub"]
    assert harness.target(MAIN).finished is GapReason.SWITCHED_OFF
    assert harness.target(SUB).finished is None


def test_a_channel_without_a_sub_stream_is_recorded_by_its_main_stream(harness: RecorderHarness) -> None:
    harness.rules.set_rule(1, 2, replace(CONTINUOUS, qualities=(RecordedQuality.SUB,)))
    harness.open_streams(1)
    assert [key for key, _ in harness.targets.opened] == [StreamKey(1, 2, RecordedQuality.MAIN)]


def test_switching_off_ends_the_recording_immediately(harness: RecorderHarness) -> None:
    record(harness)
    harness.pass_s(3)
    harness.rules.set_rule(1, 1, RecordingRule())
    harness.recorders.apply(1, 1)
    assert harness.gateway.open_feeds == []
    assert harness.target().stretches[-1].end is GapReason.SWITCHED_OFF
    assert harness.target().finished is GapReason.SWITCHED_OFF
    harness.pass_s(100)
    assert gaps(harness) == []


def test_a_rule_from_continuous_to_events_keeps_the_session(harness: RecorderHarness) -> None:
    record(harness)
    harness.pass_s(3)
    harness.rules.set_rule(1, 1, EVENTS)
    harness.pass_s(30)
    (stretch,) = harness.target().stretches
    assert stretch.end is GapReason.NO_EVENT
    harness.rules.set_rule(1, 1, CONTINUOUS)
    harness.pass_s(2)
    assert len(harness.gateway.feeds) == 1


def test_a_schedule_records_by_the_local_time_of_its_zone(harness: RecorderHarness) -> None:
    # Tuesday 2026-11-24, 12:00 UTC is 13:00 in Berlin.
    spans = (WeekSpan(1, 13 * 60 + 1, 13 * 60 + 3),)
    harness.rules.set_rule(1, 1, RecordingRule(RecordingMode.SCHEDULE, schedule=spans, time_zone="Europe/Berlin"))
    harness.pass_s(50)
    assert harness.cameras.searches == 0
    assert harness.state().reason is GapReason.NOT_SCHEDULED
    harness.pass_s(10)
    harness.open_streams(1)
    harness.pass_s(115)
    assert harness.state().state is RecordingStateName.RECORDING
    harness.pass_s(10)
    assert harness.gateway.open_feeds == []
    assert harness.target().finished is GapReason.NOT_SCHEDULED
    assert harness.state().state is RecordingStateName.WAITING
    assert gaps(harness) == []


# --- events


def test_an_event_is_recorded_with_pre_roll_and_post_roll(harness: RecorderHarness) -> None:
    record(harness, EVENTS)
    harness.pass_s(30)
    assert harness.target().stretches == []
    state = harness.state()
    assert (state.state, state.reason) == (RecordingStateName.WAITING, GapReason.NO_EVENT)
    began = harness.clock.now
    harness.recorders.trigger(1, 1, active=True)
    assert harness.state().state is RecordingStateName.RECORDING
    harness.pass_s(20)
    harness.recorders.trigger(1, 1, active=False)
    ended = harness.clock.now
    harness.pass_s(60)
    (stretch,) = harness.target().stretches
    assert stretch.end is GapReason.NO_EVENT
    before_s = began.timestamp() - stretch.utc_s[0]
    assert 5.0 <= before_s <= 5.0 + GOP / FPS
    after_s = stretch.utc_s[-1] - ended.timestamp()
    assert 10.0 <= after_s <= 12.0 + GOP / FPS
    assert all(later - earlier < 0.11 for earlier, later in pairwise(stretch.utc_s))
    assert gaps(harness) == []


def test_the_pre_roll_counts_from_the_event_although_the_news_is_late(harness: RecorderHarness) -> None:
    record(harness, EVENTS)
    harness.pass_s(30)
    happened = harness.clock.now - timedelta(seconds=2.5)
    harness.recorders.trigger(1, 1, active=True, at=happened)
    before_s = happened.timestamp() - harness.target().stretches[0].utc_s[0]
    assert 5.0 <= before_s < 5.0 + GOP / FPS


def test_events_that_overlap_are_one_stretch(harness: RecorderHarness) -> None:
    record(harness, EVENTS)
    harness.pass_s(10)
    harness.recorders.trigger(1, 1, active=True, kind="motion")
    harness.recorders.trigger(1, 1, active=True, kind="line")
    harness.pass_s(3)
    harness.recorders.trigger(1, 1, active=False, kind="motion")
    harness.pass_s(30)
    assert harness.target().stretches[0].end is None, "the other event goes on"
    harness.recorders.trigger(1, 1, active=False, kind="line")
    harness.pass_s(8)
    harness.recorders.trigger(1, 1, active=True)
    harness.pass_s(20)
    harness.recorders.trigger(1, 1, active=False)
    harness.pass_s(20)
    assert len(harness.target().stretches) == 1


def test_an_event_without_an_end_is_over_after_a_day(harness: RecorderHarness) -> None:
    record(harness, EVENTS)
    harness.pass_s(10)
    harness.recorders.trigger(1, 1, active=True)
    harness.clock.move(seconds=EVENT_AT_MOST_S + 11)
    harness.recorders.look()
    assert harness.state().state is RecordingStateName.WAITING


def test_an_end_without_an_event_records_nothing(harness: RecorderHarness) -> None:
    record(harness, EVENTS)
    harness.pass_s(10)
    harness.recorders.trigger(1, 1, active=False)
    harness.recorders.trigger(1, 2, active=True)
    harness.pass_s(5)
    assert harness.target().stretches == []


def test_keeping_what_is_only_in_memory_writes_the_ring(harness: RecorderHarness) -> None:
    record(harness, EVENTS)
    harness.pass_s(30)
    kept_from = harness.clock.now - timedelta(seconds=1)
    harness.recorders.keep_memory(1, 1, kept_from - timedelta(minutes=1))
    harness.pass_s(3)
    assert not harness.target().stretches, "an earlier time is not in memory"
    harness.recorders.keep_memory(1, 1, harness.clock.now)
    harness.pass_s(10)
    (stretch,) = harness.target().stretches
    assert stretch.end is GapReason.NO_EVENT
    assert stretch.utc_s[0] <= kept_from.timestamp()
    harness.recorders.trigger(1, 1, active=True)
    harness.pass_s(2)
    times = [at for one in harness.target().stretches for at in one.utc_s]
    assert times == sorted(set(times)), "no frame is written twice"


def test_a_camera_that_is_away_while_waiting_for_events_is_a_gap(harness: RecorderHarness) -> None:
    record(harness, EVENTS)
    harness.pass_s(5)
    harness.cameras.away = unreachable()
    harness.gateway.feeds[0].fail(GapReason.DEVICE_AWAY)
    harness.pass_s(90)
    (gap,) = gaps(harness)
    assert gap.reason is GapReason.DEVICE_AWAY
    assert len(harness.gaps.alerts()) == 1


# --- pauses


def test_a_pause_holds_when_the_call_returns_and_is_a_gap_with_its_user(harness: RecorderHarness) -> None:
    record(harness)
    harness.pass_s(5)
    paused_at = harness.clock.now
    harness.pauses.pause(1, 1, None, "Anna")
    harness.recorders.apply(1, 1)
    assert harness.gateway.open_feeds == []
    assert harness.target().stretches[-1].end is GapReason.PAUSED
    state = harness.state()
    assert (state.state, state.paused_by, state.paused_until) == (RecordingStateName.PAUSED, "Anna", None)
    harness.pass_s(200)
    assert harness.gaps.alerts() == [], "a pause is no fault"
    (row,) = harness.gaps.open_gaps()
    assert (row.start, row.reason, row.by) == (paused_at, GapReason.PAUSED, "Anna")
    harness.pauses.resume(1, 1)
    harness.recorders.apply(1, 1)
    harness.open_streams(1)
    harness.pass_s(5)
    (gap,) = gaps(harness)
    assert gap.reason is GapReason.PAUSED
    assert gap.end is not None
    assert timedelta(seconds=200) <= gap.end - gap.start < timedelta(seconds=202)


def test_a_pause_forgets_the_pre_roll_and_ends_an_event(harness: RecorderHarness) -> None:
    record(harness, EVENTS)
    harness.pass_s(20)
    harness.recorders.trigger(1, 1, active=True)
    harness.pass_s(3)
    harness.pauses.pause(1, 1, None, "Anna")
    harness.recorders.apply(1, 1)
    resumed = harness.clock.now
    harness.pauses.resume(1, 1)
    harness.open_streams(1)
    harness.pass_s(3)
    assert harness.state().state is RecordingStateName.WAITING
    harness.recorders.trigger(1, 1, active=True)
    assert harness.target().stretches[0].utc_s[0] > resumed.timestamp()


def test_a_pause_is_a_gap_only_in_the_times_of_the_schedule(harness: RecorderHarness) -> None:
    # 12:00 UTC: the schedule records 12:00 to 12:02 and 12:04 to 12:06.
    spans = (WeekSpan(1, 720, 722), WeekSpan(1, 724, 726))
    harness.rules.set_rule(1, 1, RecordingRule(RecordingMode.SCHEDULE, schedule=spans, time_zone="UTC"))
    harness.open_streams(1)
    harness.pass_s(60)
    harness.pauses.pause(1, 1, None, "Anna")
    harness.pass_s(7 * 60)
    times = [(gap.start.minute, gap.end and gap.end.minute) for gap in gaps(harness)]
    assert times == [(1, 2), (4, 6)]
    assert harness.state().paused_by == "Anna"


def test_a_pause_with_an_end_resumes_by_itself(harness: RecorderHarness) -> None:
    record(harness)
    harness.pauses.pause(1, 1, harness.clock.now + timedelta(minutes=1), "Anna")
    harness.pass_s(30)
    assert harness.state().state is RecordingStateName.PAUSED
    harness.pass_s(31)
    harness.open_streams(1)
    harness.pass_s(2)
    assert harness.state().state is RecordingStateName.RECORDING


# --- gaps


@pytest.mark.parametrize("reason", [GapReason.DEVICE_AWAY, GapReason.NO_SIGNAL, GapReason.REFUSED, GapReason.STALLED])
def test_an_outage_is_one_gap_from_the_last_frame_to_the_first(harness: RecorderHarness, reason: GapReason) -> None:
    record(harness)
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
    harness.cameras.away = None
    harness.open_streams(1)
    harness.pass_s(5)
    (gap,) = gaps(harness)
    assert gap.end == datetime.fromtimestamp(harness.target().stretches[-1].utc_s[0], UTC)
    assert harness.gaps.alerts()[0].end == gap.end
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
    record(harness)
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
    (gap,) = gaps(harness)
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
    record(harness)
    harness.pauses.pause(2, 1, None, "Anna")
    harness.recorders.apply(2, 1)
    assert harness.state(2, 1).state is RecordingStateName.PAUSED
    harness.cameras.answers.set()
    harness.open_streams(2)
    assert {feed.source.camera_id for feed in harness.gateway.open_feeds} == {1, 2}


def test_a_short_outage_is_no_gap(harness: RecorderHarness) -> None:
    record(harness)
    harness.pass_s(10)
    harness.gateway.feeds[0].fail(GapReason.DEVICE_AWAY)
    harness.pass_s(3)
    harness.open_streams(1)
    harness.pass_s(3)
    assert harness.gaps.gaps(1, 1, *ALL_TIME) == []


@pytest.mark.parametrize("problem", [GapReason.DISK_FULL, GapReason.DISK_GONE, GapReason.DISK_TOO_SLOW])
def test_a_problem_of_the_disk_is_a_gap_although_the_camera_sends(harness: RecorderHarness, problem: GapReason) -> None:
    record(harness)
    harness.pass_s(10)
    target = harness.target()
    target.problem = problem
    harness.pass_s(70)
    state = harness.state()
    assert (state.state, state.reason) == (RecordingStateName.PROBLEM, problem)
    assert [alert.reason for alert in harness.gaps.alerts()] == [problem]
    target.problem = None
    harness.pass_s(2)
    (gap,) = gaps(harness)
    assert gap.end is not None
    assert timedelta(seconds=68) <= gap.end - gap.start <= timedelta(seconds=72)


def test_a_forward_step_of_our_clock_is_a_gap_of_its_own(harness: RecorderHarness) -> None:
    record(harness)
    harness.pass_s(5)
    before = harness.clock.now
    feed = harness.gateway.feeds[0]
    assert feed.sink
    harness.clock.now += timedelta(hours=1)
    feed.sink.on_end(GapReason.CLOCK_STEPPED)
    feed.open_units(feed.sink)
    feed.number = 0
    harness.pass_s(5)
    (gap,) = gaps(harness)
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
    record(harness)
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
    assert [(gap.reason, gap.end) for gap in gaps(harness)][:2] == [
        (GapReason.DEVICE_AWAY, last_alive),
        (GapReason.SERVER_OFF, started),
    ]
    assert {alert.reason for alert in harness.gaps.alerts()} == {GapReason.DEVICE_AWAY, GapReason.SERVER_OFF}


def test_a_pause_over_a_restart_is_one_gap(harness: RecorderHarness) -> None:
    record(harness)
    harness.pass_s(5)
    harness.pauses.pause(1, 1, None, "Anna")
    harness.pass_s(5)
    harness.recorders.stop()
    harness.clock.move(minutes=10)
    harness.recorders = harness.new_recorders()
    harness.recorders.start(harness.clock.now - timedelta(minutes=10))
    harness.recorders.look()
    (gap,) = gaps(harness)
    assert (gap.reason, gap.end) == (GapReason.PAUSED, None)
    assert harness.state().paused_by == "Anna"


def test_the_time_off_counts_only_where_the_schedule_wished_to_record(harness: RecorderHarness) -> None:
    spans = tuple(WeekSpan(day, 8 * 60, 9 * 60) for day in range(7))
    rule = RecordingRule(RecordingMode.SCHEDULE, schedule=spans, time_zone="UTC")
    harness.rules.set_rule(1, 1, rule)
    harness.rules.set_rule(1, 2, RecordingRule())
    harness.recorders.start(harness.clock.now - timedelta(days=2))
    assert [(gap.start.hour, gap.end and gap.end.hour) for gap in gaps(harness)] == [(8, 9), (8, 9)]
    assert harness.gaps.gaps(1, 2, *ALL_TIME) == []


def test_a_changed_camera_is_opened_again_and_a_removed_one_ends(harness: RecorderHarness) -> None:
    record(harness)
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
    record(harness)
    harness.pass_s(3)
    harness.recorders.stop()
    harness.recorders.stop()
    assert harness.gateway.open_feeds == []
    assert harness.target().finished is GapReason.SERVER_OFF


def test_units_after_the_end_are_ignored(harness: RecorderHarness) -> None:
    record(harness)
    harness.pass_s(3)
    feed = harness.gateway.feeds[0]
    harness.pauses.pause(1, 1, None, "Anna")
    harness.recorders.apply(1, 1)
    frames = harness.target().frames
    for _ in range(30):
        feed.send(harness.clock.now)
    assert harness.target().frames == frames
