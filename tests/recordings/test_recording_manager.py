"""RecordingManager reports the recordings of a device and repeats no search that it has already saved."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from core.errors import AppError, CameraUnreachable, CameraUnsupported, InvalidRequest
from core.recordings import SpanState
from onvif_services.answers import Fault
from onvif_services.faults import SoapFault
from tests.patience import promised_median, until
from tests.recordings.recorder import DAY, HOUR, NOON, Archive, asked, channel, recording, states

RECORDED, NOT_RECORDED = SpanState.RECORDED, SpanState.NOT_RECORDED
NOT_ASKED, UNKNOWN = SpanState.NOT_ASKED, SpanState.UNKNOWN
MIDNIGHT = NOON - 12 * HOUR
LATE = timedelta(minutes=1)  # a search starts this long before its window: devices log events late


def test_coverage_answers_immediately_and_fills_in(archive: Archive) -> None:
    archive.recorder.hold = threading.Event()
    archive.recorder.spans["Rec1"] = [(NOON - 5 * HOUR, NOON - 2 * HOUR)]
    first = archive.manager.coverage(1, NOON - 12 * HOUR, NOON)
    assert first.indexing is not None
    until(lambda: archive.manager.coverage(1, NOON - 12 * HOUR, NOON).channels)
    meanwhile = archive.manager.coverage(1, NOON - 12 * HOUR, NOON)
    assert [states(row) for row in meanwhile.channels] == [[(-12, 0, NOT_ASKED)], [(-12, 0, NOT_ASKED)]]
    archive.recorder.hold.set()
    done = asked(archive, NOON - 12 * HOUR, NOON)
    assert [(row.channel, row.name, row.recording_token) for row in done.channels] == [
        (1, "Cam 1", "Rec1"),
        (2, "Cam 2", "Rec2"),
    ]
    assert states(done.channels[0]) == [(-12, -5, NOT_RECORDED), (-5, -2, RECORDED), (-2, 0, NOT_RECORDED)]
    assert done.channels[0].spans[1].recording_token == "Rec1"


def test_a_day_is_indexed_once_and_only_its_open_end_again(archive: Archive) -> None:
    archive.recorder.spans["Rec1"] = [(NOON - 5 * HOUR, NOON + 9 * DAY)]
    asked(archive, MIDNIGHT, NOON)
    count = len(archive.recorder.asked)
    asked(archive, MIDNIGHT, MIDNIGHT + DAY)
    assert len(archive.recorder.asked) == count
    archive.clock.now += timedelta(minutes=10)
    row = asked(archive, MIDNIGHT, MIDNIGHT + DAY).channels[0]
    start, end = archive.recorder.asked[-1]
    assert len(archive.recorder.asked) == count + 1
    assert end - start < timedelta(minutes=15)
    assert row.spans[1].state is RECORDED
    assert (row.spans[1].start, row.spans[1].end) == (NOON - 5 * HOUR, NOON + timedelta(minutes=10))
    assert states(row)[-1][2] is NOT_RECORDED  # the rest of today is in the future


def test_a_recording_that_is_listed_minutes_late_gets_into_the_index(archive: Archive) -> None:
    begin = NOON - timedelta(minutes=8)
    archive.recorder.spans["Rec1"] = [(NOON - 9 * HOUR, NOON - HOUR)]
    assert states(asked(archive, NOON - HOUR, NOON).channels[0])[0][2] is NOT_RECORDED
    archive.recorder.spans["Rec1"].append((begin, NOON + HOUR))
    archive.clock.now += timedelta(minutes=10)
    archive.clock.ahead_s += 600
    row = asked(archive, NOON - HOUR, NOON + HOUR).channels[0]
    assert [(span.start, span.state) for span in row.spans][1] == (begin, RECORDED)
    count = len(archive.recorder.asked)
    archive.clock.now += timedelta(minutes=1)
    asked(archive, NOON - HOUR, NOON + HOUR)
    start, end = archive.recorder.asked[-1]
    assert len(archive.recorder.asked) == count + 1
    assert end - start < timedelta(minutes=3), "it looks so far back every five minutes only"


def test_indexed_times_survive_a_restart(archive: Archive) -> None:
    archive.recorder.spans["Rec2"] = [(NOON - 30 * HOUR, NOON - 28 * HOUR)]
    before = asked(archive, NOON - 2 * DAY, NOON)
    archive.manager.stop()
    archive.recorder.problem = CameraUnreachable("It is off.")
    archive.manager = archive.make_manager()
    archive.manager.start()
    after = asked(archive, NOON - 2 * DAY, NOON)
    assert [states(row) for row in after.channels] == [states(row) for row in before.channels]
    assert after.problem is not None
    assert after.problem.code == "camera_unreachable"


def test_a_missing_start_state_is_inferred_from_earlier_searches(archive: Archive) -> None:
    archive.recorder.start_states = False
    archive.recorder.spans["Rec1"] = [(NOON - 60 * HOUR, NOON - 3 * HOUR)]
    row = asked(archive, NOON - 3 * DAY, NOON).channels[0]
    assert states(row) == [(-72, -60, NOT_RECORDED), (-60, -3, RECORDED), (-3, 0, NOT_RECORDED)]
    yesterday = asked(archive, NOON - 48 * HOUR, NOON - 24 * HOUR).channels[0]
    assert states(yesterday) == [(-48, -24, RECORDED)]  # no event falls on that day
    nothing_known = asked(archive, NOON - 3 * DAY, NOON).channels[1]
    assert states(nothing_known) == [(-72, 0, UNKNOWN)]


def test_no_start_state_is_inferred_across_an_unindexed_gap(archive: Archive) -> None:
    archive.recorder.start_states = False
    archive.recorder.spans["Rec1"] = [(NOON - 60 * HOUR, NOON - 3 * HOUR)]
    asked(archive, NOON - 72 * HOUR, NOON - 48 * HOUR)
    row = asked(archive, NOON - 10 * HOUR, NOON - 6 * HOUR).channels[0]
    assert states(row) == [(-10, -6, UNKNOWN)]


def test_spans_of_a_device_without_event_search_are_unknown(archive: Archive) -> None:
    archive.recorder.event_search = False
    archive.recorder.recordings_ = (recording(1, earliest=NOON - 20 * HOUR, latest=NOON - 2 * HOUR), recording(2))
    found = asked(archive, NOON - DAY, NOON)
    assert not found.event_search
    assert states(found.channels[0]) == [(-24, -20, NOT_RECORDED), (-20, -2, UNKNOWN), (-2, 0, NOT_RECORDED)]
    assert states(found.channels[1]) == [(-24, 0, UNKNOWN)]
    [one, other] = archive.manager.search(1, NOON - DAY, NOON).recordings
    assert (one.is_known, one.spans) == (False, ((NOON - 20 * HOUR, NOON - 2 * HOUR),))
    assert other.spans == ((NOON - DAY, NOON),)
    assert len(archive.recorder.asked) == 1  # a device without event search gets one request


def test_a_refused_event_search_is_retried_later(
    archive: Archive,
) -> None:
    archive.recorder.event_problem = SoapFault("FindEvents", Fault(("Receiver",), "error"))
    archive.recorder.recordings_ = (recording(1, earliest=NOON - 20 * HOUR, latest=NOON - 2 * HOUR),)
    archive.recorder.spans["Rec1"] = [(NOON - 20 * HOUR, NOON - 2 * HOUR)]
    found = asked(archive, NOON - DAY, NOON)
    assert not found.event_search
    assert states(found.channels[0]) == [(-24, -20, NOT_RECORDED), (-20, -2, UNKNOWN), (-2, 0, NOT_RECORDED)]
    assert [item.is_known for item in archive.manager.search(1, NOON - DAY, NOON).recordings] == [False]
    assert len(archive.recorder.asked) == 1
    archive.recorder.event_problem = None
    archive.clock.ahead_s += 601
    found = asked(archive, NOON - DAY, NOON)
    assert found.event_search
    assert states(found.channels[0]) == [(-24, -20, NOT_RECORDED), (-20, -2, RECORDED), (-2, 0, NOT_RECORDED)]


def test_a_refusal_after_earlier_events_is_reported_as_a_problem(archive: Archive) -> None:
    archive.recorder.spans["Rec1"] = [(MIDNIGHT, NOON)]
    asked(archive, NOON - HOUR, NOON)
    archive.recorder.event_problem = SoapFault("FindEvents", Fault(("Receiver",), "error"))
    found = asked(archive, NOON - DAY, NOON)
    assert isinstance(found.problem, SoapFault)
    assert found.event_search
    assert [state for _, _, state in states(found.channels[0])] == [NOT_ASKED, RECORDED]
    partly = archive.manager.search(1, NOON - DAY, NOON)
    assert partly.recordings[0].spans == ((NOON - HOUR - LATE, NOON),)
    assert (partly.complete, partly.problem) == (False, archive.recorder.event_problem)
    with pytest.raises(SoapFault):
        archive.manager.search(1, NOON - 3 * DAY, NOON - 2 * DAY)


def test_a_device_without_a_search_service_is_unsupported(archive: Archive) -> None:
    archive.recorder.problem = CameraUnsupported("It has no Search service.", service="search")
    assert isinstance(_coverage_error(archive), CameraUnsupported)
    with pytest.raises(CameraUnsupported):
        archive.manager.search(1, MIDNIGHT, NOON)
    with pytest.raises(CameraUnsupported):
        archive.manager.summary(1)


def test_local_times_of_recordings_are_converted_apart_from_the_clock(archive: Archive) -> None:
    archive.recorder.zone_s = 8 * 3600.0
    archive.recorder.spans["Rec1"] = [(NOON + 6 * HOUR, NOON + 7 * HOUR)]
    archive.recorder.spans["Rec2"] = []
    found = asked(archive, NOON - 6 * HOUR, NOON)
    assert states(found.channels[0]) == [(-6, -2, NOT_RECORDED), (-2, -1, RECORDED), (-1, 0, NOT_RECORDED)]
    assert found.clock_offset_s == 0.0
    assert archive.manager.playback_uri(1, "Rec1", NOON - 2 * HOUR).range == "clock=20261122T180000Z-"


def test_a_wrong_device_clock_is_corrected_in_both_directions(archive: Archive) -> None:
    archive.recorder.offset_s = 3600.4
    archive.recorder.spans["Rec1"] = [(NOON - HOUR, NOON)]  # by the recorder's clock, which is one hour ahead
    archive.recorder.spans["Rec2"] = []
    archive.recorder.motion = [("Rec1", NOON - HOUR / 2)]
    found = asked(archive, NOON - 6 * HOUR, NOON)
    assert states(found.channels[0]) == [(-6, -2, NOT_RECORDED), (-2, -1, RECORDED), (-1, 0, NOT_RECORDED)]
    assert [event.time for event in found.channels[0].events] == [NOON - 1.5 * HOUR]
    assert found.clock_offset_s == pytest.approx(3600.4)
    [one] = archive.manager.search(1, NOON - 6 * HOUR, NOON).recordings
    assert one.spans == ((NOON - 2 * HOUR, NOON - HOUR),)
    playback = archive.manager.playback_uri(1, "Rec1", NOON - 2 * HOUR)
    assert playback.range == "clock=20261122T110000Z-"


def test_several_recordings_of_a_channel_are_one_row(archive: Archive) -> None:
    archive.recorder.recordings_ = tuple(
        replace(recording(number, latest=NOON - (number - 1) * HOUR), source_id="Source1") for number in (1, 2, 3)
    )
    archive.recorder.spans = {"Rec1": [(NOON - HOUR, NOON)], "Rec3": [(NOON - 3 * HOUR, NOON - 2 * HOUR)]}
    archive.recorder.spans["Rec2"] = [(NOON - 2.5 * HOUR, NOON - 1.5 * HOUR)]
    [row] = asked(archive, NOON - 4 * HOUR, NOON).channels
    assert [(span.state, span.recording_token) for span in row.spans] == [
        (NOT_RECORDED, None),
        (RECORDED, "Rec3"),
        (RECORDED, "Rec2"),
        (NOT_RECORDED, None),
        (RECORDED, "Rec1"),
    ]
    assert row.recording_token == "Rec1"


def test_hidden_channels_have_no_row_in_the_coverage(archive: Archive) -> None:
    archive.recorder.recordings_ = (recording(1), recording(2), recording(7))
    archive.channels = [channel(1, hidden=True), channel(2)]
    rows = asked(archive, MIDNIGHT, NOON).channels
    assert [(row.channel, row.name, row.matched_by) for row in rows] == [
        (2, "Cam 2", "video_source"),
        (None, "Gate 7", "nothing"),
    ]


def test_indexing_can_be_stopped_and_resumed(archive: Archive) -> None:
    archive.recorder.hold = threading.Event()
    archive.manager.coverage(1, NOON - 30 * DAY, NOON)
    until(lambda: archive.recorder.asked)
    archive.manager.stop_indexing(1)
    until(lambda: archive.manager.coverage(1, NOON - 30 * DAY, NOON).indexing is None)
    archive.recorder.hold.set()
    until(lambda: not index_threads())
    count = len(archive.recorder.asked)
    row = archive.manager.coverage(1, NOON - 30 * DAY, NOON).channels[0]
    assert {state for *_, state in states(row)} == {NOT_ASKED}
    other = archive.manager.coverage(1, NOON - 60 * DAY, NOON - 50 * DAY)
    assert other.is_stopped, "whoever opens the page later must see it, too"
    archive.clock.now += HOUR
    assert archive.manager.coverage(1, NOON, NOON + HOUR).indexing is None
    assert not index_threads()
    assert len(archive.recorder.asked) == count, "stopped is stopped: no other time is asked for either"
    archive.clock.now -= HOUR
    assert not archive.manager.search(1, NOON - 30 * DAY, NOON, resumes=False).complete
    assert len(archive.recorder.asked) == count, "a search of the app itself does not resume it"
    assert archive.manager.coverage(1, NOON - 30 * DAY, NOON).is_stopped
    archive.manager.resume_indexing(1)
    assert not archive.manager.coverage(1, NOON - 30 * DAY, NOON).is_stopped
    assert {state for *_, state in states(asked(archive, NOON - 30 * DAY, NOON).channels[0])} == {UNKNOWN}


def test_recordings_overwritten_by_the_recorder_are_indexed_again(archive: Archive) -> None:
    archive.recorder.recordings_ = (recording(1, earliest=NOON - 10 * DAY),)
    archive.recorder.spans = {"Rec1": [(NOON - 10 * DAY, NOON + DAY)]}
    asked(archive, NOON - 12 * DAY, NOON)
    archive.recorder.recordings_ = (recording(1, earliest=NOON - 5 * DAY),)
    archive.recorder.spans = {"Rec1": [(NOON - 5 * DAY, NOON + DAY)]}
    archive.manager.summary(1)
    row = asked(archive, NOON - 12 * DAY, NOON).channels[0]
    assert states(row) == [(-288, -120, NOT_RECORDED), (-120, 0, RECORDED)]


@pytest.mark.parametrize("start_states", [True, False])
def test_overwritten_recordings_without_dates_are_noticed(archive: Archive, start_states: bool) -> None:
    archive.recorder.start_states = start_states
    newest = (NOON - 4 * DAY, NOON - DAY)
    archive.recorder.spans = {"Rec1": [(NOON - 10 * DAY, NOON - 7.5 * DAY), (NOON - 6 * DAY, NOON - 5 * DAY), newest]}
    asked(archive, NOON - 12 * DAY, NOON)
    archive.recorder.spans["Rec1"] = [newest]
    archive.clock.ahead_s += DAY.total_seconds() + 1
    row = asked(archive, NOON - 12 * DAY, NOON).channels[0]
    assert states(row) == [(-288, -96, NOT_RECORDED), (-96, -24, RECORDED), (-24, 0, NOT_RECORDED)]
    count = len(archive.recorder.asked)
    archive.clock.ahead_s += 3600
    asked(archive, NOON - 12 * DAY, NOON)
    assert len(archive.recorder.asked) == count, "once a day"
    archive.clock.ahead_s += DAY.total_seconds()
    asked(archive, NOON - 12 * DAY, NOON)
    assert len(archive.recorder.asked) == count + 1, "its oldest is still there"


def test_a_replaced_device_loses_its_index(archive: Archive) -> None:
    archive.recorder.spans["Rec1"] = [(MIDNIGHT, NOON)]
    asked(archive, MIDNIGHT, NOON)
    archive.manager.forget_camera(1)
    archive.recorder.spans = {}
    row = asked(archive, MIDNIGHT, NOON).channels[0]
    assert {state for *_, state in states(row)} == {UNKNOWN}


def test_a_camera_forgotten_during_a_search_is_not_saved(archive: Archive) -> None:
    archive.recorder.hold = threading.Event()
    archive.manager.coverage(1, MIDNIGHT, NOON)
    until(lambda: archive.recorder.asked)
    archive.manager.forget_camera(1)
    archive.recorder.hold.set()
    until(lambda: not index_threads())
    archive.recorder.problem = CameraUnreachable("It is off.")
    assert isinstance(_coverage_error(archive), CameraUnreachable)


def test_a_failed_device_is_not_asked_at_every_request(archive: Archive) -> None:
    archive.recorder.problem = CameraUnreachable("It is off.")
    assert isinstance(_coverage_error(archive), CameraUnreachable)
    for _ in range(20):
        with pytest.raises(CameraUnreachable):
            archive.manager.coverage(1, MIDNIGHT, NOON)
    assert archive.recorder.lists == 1
    archive.recorder.problem = None
    archive.clock.ahead_s += 60
    archive.recorder.spans["Rec1"] = [(MIDNIGHT, NOON)]
    row = asked(archive, MIDNIGHT, NOON).channels[0]
    assert states(row) == [(-12, 0, RECORDED)]


def _coverage_error(archive: Archive) -> AppError:
    """Return the error with which coverage() of a failing device ends."""
    found: list[AppError] = []

    def ask() -> list[AppError]:
        try:
            archive.manager.coverage(1, MIDNIGHT, NOON)
        except AppError as error:
            found.append(error)
        return found

    until(ask)
    return found[0]


def test_a_recording_that_begins_in_the_future_has_no_beginning(archive: Archive) -> None:
    archive.recorder.event_search = False
    archive.recorder.recordings_ = (recording(1, earliest=NOON + 99 * DAY, latest=NOON + 100 * DAY),)
    assert states(asked(archive, NOON - DAY, NOON).channels[0]) == [(-24, 0, UNKNOWN)]


@pytest.mark.parametrize(("start", "end"), [(NOON, NOON), (NOON, MIDNIGHT), (NOON - 500 * DAY, NOON)])
def test_invalid_windows_are_refused(archive: Archive, start: datetime, end: datetime) -> None:
    with pytest.raises(InvalidRequest):
        archive.manager.coverage(1, start, end)
    with pytest.raises(InvalidRequest):
        archive.manager.search(1, start, end)


def test_stop_ends_a_running_search_within_a_second(archive: Archive) -> None:
    archive.recorder.hold = threading.Event()
    with promised_median(1) as measured:
        for _ in range(3):
            archive.manager.start()
            archive.recorder.asked.clear()
            archive.manager.coverage(1, NOON - DAY, NOON)
            until(lambda: archive.recorder.asked)
            with measured():
                archive.manager.stop()
            until(lambda: not index_threads())


def index_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("index-")]
