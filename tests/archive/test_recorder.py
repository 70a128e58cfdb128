"""The recorder follows rules, schedules, events and pauses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from archive.channel_recorder import EVENT_AT_MOST_S, EVENT_FILE_S, RecordingStateName
from core.archive import GapReason, RecordedQuality, RecordingMode, RecordingRule, StreamKey, WeekSpan
from tests.archive.recorded_cameras import CONTINUOUS, FPS, GOP, MAIN, SUB, RecorderHarness, unreachable

EVENTS = RecordingRule(RecordingMode.EVENTS, pre_s=5.0, post_s=10.0)
BOTH = (RecordedQuality.MAIN, RecordedQuality.SUB)


@pytest.fixture
def harness(tmp_path: Path) -> Iterator[RecorderHarness]:
    made = RecorderHarness(tmp_path)
    yield made
    made.close()


# --- rules


def test_nothing_is_opened_without_a_rule(harness: RecorderHarness) -> None:
    harness.rules.set_rule(1, 1, RecordingRule())
    harness.pass_s(5)
    assert harness.cameras.searches == 0
    assert harness.state().state is RecordingStateName.OFF


def test_a_continuous_rule_records_every_frame(harness: RecorderHarness) -> None:
    harness.record()
    assert harness.state().state is RecordingStateName.WAITING
    harness.pass_s(20)
    assert harness.target().frames == 20 * FPS
    state = harness.state()
    assert state.state is RecordingStateName.RECORDING
    assert state.reason is None
    assert state.written_until == harness.clock.now - timedelta(seconds=0.9)
    assert harness.stored_gaps() == []


def test_both_streams_of_a_channel_are_recorded(harness: RecorderHarness) -> None:
    harness.record(replace(CONTINUOUS, qualities=BOTH), streams=2)
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
    harness.record()
    harness.pass_s(3)
    harness.rules.set_rule(1, 1, RecordingRule())
    harness.recorders.apply(1, 1)
    assert harness.gateway.open_feeds == []
    assert harness.target().stretches[-1].end is GapReason.SWITCHED_OFF
    assert harness.target().finished is GapReason.SWITCHED_OFF
    harness.pass_s(100)
    assert harness.stored_gaps() == []


def test_a_rule_from_continuous_to_events_keeps_the_session(harness: RecorderHarness) -> None:
    harness.record()
    harness.pass_s(3)
    harness.rules.set_rule(1, 1, EVENTS)
    harness.pass_s(30)
    (stretch,) = harness.target().stretches
    assert stretch.end is GapReason.NO_EVENT
    harness.rules.set_rule(1, 1, CONTINUOUS)
    harness.pass_s(2)
    assert len(harness.gateway.feeds) == 1


def test_files_are_short_where_only_events_are_recorded(harness: RecorderHarness) -> None:
    harness.record(EVENTS)
    assert harness.target().file_s == EVENT_FILE_S == 60.0
    harness.rules.set_rule(1, 1, CONTINUOUS)
    harness.pass_s(1)
    assert harness.target().file_s is None


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
    assert harness.stored_gaps() == []


# --- events


def test_an_event_is_recorded_with_pre_roll_and_post_roll(harness: RecorderHarness) -> None:
    harness.record(EVENTS)
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
    assert harness.stored_gaps() == []


def test_the_pre_roll_counts_from_the_event_although_the_news_is_late(harness: RecorderHarness) -> None:
    harness.record(EVENTS)
    harness.pass_s(30)
    happened = harness.clock.now - timedelta(seconds=2.5)
    harness.recorders.trigger(1, 1, active=True, at=happened)
    before_s = happened.timestamp() - harness.target().stretches[0].utc_s[0]
    assert 5.0 <= before_s < 6.0 + GOP / FPS, "the device's clock is known to a second"


def test_the_pre_roll_allows_for_the_whole_seconds_of_a_devices_clock(harness: RecorderHarness) -> None:
    harness.record(EVENTS)
    for _ in range(10):  # with other distances from the key frame
        harness.pass_s(30.1)
        happened = harness.clock.now - timedelta(seconds=0.9)
        harness.recorders.trigger(1, 1, active=True, at=happened + timedelta(seconds=0.8))
        assert harness.target().stretches[-1].utc_s[0] <= happened.timestamp() - 5.0
        harness.recorders.trigger(1, 1, active=False)


def test_events_that_overlap_are_one_stretch(harness: RecorderHarness) -> None:
    harness.record(EVENTS)
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
    harness.record(EVENTS)
    harness.pass_s(10)
    harness.recorders.trigger(1, 1, active=True)
    harness.clock.move(seconds=EVENT_AT_MOST_S + 11)
    harness.recorders.look()
    assert harness.state().state is RecordingStateName.WAITING


def test_an_end_without_an_event_records_nothing(harness: RecorderHarness) -> None:
    harness.record(EVENTS)
    harness.pass_s(10)
    harness.recorders.trigger(1, 1, active=False)
    harness.recorders.trigger(1, 2, active=True)
    harness.pass_s(5)
    assert harness.target().stretches == []


def test_keeping_what_is_only_in_memory_writes_the_ring(harness: RecorderHarness) -> None:
    harness.record(EVENTS)
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
    harness.record(EVENTS)
    harness.pass_s(5)
    harness.cameras.away = unreachable()
    harness.gateway.feeds[0].fail(GapReason.DEVICE_AWAY)
    harness.pass_s(90)
    (gap,) = harness.stored_gaps()
    assert gap.reason is GapReason.DEVICE_AWAY
    assert len(harness.gaps.alerts()) == 1


# --- pauses


def test_a_pause_holds_when_the_call_returns_and_is_a_gap_with_its_user(harness: RecorderHarness) -> None:
    harness.record()
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
    (gap,) = harness.stored_gaps()
    assert gap.reason is GapReason.PAUSED
    assert gap.end is not None
    assert timedelta(seconds=200) <= gap.end - gap.start < timedelta(seconds=202)


def test_a_pause_forgets_the_pre_roll_and_ends_an_event(harness: RecorderHarness) -> None:
    harness.record(EVENTS)
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
    times = [(gap.start.minute, gap.end and gap.end.minute) for gap in harness.stored_gaps()]
    assert times == [(1, 2), (4, 6)]
    assert harness.state().paused_by == "Anna"


def test_a_pause_with_an_end_resumes_by_itself(harness: RecorderHarness) -> None:
    harness.record()
    harness.pauses.pause(1, 1, harness.clock.now + timedelta(minutes=1), "Anna")
    harness.pass_s(30)
    assert harness.state().state is RecordingStateName.PAUSED
    harness.pass_s(31)
    harness.open_streams(1)
    harness.pass_s(2)
    assert harness.state().state is RecordingStateName.RECORDING
