"""Small video for thin links: its format, its ffmpeg, its places, and the viewers of the sub stream meanwhile."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import CameraUnreachable, CameraUnsupported, LimitReached, NotFound
from core.records import StreamState, VideoFormat
from media.commands import SMALL_KBPS
from media.process import Spawner
from tests.media.fmp4.decoding import decoded
from tests.patience import promised, until
from tests.sessions.live.tab import Tab
from tests.sessions.over_gateway import GatewayHarness
from tests.sessions.thin_device import TOKEN, Device, MakeManager, seen

pytestmark = pytest.mark.gstreamer

SMALL_ID = f"camera1_{TOKEN}.small"

MakeScript = Callable[[str], Path]


@pytest.mark.slow
def test_small_video_has_few_frames_of_a_small_size(harness: GatewayHarness, spawner: Spawner, tmp_path: Path) -> None:
    sub = Tab().open(harness.manager, "sub", wants_audio=True)
    small = Tab().open(harness.manager, "sub", wants_audio=True, is_small=True)
    assert (sub.stream_id, small.stream_id) == ("camera1_sub", "camera1_sub.small")
    until(lambda: len(small.fragments) > 60)
    init, fragments = small.inits[0], small.fragments[:60]
    assert (init.video.codec, init.video.width, init.video.height) == ("h264", 480, 270)
    assert not init.is_reordered
    assert init.audio is not None, "the page shows that the channel has audio"
    assert not any(piece.audio for piece in fragments)
    assert len(decoded(tmp_path, init.data + b"".join(piece.video for piece in fragments))) == 60
    keys = [piece for piece in fragments if piece.is_key]
    assert fragments[0].is_key
    assert all(key.arrived_utc is not None for key in keys)
    assert all(after - key <= 21 for key, after in pairwise(fragments.index(key) for key in keys)), "every two seconds"
    length_s = fragments[-1].start_s - fragments[0].start_s
    assert 59 / length_s < 10.8
    assert sum(len(piece.video) for piece in fragments[1:]) * 8 / 1000 / length_s < SMALL_KBPS * 1.1
    assert harness.gateway.device_sessions() == 1
    until(lambda: (harness.manager.session_view(small.stream_id).bitrate_kbps or 0) > 10)
    view = harness.manager.session_view(small.stream_id)
    assert (view.status, view.transcoding, view.audio) == (StreamState.RUNNING, True, None)
    assert view.video is not None
    assert (view.video.width, view.video.height) == (480, 270)
    assert harness.manager.session_view("camera1_sub").frames_dropped == 0
    assert len(spawner.running()) == 1


@pytest.mark.slow
def test_one_ffmpeg_serves_all_viewers_and_ends_with_the_last_one(harness: GatewayHarness, spawner: Spawner) -> None:
    manager = harness.manager
    first = Tab().open(manager, "sub", is_small=True)
    until(lambda: len(first.fragments) > 10)
    second = Tab().open(manager, "sub", is_small=True)
    until(lambda: second.fragments)
    assert second.fragments[0].is_key
    assert len(spawner.running()) == 1
    assert manager.stop_session(first.stream_id, first.viewer_id) is StreamState.RUNNING
    count = len(second.fragments)
    until(lambda: len(second.fragments) > count + 10)
    with promised(5.0):
        manager.stop_session(second.stream_id, second.viewer_id)
        until(lambda: not spawner.running())
    assert manager.list_sessions() == []


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_a_killed_ffmpeg_is_replaced_and_viewers_go_on(harness: GatewayHarness, spawner: Spawner) -> None:
    sub = Tab().open(harness.manager, "sub")
    small = Tab().open(harness.manager, "sub", is_small=True)
    until(lambda: len(small.fragments) > 5)
    os.kill(spawner.running()[0].pid, signal.SIGKILL)
    until(lambda: len(small.inits) >= 2)
    count = len(small.fragments)
    until(lambda: len(small.fragments) > count + 15)
    assert all(before.start_s < after.start_s for before, after in pairwise(small.fragments))
    assert harness.manager.session_view(small.stream_id).restarts >= 1
    assert not [code for _, code in sub.states if code]
    assert harness.manager.session_view(sub.stream_id).restarts == 0


def test_small_video_is_refused_without_a_free_place(harness: GatewayHarness) -> None:
    manager = harness.manager
    first = Tab().open(manager, "sub", is_small=True)
    Tab().open(manager, "plain", is_small=True)
    with pytest.raises(LimitReached) as refused:
        Tab().open(manager, "slow", is_small=True)
    assert refused.value.code == "transcode_limit"
    Tab().open(manager, "sub", is_small=True)
    assert len(manager.list_sessions()) == 2
    manager.stop_session(first.stream_id)
    Tab().open(manager, "slow", is_small=True)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
def test_viewers_go_on_after_the_device_was_away(make_manager: MakeManager, device: Device) -> None:
    manager = make_manager()
    tab = Tab().open(manager, TOKEN, is_small=True)
    until(lambda: len(tab.fragments) > 3)
    device.refuse(CameraUnreachable("The device does not answer."))
    until(lambda: seen(manager, SMALL_ID).code == "camera_unreachable")
    device.refuse(None)
    manager.restart_camera(1)
    until(lambda: len(tab.inits) > 1)
    count = len(tab.fragments)
    until(lambda: len(tab.fragments) > count + 3)
    until(lambda: seen(manager, SMALL_ID) == (StreamState.RUNNING, None))


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("text", ["exit 1", "echo FLV is different; sleep 60"])
def test_an_ffmpeg_that_fails_again_and_again_fails_the_session(
    text: str, make_manager: MakeManager, script: MakeScript, device: Device, spawner: Spawner
) -> None:
    manager = make_manager(ffmpeg=lambda: script(f"exec 2>&-; {text}"), max_transcodes=1)
    tab = Tab().open(manager, TOKEN, is_small=True)
    until(lambda: seen(manager, SMALL_ID) == (StreamState.FAILED, "ffmpeg_failed"))
    until(lambda: (StreamState.FAILED, "ffmpeg_failed") in tab.states)
    assert not [one for one in device.noted if one[2]], "the channel is not marked"
    manager.stop_session(tab.stream_id, tab.viewer_id)
    assert not spawner.running()
    manager._slots.take("another", object())


def test_a_large_stream_has_no_small_video(make_manager: MakeManager, device: Device, spawner: Spawner) -> None:
    manager = make_manager()
    device.video = VideoFormat("hevc", 1280, 720)
    tab = Tab().open(manager, TOKEN, is_small=True)
    until(lambda: seen(manager, SMALL_ID) == (StreamState.FAILED, "camera_unsupported"))
    manager.stop_session(tab.stream_id)
    manager._cameras.known_video = lambda *_: VideoFormat("h264", 1920, 1080)  # type: ignore[method-assign]
    with pytest.raises(CameraUnsupported):
        Tab().open(manager, TOKEN, is_small=True)
    assert not spawner.running()


def test_small_video_has_no_playlist(make_manager: MakeManager) -> None:
    manager = make_manager()
    tab = Tab().open(manager, TOKEN, is_small=True)
    with pytest.raises(NotFound):
        manager.playlist(tab.stream_id, "stream.m3u8")
