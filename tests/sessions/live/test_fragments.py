"""Live sessions over fragments: no ffmpeg, one session with the device, and HLS in addition if a viewer asks for it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import CameraUnreachable, LimitReached, NotFound, Unavailable
from core.records import StreamState, VideoFormat
from core.settings import Settings
from media.fmp4.live import LiveFragment
from media.process import Spawner
from media.rtsp.live.feed import FeedState
from sessions.live.attempt import LiveAttempt
from sessions.live.hls_output import HlsOutput
from sessions.live.socket_output import SocketOutput
from tests.patience import LIMIT_S, until
from tests.sessions.live.tab import Tab
from tests.sessions.over_gateway import GatewayHarness
from tests.sessions.thin_device import HEVC, ID, TOKEN, Device, MakeManager, is_running

pytestmark = pytest.mark.gstreamer


@pytest.mark.slow
def test_a_tab_gets_fragments_without_ffmpeg(harness: GatewayHarness, spawner: Spawner, settings: Settings) -> None:
    tab = Tab().open(harness.manager, "plain")
    until(lambda: len(tab.fragments) > 20 and is_running(harness.manager, tab.stream_id))
    assert tab.fragments[0].is_key
    assert tab.inits[0].video.width == 192
    assert not spawner.running()
    assert not (settings.streams_dir / "camera1_plain").exists()
    view = harness.manager.session_view("camera1_plain")
    assert (view.status, view.viewers, view.transcoding) == (StreamState.RUNNING, 1, False)
    assert view.video is not None
    assert view.video.codec == "h264"
    assert view.last_segment_age_s is not None
    until(lambda: (StreamState.RUNNING, None) in tab.states)
    assert harness.manager.stop_session("camera1_plain", tab.viewer_id) is StreamState.STOPPED
    assert harness.manager.list_sessions() == []


@pytest.mark.slow
def test_a_second_tab_begins_with_the_key_frame_in_memory(harness: GatewayHarness) -> None:
    first = Tab().open(harness.manager, "slow")  # a key frame every two seconds
    until(lambda: len(first.fragments) > 25)
    second = Tab().open(harness.manager, "slow")
    assert second.fragments, "it does not wait for the next key frame"
    assert second.fragments[0].is_key
    held = [piece for piece in first.fragments if piece.start_s >= second.fragments[0].start_s]
    until(lambda: len(second.fragments) >= len(held))  # the first tab gets each fragment a moment earlier
    assert [piece.video for piece in second.fragments[: len(held)]] == [piece.video for piece in held]
    assert harness.manager.stop_session("camera1_slow", first.viewer_id) is StreamState.RUNNING


@pytest.mark.slow
def test_an_hls_viewer_joins_and_leaves_the_session_of_a_tab(
    harness: GatewayHarness, spawner: Spawner, settings: Settings
) -> None:
    tab = Tab().open(harness.manager, "plain")
    until(lambda: tab.fragments)
    view, viewer_id, is_new = harness.manager.start_hls(1, "plain")
    assert (view.stream_id, is_new) == (tab.stream_id, False)
    harness.manager.playlist(view.stream_id, "stream.m3u8", LIMIT_S, viewer_id)
    assert len(spawner.running()) == 1
    assert harness.gateway.device_sessions() == 1
    assert harness.manager.session_view(view.stream_id).viewers == 2
    assert harness.manager.stop_session(view.stream_id, viewer_id) is StreamState.RUNNING
    until(lambda: not spawner.running())
    until(lambda: not list((settings.streams_dir / "camera1_plain").glob("*")))
    seen = len(tab.fragments)
    until(lambda: len(tab.fragments) > seen + 10)
    until(lambda: is_running(harness.manager, view.stream_id))


@pytest.mark.slow
def test_a_session_looks_less_often_while_only_tabs_watch(
    harness: GatewayHarness, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits_s: list[float] = []
    step = LiveAttempt.step

    def noted(attempt: LiveAttempt) -> float:
        waits_s.append(step(attempt))
        return waits_s[-1]

    monkeypatch.setattr(LiveAttempt, "step", noted)
    Tab().open(harness.manager, "plain")
    until(lambda: waits_s and waits_s[-1] == SocketOutput.look_every_s)
    view, viewer_id, _ = harness.manager.start_hls(1, "plain")
    until(lambda: waits_s[-1] == HlsOutput.look_every_s)
    harness.manager.stop_session(view.stream_id, viewer_id)
    until(lambda: waits_s[-1] == SocketOutput.look_every_s)
    assert SocketOutput.look_every_s > HlsOutput.look_every_s


@pytest.mark.slow
def test_a_tab_joins_an_hls_session_and_outlives_its_viewers(harness: GatewayHarness, spawner: Spawner) -> None:
    view, viewer_id, _ = harness.manager.start_hls(1, "plain")
    harness.manager.playlist(view.stream_id, "stream.m3u8", LIMIT_S, viewer_id)
    tab = Tab().open(harness.manager, "plain")
    until(lambda: tab.fragments)
    assert harness.gateway.device_sessions() == 1
    assert harness.manager.stop_session(view.stream_id, viewer_id) is StreamState.RUNNING
    until(lambda: not spawner.running())
    assert harness.manager.stop_session(view.stream_id, tab.viewer_id) is StreamState.STOPPED


@pytest.mark.slow
def test_fetching_a_playlist_starts_ffmpeg_in_a_running_session(harness: GatewayHarness, spawner: Spawner) -> None:
    tab = Tab().open(harness.manager, "plain")
    until(lambda: tab.fragments)
    assert "#EXTM3U" in harness.manager.playlist("camera1_plain", "stream.m3u8", LIMIT_S)
    assert len(spawner.running()) == 1


@pytest.mark.slow
def test_audio_is_sent_only_to_tabs_that_want_it(harness: GatewayHarness) -> None:
    silent = Tab().open(harness.manager, "alaw")
    until(lambda: len(silent.fragments) > 10)
    assert not any(piece.audio for piece in silent.fragments)
    listening = Tab().open(harness.manager, "alaw", wants_audio=True)
    until(lambda: sum(bool(piece.audio) for piece in listening.fragments) > 10)
    assert listening.inits[0].codecs_with_audio.endswith(",flac")


def test_h265_is_sent_unchanged_and_uses_no_transcode_slot(harness: GatewayHarness, spawner: Spawner) -> None:
    tab = Tab().open(harness.manager, "hevc")
    until(lambda: len(tab.fragments) > 5 and is_running(harness.manager, tab.stream_id))
    assert tab.inits[0].codecs.startswith("hvc1.")
    view = harness.manager.session_view("camera1_hevc")
    assert (view.transcoding, view.source_codec) == (False, "hevc")
    assert view.video is not None
    assert view.video.codec == "hevc"
    assert not spawner.running()


@pytest.mark.slow
def test_a_reconnect_continues_on_the_same_timeline(harness: GatewayHarness) -> None:
    tab = Tab().open(harness.manager, "plain")
    until(lambda: len(tab.fragments) > 10)
    before = len(tab.fragments)
    harness.manager.restart_camera(1)
    until(lambda: len(tab.inits) > 1)
    until(lambda: len(tab.fragments) > before + 10)
    starts = [piece.start_s for piece in tab.fragments]
    assert all(after > earlier - 1.5 for earlier, after in pairwise(starts)), "what lingers may be sent once more"
    assert starts[-1] > starts[before - 1]
    assert harness.manager.session_view("camera1_plain").viewers == 1


def test_a_tab_gets_the_states_of_its_session(make_manager: MakeManager, device: Device, impatient: None) -> None:
    manager = make_manager()
    tab = Tab().open(manager, TOKEN)
    assert tab.states[0] == (StreamState.STARTING, None)
    device.refuse(CameraUnreachable("It does not answer."))
    until(lambda: (StreamState.RECONNECTING, "camera_unreachable") in tab.states)
    manager.stop_session(ID)
    until(lambda: tab.states[-1] == (StreamState.STOPPED, None))


def test_fragments_go_on_and_playlists_fail_with_a_broken_ffmpeg(
    make_manager: MakeManager, device: Device, script: Callable[[str], Path]
) -> None:
    broken = script("exit 1")
    manager = make_manager(ffmpeg=lambda: broken)
    tab = Tab().open(manager, TOKEN)
    until(lambda: device.opened and device.opened[0].sink is not None)
    sink = device.opened[0].sink
    assert sink is not None
    piece = LiveFragment((b"picture",), b"", True, 0.0, None)
    flowing = threading.Event()

    def flow() -> None:
        while not flowing.wait(0.05):
            sink.on_fragments([piece])

    thread = threading.Thread(target=flow)
    thread.start()
    try:
        with pytest.raises(Unavailable) as refused:
            manager.playlist(ID, "stream.m3u8", LIMIT_S)
        assert refused.value.code == "ffmpeg_failed"
        until(lambda: manager.session_view(ID).status is StreamState.RUNNING)
        seen = len(tab.fragments)
        until(lambda: len(tab.fragments) > seen + 5)
        assert len(device.opened) == 1, "the device is not asked again for that"
    finally:
        flowing.set()
        thread.join()


def test_the_transcode_limit_refuses_hls_and_leaves_the_tab_alone(make_manager: MakeManager, device: Device) -> None:
    device.path, device.video = "/hevc", HEVC
    manager = make_manager(known_codec="hevc", max_transcodes=1)
    manager.start_hls(2, TOKEN)
    tab = Tab().open(manager, TOKEN)
    with pytest.raises(LimitReached) as refused:
        manager.start_hls(1, TOKEN)
    assert refused.value.code == "transcode_limit"
    assert manager.session_view(ID).error is None
    assert manager.session_view(ID).viewers == 1
    assert manager.stop_session(ID, tab.viewer_id) is StreamState.STOPPED


@pytest.mark.slow
def test_a_session_without_fragments_becomes_stalled(
    make_manager: MakeManager, device: Device, impatient: None
) -> None:
    manager = make_manager(stall_after_s=0.2)
    tab = Tab().open(manager, TOKEN)
    until(lambda: (StreamState.STALLED, "stream_stalled") in tab.states)
    until(lambda: len(device.opened) > 1)


@pytest.mark.slow
def test_a_session_without_a_key_frame_says_so(make_manager: MakeManager, device: Device, impatient: None) -> None:
    device.state, device.packets = FeedState.WAITING_KEY_FRAME, 40
    manager = make_manager(stall_after_s=0.2)
    tab = Tab().open(manager, TOKEN)
    until(lambda: (StreamState.STALLED, "no_key_frame") in tab.states)


@pytest.mark.parametrize(
    ("state", "packets", "waits"),
    [
        (FeedState.CONNECTING, 0, "connecting"),
        (FeedState.WAITING_VIDEO, 0, "video"),
        (FeedState.WAITING_VIDEO, 40, "video"),  # of audio
        (FeedState.WAITING_KEY_FRAME, 40, "key_frame"),
        (FeedState.FLOWING, 40, "buffering"),
        (FeedState.SILENT, 40, "video"),
    ],
)
def test_a_session_says_what_it_waits_for(
    make_manager: MakeManager, device: Device, state: FeedState, packets: int, waits: str
) -> None:
    device.state, device.packets = state, packets
    manager = make_manager()
    tab = Tab().open(manager, TOKEN)
    until(lambda: bool(device.opened))
    until(lambda: manager.session_view(tab.stream_id).waiting_for == waits)


@pytest.mark.slow
def test_late_video_is_not_called_a_missing_key_frame(
    make_manager: MakeManager, device: Device, impatient: None
) -> None:
    device.state, device.packets = FeedState.WAITING_VIDEO, 40
    manager = make_manager(stall_after_s=0.2)
    tab = Tab().open(manager, TOKEN)
    until(lambda: (StreamState.STALLED, "stream_stalled") in tab.states)
    assert (StreamState.STALLED, "no_key_frame") not in tab.states


@pytest.mark.slow
def test_a_codec_without_fragments_is_left_to_hls(make_manager: MakeManager, device: Device, impatient: None) -> None:
    device.video = VideoFormat("mjpeg", 320, 240)
    manager = make_manager(stall_after_s=0.2)
    tab = Tab().open(manager, TOKEN)
    until(lambda: manager.session_view(tab.stream_id).waiting_for == "hls")
    until(lambda: manager.session_view(tab.stream_id).uptime_s > 1.5)  # longer than it waits for fragments
    view = manager.session_view(tab.stream_id)
    assert (view.status, view.error, view.source_codec) == (StreamState.STARTING, None, "mjpeg")
    assert not tab.fragments


def test_a_stopped_session_is_not_found(harness: GatewayHarness) -> None:
    tab = Tab().open(harness.manager, "plain")
    harness.manager.stop_session("camera1_plain")
    until(lambda: tab.states[-1][0] is StreamState.STOPPED)
    with pytest.raises(NotFound):
        harness.manager.playlist("camera1_plain", "stream.m3u8")
