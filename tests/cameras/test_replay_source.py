"""The replay source of a recording: its address, the login of its device and the abilities that it has shown."""

from __future__ import annotations

import pytest

from cameras.records import CameraChange, CameraDraft
from core.errors import CameraUnreachable, NotFound
from core.recordings import ReplayAbilities, ReplaySource
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


def online_camera(harness: CameraHarness, manager: OnvifManager) -> int:
    harness.device()
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80)).id
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    return camera_id


def source_of(manager: OnvifManager, camera_id: int) -> ReplaySource:
    return manager.replay_source(camera_id, "Rec0")[0]


def test_abilities_shown_in_one_session_are_known_to_the_next(harness: CameraHarness, manager: OnvifManager) -> None:
    camera_id = online_camera(harness, manager)
    first, second = source_of(manager, camera_id), source_of(manager, camera_id)
    assert first.abilities == ReplayAbilities()
    manager.note_replay_abilities(first, ReplayAbilities("plain", seeks_in_session=True))
    manager.note_replay_abilities(second, ReplayAbilities("plain", has_times=False))
    assert source_of(manager, camera_id).abilities == ReplayAbilities("plain", seeks_in_session=True, has_times=False)
    manager.note_replay_abilities(second, ReplayAbilities("onvif"))
    assert source_of(manager, camera_id).abilities == ReplayAbilities("onvif"), "another method starts anew"


def test_replay_abilities_survive_a_restart(harness: CameraHarness) -> None:
    shown = ReplayAbilities("plain", seeks_in_session=True, has_times=False, honours_frames=True)
    with harness.running() as manager:
        camera_id = online_camera(harness, manager)
        manager.note_replay_abilities(source_of(manager, camera_id), shown)
    with harness.running() as manager:
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        assert source_of(manager, camera_id).abilities == shown


def test_an_edit_forgets_the_replay_abilities(harness: CameraHarness) -> None:
    shown = ReplayAbilities("plain")
    with harness.running() as manager:
        camera_id = online_camera(harness, manager)
        before = source_of(manager, camera_id)
        manager.note_replay_abilities(before, shown)
        manager.update_camera(camera_id, CameraChange(name="Cellar"))
        assert source_of(manager, camera_id).abilities == shown
        manager.update_camera(camera_id, CameraChange(password=Secret("right")))
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        manager.note_replay_abilities(before, shown)  # by a session with the device before the edit
        assert source_of(manager, camera_id).abilities == ReplayAbilities()
    with harness.running() as manager:
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        assert source_of(manager, camera_id).abilities == ReplayAbilities()


def test_abilities_of_a_deleted_camera_are_ignored(harness: CameraHarness, manager: OnvifManager) -> None:
    camera_id = online_camera(harness, manager)
    source = source_of(manager, camera_id)
    manager.delete_camera(camera_id)
    manager.note_replay_abilities(source, ReplayAbilities("plain"))
