"""Addresses with a scheme and a path, pinned certificates, and the kept knowledge about logins."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest

from cameras.onvif_device import OnvifNetwork
from cameras.records import CameraChange, CameraDraft
from core.certificates import PinnedCertificates
from core.clock import SystemClock
from core.errors import CertificateChanged, Conflict, InvalidRequest, NotFound
from core.login_gate import LoginGate
from core.login_protection import LoginProtection
from core.records import CameraStatus
from core.secrets import Secret
from core.settings import Settings
from onvif_manager import OnvifManager
from onvif_services import probe
from tests.cameras.doubles import CameraHarness
from tests.onvif_services.soap_device import Reply, SoapDevice
from tests.onvif_services.tls import server_context
from tests.patience import LIMIT_S, until


def _add(manager: OnvifManager, device: SoapDevice, address: str, **fields: bool) -> int:
    draft = CameraDraft(address, device.username, Secret(device.password), **fields)  # type: ignore[arg-type] # flags
    return manager.add_camera(draft).id


def _has_stored_pin(harness: CameraHarness) -> bool:
    with closing(sqlite3.connect(harness.settings.database_file)) as database:
        return database.execute("SELECT host FROM certificates").fetchone() is not None


def test_a_camera_is_added_by_its_https_address(real: CameraHarness, device: SoapDevice, tmp_path: Path) -> None:
    device.speak_tls(server_context(tmp_path, "camera"))
    address = f"https://127.0.0.1:{device.port}"
    with real.running() as manager:
        view = manager.wait_first_connection(_add(manager, device, f"{address}/onvif/device_service"), LIMIT_S)
        assert (view.status, view.address) == (CameraStatus.ONLINE, address)
        assert view.certificate is not None
        assert f"Certificate at port {device.port}: " in manager.health(view.id).text


def test_a_changed_certificate_is_asked_about(real: CameraHarness, device: SoapDevice, tmp_path: Path) -> None:
    device.speak_tls(server_context(tmp_path, "camera"))
    with real.running() as manager:
        camera_id = _add(manager, device, f"https://127.0.0.1:{device.port}")
        assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
        pin = manager.get_camera(camera_id).certificate
        until(lambda: _has_stored_pin(real))
    device.speak_tls(server_context(tmp_path, "another"))
    with real.running() as manager:  # the pin survives a restart
        view = manager.wait_first_connection(camera_id, LIMIT_S)
        assert view.error is not None
        assert view.error.code == "certificate_changed"
        shown = view.certificate
        assert shown is not None
        assert pin is not None
        assert shown.sha256 == pin.sha256
        assert shown.changed_to is not None
        with pytest.raises(Conflict):
            manager.accept_certificate(camera_id, "00" * 32)
        manager.accept_certificate(camera_id, shown.changed_to)
        assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
        manager.delete_camera(camera_id)
        with pytest.raises(NotFound):
            manager.accept_certificate(camera_id, shown.changed_to)
        again = _add(manager, device, f"https://127.0.0.1:{device.port}")
        assert manager.wait_first_connection(again, LIMIT_S).status is CameraStatus.ONLINE
    assert device.failed_logins == 0


def test_a_search_compares_certificates_with_the_pins(
    device: SoapDevice, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    device.speak_tls(server_context(tmp_path, "camera"))
    monkeypatch.setattr(probe, "probe_address", partial(probe.probe_address, port=device.port))
    clock = SystemClock()
    protection = LoginProtection(LoginGate(clock), PinnedCertificates(clock))
    network = OnvifNetwork(Settings(), protection, clock)
    assert network.find_place("127.0.0.1", LIMIT_S).port == device.port
    protection.certificates.check("127.0.0.1", 443, b"the certificate of the device")
    with pytest.raises(CertificateChanged):
        network.find_place("127.0.0.1", LIMIT_S)


def test_a_camera_with_a_path_of_its_own_is_added(real: CameraHarness, device: SoapDevice) -> None:
    device.answers["GetSystemDateAndTime"] = lambda request: (
        Reply(b"", 404) if request.path != "/my/path" else "<tds:GetSystemDateAndTimeResponse/>"
    )
    with real.running() as manager:
        camera_id = _add(manager, device, f"http://127.0.0.1:{device.port}/my/path")
        view = manager.wait_first_connection(camera_id, LIMIT_S)
        assert (view.status, view.address) == (CameraStatus.ONLINE, f"http://127.0.0.1:{device.port}/my/path")
    assert {request.path for request in device.asked("GetSystemDateAndTime")} == {"/my/path"}


def test_the_kind_of_login_is_kept_over_a_restart(real: CameraHarness, device: SoapDevice) -> None:
    device.login = "text"
    with real.running() as manager:
        camera_id = _add(manager, device, f"127.0.0.1:{device.port}", readable_password=True)
        assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
        failed = device.failed_logins
    with real.running() as manager:
        assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
        assert manager.get_camera(camera_id).readable_password
    assert device.failed_logins == failed


def test_a_readable_login_is_offered_and_then_used(real: CameraHarness, device: SoapDevice) -> None:
    device.login = "basic"
    with real.running() as manager:
        camera_id = _add(manager, device, f"127.0.0.1:{device.port}")
        view = manager.wait_first_connection(camera_id, LIMIT_S)
        assert view.error is not None
        assert (view.status, view.error.code) == (CameraStatus.AUTH_FAILED, "readable_login_needed")
        manager.update_camera(camera_id, CameraChange(readable_password=True))
        assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
    assert device.failed_logins <= 1


def test_from_https_to_http_the_password_is_typed_again(
    real: CameraHarness, device: SoapDevice, tmp_path: Path
) -> None:
    device.speak_tls(server_context(tmp_path, "camera"))
    with real.running() as manager:
        camera_id = _add(manager, device, f"https://127.0.0.1:{device.port}")
        with pytest.raises(InvalidRequest) as refused:
            manager.update_camera(camera_id, CameraChange(host=f"http://127.0.0.1:{device.port}/x"))
        assert [error.field for error in refused.value.errors] == ["password"]


@pytest.mark.parametrize(
    "address",
    [
        "http://admin:x@10.0.0.1/onvif",
        "https://10.0.0.1/a b",
        "https://10.0.0.1/a?b=c",
        "https://10.0.0.1/a#b",
        "https://",
        "https:///x",
        "https://10.0.0.1:22/",
        "https://10.0.0.1/" + "a" * 300,
        "https://169.254.169.254/latest",
        "file:///etc/passwd",
        "http://10.0.0.1/a\r\nX: y",
        "http://10.0.0.1/\u202e",
    ],
)
def test_an_address_that_cannot_be_used_is_refused(manager: OnvifManager, address: str) -> None:
    with pytest.raises(InvalidRequest):
        manager.add_camera(CameraDraft(address))
