"""The replay source of a recording: its address and the login of its device."""

from __future__ import annotations

import pytest

from cameras.records import CameraDraft
from core.errors import CameraUnreachable, NotFound
from core.records import CameraStatus
from core.secrets import Secret
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness


def test_a_replay_source_holds_all_a_session_needs(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device()
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    source, ahead_s = manager.replay_source(camera_id, "Rec0")
    assert source.uri == "rtsp://cam:554/recorded/Rec0"
    assert (source.camera_id, source.recording_token, source.device_key) == (camera_id, "Rec0", "camera1")
    assert source.credential.password == Secret("right")
    assert source.manufacturer == "Dahua"
    assert ahead_s == 0


def test_offline_and_unknown_devices_raise_different_errors(harness: CameraHarness, manager: OnvifManager) -> None:
    device = harness.device()
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    device.problem = CameraUnreachable("Gone.")
    with pytest.raises(CameraUnreachable):
        manager.replay_source(camera_id, "Rec0")
    with pytest.raises(NotFound):
        manager.replay_source(99, "Rec0")
