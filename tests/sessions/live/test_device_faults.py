"""How a session handles faults of the device."""

from __future__ import annotations

import pytest

from core.errors import CameraAuthFailed, CameraBusy, CameraNoSignal, CameraUnreachable, NotFound, Unavailable
from core.records import Problem, StreamState, VideoFormat
from core.settings import Settings
from media.process import Spawner
from media.rtsp.live.feed import FeedState
from tests.patience import LIMIT_S, stays, until
from tests.sessions.thin_device import ID, TOKEN, Device, MakeManager, is_running, look_again, seen

pytestmark = [pytest.mark.gstreamer, pytest.mark.usefixtures("impatient")]


@pytest.mark.slow
def test_a_long_gop_does_not_count_as_stalled(make_manager: MakeManager, device: Device) -> None:
    device.path, device.key_frame_interval_s = "/slow", 20.0  # the server may start slowly
    manager = make_manager(stall_after_s=0.5)
    manager.start_hls(1, TOKEN)
    until(lambda: is_running(manager))
    device.key_frame_interval_s = 2.0
    until(lambda: (manager.session_view(ID).last_segment_age_s or 0.0) > 1.0)
    look_again(device)
    assert is_running(manager)
    assert manager.session_view(ID).restarts == 0


def test_a_key_frame_is_requested_once_as_soon_as_the_device_plays(make_manager: MakeManager, device: Device) -> None:
    device.state = FeedState.CONNECTING  # described, but not playing yet: a key frame would be lost
    manager = make_manager()
    manager.start_hls(1, TOKEN)
    look_again(device)
    assert device.key_frames_asked == 0
    device.state = FeedState.WAITING_KEY_FRAME
    until(lambda: device.key_frames_asked == 1)
    look_again(device)
    assert device.key_frames_asked == 1


def test_a_key_frame_is_requested_before_the_audio_is_known(make_manager: MakeManager, device: Device) -> None:
    device.state = FeedState.WAITING_VIDEO  # the description waits for the first audio
    device.may_describe.clear()
    manager = make_manager()
    manager.start_hls(1, TOKEN)
    until(lambda: device.key_frames_asked == 1)
    assert seen(manager).state is StreamState.STARTING
    device.may_describe.set()
    look_again(device)
    assert device.key_frames_asked == 1


@pytest.mark.slow
def test_a_session_recovers_when_the_device_comes_back(
    running: MakeManager, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sessions.backoff.BREAKS_AFTER", 1000)  # the test may read the playlist late
    manager = running()
    device.refuse(CameraUnreachable("The device does not answer."))
    until(lambda: seen(manager) == (StreamState.RECONNECTING, "camera_unreachable"))
    assert manager.playlist(ID, "stream.m3u8")  # players keep the existing segments
    until(lambda: len(device.opened) >= 3)
    device.refuse(None)
    until(lambda: is_running(manager))
    assert all(feed.is_closed for feed in device.opened[:-1])


@pytest.mark.slow
def test_the_problem_of_a_session_is_noted_for_its_channel(make_manager: MakeManager, device: Device) -> None:
    device.refuse(CameraNoSignal("The device has no such stream."))
    manager = make_manager()
    manager.start_hls(1, TOKEN)
    until(lambda: (1, TOKEN, "camera_no_signal") in device.noted)
    device.refuse(None)
    until(lambda: is_running(manager))
    until(lambda: device.noted[-1] == (1, TOKEN, None))


@pytest.mark.slow
def test_a_busy_device_shows_its_reason_and_is_asked_more_rarely(make_manager: MakeManager, device: Device) -> None:
    device.refuse(CameraBusy("The device refuses one more session."))
    manager = make_manager()
    manager.start_hls(1, TOKEN)
    until(lambda: seen(manager).code == "camera_busy")
    until(lambda: seen(manager).state is StreamState.FAILED)
    assert device.resolved == 6


@pytest.mark.slow
def test_a_refused_password_is_not_tried_again_until_it_is_edited(
    make_manager: MakeManager, device: Device, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.refuse(CameraAuthFailed("The device refuses this password."))
    monkeypatch.setattr("sessions.live.session._RETRY_FOR_VIEWER_S", -1.0)  # after other errors
    manager = make_manager()
    manager.start_hls(1, TOKEN)
    until(lambda: seen(manager) == (StreamState.FAILED, "camera_auth_failed"))
    with pytest.raises(Unavailable) as refused:
        manager.playlist(ID, "stream.m3u8", LIMIT_S)
    assert refused.value.code == "camera_auth_failed"
    manager.start_hls(1, TOKEN)
    stays(lambda: device.resolved == 1, 0.5)
    device.refuse(None)
    manager.restart_camera(1)
    until(lambda: is_running(manager))


@pytest.mark.slow
def test_a_refused_password_is_tried_again_after_its_time(make_manager: MakeManager, device: Device) -> None:
    device.refuse(CameraAuthFailed("The device refuses this password."))
    manager = make_manager(login_retry_s=1.0)
    manager.start_hls(1, TOKEN)
    until(lambda: device.resolved >= 2)
    assert seen(manager) == (StreamState.FAILED, "camera_auth_failed")


@pytest.mark.slow
def test_a_password_changed_while_streaming_ends_in_one_try(running: MakeManager, device: Device) -> None:
    manager = running()
    device.refuse(CameraAuthFailed("The device refuses this password."))
    until(lambda: seen(manager) == (StreamState.FAILED, "camera_auth_failed"))
    stays(lambda: device.resolved == 1, 0.5)


@pytest.mark.slow
def test_a_silent_device_shows_as_stalled_within_two_seconds(running: MakeManager, device: Device) -> None:
    manager = running()
    device.problem = Problem("camera_no_signal", "The device sends nothing.")
    device.state = FeedState.SILENT
    until(lambda: seen(manager) == (StreamState.STALLED, "camera_no_signal"))
    device.state, device.problem = FeedState.FLOWING, None
    until(lambda: is_running(manager))
    assert manager.session_view(ID).restarts == 0


@pytest.mark.slow
def test_dropped_frames_are_counted_over_reconnects(running: MakeManager, device: Device, impatient: None) -> None:
    manager = running()
    assert manager.session_view(ID).frames_dropped == 0
    device.frames_dropped = 4
    device.damage = "a piece of a frame is missing"
    until(lambda: manager.session_view(ID).frames_dropped == 4)
    until(lambda: manager.session_view(ID).damage == device.damage)
    device.damage = ""
    until(lambda: manager.session_view(ID).damage is None)
    device.refuse(CameraUnreachable("It does not answer."))
    until(lambda: not is_running(manager))
    device.frames_dropped = 3
    device.refuse(None)
    until(lambda: is_running(manager))
    assert manager.session_view(ID).frames_dropped == 7


@pytest.mark.slow
def test_a_new_resolution_starts_a_new_run(running: MakeManager, device: Device) -> None:
    manager = running()
    device.path, device.video = "/other", VideoFormat("h264", 160, 96, 10.0)
    until(lambda: "#EXT-X-DISCONTINUITY\n" in manager.playlist(ID, "stream.m3u8"))
    video = manager.session_view(ID).video
    assert video is not None
    assert (video.width, video.height) == (160, 96)
    assert seen(manager).code is None


@pytest.mark.slow
def test_stop_does_not_wait_for_a_device_that_does_not_answer(
    make_manager: MakeManager, device: Device, settings: Settings
) -> None:
    device.may_answer.clear()
    manager = make_manager()
    manager.start_hls(1, TOKEN)
    until(lambda: device.resolved == 1)
    assert manager.stop_session(ID) is StreamState.STOPPED
    assert manager.start_hls(1, TOKEN)[2]  # a new session does not wait either
    device.may_answer.set()
    until(lambda: is_running(manager))
    assert len(device.opened) == 1  # the late answer to the first session is discarded


def test_a_deleted_camera_ends_its_sessions(make_manager: MakeManager, spawner: Spawner) -> None:
    manager = make_manager()
    for camera_id in (1, 1, 2):
        manager.start_hls(camera_id, TOKEN)
    manager.start_hls(1, "MediaProfile00001")
    until(lambda: len(spawner.running()) == 3)
    manager.stop_camera(1)
    assert [view.stream_id for view in manager.list_sessions()] == ["camera2_MediaProfile00000"]
    assert len(spawner.running()) == 1


def test_a_media_profile_that_is_gone_fails_with_its_reason(make_manager: MakeManager, device: Device) -> None:
    device.refuse(NotFound("There is no such media profile."))
    manager = make_manager()
    manager.start_hls(1, TOKEN)
    until(lambda: seen(manager) == (StreamState.FAILED, "not_found"))
