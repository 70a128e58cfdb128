"""OnvifManager over real SOAP: with SoapDevice, written from the specification, and with ipycam."""

from __future__ import annotations

import socket
import threading

import pytest
from ipycam.camera import IPCamera

from cameras.records import CameraChange, CameraDraft
from core.errors import CameraAuthFailed
from core.records import CameraStatus
from core.secrets import Secret
from onvif_manager import OnvifManager
from tests.cameras.doubles import CameraHarness
from tests.onvif_services.soap_device import Reply, Request, SoapDevice
from tests.patience import LIMIT_S, promised, until

WRONG = Secret("wrong password")


def draft(device: SoapDevice, password: Secret | None = None) -> CameraDraft:
    return CameraDraft("127.0.0.1", device.username, password or Secret(device.password), device.port)


def added(manager: OnvifManager, device: SoapDevice, password: Secret | None = None) -> int:
    return manager.add_camera(draft(device, password)).id


@pytest.mark.parametrize("login", ["token", "digest"])
def test_a_device_is_added_with_all_its_channels(real: CameraHarness, device: SoapDevice, login: str) -> None:
    device.login = login
    device.clock_ahead_s = 3600.0
    with real.running() as manager:
        view = manager.wait_first_connection(added(manager, device), LIMIT_S)
        assert view.status is CameraStatus.ONLINE
        assert view.name == "Make Model-16"
        assert view.info.serial == "S1"
        assert view.clock_offset_s is not None
        assert abs(view.clock_offset_s - 3600) < 2
        (channel,) = manager.channels(view.id)
        assert [profile.profile_token for profile in channel.profiles] == ["MediaProfile00000", "MediaProfile00001"]
        source = manager.stream_source(view.id, "MediaProfile00001")
        assert source.uri == "rtsp://127.0.0.1:554/live/MediaProfile00001", "at our host, not where it says it is"
        manager.request_key_frame(view.id, "MediaProfile00000")
        assert device.asked("SetSynchronizationPoint")
        assert device.failed_logins == 0


@pytest.mark.slow
def test_a_wrong_password_costs_one_login_for_16_requests(real: CameraHarness, device: SoapDevice) -> None:
    with real.running() as manager:
        camera_id = added(manager, device, WRONG)
        assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.AUTH_FAILED

        def ask() -> None:
            with pytest.raises(CameraAuthFailed):
                manager.stream_source(camera_id, "MediaProfile00000")

        threads = [threading.Thread(target=ask) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        threading.Event().wait(1.0)
        assert device.failed_logins <= 2
        manager.update_camera(camera_id, CameraChange(password=Secret(device.password)))
        real.wait_status(camera_id, CameraStatus.ONLINE)


def test_eight_refreshes_do_not_lock_the_account(real: CameraHarness, device: SoapDevice) -> None:
    with real.running() as manager:
        camera_id = added(manager, device)
        real.wait_status(camera_id, CameraStatus.ONLINE)
        device.password = "changed at the recorder"
        for _ in range(8):
            manager.refresh(camera_id)
            assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.AUTH_FAILED
        assert device.failed_logins <= 2


def test_saving_a_wrong_password_eight_times_does_not_lock(real: CameraHarness, device: SoapDevice) -> None:
    with real.running() as manager:
        camera_id = added(manager, device, WRONG)
        for _ in range(8):
            assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.AUTH_FAILED
            manager.update_camera(camera_id, CameraChange(password=WRONG))
        assert device.failed_logins <= 2


def test_adding_a_camera_eight_times_does_not_lock_the_account(real: CameraHarness, device: SoapDevice) -> None:
    with real.running() as manager:
        for _ in range(8):
            camera_id = added(manager, device, WRONG)
            assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.AUTH_FAILED
            manager.delete_camera(camera_id)
        assert device.failed_logins <= 2


@pytest.mark.parametrize("repeat", ["refresh", "save", "delete and add"])
def test_a_device_that_cannot_read_two_logins_gets_two_wrong_ones(
    real: CameraHarness, device: SoapDevice, repeat: str
) -> None:
    """It may count a login that it answers with an error, so that counts here, too."""
    device.login, device.logins["GetProfiles"] = "digest", "none"

    def judge(request: Request) -> Reply:
        sent = request.headers.get("Authorization", "")
        device.failed_logins += bool(sent)  # the password is always wrong
        return Reply(b"", 400) if request.with_token else Reply(b"", 401, {"WWW-Authenticate": device._challenge()})

    device.answers["GetProfiles"] = judge
    with real.running() as manager:
        camera_id = added(manager, device, WRONG)
        for _ in range(8):
            assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.AUTH_FAILED
            if repeat == "refresh":
                manager.refresh(camera_id)
            elif repeat == "save":
                manager.update_camera(camera_id, CameraChange(password=WRONG))
            else:
                manager.delete_camera(camera_id)
                camera_id = added(manager, device, WRONG)
        assert device.failed_logins == 2


def test_a_script_that_tries_passwords_does_not_lock_the_account(real: CameraHarness, device: SoapDevice) -> None:
    with real.running() as manager:
        camera_id = added(manager, device, WRONG)
        for number in range(8):
            assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.AUTH_FAILED
            manager.update_camera(camera_id, CameraChange(password=Secret(f"guess {number}")))
        assert device.failed_logins <= 4


def test_a_rebooting_device_is_offline_and_then_online(real: CameraHarness) -> None:
    device = SoapDevice()
    device.start()
    port = device.port
    with real.running() as manager:
        camera_id = added(manager, device)
        real.wait_status(camera_id, CameraStatus.ONLINE)
        device.stop()
        real.wait_status(camera_id, CameraStatus.OFFLINE)
        error = manager.get_camera(camera_id).error
        assert error is not None
        assert error.code == "camera_unreachable"
        device = SoapDevice()
        device.start()
        try:
            manager.update_camera(camera_id, CameraChange(port=device.port, password=Secret(device.password)))
            real.wait_status(camera_id, CameraStatus.ONLINE)
            assert manager.get_camera(camera_id).port != port
        finally:
            device.stop()


@pytest.mark.slow
def test_periodic_checks_send_no_credential(real: CameraHarness, device: SoapDevice) -> None:
    with real.running() as manager:
        camera_id = added(manager, device)
        real.wait_status(camera_id, CameraStatus.ONLINE)
        logins = device.good_logins
        checks = len(device.asked("GetSystemDateAndTime"))
        until(lambda: len(device.asked("GetSystemDateAndTime")) >= checks + 3)
        assert device.good_logins == logins


def test_a_jump_of_the_device_clock_is_noticed(real: CameraHarness, device: SoapDevice) -> None:
    with real.running() as manager:
        camera_id = added(manager, device)
        real.wait_status(camera_id, CameraStatus.ONLINE)
        device.clock_ahead_s = -94_608_000.0  # three years

        def offset_s() -> float:
            return manager.get_camera(camera_id).clock_offset_s or 0.0

        until(lambda: abs(offset_s() + 94_608_000) < 3)


def test_a_printer_is_reported_as_no_onvif_device(real: CameraHarness, device: SoapDevice) -> None:
    for name in list(device.answers):
        device.answers[name] = "<html>a printer</html>"
    with real.running() as manager:
        view = manager.wait_first_connection(added(manager, device), LIMIT_S)
        assert view.status is CameraStatus.OFFLINE
        assert view.error is not None
        assert view.error.code in {"camera_bad_answer", "camera_unsupported"}
        assert "printer" not in manager.health(view.id).text


def test_stop_is_quick_while_a_device_is_silent(real: CameraHarness) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, real.running() as manager:
        manager.add_camera(CameraDraft("127.0.0.1", port=silent.getsockname()[1]))
        connection, _ = silent.accept()
        with connection, promised(1.5):
            manager.stop()


def test_ipycam_is_added_and_sends_a_snapshot(real: CameraHarness, ipycam: IPCamera) -> None:
    with real.running() as manager:
        password, port = Secret(ipycam.config.password), ipycam.config.onvif_port
        wanted = CameraDraft("127.0.0.1", "admin", password, port, readable_password=True)  # its snapshots want Basic
        view = manager.wait_first_connection(manager.add_camera(wanted).id, LIMIT_S)
        assert view.status is CameraStatus.ONLINE
        assert view.channel_count == 1
        assert real.snapshot(view.id).jpeg[:3] == b"\xff\xd8\xff"
        assert manager.last_snapshot(view.id) is not None
        assert "Profile_Main" in manager.health(view.id).text
