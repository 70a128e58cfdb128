"""Who comes while a session ends gets one that goes on, and nobody is told "stopped" whom nobody has stopped."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from core.errors import CameraUnreachable, NotFound, Unavailable
from core.recordings import ReplaySource
from core.records import StreamState
from sessions.backoff import LOOK_AGAIN_S
from sessions.base import BaseSession
from sessions.live.run import Run
from sessions.replay.play import End, ReplayPlay
from sessions.replay.session import ReplaySession
from sessions.viewers import UNNAMED
from stream_manager import StreamManager
from tests.patience import LIMIT_S, stays, until
from tests.sessions.live.test_fragments import Tab
from tests.sessions.over_gateway import House
from tests.sessions.replay.replaying import at
from tests.sessions.replay.test_fragments import Viewer, watched
from tests.sessions.replay.thin_recorder import ThinLine, ThinRecorder
from tests.sessions.thin_device import ID, TOKEN, Device, MakeManager

pytestmark = pytest.mark.gstreamer

Meanwhile = Callable[[Callable[[], object]], None]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Iterator[Meanwhile]:
    """Has something happen once it is decided that a session ends, before anything of it is gone."""
    waiting: list[Callable[[], object]] = []
    stop = BaseSession.stop

    def stop_after_that(session: BaseSession) -> None:
        while waiting:
            waiting.pop()()
        stop(session)

    monkeypatch.setattr(BaseSession, "stop", stop_after_that)
    yield waiting.append
    assert not waiting, "nothing has ended"


def is_told_stopped(tab: Tab) -> bool:
    return any(state is StreamState.STOPPED for state, _ in tab.states)


# --- who comes meanwhile


def test_a_tab_that_comes_while_the_last_one_leaves_has_pictures(house: House, meanwhile: Meanwhile) -> None:
    first, second = Tab().open(house.manager, "plain"), Tab()
    until(lambda: first.fragments)
    meanwhile(lambda: second.open(house.manager, "plain"))
    assert house.manager.stop_session(first.stream_id, first.viewer_id) is StreamState.STOPPED
    seen = len(second.fragments)
    until(lambda: len(second.fragments) > seen + 10)
    assert not is_told_stopped(second)
    assert house.manager.session_status(second.stream_id).viewers == 1
    assert house.manager.stop_session(second.stream_id, second.viewer_id) is StreamState.STOPPED


def test_a_player_that_starts_while_the_last_one_leaves_has_segments(
    make_manager: MakeManager, meanwhile: Meanwhile
) -> None:
    manager = make_manager()
    _, viewer_id, _ = manager.start_session(1, TOKEN)
    manager.playlist(ID, "stream.m3u8", 10.0, viewer_id)
    started: list[tuple[str, bool]] = []
    meanwhile(lambda: started.append(manager.start_session(1, TOKEN)[1:]))
    assert manager.stop_session(ID, viewer_id) is StreamState.STOPPED
    [(second_id, is_new)] = started
    assert is_new
    assert "segment_00000" in manager.playlist(ID, "stream.m3u8", 10.0, second_id)
    assert manager.session_status(ID).viewers == 1


def test_who_comes_while_a_session_ends_that_nobody_watches_any_more_gets_another(
    make_manager: MakeManager, meanwhile: Meanwhile
) -> None:
    manager = make_manager(idle_end_s=0.4, unwatched_end_s=0.4)
    tab, started = Tab(), list[bool]()
    meanwhile(lambda: tab.open(manager, TOKEN))
    meanwhile(lambda: started.append(manager.start_session(1, TOKEN)[2]))
    manager.start_session(1, TOKEN)
    until(lambda: tab.viewer_id)
    assert started == [True]
    stays(lambda: not is_told_stopped(tab), 1.0)
    assert manager.session_status(ID).viewers == 1
    assert manager.stop_session(ID, tab.viewer_id) is StreamState.STOPPED


def test_a_page_that_joins_a_replay_just_as_that_ends_is_told_so(
    real: ThinRecorder, make_replays: MakeManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    del real
    replays = make_replays()
    view, viewer_id = replays.start_replay(1, "Rec0", at(0))
    touch = ReplaySession._touch

    def touch_as_it_ends(session: ReplaySession, viewer_id: str | None) -> None:
        touch(session, viewer_id)
        replays.stop_session(view.stream_id)

    monkeypatch.setattr(ReplaySession, "_touch", touch_as_it_ends)
    with pytest.raises(NotFound):
        replays.watch_replay(view.stream_id, viewer_id, Viewer())


def test_a_page_on_a_socket_is_a_viewer_of_a_replay_also_while_its_thread_waits_for_the_recorder(
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
    time.sleep(0.4)  # who fetches nothing for so long is none any more
    assert replays.session_status(stream_id).viewers == 1
    assert replays.stop_session(stream_id, "another") is StreamState.RUNNING
    may_open.set()
    until(lambda: viewer.reached_s(1) > 2)


# --- who is told


def test_who_watches_when_somebody_stops_it_for_all_is_told(house: House) -> None:
    tab = Tab().open(house.manager, "plain")
    house.manager.stop_session(tab.stream_id)
    assert tab.states[-1] == (StreamState.STOPPED, None)


def test_another_address_or_password_of_a_camera_stops_nothing(house: House) -> None:
    tab = Tab().open(house.manager, "plain")
    until(lambda: tab.fragments)
    house.manager.restart_camera(1)
    until(lambda: len(tab.inits) > 1)
    seen = len(tab.fragments)
    until(lambda: len(tab.fragments) > seen + 5)
    assert not is_told_stopped(tab)


def test_a_device_that_goes_and_comes_back_stops_nothing(
    make_manager: MakeManager, device: Device, impatient: None
) -> None:
    del impatient
    manager, tab = make_manager(), Tab()
    tab.open(manager, TOKEN)
    until(lambda: manager.session_status(ID).status is not StreamState.STARTING or device.opened)
    device.refuse(CameraUnreachable("It is being restarted."))
    until(lambda: (StreamState.RECONNECTING, "camera_unreachable") in tab.states)
    connected = len(device.opened)
    device.refuse(None)
    until(lambda: len(device.opened) > connected)
    assert not is_told_stopped(tab)


def test_who_was_taken_away_is_told_nothing_and_the_others_keep_theirs(house: House) -> None:
    mine, hers = Tab().open(house.manager, "plain"), Tab().open(house.manager, "plain")
    _, viewer_id, _ = house.manager.start_session(1, "plain")
    assert house.manager.leave_session(mine.stream_id, (mine.viewer_id, viewer_id, UNNAMED)) is StreamState.RUNNING
    assert house.manager.session_status(mine.stream_id).viewers == 1
    assert house.manager.leave_session(hers.stream_id, (hers.viewer_id,), may_end=False) is StreamState.RUNNING
    assert house.manager.leave_session(hers.stream_id, ("nobody",)) is StreamState.STOPPED
    assert not is_told_stopped(mine)
    assert not is_told_stopped(hers)
    with pytest.raises(NotFound):
        house.manager.leave_session("camera9_never", ("x",))


def test_a_fault_of_ours_is_said_and_tried_again_not_called_a_stop(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setitem(LOOK_AGAIN_S, "internal_error", 0.3)
    run_once = Run.run_once

    def run_badly(run: Run) -> None:
        monkeypatch.setattr(Run, "run_once", run_once)
        raise RuntimeError("a fault, made for this test")

    monkeypatch.setattr(Run, "run_once", run_badly)
    tab = Tab().open(house.manager, "plain")
    until(lambda: (StreamState.FAILED, "internal_error") in tab.states)
    assert "a fault, made for this test" in caplog.text
    until(lambda: len(tab.fragments) > 5)
    assert not is_told_stopped(tab)


def test_a_fault_of_ours_ends_no_replay_and_a_seek_does_not_wait(
    real: ThinRecorder, replays: StreamManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_once = ReplayPlay.run_once

    def run_badly(play: ReplayPlay) -> End:
        monkeypatch.setattr(ReplayPlay, "run_once", run_once)
        raise RuntimeError("a fault, made for this test")

    monkeypatch.setattr(ReplayPlay, "run_once", run_badly)
    stream_id, _, viewer = watched(replays)
    until(lambda: replays.session_status(stream_id).error)
    replays.seek_replay(stream_id, at(60))
    until(lambda: viewer.reached_s(2) > 2)
    assert replays.session_status(stream_id).error is None
    assert real.open_lines() == 1
