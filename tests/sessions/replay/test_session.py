"""Replay sessions: targets of seeks, times, read-ahead, gaps, and the end of a session."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import (
    Conflict,
    NotFound,
    Unavailable,
)
from core.recordings import ZoneOfTimes
from core.records import StreamKind, StreamState, VideoFormat
from core.settings import Settings
from sessions.replay.session import ReplaySession
from stream_manager import StreamManager
from tests.hand_clock import HandClock
from tests.media.encoded import encoded
from tests.patience import LIMIT_S, settled, until
from tests.sessions.replay.replaying import HOUR_S, NIGHT_S, at, pictures_in, play, segments_of, text_of, times_of
from tests.sessions.replay.thin_recorder import ThinRecorder
from tests.sessions.thin_device import MakeManager


def test_a_recording_plays_from_the_requested_time(
    make_replays: MakeManager, recorder: ThinRecorder, settings: Settings
) -> None:
    recorder.silent = True
    replays = make_replays()
    view = play(replays, 780.4)
    assert (view.kind, view.recording_token, view.start_time) == (StreamKind.REPLAY, "Rec0", at(780.4))
    assert view.status is StreamState.STARTING
    recorder.silent = False
    text = text_of(replays, view)
    assert times_of(text)[0] == 780.0  # the key frame at or before
    path = replays.segment_path(view.stream_id, segments_of(text)[0])
    assert path.parent == settings.streams_dir / view.stream_id
    assert pictures_in(path)[:3] == [780.0, 780.2, 780.4]
    assert replays.segment_path(view.stream_id, "run1_init0.mp4").read_bytes()[4:8] == b"ftyp"
    status = replays.session_view(view.stream_id)
    assert (status.status, status.error, status.start_time) == (StreamState.RUNNING, None, at(780))
    assert status.video is not None
    assert (status.video.codec, status.transcoding, status.source_codec) == ("h264", False, "h264")
    assert replays.list_sessions()[0].stream_id == view.stream_id
    assert (view.time_confirmed, status.time_confirmed) == (None, True)


def test_a_recorder_that_sends_nothing_yet_is_awaited_for_video(
    make_replays: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.silent = True
    replays = make_replays()
    view = play(replays)
    until(lambda: replays.session_view(view.stream_id).waiting_for == "video")
    recorder.silent = False
    until(lambda: replays.session_view(view.stream_id).waiting_for is None)


def test_times_are_unconfirmed_if_the_recorder_sends_none(make_replays: MakeManager, recorder: ThinRecorder) -> None:
    recorder.tells_time = False
    replays = make_replays()
    view = play(replays, 780.4)
    text_of(replays, view)
    assert replays.session_view(view.stream_id).time_confirmed is False
    recorder.tells_time = True
    assert replays.seek_replay(view.stream_id, at(900)).time_confirmed is True


def test_times_are_unconfirmed_before_the_first_sight_of_their_zone(
    make_replays: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.ahead_s, recorder.zone = HOUR_S, ZoneOfTimes(HOUR_S, at(850).timestamp())
    recorder.spans = [(NIGHT_S + HOUR_S, NIGHT_S + 2 * HOUR_S)]
    replays = make_replays()
    view = play(replays, 780.4)
    text_of(replays, view)
    assert replays.session_view(view.stream_id).time_confirmed is False
    assert replays.seek_replay(view.stream_id, at(900)).time_confirmed is True


def test_the_status_counts_frames_that_came_incomplete(replays: StreamManager, recorder: ThinRecorder) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 10)]
    view = play(replays)
    until(lambda: "ENDLIST" in text_of(replays, view))
    assert replays.session_view(view.stream_id).frames_dropped == 0
    recorder.dropped_per_second = 2
    view = replays.seek_replay(view.stream_id, at(5))
    until(lambda: "ENDLIST" in text_of(replays, view))
    assert replays.session_view(view.stream_id).frames_dropped == 10


def test_the_status_tells_if_the_recorder_beats_real_time(replays: StreamManager, recorder: ThinRecorder) -> None:
    view = play(replays)
    text_of(replays, view)
    assert replays.session_view(view.stream_id).beats_real_time is None
    recorder.beats_real_time = False
    assert replays.session_view(view.stream_id).beats_real_time is False


def test_times_are_true_with_a_recorder_clock_an_hour_ahead(make_replays: MakeManager, recorder: ThinRecorder) -> None:
    recorder.ahead_s = HOUR_S
    recorder.spans = [(NIGHT_S + HOUR_S, NIGHT_S + HOUR_S + 30)]
    replays = make_replays()
    view = play(replays, 10.0)
    assert times_of(text_of(replays, view))[0] == 10.0
    assert recorder.plays == [NIGHT_S + HOUR_S + 10.0]
    assert replays.seek_replay(view.stream_id, at(20.5)).start_time == at(20)
    assert recorder.plays[-1] == NIGHT_S + HOUR_S + 20.5


def test_a_seek_is_a_new_run_at_a_new_address_in_the_same_session(
    replays: StreamManager, recorder: ThinRecorder
) -> None:
    view = play(replays)
    text_of(replays, view)
    moved = replays.seek_replay(view.stream_id, at(1800.7))
    assert moved.start_time == at(1800)
    assert moved.playlist_url == f"/static/streams/{view.stream_id}/run2.m3u8"
    text = text_of(replays, moved)
    assert times_of(text)[0] == 1800.0
    assert all(name.startswith("run2_") for name in segments_of(text))
    assert replays.session_view(view.stream_id).playlist_url == moved.playlist_url
    assert len(recorder.lines) == 1
    assert text_of(replays, view).endswith("#EXT-X-ENDLIST\n")  # a player of the old run may finish its segments
    replays.seek_replay(view.stream_id, at(0))
    with pytest.raises(NotFound):
        text_of(replays, view)


def test_at_most_a_minute_is_read_ahead_of_the_player(replays: StreamManager, recorder: ThinRecorder) -> None:
    view = play(replays)
    line = recorder.lines[0] if until(lambda: recorder.lines) else None
    assert line is not None
    until(lambda: len(segments_of(text_of(replays, view))) >= 28 and line.is_paused)
    assert settled(lambda: line.sent, 0.3) <= 60 * 5
    assert line.is_paused
    names = segments_of(text_of(replays, view))
    replays.segment_path(view.stream_id, names[10])
    until(lambda: line.is_paused and line.sent >= (22 + 55) * 5)
    assert line.sent <= (22 + 60) * 5
    until(lambda: len(segments_of(text_of(replays, view))) >= 38)
    assert "DISCONTINUITY\n" not in text_of(replays, view)  # a pause causes no discontinuity


def test_a_seek_works_on_a_paused_connection(replays: StreamManager, recorder: ThinRecorder) -> None:
    view = play(replays)
    until(lambda: recorder.lines and recorder.lines[0].is_paused)
    assert replays.seek_replay(view.stream_id, at(2000)).start_time == at(2000)


def test_the_oldest_segments_are_dropped_beyond_the_limit(
    make_replays: MakeManager, recorder: ThinRecorder, settings: Settings
) -> None:
    recorder.picture_bytes = 100_000  # a segment is 1 MB
    replays = make_replays(replay_session_bytes=20_000_000)
    view = play(replays)
    seen: set[str] = set()

    def watch() -> int:
        for name in segments_of(text_of(replays, view)):
            if name not in seen:
                seen.add(name)
                replays.segment_path(view.stream_id, name)
        return len(seen)

    until(lambda: watch() >= 40)
    text = text_of(replays, view)
    first = int(re.findall(r"MEDIA-SEQUENCE:(\d+)", text)[0])
    assert segments_of(text)[0] == f"run1_{first}.m4s"
    assert first > 0
    folder = settings.streams_dir / view.stream_id
    until(lambda: len(list(folder.glob("*.m4s"))) <= 21)
    assert not (folder / "run1_0.m4s").exists()
    assert (folder / "run1_init0.mp4").exists()


def test_unseen_segments_are_kept_and_the_recorder_is_paused(make_replays: MakeManager, recorder: ThinRecorder) -> None:
    recorder.picture_bytes = 100_000
    replays = make_replays(replay_session_bytes=20_000_000)
    view = play(replays)
    until(lambda: recorder.lines and recorder.lines[0].is_paused)
    time.sleep(0.3)
    assert "MEDIA-SEQUENCE:0\n" in text_of(replays, view)


def test_playback_continues_across_a_gap_with_a_discontinuity(
    make_replays: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 5), (NIGHT_S + 1000, NIGHT_S + 1004)]
    replays = make_replays()
    view = play(replays)
    until(lambda: text_of(replays, view).endswith("#EXT-X-ENDLIST\n"))
    text = text_of(replays, view)
    assert times_of(text) == [0.0, 1.0, 3.0, 1000.0, 1002.0]  # the first segment is short, as the player waits for it
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    assert "DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T02:16:40.000Z" in text


def test_a_seek_into_a_gap_begins_after_it_and_returns_that_time(
    make_replays: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 5), (NIGHT_S + 1000, NIGHT_S + 1004)]
    replays = make_replays()
    view = play(replays)
    assert replays.seek_replay(view.stream_id, at(500)).start_time == at(1000)


def test_playback_ends_at_the_requested_end(replays: StreamManager) -> None:
    view, _ = replays.start_replay(1, "Rec0", at(10), end_utc=at(14))
    until(lambda: text_of(replays, view).endswith("#EXT-X-ENDLIST\n"))
    assert times_of(text_of(replays, view)) == [10.0, 11.0, 13.0]


def test_a_later_seek_supersedes_a_waiting_one(make_replays: MakeManager, recorder: ThinRecorder) -> None:
    recorder.silent = True
    replays = make_replays()
    view = play(replays)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(replays.seek_replay, view.stream_id, at(100))
        until(lambda: replays.session_view(view.stream_id).playlist_url.endswith("run2.m3u8"))
        second = threads.submit(replays.seek_replay, view.stream_id, at(200))
        with pytest.raises(Conflict) as refused:
            first.result(LIMIT_S)
        recorder.silent = False
        assert second.result(LIMIT_S).start_time == at(200)
    assert refused.value.code == "superseded"


def test_a_seek_on_a_slow_recorder_completes_after_its_time_out(
    make_replays: MakeManager, recorder: ThinRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.silent = True
    replays = make_replays()
    view = play(replays)
    session = replays._table.running(view.stream_id)
    assert isinstance(session, ReplaySession)
    with pytest.raises(Unavailable) as caught:
        session.seek(at(100), wait_s=0.2)
    assert caught.value.code == "not_ready"
    recorder.silent = False
    until(lambda: replays.session_view(view.stream_id).start_time == at(100))
    assert times_of(text_of(replays, replays.session_view(view.stream_id)))[0] == 100.0


def test_stop_releases_everything(replays: StreamManager, recorder: ThinRecorder, settings: Settings) -> None:
    view, viewer_id = replays.start_replay(1, "Rec0", at(0))
    replays.playlist(view.stream_id, "run1.m3u8", LIMIT_S, viewer_id)
    assert replays.stop_session(view.stream_id, "somebody-else") is StreamState.RUNNING
    assert replays.stop_session(view.stream_id, viewer_id) is StreamState.STOPPED
    assert recorder.open_lines() == 0
    assert list(settings.streams_dir.iterdir()) == []
    assert replays.session_view(view.stream_id).status is StreamState.STOPPED
    assert replays.stop_session(view.stream_id) is StreamState.STOPPED
    for call in (lambda: replays.seek_replay(view.stream_id, at(1)), lambda: text_of(replays, view)):
        with pytest.raises(NotFound):
            call()


@pytest.mark.slow
def test_an_unwatched_replay_ends(make_replays: MakeManager, recorder: ThinRecorder, settings: Settings) -> None:
    replays = make_replays(idle_end_s=1.0)
    view = play(replays)
    text_of(replays, view)
    until(lambda: replays.list_sessions() == [])
    assert recorder.open_lines() == 0
    assert list(settings.streams_dir.iterdir()) == []


def test_a_replay_played_to_its_end_stays_available_for_longer(
    make_replays: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 4)]
    hand = HandClock()
    # After ENDLIST a player fetches nothing, so the longer time-out applies.
    replays = make_replays(clock=hand, idle_end_s=30.0, unwatched_end_s=300.0, device_replay_sessions=1)
    view = play(replays)
    until(lambda: text_of(replays, view).endswith("#EXT-X-ENDLIST\n"))
    hand.move(seconds=31)
    until(lambda: recorder.open_lines() == 0)  # the recorder's session is closed early
    assert replays.session_view(view.stream_id).status is StreamState.RUNNING
    other = play(replays)  # another viewer can use the recorder's session
    replays.stop_session(other.stream_id)
    assert replays.seek_replay(view.stream_id, at(2)).start_time == at(2)


def test_sixty_seeks_leave_two_runs_and_one_connection(replays: StreamManager, recorder: ThinRecorder) -> None:
    view = play(replays)
    text_of(replays, view)
    before = threading.active_count()
    for number in range(60):
        moved = replays.seek_replay(view.stream_id, at(number * 50))
        assert moved.start_time == at(number * 50)
    text = text_of(replays, moved)
    folder = replays.segment_path(view.stream_id, segments_of(text)[0]).parent
    runs = {path.name.partition("_")[0] for path in folder.iterdir()}
    assert runs <= {"run60", "run61"}
    assert len(recorder.lines) == 1
    until(lambda: threading.active_count() <= before)


@pytest.mark.slow
@pytest.mark.parametrize("codec", ["h264", "hevc"])
def test_real_frames_become_segments_that_decode_across_a_gap(
    make_replays: MakeManager, recorder: ThinRecorder, codec: str
) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 5), (NIGHT_S + 1000, NIGHT_S + 1004)]
    pictures = encoded(codec)
    recorder.video = VideoFormat(codec)
    recorder.pictures, recorder.parameter_sets = pictures.pictures[:5], pictures.sets
    replays = make_replays()
    view, _ = replays.start_replay(1, "Rec0", at(0), accept=("h264", "hevc"))
    until(lambda: text_of(replays, view).endswith("#EXT-X-ENDLIST\n"))
    names = segments_of(text_of(replays, view))
    folder = replays.segment_path(view.stream_id, names[0]).parent
    whole = folder.parent.parent / "whole.mp4"
    whole.write_bytes(b"".join((folder / name).read_bytes() for name in ["run1_init0.mp4", *names]))
    decode = ["ffmpeg", "-v", "error", "-i", str(whole), "-f", "framecrc", "-"]
    done = subprocess.run(decode, check=True, capture_output=True, text=True)
    assert done.stderr == ""
    assert len(re.findall(r"^0,", done.stdout, re.MULTILINE)) == 45
    assert times_of(text_of(replays, view)) == [0.0, 1.0, 3.0, 1000.0, 1002.0]
