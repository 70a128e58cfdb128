"""Addresses with a scheme and a path, pinned certificates, and the kept knowledge about logins."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
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
from tests.cameras.doubles import JPEG, CameraHarness
from tests.onvif_services.soap_device import Reply, SoapDevice
from tests.onvif_services.tls import server_context
from tests.patience import LIMIT_S, until


@pytest.fixture
def other() -> Iterator[SoapDevice]:
    made = SoapDevice()
    made.start()
    yield made
    made.stop()


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
        accepted: list[int] = []
        manager.on_accepted_certificate(accepted.append)
        with pytest.raises(Conflict):
            manager.accept_certificate(camera_id, "00" * 32)
        manager.accept_certificate(camera_id, shown.changed_to)
        assert accepted == [camera_id]
        assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
        manager.delete_camera(camera_id)
        with pytest.raises(NotFound):
            manager.accept_certificate(camera_id, shown.changed_to)
        again = _add(manager, device, f"https://127.0.0.1:{device.port}")
        assert manager.wait_first_connection(again, LIMIT_S).status is CameraStatus.ONLINE
    assert device.failed_logins == 0


def test_a_changed_certificate_concerns_only_the_camera_at_its_port(
    real: CameraHarness, device: SoapDevice, other: SoapDevice, tmp_path: Path
) -> None:
    """Several devices behind one address, as port forwarding does."""
    device.speak_tls(server_context(tmp_path, "camera"))
    other.speak_tls(server_context(tmp_path, "neighbour"))
    with real.running() as manager:
        cameras = [_add(manager, each, f"https://127.0.0.1:{each.port}") for each in (device, other)]
        for camera_id in cameras:
            assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
        device.speak_tls(server_context(tmp_path, "another"))
        manager.refresh(cameras[0])
        real.wait_status(cameras[0], CameraStatus.OFFLINE)
        changed, same = (manager.get_camera(camera_id).certificate for camera_id in cameras)
        assert changed is not None
        assert same is not None
        assert (changed.port, changed.changed) == (device.port, True)
        assert (same.port, same.changed) == (other.port, False)
        with pytest.raises(CertificateChanged):
            manager.stream_source(cameras[0], manager.first_profile(cameras[0]))
        with pytest.raises(Conflict):
            manager.accept_certificate(cameras[1], changed.changed_to or "")
        manager.delete_camera(cameras[0])
        again = _add(manager, device, f"https://127.0.0.1:{device.port}")
        assert manager.wait_first_connection(again, LIMIT_S).status is CameraStatus.ONLINE
        assert manager.get_camera(cameras[1]).certificate == same


def test_a_camera_shows_the_certificates_of_its_other_ports(harness: CameraHarness) -> None:
    harness.device("cam", 80, stream_port=7441)
    harness.device("cam", 8080)
    with harness.running() as manager:
        drafts = [CameraDraft("cam", password=Secret("right"), port=port) for port in (80, 8080)]
        first, second = (manager.add_camera(draft).id for draft in drafts)
        for camera_id in (first, second):
            assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
        harness.certificates.check("cam", 7441, b"of the stream")
        harness.certificates.check("cam", 443, b"of the snapshots")
        assert manager.get_camera(first).certificate is None
        manager.stream_source(first, harness.devices["cam", 80].channels[0].profiles[0].profile_token)
        shown = manager.get_camera(first).certificate
        assert shown is not None
        assert shown.port == 7441
        harness.devices["cam", 80].snapshot_problem = CertificateChanged("changed", port=443)
        harness.frame = lambda source: JPEG
        with pytest.raises(CertificateChanged):
            harness.certificates.check("cam", 443, b"another one")
        harness.snapshot(first)
        shown = manager.get_camera(first).certificate
        assert shown is not None
        assert (shown.port, shown.changed) == (443, True)
        assert manager.get_camera(second).certificate is None


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


@pytest.mark.parametrize("refreshes", [0, 1, 3])
def test_a_readable_token_is_offered_and_then_used(real: CameraHarness, device: SoapDevice, refreshes: int) -> None:
    device.login = "text"
    with real.running() as manager:
        camera_id = _add(manager, device, f"127.0.0.1:{device.port}")
        view = manager.wait_first_connection(camera_id, LIMIT_S)
        for _ in range(refreshes):
            manager.refresh(camera_id)
            real.wait_status(camera_id, CameraStatus.AUTH_FAILED)
            view = manager.get_camera(camera_id)
        assert view.error is not None
        assert "readable form" in view.error.detail
        manager.update_camera(camera_id, CameraChange(readable_password=True))
        assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
    assert device.failed_logins <= 2


def test_from_https_to_http_the_password_is_typed_again(
    real: CameraHarness, device: SoapDevice, tmp_path: Path
) -> None:
    device.speak_tls(server_context(tmp_path, "camera"))
    with real.running() as manager:
        camera_id = _add(manager, device, f"https://127.0.0.1:{device.port}")
        with pytest.raises(InvalidRequest) as refused:
            manager.update_camera(camera_id, CameraChange(host=f"http://127.0.0.1:{device.port}/x"))
        assert [error.field for error in refused.value.errors] == ["password"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:{port}", "http://127.0.0.1:{port}/onvif/device_service"])
def test_an_https_camera_becomes_plain_http(
    real: CameraHarness, device: SoapDevice, tmp_path: Path, address: str
) -> None:
    device.speak_tls(server_context(tmp_path, "camera"))
    with real.running() as manager:
        camera_id = _add(manager, device, f"https://127.0.0.1:{device.port}")
        assert manager.wait_first_connection(camera_id, LIMIT_S).status is CameraStatus.ONLINE
        device.speak_tls(None)
        change = CameraChange(host=address.format(port=device.port), password=Secret(device.password))
        manager.update_camera(camera_id, change)
        view = manager.wait_first_connection(camera_id, LIMIT_S)
        assert (view.status, view.address) == (CameraStatus.ONLINE, f"http://127.0.0.1:{device.port}")


def test_plain_http_without_a_port_searches_an_https_camera(manager: OnvifManager) -> None:
    camera_id = manager.add_camera(CameraDraft("https://192.0.2.8:8443")).id
    view = manager.update_camera(camera_id, CameraChange(host="http://192.0.2.8"))
    assert (view.port, view.address) == (None, "http://192.0.2.8")


def test_plain_http_without_a_port_keeps_the_port_of_http(manager: OnvifManager) -> None:
    camera_id = manager.add_camera(CameraDraft("http://192.0.2.8:8000/own")).id
    view = manager.update_camera(camera_id, CameraChange(host="http://192.0.2.8"))
    assert view.address == "http://192.0.2.8:8000"


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
