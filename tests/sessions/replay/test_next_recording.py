"""Replays beyond the end of a recording: the channel's next recording, the next span, and growing recordings."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta

import pytest

from core.errors import NotFound, Unavailable
from core.records import StreamState
from sessions.replay.session import ReplaySession
from sessions.view import StreamView
from stream_manager import StreamManager
from tests.patience import until
from tests.sessions.replay.replaying import (
    NIGHT,
    NIGHT_S,
    at,
    name_of,
    pictures_in,
    play,
    segments_of,
    text_of,
    times_of,
)
from tests.sessions.replay.thin_recorder import FPS, ThinRecorder
from tests.sessions.thin_device import MakeManager

ENDED = "#EXT-X-ENDLIST\n"


@pytest.fixture
def hourly(make_replays: MakeManager, recorder: ThinRecorder) -> StreamManager:
    """Three recordings of four seconds; a gap lies before the third."""
    recorder.spans = [(NIGHT_S, NIGHT_S + 4)]
    recorder.others = {"Rec1": [(NIGHT_S + 4, NIGHT_S + 8)], "Rec2": [(NIGHT_S + 1000, NIGHT_S + 1004)]}
    recorder.places = 1
    return make_replays()


def pictures(manager: StreamManager, view: StreamView) -> list[float]:
    """Return the times of all frames in the run's playlist, in seconds after NIGHT."""
    names = segments_of(text_of(manager, view))
    return [shown for name in names for shown in pictures_in(manager.segment_path(view.stream_id, name))]


def test_playback_continues_in_the_channels_next_recording(hourly: StreamManager, recorder: ThinRecorder) -> None:
    view = play(hourly, 2.0)
    until(lambda: text_of(hourly, view).endswith(ENDED))
    steps = [*range(2 * FPS, 8 * FPS), *range(1000 * FPS, 1004 * FPS)]
    assert pictures(hourly, view) == [round(step / FPS, 1) for step in steps]
    assert text_of(hourly, view).count("#EXT-X-DISCONTINUITY\n") == 2
    assert [line.recording_token for line in recorder.lines] == ["Rec0", "Rec1", "Rec2"]
    assert hourly.session_view(view.stream_id).recording_token == "Rec2"


def test_a_seek_finds_the_recording_of_its_time(hourly: StreamManager, recorder: ThinRecorder) -> None:
    view = play(hourly, 0.0)
    assert hourly.seek_replay(view.stream_id, at(1002.4)).start_time == at(1002)
    assert hourly.session_view(view.stream_id).recording_token == "Rec2"
    assert hourly.seek_replay(view.stream_id, at(5.4)).start_time == at(5)
    assert hourly.seek_replay(view.stream_id, at(500)).start_time == at(1000)  # in the gap
    assert recorder.open_lines() == 1


def test_a_recorder_that_stops_at_a_gap_is_asked_for_the_next_span(
    make_replays: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 4), (NIGHT_S + 60, NIGHT_S + 64)]
    recorder.others = {"Elsewhere": []}
    recorder.crosses_gaps = False
    view = play(replays := make_replays())
    until(lambda: text_of(replays, view).endswith(ENDED))
    assert times_of(text_of(replays, view))[-1] == 63.0
    assert len(recorder.lines) == 1


def test_a_requested_range_ends_although_the_channel_goes_on(hourly: StreamManager) -> None:
    view, _ = hourly.start_replay(1, "Rec0", at(2), end_utc=at(6))
    until(lambda: text_of(hourly, view).endswith(ENDED))
    assert pictures(hourly, view)[-1] == 5.8


def test_the_search_for_data_ends_after_some_empty_recordings(
    make_replays: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 4)]
    recorder.others = {f"Rec{hour}": [(NIGHT_S + 3600 * hour, NIGHT_S + 3600 * hour + 60)] for hour in range(1, 99)}
    recorder.empty = set(recorder.others)
    view = play(replays := make_replays())
    until(lambda: text_of(replays, view).endswith(ENDED))
    assert pictures(replays, view)[-1] == 3.8
    assert len(recorder.lines) < 12


# ---- growing recordings --------------------------------------------------------------------------


@pytest.fixture
def writing(make_replays: MakeManager, recorder: ThinRecorder, monkeypatch: pytest.MonkeyPatch) -> StreamManager:
    """A recording from 120 s to 6.5 s ago that still grows, with a key frame each second."""
    monkeypatch.setattr("sessions.replay.play.ASK_AGAIN_S", 0.05)
    now_s = float(int(time.time()))
    recorder.spans = [(now_s - 120, now_s - 6.5)]
    return make_replays()


def grow(recorder: ThinRecorder, by_s: float) -> float:
    """Extend the recording and return its new end in epoch seconds."""
    start_s, end_s = recorder.spans[0]
    recorder.spans = [(start_s, end_s + by_s)]
    return end_s + by_s


def utc(epoch_s: float) -> datetime:
    return datetime.fromtimestamp(epoch_s, UTC)


def test_a_growing_recording_plays_on_as_it_grows(writing: StreamManager, recorder: ThinRecorder) -> None:
    start_s = recorder.spans[0][1] - 20.5
    view, _ = writing.start_replay(1, "Rec0", utc(start_s))
    text_of(writing, view)
    until(lambda: writing.session_view(view.stream_id).waiting_for == "recording")
    assert not text_of(writing, view).endswith(ENDED)
    for by_s in (0.4, 2.1, 3.0):  # the ends fall between key frames
        grow(recorder, by_s)
    end_s = recorder.spans[0][1]
    until(lambda: pictures(writing, view)[-1] >= int(end_s) - 3 - NIGHT_S)
    shown = [round(second + NIGHT_S - start_s, 1) for second in pictures(writing, view)]
    assert shown == [round(step / FPS, 1) for step in range(len(shown))], "each picture once, and none is missing"
    assert "#EXT-X-DISCONTINUITY\n" not in text_of(writing, view)
    assert len(re.findall("EXT-X-MAP", text_of(writing, view))) == 1
    assert len(recorder.lines) == 1


def test_a_seek_beyond_a_growing_end_waits_for_the_data(writing: StreamManager, recorder: ThinRecorder) -> None:
    view, _ = writing.start_replay(1, "Rec0", utc(recorder.spans[0][1] - 20))
    text_of(writing, view)
    wanted = utc(recorder.spans[0][1] + 3.0)
    session = writing._table.running(view.stream_id)
    assert isinstance(session, ReplaySession)
    with pytest.raises(Unavailable):
        session.seek(wanted, wait_s=0.3)
    until(lambda: writing.session_view(view.stream_id).waiting_for == "recording")
    grow(recorder, 5.5)
    until(lambda: writing.session_view(view.stream_id).status is StreamState.RUNNING)
    first = datetime.fromisoformat(
        re.findall("DATE-TIME:(.*)", text_of(writing, writing.session_view(view.stream_id)))[0]
    )
    assert timedelta(0) <= wanted - first <= timedelta(seconds=1)


@pytest.mark.slow
def test_a_recording_that_stops_growing_ends(
    writing: StreamManager, recorder: ThinRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions.replay.channel_recordings.MAY_GROW", timedelta(seconds=8))
    view, _ = writing.start_replay(1, "Rec0", utc(recorder.spans[0][1] - 3))
    until(lambda: text_of(writing, view).endswith(ENDED))
    assert pictures(writing, view)[-1] == pytest.approx(recorder.spans[0][1] - NIGHT_S, abs=0.5)
    assert writing.session_view(view.stream_id).waiting_for is None


def test_a_growing_recording_does_not_increase_the_read_ahead(writing: StreamManager, recorder: ThinRecorder) -> None:
    view, _ = writing.start_replay(1, "Rec0", utc(recorder.spans[0][0]))
    until(lambda: recorder.lines and recorder.lines[0].sent and recorder.lines[0].is_paused)
    time.sleep(0.3)
    assert len(recorder.plays) == 1
    assert name_of(view) == "run1.m3u8"


def test_a_recorder_without_seeks_in_a_session_is_asked_more_rarely(
    writing: StreamManager, recorder: ThinRecorder
) -> None:
    recorder.seeks_in_session = False
    view, _ = writing.start_replay(1, "Rec0", utc(recorder.spans[0][1] - 3))
    until(lambda: writing.session_view(view.stream_id).waiting_for == "recording")
    time.sleep(0.3)
    assert len(recorder.plays) == 1


def test_a_seek_into_the_future_finds_nothing(writing: StreamManager, recorder: ThinRecorder) -> None:
    view, _ = writing.start_replay(1, "Rec0", utc(recorder.spans[0][0]))
    with pytest.raises(NotFound):
        writing.seek_replay(view.stream_id, utc(time.time() + 3600))
    with pytest.raises(NotFound):
        writing.seek_replay(view.stream_id, NIGHT + timedelta(days=365))
