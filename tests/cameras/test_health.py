"""The health card reports the state of a camera and holds no secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cameras.records import CameraDraft
from core.errors import CameraUnreachable, NotFound
from core.recordings import ReplayAbilities
from core.records import AudioFormat, CameraStatus, DeviceInfo, Problem
from core.secrets import Secret
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness, channel
from tests.patience import until

CANARY = "Zz9-canary-password"


def test_the_card_describes_a_camera_and_its_channels(harness: CameraHarness, manager: OnvifManager) -> None:
    first = channel(1, codec="hevc")
    video = first.profiles[0].video
    assert video is not None
    main = replace(first.profiles[0], video=replace(video, gop=50, bitrate_kbps=4096), audio=AudioFormat("pcm_alaw"))
    dead = replace(channel(2), problem=Problem("camera_no_signal", "No video signal."))
    harness.device(channels=(replace(first, profiles=(main, first.profiles[1])), dead))
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret("right"), 80, "Cellar")).id
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    manager.update_channel(camera_id, 2, hidden=True)
    source, _ = manager.replay_source(camera_id, "Rec0")
    manager.note_replay_abilities(source, ReplayAbilities("onvif", seeks_in_session=True, honours_frames=False))
    text = manager.health(camera_id).text
    for line in (
        "Camera 1: Cellar",
        "Address: http://cam:80",
        "State: online",
        "Make: Dahua",
        "Model: XVR5116",
        "Firmware: 4.0",
        "Serial number: SN1",
        "Services: device, media",
        "Device clock minus ours: +1.5 s",
        "clock: ok in 3 ms",
        "replay by ONVIF: ok",
        "replay: seeks in an open session: ok",
        "replay: key frames only, at the requested distance: no",
        "Channels: 2",
        "1 Cam 1",
        "main MediaProfile00000 (media), hevc, 640x360, 25 fps, 4096 kbit/s, GOP 50, audio pcm_alaw",
        "2 Cam 2, hidden: camera_no_signal: No video signal.",
        "no audio",
    ):
        assert line in text
    assert "rtsp://" not in text


def test_the_card_of_a_silent_camera_lists_the_attempts(harness: CameraHarness, manager: OnvifManager) -> None:
    harness.device(problem=CameraUnreachable("The device does not answer."))
    camera_id = manager.add_camera(CameraDraft("cam", port=80)).id
    until(lambda: manager.health(camera_id).failures >= 2)
    card = manager.health(camera_id)
    assert card.next_try_at is not None
    text = card.text
    assert "Problem: camera_unreachable: The device does not answer." in text
    assert "clock: failed (while opening)" in text
    assert "Last seen: never" in text
    assert "Failed attempts in a row:" in text


def test_a_password_sent_by_the_device_is_redacted(harness: CameraHarness, manager: OnvifManager) -> None:
    info = DeviceInfo("Dahua", f"XVR {CANARY}", "4.0", CANARY, "")
    harness.device(password=CANARY, info=info, channels=(replace(channel(1), name=f"Cam {CANARY}"),))
    camera_id = manager.add_camera(CameraDraft("cam", "admin", Secret(CANARY), 80)).id
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    card = manager.health(camera_id)
    assert CANARY not in card.text
    assert CANARY not in repr(card)
    assert CANARY not in repr(manager.get_camera(camera_id))
    manager.stop()
    assert CANARY.encode() not in harness.settings.database_file.read_bytes()


def test_an_unknown_camera_has_no_card(manager: OnvifManager) -> None:
    with pytest.raises(NotFound):
        manager.health(1)
