"""Replay sessions: where a seek leads, how much is fetched, what happens when the recorder refuses or goes away."""

from __future__ import annotations

import random
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NoReturn

import psutil
import pytest

from core.clock import SystemClock
from core.errors import (
    CameraAuthFailed,
    CameraBusy,
    CameraUnreachable,
    CameraUnsupported,
    Conflict,
    InvalidRequest,
    LimitReached,
    NotFound,
    Unavailable,
)
from core.recordings import ReplaySource
from core.records import StreamKind, StreamState, VideoFormat
from core.settings import Settings
from media.process import Spawner
from sessions.replay_session import ReplaySession
from sessions.run import Stalled
from sessions.view import StreamView
from stream_manager import StreamManager
from tests.streams.thin_device import until
from tests.streams.thin_recorder import ThinMaker, ThinRecorder

NIGHT = datetime(2026, 11, 22, 2, 0, 0, tzinfo=UTC)
NIGHT_S = NIGHT.timestamp()
HOUR_S = 3600.0

MakeManager = Callable[..., StreamManager]


def at(seconds: float) -> datetime:
    return NIGHT + timedelta(seconds=seconds)


@pytest.fixture
def recorder() -> ThinRecorder:
    return ThinRecorder([(NIGHT_S, NIGHT_S + HOUR_S)])


@pytest.fixture
def make(settings: Settings, spawner: Spawner, recorder: ThinRecorder) -> Iterator[MakeManager]:
    made: list[StreamManager] = []

    def no_feed(*_: object) -> NoReturn:
        raise AssertionError("a replay opens no live feed")

    def make(**changed: object) -> StreamManager:
        manager = StreamManager(
            settings=replace(settings, **changed),  # type: ignore[arg-type]  # any setting, by name
            clock=SystemClock(),
            spawner=spawner,
            open_feed=no_feed,
            resolve_source=no_feed,
            find_replay=recorder.find,
            open_replay=recorder.open,
            make_segments=lambda *_: ThinMaker(),
        )
        manager.start_rooms()
        made.append(manager)
        return manager

    yield make
    for manager in made:
        manager.stop_rooms()
    assert recorder.open_lines() == 0


@pytest.fixture
def manager(make: MakeManager) -> StreamManager:
    return make()


def play(manager: StreamManager, at_s: float = 0.0) -> StreamView:
    return manager.start_replay(1, "Rec0", at(at_s))[0]


def name_of(view: StreamView) -> str:
    return view.playlist_url.rpartition("/")[2]


def text_of(manager: StreamManager, view: StreamView, wait_s: float = 5.0) -> str:
    return manager.playlist(view.stream_id, name_of(view), wait_s)


def segments_of(text: str) -> list[str]:
    return re.findall(r"^run\d+_\d+\.m4s$", text, re.MULTILINE)


def times_of(text: str) -> list[float]:
    """Seconds after NIGHT at which the segments begin."""
    return [(datetime.fromisoformat(item) - NIGHT).total_seconds() for item in re.findall("DATE-TIME:(.*)", text)]


def pictures_in(path: Path) -> list[float]:
    return [round(float(item) - NIGHT_S, 1) for item in re.findall(rb"[\x65\x41](\d+\.\d)\|", path.read_bytes())]


def test_a_recording_plays_from_the_time_asked_for(manager: StreamManager, settings: Settings) -> None:
    view = play(manager, 780.4)
    assert (view.kind, view.recording_token, view.start_time) == (StreamKind.REPLAY, "Rec0", at(780.4))
    assert view.status is StreamState.STARTING
    text = text_of(manager, view)
    assert times_of(text)[0] == 780.0  # the key frame at or before
    path = manager.segment_path(view.stream_id, segments_of(text)[0])
    assert path.parent == settings.streams_dir / view.stream_id
    assert pictures_in(path)[:3] == [780.0, 780.2, 780.4]
    assert manager.segment_path(view.stream_id, "run1_init0.mp4").read_bytes() == b"init"
    status = manager.status(view.stream_id)
    assert (status.status, status.error, status.start_time) == (StreamState.RUNNING, None, at(780))
    assert status.video is not None
    assert (status.video.codec, status.transcoding, status.source_codec) == ("h264", False, "h264")
    assert manager.all()[0].stream_id == view.stream_id


def test_times_are_true_although_the_recorders_clock_is_an_hour_ahead(
    make: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.ahead_s = HOUR_S
    recorder.spans = [(NIGHT_S + HOUR_S, NIGHT_S + HOUR_S + 30)]
    manager = make()
    view = play(manager, 10.0)
    assert times_of(text_of(manager, view))[0] == 10.0
    assert recorder.plays == [NIGHT_S + HOUR_S + 10.0]
    assert manager.seek(view.stream_id, at(20.5)).start_time == at(20)
    assert recorder.plays[-1] == NIGHT_S + HOUR_S + 20.5


def test_a_seek_is_a_new_run_at_a_new_address_in_the_same_session(
    manager: StreamManager, recorder: ThinRecorder
) -> None:
    view = play(manager)
    text_of(manager, view)
    moved = manager.seek(view.stream_id, at(1800.7))
    assert moved.start_time == at(1800)
    assert moved.playlist_url == f"/static/streams/{view.stream_id}/run2.m3u8"
    text = text_of(manager, moved)
    assert times_of(text)[0] == 1800.0
    assert all(name.startswith("run2_") for name in segments_of(text))
    assert manager.status(view.stream_id).playlist_url == moved.playlist_url
    assert len(recorder.lines) == 1
    assert text_of(manager, view).endswith("#EXT-X-ENDLIST\n")  # who still plays it may finish what is there
    manager.seek(view.stream_id, at(0))
    with pytest.raises(NotFound):
        text_of(manager, view)


def test_at_most_a_minute_is_fetched_ahead_of_what_a_player_asked_for(
    manager: StreamManager, recorder: ThinRecorder
) -> None:
    view = play(manager)
    line = recorder.lines[0] if until(lambda: recorder.lines) else None
    assert line is not None
    assert until(lambda: line.is_paused)
    assert until(lambda: len(segments_of(text_of(manager, view))) >= 28)
    sent = line.sent
    time.sleep(0.3)
    assert line.sent == sent <= 60 * 5
    names = segments_of(text_of(manager, view))
    manager.segment_path(view.stream_id, names[10])
    assert until(lambda: line.is_paused and line.sent >= (22 + 55) * 5)
    assert line.sent <= (22 + 60) * 5


def test_a_seek_goes_on_although_the_line_was_held_back(manager: StreamManager, recorder: ThinRecorder) -> None:
    view = play(manager)
    assert until(lambda: recorder.lines and recorder.lines[0].is_paused)
    assert manager.seek(view.stream_id, at(2000)).start_time == at(2000)


def test_what_is_too_much_is_dropped_at_the_old_end(make: MakeManager, recorder: ThinRecorder) -> None:
    recorder.picture_bytes = 100_000  # a segment is 1 MB
    manager = make(replay_session_bytes=20_000_000)
    view = play(manager)
    seen: set[str] = set()

    def watch() -> int:
        for name in segments_of(text_of(manager, view)):
            if name not in seen:
                seen.add(name)
                manager.segment_path(view.stream_id, name)
        return len(seen)

    assert until(lambda: watch() >= 40)
    text = text_of(manager, view)
    first = int(re.findall(r"MEDIA-SEQUENCE:(\d+)", text)[0])
    assert segments_of(text)[0] == f"run1_{first}.m4s"
    assert first > 0
    folder = manager.segment_path(view.stream_id, segments_of(text)[0]).parent
    assert until(lambda: len(list(folder.glob("*.m4s"))) <= 21)
    assert not (folder / "run1_0.m4s").exists()
    assert (folder / "run1_init0.mp4").exists()


def test_what_nobody_has_seen_yet_is_not_dropped_but_waited_with(make: MakeManager, recorder: ThinRecorder) -> None:
    recorder.picture_bytes = 100_000
    manager = make(replay_session_bytes=20_000_000)
    view = play(manager)
    assert until(lambda: recorder.lines and recorder.lines[0].is_paused)
    time.sleep(0.3)
    assert "MEDIA-SEQUENCE:0\n" in text_of(manager, view)


def test_playing_goes_on_across_a_gap_and_marks_it(make: MakeManager, recorder: ThinRecorder) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 5), (NIGHT_S + 1000, NIGHT_S + 1004)]
    manager = make()
    view = play(manager)
    assert until(lambda: text_of(manager, view).endswith("#EXT-X-ENDLIST\n"))
    text = text_of(manager, view)
    assert times_of(text) == [0.0, 1.0, 3.0, 1000.0, 1002.0]  # the first is short: it is waited for
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    assert "DISCONTINUITY\n#EXT-X-PROGRAM-DATE-TIME:2026-11-22T02:16:40.000Z" in text


def test_a_seek_into_a_gap_begins_behind_it_and_says_so(make: MakeManager, recorder: ThinRecorder) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 5), (NIGHT_S + 1000, NIGHT_S + 1004)]
    manager = make()
    view = play(manager)
    assert manager.seek(view.stream_id, at(500)).start_time == at(1000)


def test_a_seek_behind_the_end_finds_nothing_and_the_session_lives_on(
    manager: StreamManager, recorder: ThinRecorder
) -> None:
    view = play(manager)
    with pytest.raises(NotFound) as caught:
        manager.seek(view.stream_id, at(2 * HOUR_S))
    assert caught.value.code == "no_recording"
    status = manager.status(view.stream_id)
    assert status.error is not None
    assert (status.status, status.error.code) == (StreamState.FAILED, "no_recording")
    assert manager.seek(view.stream_id, at(7)).start_time == at(7)
    assert until(lambda: manager.status(view.stream_id).status is StreamState.RUNNING)
    assert len(recorder.lines) == 1


def test_it_ends_at_the_end_asked_for_although_the_recorder_goes_on(manager: StreamManager) -> None:
    view, _ = manager.start_replay(1, "Rec0", at(10), end_utc=at(14))
    assert until(lambda: text_of(manager, view).endswith("#EXT-X-ENDLIST\n"))
    assert times_of(text_of(manager, view)) == [10.0, 11.0, 13.0]


def test_a_later_seek_takes_the_place_of_one_that_waits(make: MakeManager, recorder: ThinRecorder) -> None:
    recorder.key_frame_late_s = 0.4
    manager = make()
    view = play(manager)
    codes: list[str] = []

    def seek_first() -> None:
        try:
            manager.seek(view.stream_id, at(100))
        except Conflict as error:
            codes.append(error.code)

    waiting = threading.Thread(target=seek_first)
    waiting.start()
    assert until(lambda: manager.status(view.stream_id).playlist_url.endswith("run2.m3u8"))
    assert manager.seek(view.stream_id, at(200)).start_time == at(200)
    waiting.join(5)
    assert codes == ["superseded"]


def test_a_recorder_that_takes_its_time_is_waited_for_and_then_goes_on(
    make: MakeManager, recorder: ThinRecorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder.opening_s = 0.8
    manager = make()
    view = play(manager)
    session = manager._sessions[view.stream_id]
    assert isinstance(session, ReplaySession)
    with pytest.raises(Unavailable) as caught:
        session.seek(at(100), wait_s=0.2)
    assert caught.value.code == "not_ready"
    assert until(lambda: manager.status(view.stream_id).start_time == at(100))
    assert times_of(text_of(manager, manager.status(view.stream_id)))[0] == 100.0


def test_a_session_lost_in_mid_play_is_joined_on_without_a_picture_twice_or_missing(
    make: MakeManager, recorder: ThinRecorder, impatient: None
) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 20)]
    recorder.fails_after = [(27, CameraUnreachable("Gone."))]
    manager = make()
    view = play(manager)
    assert until(lambda: text_of(manager, view).endswith("#EXT-X-ENDLIST\n"))
    text = text_of(manager, view)
    assert text.count("#EXT-X-DISCONTINUITY\n") == 1
    seen = [moment for name in segments_of(text) for moment in pictures_in(manager.segment_path(view.stream_id, name))]
    assert seen == [pytest.approx(place / 5) for place in range(100)]
    assert manager.status(view.stream_id).restarts == 1
    assert len(recorder.lines) == 2


def test_a_recorder_that_is_gone_is_asked_again_and_again(
    make: MakeManager, recorder: ThinRecorder, impatient: None
) -> None:
    recorder.fails_after = [(0, CameraUnreachable("Gone."))] * 3
    manager = make()
    view = play(manager)
    states: set[tuple[StreamState, str | None]] = set()

    def look() -> bool:
        status = manager.status(view.stream_id)
        states.add((status.status, status.error.code if status.error else None))
        return status.status is StreamState.RUNNING

    assert until(look)
    assert (StreamState.RECONNECTING, "camera_unreachable") in states


def test_a_seek_says_why_it_cannot_be_done(make: MakeManager, recorder: ThinRecorder) -> None:
    manager = make()
    view = play(manager)
    text_of(manager, view)
    for error in (CameraUnreachable("Gone."), CameraBusy("Full."), CameraAuthFailed("No.")):
        recorder.fails_after = [(0, error)]
        with pytest.raises(type(error)):
            manager.seek(view.stream_id, at(50))


def test_a_recorder_that_refuses_one_more_session_says_so(make: MakeManager, recorder: ThinRecorder) -> None:
    recorder.places = 0
    manager = make()
    view = play(manager)
    with pytest.raises(Unavailable) as caught:
        manager.playlist(view.stream_id, "run1.m3u8", 0.5)
    assert caught.value.code == "camera_busy"


def test_a_recording_that_carries_no_video_we_can_show_is_said_at_once(
    make: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.video = VideoFormat("mpeg4")
    manager = make()
    view = play(manager)
    with pytest.raises(Unavailable) as caught:
        text_of(manager, view)
    assert caught.value.code == "camera_unsupported"


def test_a_recorder_that_says_nothing_is_stalled(make: MakeManager, recorder: ThinRecorder, impatient: None) -> None:
    manager = make(rtsp_timeout_s=0.2)
    view = play(manager)
    text_of(manager, view)
    recorder.silent = True
    with pytest.raises(Stalled):
        manager.seek(view.stream_id, at(50))
    error = manager.status(view.stream_id).error
    assert error is not None
    assert error.code == "stream_stalled"


def test_a_third_time_on_one_recorder_is_refused_and_nobodys_picture_taken(
    manager: StreamManager, recorder: ThinRecorder
) -> None:
    first, second = play(manager, 0), play(manager, 600)
    with pytest.raises(LimitReached) as caught:
        play(manager, 1200)
    assert (caught.value.code, caught.value.used_by) == ("replay_limit", (first.stream_id, second.stream_id))
    assert times_of(text_of(manager, first))[0] == 0.0
    manager.stop(first.stream_id)
    third = play(manager, 1200)
    assert times_of(text_of(manager, third))[0] == 1200.0
    manager.start_replay(2, "Rec0", at(0))  # another recorder has places of its own


def test_stop_gives_everything_back(manager: StreamManager, recorder: ThinRecorder, settings: Settings) -> None:
    view, viewer_id = manager.start_replay(1, "Rec0", at(0))
    manager.playlist(view.stream_id, "run1.m3u8", 5.0, viewer_id)
    assert manager.stop(view.stream_id, "somebody-else") is StreamState.RUNNING
    assert manager.stop(view.stream_id, viewer_id) is StreamState.STOPPED
    assert recorder.open_lines() == 0
    assert list(settings.streams_dir.iterdir()) == []
    assert manager.status(view.stream_id).status is StreamState.STOPPED
    assert manager.stop(view.stream_id) is StreamState.STOPPED
    for call in (lambda: manager.seek(view.stream_id, at(1)), lambda: text_of(manager, view)):
        with pytest.raises(NotFound):
            call()


def test_a_session_that_nobody_watches_ends(make: MakeManager, recorder: ThinRecorder, settings: Settings) -> None:
    manager = make(idle_end_s=1.0, unwatched_end_s=1.0)
    view = play(manager)
    text_of(manager, view)
    assert until(lambda: manager.all() == [], 5)
    assert recorder.open_lines() == 0
    assert list(settings.streams_dir.iterdir()) == []


def test_a_recording_that_was_played_to_its_end_can_be_looked_at_for_longer(
    make: MakeManager, recorder: ThinRecorder
) -> None:
    recorder.spans = [(NIGHT_S, NIGHT_S + 4)]
    manager = make(
        idle_end_s=1.0, unwatched_end_s=60.0, device_replay_sessions=1
    )  # a player fetches nothing any more after ENDLIST
    view = play(manager)
    assert until(lambda: text_of(manager, view).endswith("#EXT-X-ENDLIST\n"))
    assert until(lambda: recorder.open_lines() == 0, 5)  # but the recorder has its session back
    assert manager.status(view.stream_id).status is StreamState.RUNNING
    other = play(manager)  # for somebody else
    manager.stop(other.stream_id)
    assert manager.seek(view.stream_id, at(2)).start_time == at(2)


def test_only_replays_can_be_sought_in(manager: StreamManager) -> None:
    with pytest.raises(NotFound):
        manager.seek("replay1_0000000000000000", at(0))
    view = play(manager)
    with pytest.raises(NotFound):
        manager.playlist(view.stream_id, "stream.m3u8", 0.1)
    with pytest.raises(InvalidRequest):
        manager.start_replay(1, "Rec0", at(0), accept=())


def test_without_recordings_it_says_what_is_missing(settings: Settings, spawner: Spawner, make: MakeManager) -> None:
    manager = make()
    manager._tools = replace(manager._tools, find_replay=_refuse)
    view = play(manager)
    with pytest.raises(CameraUnsupported):
        manager.seek(view.stream_id, at(0))


def _refuse(_camera_id: int, _token: str) -> tuple[ReplaySource, float]:
    raise CameraUnsupported("This device plays no recordings.", service="replay")


def test_sixty_seeks_leave_two_runs_and_one_line(manager: StreamManager, recorder: ThinRecorder) -> None:
    view = play(manager)
    text_of(manager, view)
    before = threading.active_count()
    for number in range(60):
        moved = manager.seek(view.stream_id, at(number * 50))
        assert moved.start_time == at(number * 50)
    text = text_of(manager, moved)
    folder = manager.segment_path(view.stream_id, segments_of(text)[0]).parent
    runs = {path.name.partition("_")[0] for path in folder.iterdir()}
    assert runs <= {"run60", "run61"}
    assert len(recorder.lines) == 1
    assert until(lambda: threading.active_count() <= before)


@pytest.mark.stress
def test_two_thousand_seeks_leave_nothing_behind(manager: StreamManager, recorder: ThinRecorder) -> None:
    recorder.picture_bytes = 5000
    view = play(manager)
    here = psutil.Process()
    chance = random.Random(7)

    def seek(count: int) -> tuple[int, int]:
        for _ in range(count):
            second = chance.randrange(3500)
            moved = manager.seek(view.stream_id, at(second))
            assert moved.start_time == at(second)
            if chance.random() < 0.2:
                text_of(manager, moved)
            time.sleep(chance.random() * 0.02)
        return here.num_fds(), here.memory_info().rss

    fds, rss = seek(200)
    fds_after, rss_after = seek(1800)
    assert fds_after <= fds + 2
    assert rss_after - rss < 10_000_000
    assert len(recorder.lines) == 1
    assert until(lambda: threading.active_count() < 10)
