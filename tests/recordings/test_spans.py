"""Histories from recording events, the spans of the timeline, and the match of recordings with channels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.recordings import DeviceRecording, RecordingEvent, RecordingTrack, SpanState, TrackType
from core.records import Channel, MediaProfile
from recordings.intervals import Interval, clipped, united, without
from recordings.matching import MatchedBy, match_channels
from recordings.spans import history_of, spans_from_dates, timeline_spans

DAY = datetime(2026, 11, 22, tzinfo=UTC)
WINDOW = (DAY, DAY + timedelta(days=1))
NOW = DAY + timedelta(days=3)
RECORDING = DeviceRecording(
    "R1",
    tracks=(
        RecordingTrack("V", TrackType.VIDEO),
        RecordingTrack("A", TrackType.AUDIO),
        RecordingTrack("M", TrackType.METADATA),
    ),
)
RECORDED, GAP, UNKNOWN, NOT_ASKED = (
    SpanState.RECORDED,
    SpanState.NOT_RECORDED,
    SpanState.UNKNOWN,
    SpanState.NOT_ASKED,
)


def at(hour: float) -> datetime:
    return DAY + timedelta(hours=hour)


def between(start: float, end: float) -> Interval:
    return at(start), at(end)


def change(hour: float, active: bool, *, track: str = "V", start: bool = False, topic: str = "Track") -> RecordingEvent:
    return RecordingEvent(at(hour), f"tns1:RecordingHistory/{topic}/State", "R1", track, active, start)


def test_audio_does_not_fill_a_gap_of_the_video() -> None:
    events = [change(0, True, start=True), change(3, False), change(4, True)]
    events += [change(0, True, track="A", start=True), change(0, True, track="M", start=True)]
    assert history_of(RECORDING, events, WINDOW).recorded == (between(0, 3), between(4, 24))


def test_a_missing_start_state_is_inferred_from_the_first_change() -> None:
    assert history_of(RECORDING, [change(3, False)], WINDOW).recorded == (between(0, 3),)
    assert history_of(RECORDING, [change(3, True)], WINDOW).recorded == (between(3, 24),)


def test_a_window_without_events_is_unknown() -> None:
    other = RecordingEvent(at(3), "tns1:RecordingHistory/Track/State", "R2", "V", True)
    for events in ([], [other], [change(2, True, topic="Motion")]):
        history = history_of(RECORDING, events, WINDOW)
        assert (history.recorded, history.unknown) == ((), (WINDOW,))


def test_unsorted_and_repeated_events_give_the_same_history() -> None:
    events = [
        change(5, True),
        change(3, False),
        change(0, True, start=True),
        change(3, False),
        change(30, False),
        change(-2, True),
    ]
    assert history_of(RECORDING, events, WINDOW).recorded == (between(0, 3), between(5, 24))


def test_a_recordings_own_state_counts_if_tracks_have_no_events() -> None:
    events = [change(1, True, topic="Recording", track=""), change(2, False, topic="Recording", track="")]
    assert history_of(RECORDING, events, WINDOW).recorded == (between(1, 2),)


def test_events_of_tracks_with_other_tokens_than_the_list_count() -> None:
    events = [change(2, True, track="Track_1"), change(4, False, track="Track_1")]
    assert history_of(RECORDING, events, WINDOW).recorded == (between(2, 4),)
    with_audio = [*events, change(5, True, track="A")]
    assert history_of(RECORDING, with_audio, WINDOW).recorded == ()


def test_time_is_recorded_if_either_video_track_is() -> None:
    two = DeviceRecording("R1", tracks=(RecordingTrack("V", TrackType.VIDEO), RecordingTrack("W", TrackType.VIDEO)))
    events = [change(1, True), change(2, False), change(1.5, True, track="W"), change(3, False, track="W")]
    assert history_of(two, events, WINDOW).recorded == (between(1, 3),)


def test_spans_cover_the_window_in_four_states() -> None:
    spans = timeline_spans(
        WINDOW, asked=[between(2, 20)], recorded=[between(3, 5), between(6, 30)], unknown=[between(5.5, 6)], now=at(22)
    )
    assert [(span.start, span.end, span.state) for span in spans] == [
        (*between(0, 2), NOT_ASKED),
        (*between(2, 3), GAP),
        (*between(3, 5), RECORDED),
        (*between(5, 5.5), GAP),
        (*between(5.5, 6), UNKNOWN),
        (*between(6, 20), RECORDED),
        (*between(20, 22), NOT_ASKED),
        (*between(22, 24), GAP),
    ]


def test_time_between_the_recordings_dates_is_unknown() -> None:
    def states(earliest: datetime | None, latest: datetime | None) -> list[tuple[float, SpanState]]:
        spans = spans_from_dates(WINDOW, earliest, latest, now=NOW)
        return [((span.end - DAY).total_seconds() / 3600, span.state) for span in spans]

    assert states(at(2), at(20)) == [(2, GAP), (20, UNKNOWN), (24, GAP)]
    assert states(at(-99), None) == [(24, UNKNOWN)]
    assert states(None, None) == [(24, UNKNOWN)]
    assert states(at(30), at(40)) == [(24, GAP)]
    future = spans_from_dates(WINDOW, at(2), None, now=at(12))
    assert [(span.end, span.state) for span in future] == [(at(2), GAP), (at(12), UNKNOWN), (at(24), GAP)]


hours = st.integers(0, 48)
interval_lists = st.lists(st.tuples(hours, hours).map(lambda pair: between(*pair)), max_size=8)


@given(first=interval_lists, second=interval_lists, third=interval_lists, now=hours)
def test_spans_cover_each_moment_of_a_window_once(
    first: list[Interval], second: list[Interval], third: list[Interval], now: int
) -> None:
    window = between(6, 30)
    spans = timeline_spans(window, asked=first, recorded=second, unknown=third, now=at(now))
    assert spans[0].start == window[0]
    assert spans[-1].end == window[1]
    for before, after in pairwise(spans):
        assert before.end == after.start
        assert before.state is not after.state
    for hour in range(6, 30):
        moment = at(hour + 0.5)
        [span] = [span for span in spans if span.start <= moment < span.end]
        assert span.state is _expected(moment, first, second, third, at(now))


def _expected(
    moment: datetime, asked: list[Interval], recorded: list[Interval], unknown: list[Interval], now: datetime
) -> SpanState:
    def is_in(intervals: list[Interval]) -> bool:
        return any(start <= moment < end for start, end in intervals)

    if moment >= now:
        return GAP
    if not is_in(asked):
        return NOT_ASKED
    if is_in(recorded):
        return RECORDED
    return UNKNOWN if is_in(unknown) else GAP


@given(intervals=interval_lists)
def test_a_set_of_intervals_and_its_complement_fill_the_window(intervals: list[Interval]) -> None:
    window = between(6, 30)
    inside = clipped(united(intervals), window)
    outside = without(window, united(intervals))
    assert united(inside + outside) == [window]
    assert sum((end - start for start, end in inside + outside), timedelta()) == timedelta(hours=24)


def channel(number: int, name: str = "", source: str = "") -> Channel:
    token = f"MediaProfile{number - 1:03}00"
    return Channel(number, name, source, (MediaProfile(token, "main", source, None),))


@pytest.mark.parametrize(
    ("recording", "number", "by"),
    [
        (DeviceRecording("R", source_id="S1", job_source="MediaProfile00100"), 2, MatchedBy.JOB),
        (DeviceRecording("R", source_id="S1", job_source="S2"), 2, MatchedBy.JOB),
        (DeviceRecording("R", source_id="S2", source_name="Gate"), 2, MatchedBy.VIDEO_SOURCE),
        (DeviceRecording("R", source_id="MediaProfile00100"), 2, MatchedBy.VIDEO_SOURCE),
        (DeviceRecording("R", source_id="holder", source_name="yard"), 2, MatchedBy.NAME),
        (DeviceRecording("R", source_id="holder", source_name="attic"), None, MatchedBy.NOTHING),
    ],
)
def test_a_recording_is_matched_with_its_channel(recording: DeviceRecording, number: int | None, by: MatchedBy) -> None:
    match = match_channels([recording], [channel(1, "Gate", "S1"), channel(2, "Yard", "S2")])["R"]
    assert (match.channel, match.by) == (number, by)


def test_ambiguous_names_are_matched_by_order() -> None:
    channels = [channel(2, "Camera", "S2"), channel(1, "Camera", "S1")]
    two = [DeviceRecording("A", source_name="Camera"), DeviceRecording("B", source_name="Camera")]
    assert {token: (match.channel, match.by) for token, match in match_channels(two, channels).items()} == {
        "A": (1, MatchedBy.ORDER),
        "B": (2, MatchedBy.ORDER),
    }
    assert match_channels(two[:1], channels)["A"].by is MatchedBy.NOTHING
