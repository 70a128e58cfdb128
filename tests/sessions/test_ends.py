"""A viewer that joins while a session ends gets a new session; the state "stopped" is sent only after a stop."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest

from core.clock import SystemClock
from core.errors import CameraUnreachable, NotFound, Unavailable
from core.recordings import ReplaySource
from core.records import Problem, StreamState
from media.hls.live_playlist import LiveTimeline
from sessions.backoff import FIXED_WAIT_S
from sessions.base import BaseSession
from sessions.ids import LiveStreamKey
from sessions.live.attempt import LiveAttempt
from sessions.live.session import LiveSession
from sessions.live.status import SessionStatus
from sessions.replay.play import ReplayPlay
from sessions.replay.session import ReplaySession
from sessions.view import StreamView
from sessions.viewers import UNNAMED
from stream_manager import StreamManager
from tests.patience import LIMIT_S, promised, stays, until
from tests.sessions.live.tab import Tab
from tests.sessions.over_gateway import GatewayHarness
from tests.sessions.replay.replaying import at
from tests.sessions.replay.thin_recorder import ThinLine, ThinRecorder
from tests.sessions.replay.viewer import Viewer, watched
from tests.sessions.thin_device import ID, TOKEN, Device, MakeManager

pytestmark = pytest.mark.gstreamer

Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meanwhile]:
    """Return a function that registers a callback; it runs when a session is about to stop, before any cleanup."""
    waiting: list[Callable[[], object]] = []
    stop = BaseSession.stop

    def stop_after_that(session: BaseSession) -> None:
        while waiting:
            waiting.pop()()
        stop(session)

    monkeypatch.setattr(BaseSession, "stop", stop_after_that)
    yield waiting.append
    assert not waiting, "nothing has ended"


def has_stopped_state(tab: Tab) -> bool:
    return any(state is StreamState.STOPPED for state, _ in tab.states)


# --- the end of the app


@pytest.mark.slow
def test_stopping_many_sessions_that_hang_takes_no_longer_than_one(
    make_manager: MakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = make_manager()
    released = threading.Event()
    stop = BaseSession.stop

    def stop_late(session: BaseSession) -> None:
        released.wait(LIMIT_S)
        stop(session)

    for number in range(12):
        manager.start_hls(1, f"Profile{number}")
    with monkeypatch.context() as patch:
        patch.setattr(BaseSession, "stop", stop_late)
        patch.setattr("stream_manager._STOP_ALL_S", 1.0)
        with promised(7.0):  # one wait of a second per session, one after another, would be 12
            manager.stop()
        released.set()
    until(lambda: not [one for one in threading.enumerate() if one.name == "stop-session"])  # they end processes


# --- viewers that join during the end


@pytest.mark.slow
def test_a_tab_that_opens_while_the_last_one_leaves_gets_fragments(
    harness: GatewayHarness, meanwhile: Meanwhile
) -> None:
    first, second = Tab().open(harness.manager, "plain"), Tab()
    until(lambda: first.fragments)
    meanwhile(lambda: second.open(harness.manager, "plain"))
    assert harness.manager.stop_session(first.stream_id, first.viewer_id) is StreamState.STOPPED
    seen = len(second.fragments)
    until(lambda: len(second.fragments) > seen + 10)
    assert not has_stopped_state(second)
    assert harness.manager.session_view(second.stream_id).viewers == 1
    assert harness.manager.stop_session(second.stream_id, second.viewer_id) is StreamState.STOPPED


@pytest.mark.slow
def test_a_player_that_starts_while_the_last_one_leaves_gets_segments(
    make_manager: MakeManager, meanwhile: Meanwhile
) -> None:
    manager = make_manager()
    _, viewer_id, _ = manager.start_hls(1, TOKEN)
    manager.playlist(ID, "stream.m3u8", LIMIT_S, viewer_id)
    started: list[tuple[str, bool]] = []
    meanwhile(lambda: started.append(manager.start_hls(1, TOKEN)[1:]))
    assert manager.stop_session(ID, viewer_id) is StreamState.STOPPED
    [(second_id, is_new)] = started
    assert is_new
    assert "segment_00000" in manager.playlist(ID, "stream.m3u8", LIMIT_S, second_id)
    assert manager.session_view(ID).viewers == 1


@pytest.mark.slow
def test_a_viewer_that_joins_an_idle_session_at_its_end_gets_a_new_one(
    make_manager: MakeManager, meanwhile: Meanwhile
) -> None:
    manager = make_manager(idle_end_s=0.4, unwatched_end_s=0.4)
    tab, started = Tab(), list[bool]()
    meanwhile(lambda: tab.open(manager, TOKEN))
    meanwhile(lambda: started.append(manager.start_hls(1, TOKEN)[2]))
    manager.start_hls(1, TOKEN)
    until(lambda: tab.viewer_id)
    assert started == [True]
    stays(lambda: not has_stopped_state(tab), 1.0)
    assert manager.session_view(ID).viewers == 1
    assert manager.stop_session(ID, tab.viewer_id) is StreamState.STOPPED


def test_a_page_that_joins_a_replay_as_it_ends_gets_an_error(
    real: ThinRecorder, make_replays: MakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    del real
    replays = make_replays()
    view, viewer_id = replays.start_replay(1, "Rec0", at(0))
    note_fetch = ReplaySession._note_fetch

    def note_fetch_as_it_ends(session: ReplaySession, viewer_id: str | None) -> None:
        note_fetch(session, viewer_id)
        replays.stop_session(view.stream_id)

    monkeypatch.setattr(ReplaySession, "_note_fetch", note_fetch_as_it_ends)
    with pytest.raises(NotFound):
        replays.watch_replay(view.stream_id, viewer_id, Viewer())


@pytest.mark.slow
def test_a_socket_viewer_counts_while_the_recorder_opens_slowly(
    real: ThinRecorder, make_replays: MakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_open, open_connection = threading.Event(), real.open

    def open_slowly(source: ReplaySource) -> ThinLine:
        may_open.wait(LIMIT_S)
        return open_connection(source)

    monkeypatch.setattr(real, "open", open_slowly)
    replays = make_replays(idle_end_s=0.3)
    stream_id, _, viewer = watched(replays)
    with pytest.raises(Unavailable):
        replays.playlist(stream_id, "run1.m3u8", 0.0, "another")
    until(lambda: replays.session_view(stream_id).viewers == 1)  # the HLS viewer ends after idle_end_s
    stays(lambda: replays.session_view(stream_id).viewers == 1, 0.4)
    assert replays.stop_session(stream_id, "another") is StreamState.RUNNING
    may_open.set()
    until(lambda: viewer.reached_s(1) > 2)


# --- the state "stopped"


def test_a_stop_for_all_viewers_sends_stopped(harness: GatewayHarness) -> None:
    tab = Tab().open(harness.manager, "plain")
    harness.manager.stop_session(tab.stream_id)
    assert tab.states[-1] == (StreamState.STOPPED, None)


def test_no_state_of_the_sessions_thread_follows_stopped(
    make_manager: MakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager, tab = make_manager(), Tab()
    view = LiveSession.view
    stopping = threading.Thread(target=manager.stop_session, args=(ID,))

    def view_during_a_stop(session: LiveSession) -> StreamView:
        found = view(session)
        if threading.current_thread() is session._thread and stopping.ident is None:
            stopping.start()
            stopping.join(0.5)  # it may have to wait until the session's thread has sent this state
        return found

    monkeypatch.setattr(LiveSession, "view", view_during_a_stop)
    tab.open(manager, TOKEN)
    session = manager._table.running(ID)
    until(lambda: has_stopped_state(tab))
    session.join(LIMIT_S)
    stopping.join(LIMIT_S)
    stopped = (StreamState.STOPPED, None)
    assert set(tab.states[tab.states.index(stopped) :]) == {stopped}


def test_a_late_report_of_the_sessions_thread_leaves_the_state_stopped() -> None:
    timeline = LiveTimeline(kept=3, segment_s=1.0)
    status = SessionStatus(SystemClock(), LiveStreamKey(1, TOKEN), timeline, None)
    status.end()
    status.set_problem(StreamState.FAILED, Problem("stream_stalled", "No new segment."))
    status.note_fragment(1.0)
    assert (status.state, status.error) == (StreamState.STOPPED, None)


@pytest.mark.slow
def test_a_restart_of_the_camera_does_not_send_stopped(harness: GatewayHarness) -> None:
    tab = Tab().open(harness.manager, "plain")
    until(lambda: tab.fragments)
    harness.manager.restart_camera(1)
    until(lambda: len(tab.inits) > 1)
    seen = len(tab.fragments)
    until(lambda: len(tab.fragments) > seen + 5)
    assert not has_stopped_state(tab)


def test_a_device_that_goes_and_comes_back_does_not_send_stopped(
    make_manager: MakeManager, device: Device, impatient: None
) -> None:
    del impatient
    manager, tab = make_manager(), Tab()
    tab.open(manager, TOKEN)
    until(lambda: manager.session_view(ID).status is not StreamState.STARTING or device.opened)
    device.refuse(CameraUnreachable("It is being restarted."))
    until(lambda: (StreamState.RECONNECTING, "camera_unreachable") in tab.states)
    connected = len(device.opened)
    device.refuse(None)
    until(lambda: len(device.opened) > connected)
    assert not has_stopped_state(tab)


def test_viewers_taken_away_get_no_stopped_and_others_stay(harness: GatewayHarness) -> None:
    mine, hers = Tab().open(harness.manager, "plain"), Tab().open(harness.manager, "plain")
    _, viewer_id, _ = harness.manager.start_hls(1, "plain")
    assert harness.manager.leave_session(mine.stream_id, (mine.viewer_id, viewer_id, UNNAMED)) is StreamState.RUNNING
    assert harness.manager.session_view(mine.stream_id).viewers == 1
    assert harness.manager.leave_session(hers.stream_id, (hers.viewer_id,), may_end=False) is StreamState.RUNNING
    assert harness.manager.leave_session(hers.stream_id, ("nobody",)) is StreamState.STOPPED
    assert not has_stopped_state(mine)
    assert not has_stopped_state(hers)
    with pytest.raises(NotFound):
        harness.manager.leave_session("camera9_never", ("x",))


@pytest.mark.slow
def test_an_internal_error_is_reported_and_retried_without_stopped(
    harness: GatewayHarness, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(FIXED_WAIT_S, "internal_error", 0.3)
    connect = LiveAttempt.connect

    def connect_badly(attempt: LiveAttempt) -> None:
        monkeypatch.setattr(LiveAttempt, "connect", connect)
        raise RuntimeError("a fault, made for this test")

    monkeypatch.setattr(LiveAttempt, "connect", connect_badly)
    tab = Tab().open(harness.manager, "plain")
    until(lambda: (StreamState.FAILED, "internal_error") in tab.states)
    assert "a fault, made for this test" in caplog.text
    until(lambda: len(tab.fragments) > 5)
    assert not has_stopped_state(tab)


def test_a_seek_works_immediately_after_an_internal_error(
    real: ThinRecorder, replays: StreamManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = ReplayPlay.start

    def start_badly(play: ReplayPlay) -> None:
        monkeypatch.setattr(ReplayPlay, "start", start)
        raise RuntimeError("a fault, made for this test")

    monkeypatch.setattr(ReplayPlay, "start", start_badly)
    stream_id, _, viewer = watched(replays)
    until(lambda: replays.session_view(stream_id).error)
    replays.seek_replay(stream_id, at(60))
    until(lambda: viewer.reached_s(2) > 2)
    assert replays.session_view(stream_id).error is None
    assert real.open_lines() == 1
