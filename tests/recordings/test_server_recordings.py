"""Recordings of the server beside those of the device: one row of the timeline, in which the server's come first."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from archive.records import FileKey, FileState, IndexedFile, IndexedStretch, to_ms
from core.archive import GapReason, Origin, RecordedQuality, StreamKey
from core.errors import CameraUnreachable, CameraUnsupported, DeviceError, InvalidRequest, NotFound
from core.recordings import RecordedPlace, SpanState
from recordings.matching import MatchedBy
from recordings.views import ChannelCoverage, Coverage
from tables import RecordingGapRow
from tests.patience import until
from tests.recordings.recorder import DAY, HOUR, NOON, Archive, asked, recording

MAIN, SUB = RecordedQuality.MAIN, RecordedQuality.SUB
RECORDED, NOT_RECORDED = SpanState.RECORDED, SpanState.NOT_RECORDED
MINUTE = timedelta(minutes=1)


def record(
    archive: Archive,
    start: datetime,
    end: datetime,
    *,
    channel: int = 1,
    quality: RecordedQuality = MAIN,
    goes_on: bool = False,
) -> None:
    """Note a stretch in the index of the server's archive."""
    stream, index = StreamKey(1, channel, quality), archive.server.index
    stretch_id = index.new_stretch_id()
    reason = None if goes_on else GapReason.DEVICE_AWAY
    state = FileState.OPEN if goes_on else FileState.CLOSED
    index.commit(
        [IndexedFile(FileKey(stream, 1, to_ms(start)), to_ms(end), 1000, stretch_id, state)],
        [IndexedStretch(stretch_id, stream, to_ms(start), to_ms(end), Origin.SERVER, reason)],
    )


def hours(row: ChannelCoverage) -> list[tuple[float, float, str | None]]:
    """Return start and end in hours after noon, and the token, of each span that can be played."""
    return [
        ((span.start - NOON) / HOUR, (span.end - NOON) / HOUR, span.recording_token)
        for span in row.spans
        if span.recording_token is not None
    ]


def places(found: tuple[RecordedPlace, ...]) -> list[tuple[float, float, str]]:
    return [((it.start - NOON) / HOUR, (it.end - NOON) / HOUR, it.recording_token) for it in found]


def coverage(archive: Archive) -> Coverage:
    return asked(archive, NOON - 10 * HOUR, NOON)


def test_the_device_fills_the_gaps_of_the_server(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON - 1 * HOUR)], "Rec2": []}
    record(archive, NOON - 7 * HOUR, NOON - 5 * HOUR)
    record(archive, NOON - 3 * HOUR, NOON - 0.5 * HOUR)
    first, second = coverage(archive).channels
    assert hours(first) == [
        (-8, -7, "Rec1"),
        (-7, -5, "server-1-main"),
        (-5, -3, "Rec1"),
        (-3, -0.5, "server-1-main"),
    ]
    assert [span.source for span in first.spans if span.source] == [
        Origin.DEVICE,
        Origin.SERVER,
        Origin.DEVICE,
        Origin.SERVER,
    ]
    assert hours(second) == []


@pytest.mark.parametrize("seed", range(6))
def test_the_union_has_no_doubled_second_and_no_hole_of_its_own(archive: Archive, seed: int) -> None:
    chance = random.Random(seed)
    start = NOON - 10 * HOUR

    def stretches() -> list[tuple[datetime, datetime]]:
        borders = sorted(chance.sample(range(600), 2 * chance.randint(1, 6)))
        pairs = zip(borders[::2], borders[1::2], strict=True)
        return [(start + begin * MINUTE, start + end * MINUTE) for begin, end in pairs]

    of_device, of_main, of_sub = stretches(), stretches(), stretches()
    archive.recorder.spans = {"Rec1": of_device, "Rec2": []}
    for begin, end in of_main:
        record(archive, begin, end)
    for begin, end in of_sub:
        record(archive, begin, end, quality=SUB)
    spans = coverage(archive).channels[0].spans
    assert spans[0].start == start
    assert spans[-1].end == NOON
    assert all(before.end == after.start for before, after in pairwise(spans))

    def is_in(found: list[tuple[datetime, datetime]], at: datetime) -> bool:
        return any(begin <= at < end for begin, end in found)

    for minute in range(600):
        at = start + minute * MINUTE
        (span,) = [span for span in spans if span.start <= at < span.end]
        in_order = (("server-1-main", of_main), ("Rec1", of_device), ("server-1-sub", of_sub))
        expected = next((token for token, recorded in in_order if is_in(recorded, at)), None)
        assert span.recording_token == expected, minute


def test_a_wrong_clock_of_the_device_does_not_shift_the_server(archive: Archive) -> None:
    ahead = timedelta(hours=2)
    archive.recorder.offset_s = ahead.total_seconds()
    archive.recorder.spans = {"Rec1": [(NOON + ahead - 4 * HOUR, NOON + ahead - 2 * HOUR)], "Rec2": []}
    record(archive, NOON - 3 * HOUR, NOON - 1 * HOUR)
    assert hours(coverage(archive).channels[0]) == [(-4, -3, "Rec1"), (-3, -1, "server-1-main")]
    found = archive.manager.recorded_from(1, "Rec1", NOON - 3.5 * HOUR)
    assert places(found) == [(-3.5, -3, "Rec1"), (-3, -1, "server-1-main")]


def test_a_replay_of_the_device_hands_over_to_the_server(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON - 1 * HOUR)], "Rec2": []}
    record(archive, NOON - 5 * HOUR, NOON - 3 * HOUR)
    coverage(archive)
    found = archive.manager.recorded_from(1, "server-1-main", NOON - 6 * HOUR)
    assert places(found) == [(-6, -5, "Rec1"), (-5, -3, "server-1-main"), (-3, -1, "Rec1")]
    assert [place.hands_over for place in found] == [True, False, False]


def test_a_recording_that_goes_on_has_the_time_since_its_flush(archive: Archive) -> None:
    """Otherwise each replay would change to the device at the end of what is on the disk."""
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON)], "Rec2": []}
    record(archive, NOON - HOUR, NOON - timedelta(seconds=9), goes_on=True)
    coverage(archive)
    assert places(archive.manager.recorded_from(1, "Rec1", NOON - 0.5 * HOUR)) == [(-0.5, 0, "server-1-main")]


def test_a_recording_with_rare_flushes_has_the_time_since_its_flush(tmp_path: Path) -> None:
    archive = Archive(tmp_path, archive_flush_s=60.0)
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON)], "Rec2": []}
    record(archive, NOON - HOUR, NOON - timedelta(seconds=65), goes_on=True)
    coverage(archive)
    assert places(archive.manager.recorded_from(1, "Rec1", NOON - 0.5 * HOUR)) == [(-0.5, 0, "server-1-main")]
    archive.close()


def test_a_recording_without_a_flush_for_a_minute_has_ended(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON)], "Rec2": []}
    record(archive, NOON - HOUR, NOON - 6 * MINUTE, goes_on=True)
    coverage(archive)
    assert places(archive.manager.recorded_from(1, "Rec1", NOON - 0.5 * HOUR)) == [
        (-0.5, -0.1, "server-1-main"),
        (-0.1, 0, "Rec1"),
    ]


def test_the_sub_stream_plays_for_a_thin_link(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON - 1 * HOUR)], "Rec2": []}
    record(archive, NOON - 7 * HOUR, NOON - 2 * HOUR)
    record(archive, NOON - 6 * HOUR, NOON - 4 * HOUR, quality=SUB)
    coverage(archive)
    thin = archive.manager.recorded_from(1, "server-1-main", NOON - 6.5 * HOUR, prefers_sub=True)
    assert places(thin) == [
        (-6.5, -6, "server-1-main"),
        (-6, -4, "server-1-sub"),
        (-4, -2, "server-1-main"),
        (-2, -1, "Rec1"),
    ]
    assert [place.is_sub for place in thin] == [False, True, False, False]
    full = archive.manager.recorded_from(1, "server-1-main", NOON - 6.5 * HOUR)
    assert places(full) == [(-6.5, -2, "server-1-main"), (-2, -1, "Rec1")]


def test_a_stream_that_is_a_little_longer_than_the_other_adds_nothing(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [], "Rec2": []}
    second = timedelta(seconds=1)
    record(archive, NOON - 4 * HOUR, NOON - 2 * HOUR)
    record(archive, NOON - 4 * HOUR - 1.6 * second, NOON - 2 * HOUR + 0.4 * second, quality=SUB)
    record(archive, NOON - 1 * HOUR, NOON - 1 * HOUR + 3 * second, quality=SUB)  # alone
    found = [(-4.0, -2.0, "server-1-main"), (-1.0, pytest.approx(-1 + 3 / 3600), "server-1-sub")]
    assert hours(coverage(archive).channels[0]) == found
    assert places(archive.manager.recorded_from(1, "server-1-main", NOON - 5 * HOUR)) == found


def test_pictures_come_from_the_server_where_it_has_any_stream(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON - 1 * HOUR)], "Rec2": []}
    record(archive, NOON - 7 * HOUR, NOON - 2 * HOUR)
    record(archive, NOON - 6 * HOUR, NOON - 4 * HOUR, quality=SUB)
    coverage(archive)
    found = archive.manager.coverage(1, NOON - 10 * HOUR, NOON, channel=1, prefers_sub=True)
    assert hours(found.channels[0]) == [
        (-8, -7, "Rec1"),
        (-7, -6, "server-1-main"),
        (-6, -4, "server-1-sub"),
        (-4, -2, "server-1-main"),
        (-2, -1, "Rec1"),
    ]


def test_the_coverage_of_one_place_has_its_recordings_alone(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON - 1 * HOUR)], "Rec2": []}
    record(archive, NOON - 7 * HOUR, NOON - 2 * HOUR)
    coverage(archive)
    for source, wanted in ((Origin.DEVICE, (-8, -1, "Rec1")), (Origin.SERVER, (-7, -2, "server-1-main"))):
        found = archive.manager.coverage(1, NOON - 10 * HOUR, NOON, channel=1, source=source)
        assert hours(found.channels[0]) == [wanted]
    assert archive.manager.coverage(1, NOON - 10 * HOUR, NOON, channel=2, source=Origin.SERVER).channels == ()


def test_a_camera_that_records_nothing_has_the_coverage_of_the_server(archive: Archive) -> None:
    archive.recorder.problem = CameraUnsupported("No Profile G.", service="recording")
    record(archive, NOON - 3 * HOUR, NOON - 2 * HOUR, channel=2)
    found = coverage(archive)
    assert [(row.channel, row.matched_by) for row in found.channels] == [(2, MatchedBy.SERVER)]
    assert hours(found.channels[0]) == [(-3, -2, "server-2-main")]
    assert found.event_search
    assert found.problem is None
    assert places(archive.manager.channel_places(1, 2, NOON - 3 * HOUR)) == [(-3, -2, "server-2-main")]
    page = archive.manager.search(1, NOON - DAY, NOON)
    assert page.complete
    assert page.problem is None
    assert [(it.recording.recording_token, it.is_known) for it in page.recordings] == [("server-2-main", True)]
    summary = archive.manager.summary(1)
    assert (summary.data_from, summary.data_until) == (NOON - 3 * HOUR, NOON - 2 * HOUR)
    assert (summary.number_recordings, summary.service, summary.problem) == (1, "server", None)
    assert archive.manager.has_sure_recordings(1, 2)
    assert not archive.manager.has_sure_recordings(1, 1)


def test_a_camera_without_any_recording_is_unsupported(archive: Archive) -> None:
    archive.recorder.problem = CameraUnsupported("No Profile G.", service="recording")
    until(lambda: _refused(archive), what="the refusal")
    with pytest.raises(CameraUnsupported):
        archive.manager.channel_places(1, 1, NOON - HOUR)
    with pytest.raises(CameraUnsupported):
        archive.manager.search(1, NOON - DAY, NOON)
    with pytest.raises(CameraUnsupported):
        archive.manager.summary(1)


def _refused(archive: Archive) -> bool:
    try:
        archive.manager.coverage(1, NOON - HOUR, NOON)
    except CameraUnsupported:
        return True
    return False


@pytest.mark.parametrize("problem", [CameraUnreachable("It is away.")])
def test_a_device_that_is_away_does_not_hide_the_server(archive: Archive, problem: DeviceError) -> None:
    archive.recorder.problem = problem
    record(archive, NOON - 3 * HOUR, NOON - 2 * HOUR)
    found = coverage(archive)
    assert hours(found.channels[0]) == [(-3, -2, "server-1-main")]
    assert found.problem is problem
    summary = archive.manager.summary(1)
    assert [it.recording_token for it in summary.recordings] == ["server-1-main"]
    assert summary.problem is problem
    page = archive.manager.search(1, NOON - DAY, NOON)
    assert [it.recording.recording_token for it in page.recordings] == ["server-1-main"]
    assert (page.complete, page.problem) == (False, problem)


def test_search_and_summary_list_both_kinds(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON - 1 * HOUR)], "Rec2": []}
    record(archive, NOON - 7 * HOUR, NOON - 5 * HOUR)
    page = archive.manager.search(1, NOON - DAY, NOON)
    assert [(it.recording.recording_token, it.recording.channel) for it in page.recordings] == [
        ("Rec1", 1),
        ("server-1-main", 1),
    ]
    own = archive.manager.search(1, NOON - DAY, NOON, recording_token="server-1-main")
    assert [it.spans for it in own.recordings] == [((NOON - 7 * HOUR, NOON - 5 * HOUR),)]
    summary = archive.manager.summary(1)
    assert summary.number_recordings == 3
    assert [it.recording_token for it in summary.recordings] == ["server-1-main", "Rec1", "Rec2"]
    assert summary.recordings[0].source is Origin.SERVER
    with pytest.raises(NotFound):
        archive.manager.search(1, NOON - DAY, NOON, recording_token="server-2-main")


def test_a_token_of_the_server_names_its_channel(archive: Archive) -> None:
    record(archive, NOON - 7 * HOUR, NOON - 5 * HOUR, channel=2)
    assert archive.manager.channel_of(1, "server-2-main") == 2
    source, correction_s = archive.manager.replay_source(1, "server-2-main")
    assert (source.origin, source.recording_token, correction_s) == (Origin.SERVER, "server-2-main", 0)
    with pytest.raises(NotFound):
        archive.manager.replay_source(1, "server-1-main")
    with pytest.raises(InvalidRequest, match="export"):
        archive.manager.playback_uri(1, "server-2-main")


def test_a_device_cannot_take_the_tokens_of_the_server(archive: Archive) -> None:
    """Access rights depend on the channel that such a token names."""
    archive.recorder.recordings_ = (replace(recording(1), recording_token="server-2-main"), recording(2))
    archive.recorder.spans = {"server-2-main": [(NOON - 8 * HOUR, NOON - 1 * HOUR)], "Rec2": []}
    assert [row.channel for row in coverage(archive).channels] == [2]
    assert archive.manager.search(1, NOON - DAY, NOON).recordings == ()
    assert [it.recording_token for it in archive.manager.summary(1).recordings] == ["Rec2"]


def test_gaps_have_the_reason_where_nobody_recorded(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 4 * HOUR, NOON - 3 * HOUR)], "Rec2": []}
    record(archive, NOON - 8 * HOUR, NOON - 6 * HOUR)
    with archive.database.write() as session:
        session.add(
            RecordingGapRow(
                camera_id=1,
                channel=1,
                origin="server",
                start_at=NOON - 6 * HOUR,
                end_at=NOON - 2 * HOUR,
                reason="device_away",
            )
        )
    row = coverage(archive).channels[0]
    assert [((span.start - NOON) / HOUR, (span.end - NOON) / HOUR, span.state, span.reason) for span in row.spans] == [
        (-10, -8, NOT_RECORDED, None),
        (-8, -6, RECORDED, None),
        (-6, -4, NOT_RECORDED, GapReason.DEVICE_AWAY),
        (-4, -3, RECORDED, None),
        (-3, -2, NOT_RECORDED, GapReason.DEVICE_AWAY),
        (-2, 0, NOT_RECORDED, None),
    ]


def test_a_limited_user_sees_only_the_server_of_a_guessed_channel(archive: Archive) -> None:
    archive.channels = [archive.channels[0]]  # its recordings belong to it as the only channel
    archive.recorder.recordings_ = (recording(7),)
    archive.recorder.spans = {"Rec7": [(NOON - 8 * HOUR, NOON - 1 * HOUR)]}
    record(archive, NOON - 7 * HOUR, NOON - 5 * HOUR)
    assert coverage(archive).channels[0].matched_by is MatchedBy.ONLY_CHANNEL
    (row,) = archive.manager.coverage(1, NOON - 10 * HOUR, NOON, only_sure=True).channels
    assert row.matched_by is MatchedBy.SERVER
    assert hours(row) == [(-7, -5, "server-1-main")]


def test_the_archive_needs_no_place_of_the_recorder(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON - 1 * HOUR)], "Rec2": []}
    record(archive, NOON - 7 * HOUR, NOON - 5 * HOUR)
    coverage(archive)
    assert archive.manager.plays_from_archive(1, "Rec1", NOON - 6 * HOUR)
    assert not archive.manager.plays_from_archive(1, "Rec1", NOON - 4 * HOUR)
    assert not archive.manager.plays_from_archive(1, "Rec1", NOON - 7.5 * HOUR)


def test_a_time_after_the_last_flush_plays_from_the_server(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [(NOON - 8 * HOUR, NOON)], "Rec2": []}
    record(archive, NOON - HOUR, NOON - timedelta(seconds=9), goes_on=True)
    coverage(archive)
    found = archive.manager.recorded_from(1, "Rec1", NOON - timedelta(seconds=4))
    assert [place.recording_token for place in found] == ["server-1-main"]


def test_a_time_after_all_recordings_has_no_place(archive: Archive) -> None:
    archive.recorder.spans = {"Rec1": [], "Rec2": []}
    record(archive, NOON - 2 * HOUR, NOON - HOUR)
    coverage(archive)
    assert archive.manager.recorded_from(1, "server-1-main", NOON - 0.5 * HOUR) == ()


def test_a_replay_of_a_limited_user_never_moves_to_a_guessed_recording(archive: Archive) -> None:
    archive.channels = [archive.channels[0]]
    archive.recorder.recordings_ = (recording(7),)
    archive.recorder.spans = {"Rec7": [(NOON - 8 * HOUR, NOON - 1 * HOUR)]}
    record(archive, NOON - 7 * HOUR, NOON - 5 * HOUR)
    coverage(archive)
    found = archive.manager.recorded_from(1, "server-1-main", NOON - 6 * HOUR)
    assert places(found) == [(-6, -5, "server-1-main"), (-5, -1, "Rec7")]
    found = archive.manager.recorded_from(1, "server-1-main", NOON - 6 * HOUR, only_sure=True)
    assert places(found) == [(-6, -5, "server-1-main")]
