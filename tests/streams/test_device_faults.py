"""How a session handles faults of the device."""

from __future__ import annotations

import time

import pytest

from core.errors import CameraAuthFailed, CameraBusy, CameraNoSignal, CameraUnreachable, NotFound, Unavailable
from core.records import Problem, StreamState, VideoFormat
from core.settings import Settings
from media.process import Spawner
from media.rtsp.feed import FeedState
from tests.streams.conftest import MakeManager
from tests.streams.thin_device import ID, TOKEN, Device, is_running, seen, until

pytestmark = [pytest.mark.gstreamer, pytest.mark.usefixtures("impatient")]


def test_a_long_gop_does_not_count_as_stalled(make_manager: MakeManager, device: Device) -> None:
    device.path, device.key_frame_interval_s = "/slow", 2.0
    manager = make_manager(stall_after_s=0.5)
    manager.start(1, TOKEN)
    assert until(lambda: is_running(manager), 12)
    time.sleep(1.0)
    assert is_running(manager)
    assert manager.status(ID).restarts == 0


def test_a_key_frame_is_requested_once_as_soon_as_the_device_plays(make_manager: MakeManager, device: Device) -> None:
    device.state = FeedState.CONNECTING  # described, but not playing yet: a key frame would be lost
    manager = make_manager()
    manager.start(1, TOKEN)
    time.sleep(0.5)
    assert device.key_frames_asked == 0
    device.state = FeedState.WAITING_KEY_FRAME
    assert until(lambda: device.key_frames_asked == 1, 1.0)
    time.sleep(0.5)
    assert device.key_frames_asked == 1


def test_a_session_recovers_when_the_device_comes_back(running: MakeManager, device: Device) -> None:
    manager = running()
    device.refuse(CameraUnreachable("The device does not answer."))
    assert until(lambda: seen(manager) == (StreamState.RECONNECTING, "camera_unreachable"), 3)
    assert manager.playlist(ID, "stream.m3u8")  # players keep the existing segments
    assert until(lambda: len(device.opened) >= 3, 5)
    device.refuse(None)
    assert until(lambda: is_running(manager))
    assert all(feed.is_closed for feed in device.opened[:-1])


def test_the_problem_of_a_session_is_noted_for_its_channel(make_manager: MakeManager, device: Device) -> None:
    device.refuse(CameraNoSignal("The device has no such stream."))
    manager = make_manager()
    manager.start(1, TOKEN)
    assert until(lambda: (1, TOKEN, "camera_no_signal") in device.noted, 3)
    device.refuse(None)
    assert until(lambda: is_running(manager))
    assert until(lambda: device.noted[-1] == (1, TOKEN, None), 1)


def test_a_busy_device_shows_its_reason_and_is_asked_more_rarely(make_manager: MakeManager, device: Device) -> None:
    device.refuse(CameraBusy("The device refuses one more session."))
    manager = make_manager()
    manager.start(1, TOKEN)
    assert until(lambda: seen(manager).code == "camera_busy", 2)
    assert until(lambda: seen(manager).state is StreamState.FAILED, 6)
    assert device.resolved == 6


def test_a_refused_password_is_not_tried_again_until_it_is_edited(make_manager: MakeManager, device: Device) -> None:
    device.refuse(CameraAuthFailed("The device refuses this password."))
    manager = make_manager()
    manager.start(1, TOKEN)
    assert until(lambda: seen(manager) == (StreamState.FAILED, "camera_auth_failed"), 2)
    with pytest.raises(Unavailable) as refused:
        manager.playlist(ID, "stream.m3u8", 10.0)
    assert refused.value.code == "camera_auth_failed"
    time.sleep(1.0)
    manager.start(1, TOKEN)
    time.sleep(0.3)
    assert device.resolved == 1
    device.refuse(None)
    manager.restart_camera(1)
    assert until(lambda: is_running(manager))


def test_a_refused_password_is_tried_again_after_its_time(make_manager: MakeManager, device: Device) -> None:
    device.refuse(CameraAuthFailed("The device refuses this password."))
    manager = make_manager(login_retry_s=1.0)
    manager.start(1, TOKEN)
    assert until(lambda: device.resolved == 2, 5)
    assert seen(manager) == (StreamState.FAILED, "camera_auth_failed")


def test_a_password_changed_while_streaming_ends_in_one_try(running: MakeManager, device: Device) -> None:
    manager = running()
    device.refuse(CameraAuthFailed("The device refuses this password."))
    assert until(lambda: seen(manager) == (StreamState.FAILED, "camera_auth_failed"), 3)
    time.sleep(0.5)
    assert device.resolved == 1


def test_a_silent_device_shows_as_stalled_within_two_seconds(running: MakeManager, device: Device) -> None:
    manager = running()
    device.state, device.problem = FeedState.SILENT, Problem("camera_no_signal", "The device sends nothing.")
    assert until(lambda: seen(manager) == (StreamState.STALLED, "camera_no_signal"), 2)
    device.state, device.problem = FeedState.FLOWING, None
    assert until(lambda: is_running(manager), 4)
    assert manager.status(ID).restarts == 0


def test_a_new_resolution_starts_a_new_run(running: MakeManager, device: Device) -> None:
    manager = running()
    device.path, device.video = "/other", VideoFormat("h264", 160, 96, 10.0)
    assert until(lambda: "#EXT-X-DISCONTINUITY\n" in manager.playlist(ID, "stream.m3u8"))
    video = manager.status(ID).video
    assert video is not None
    assert (video.width, video.height) == (160, 96)
    assert seen(manager).code is None


def test_stop_does_not_wait_for_a_device_that_does_not_answer(
    make_manager: MakeManager, device: Device, settings: Settings
) -> None:
    device.resolve_takes_s = 3.0
    manager = make_manager()
    manager.start(1, TOKEN)
    assert until(lambda: device.resolved == 1, 1)
    began_s = time.monotonic()
    assert manager.stop(ID) is StreamState.STOPPED
    assert time.monotonic() - began_s < 0.2
    device.resolve_takes_s = 0.0
    assert manager.start(1, TOKEN)[2]  # a new session does not wait either
    assert until(lambda: is_running(manager), 6)
    assert len(device.opened) == 1  # the late answer to the first session is discarded


def test_a_deleted_camera_ends_its_sessions(make_manager: MakeManager, spawner: Spawner) -> None:
    manager = make_manager()
    for camera_id in (1, 1, 2):
        manager.start(camera_id, TOKEN)
    manager.start(1, "MediaProfile00001")
    assert until(lambda: len(spawner.running()) == 3, 5)
    manager.stop_camera(1)
    assert [view.stream_id for view in manager.all()] == ["camera2_MediaProfile00000"]
    assert len(spawner.running()) == 1


def test_a_media_profile_that_is_gone_fails_with_its_reason(make_manager: MakeManager, device: Device) -> None:
    device.refuse(NotFound("There is no such media profile."))
    manager = make_manager()
    manager.start(1, TOKEN)
    assert until(lambda: seen(manager) == (StreamState.FAILED, "not_found"), 2)
