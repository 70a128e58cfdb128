"""The manager with the pretend recorder: all its channels from one camera entry, and its faults."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from cameras.connecting import Pace
from cameras.records import CameraChange, CameraDraft
from core.errors import CameraAuthFailed, DeviceError, NotFound
from core.records import CameraStatus, ProfileRole
from core.secrets import Secret
from core.settings import Settings
from media.process import Spawner
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness
from tests.patience import LIMIT_S, until
from tests.simulator.process import PASSWORD, USERNAME, Simulator


@pytest.fixture(scope="module")
def running(cache_dir: Path) -> Iterator[Simulator]:
    simulator = Simulator(cache_dir)
    yield simulator
    simulator.stop()


@pytest.fixture
def simulator(running: Simulator) -> Simulator:
    running.clear()
    return running


@pytest.fixture
def device_timeout_s() -> float:
    """The app's own time limit for a call."""
    return Settings().device_timeout_s


@pytest.fixture
def real_harness(harness: CameraHarness, device_timeout_s: float) -> CameraHarness:
    """A harness whose devices are reached over ONVIF."""
    harness.is_real = True
    harness.settings = replace(harness.settings, device_timeout_s=device_timeout_s)
    return harness


@pytest.fixture
def manager(real_harness: CameraHarness) -> Iterator[OnvifManager]:
    harness = real_harness
    harness.pace = Pace(check_s=0.2, first_retry_s=0.1, longest_retry_s=0.3, read_again_s=2.0)
    with harness.running() as manager:
        yield manager


def added(manager: OnvifManager, simulator: Simulator, password: str = PASSWORD) -> int:
    wanted = CameraDraft("127.0.0.1", USERNAME, Secret(password), simulator.onvif_port)
    return manager.add_camera(wanted).id


def test_one_entry_has_all_channels_of_a_recorder(
    harness: CameraHarness, manager: OnvifManager, simulator: Simulator
) -> None:
    camera_id = added(manager, simulator)
    view = manager.wait_first_connection(camera_id, LIMIT_S)
    assert view.status is CameraStatus.ONLINE
    assert view.channel_count == 16
    assert {"media", "media2", "events", "ptz", "recording", "search", "replay"} <= set(view.services)
    channels = manager.channels(camera_id)
    assert [channel.number for channel in channels] == list(range(1, 17))
    for channel in channels:
        main, sub = channel.profiles[:2]
        assert (main.role, sub.role) == (ProfileRole.MAIN, ProfileRole.SUB)
        assert main.profile_token == f"MediaProfile{channel.number - 1:03}00"
        assert sub.profile_token == f"MediaProfile{channel.number - 1:03}01"
        assert main.video is not None
        assert main.video.codec == ("h264" if channel.number % 2 else "hevc")
    until(lambda: [item.number for item in manager.channels(camera_id) if item.problem] == [14, 15, 16])
    source = manager.stream_source(camera_id, "MediaProfile00101")
    assert source.uri.startswith(f"rtsp://127.0.0.1:{simulator.rtsp_port}/")
    assert harness.snapshot(camera_id).jpeg[:3] == b"\xff\xd8\xff"
    manager.request_key_frame(camera_id, "MediaProfile00000")
    played, ahead_s = manager.replay_source(camera_id, "RecordMediaProfile00000")
    assert played.uri.startswith(f"rtsp://127.0.0.1:{simulator.rtsp_port}/")
    assert ahead_s == 0
    with pytest.raises(NotFound):
        manager.replay_source(camera_id, "no-such-recording")
    assert simulator.get("/state")["subscriptions"] == 0, "none is left behind"
    assert PASSWORD not in manager.health(camera_id).text


def test_sixteen_callers_try_a_wrong_password_at_most_twice(
    harness: CameraHarness, manager: OnvifManager, simulator: Simulator
) -> None:
    failed = simulator.logins()["failed"]
    camera_id = added(manager, simulator, "wrong password")
    harness.wait_status(camera_id, CameraStatus.AUTH_FAILED)

    def ask() -> None:
        with pytest.raises(CameraAuthFailed):
            harness.snapshot(camera_id)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    threading.Event().wait(0.7)
    assert simulator.logins()["failed"] - failed <= 2
    manager.update_camera(camera_id, CameraChange(password=Secret(PASSWORD)))
    harness.wait_status(camera_id, CameraStatus.ONLINE)


def test_a_changed_password_is_noticed_after_at_most_two_tries(
    harness: CameraHarness, manager: OnvifManager, simulator: Simulator
) -> None:
    camera_id = added(manager, simulator)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    failed = simulator.logins()["failed"]
    simulator.fault("change_password", "something else")
    harness.wait_status(camera_id, CameraStatus.AUTH_FAILED)
    threading.Event().wait(0.7)
    assert simulator.logins()["failed"] - failed <= 2
    manager.update_camera(camera_id, CameraChange(password=Secret("something else")))
    harness.wait_status(camera_id, CameraStatus.ONLINE)


@pytest.mark.parametrize("device_timeout_s", [1.0])  # each of these faults lasts until a call has timed out
@pytest.mark.parametrize(
    ("fault", "value"),
    [("soap_silent", True), ("reboot", True), ("drip", 20), ("soap_redirect", "http://127.0.0.1:9/")],
)
def test_a_device_is_offline_while_it_fails(
    harness: CameraHarness, manager: OnvifManager, simulator: Simulator, fault: str, value: object
) -> None:
    camera_id = added(manager, simulator)
    harness.wait_status(camera_id, CameraStatus.ONLINE)
    simulator.fault(fault, value)
    harness.wait_status(camera_id, CameraStatus.OFFLINE)
    assert len(manager.channels(camera_id)) == 16
    with pytest.raises(DeviceError):
        manager.stream_source(camera_id, "MediaProfile00000")
    simulator.clear()
    harness.wait_status(camera_id, CameraStatus.ONLINE)


@pytest.mark.parametrize(
    ("fault", "value"),
    [
        ("clock_offset", -94_608_000),
        ("soap_hangs", "GetVideoSources"),
        ("one_connection", True),
        ("no_utc", True),
        ("local_time_in_utc", 7200),
        ("other_host", "10.1.2.3:8000"),
    ],
)
def test_a_device_with_a_quirk_comes_online(
    harness: CameraHarness, manager: OnvifManager, simulator: Simulator, fault: str, value: object
) -> None:
    simulator.fault(fault, value)
    camera_id = added(manager, simulator)
    assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
    assert manager.stream_source(camera_id, "MediaProfile00000").uri.startswith("rtsp://127.0.0.1:")


def test_a_jump_of_the_device_clock_fails_no_login(real_harness: CameraHarness, simulator: Simulator) -> None:
    """A login that is under way when the clock jumps may fail, so only checks are sent meanwhile."""
    harness = real_harness
    harness.pace = Pace(check_s=0.2)
    with harness.running() as manager:
        camera_id = added(manager, simulator)
        harness.wait_status(camera_id, CameraStatus.ONLINE)
        # The signals are read after the status is shown.
        until(lambda: "video signals" in {check.name for check in manager.health(camera_id).checks})
        failed = simulator.logins()["failed"]
        simulator.fault("clock_offset", 86_400)
        until(lambda: (manager.get_camera(camera_id).clock_offset_s or 0) > 86_000)
        for number in range(8):
            manager.stream_source(camera_id, f"MediaProfile{number:03}00")
        assert manager.get_camera(camera_id).status is CameraStatus.ONLINE
        assert simulator.logins()["failed"] == failed


def test_the_app_starts_and_ends_its_own_pretend_recorder(real_harness: CameraHarness) -> None:
    harness, spawner = real_harness, Spawner()
    spawner.start()
    harness.spawner = spawner
    try:
        with harness.running() as manager:
            camera_id = manager.add_pretend_recorder().id
            harness.wait_status(camera_id, CameraStatus.ONLINE)
            assert manager.get_camera(camera_id).channel_count == 16
            assert harness.snapshot(camera_id).jpeg[:3] == b"\xff\xd8\xff"
            (child,) = spawner.running()
        assert child.poll() is not None
        with harness.running() as manager:
            harness.wait_status(camera_id, CameraStatus.ONLINE)
            manager.delete_camera(camera_id)
            until(lambda: not spawner.running())
    finally:
        spawner.stop()
