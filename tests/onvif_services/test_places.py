"""Devices whose services are at another port or path than the first address says."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from core.errors import CameraBadAnswer, CameraUnsupported
from core.records import LearnedAccess
from onvif_services.device_socket import Endpoint
from onvif_services.media import read_channels
from onvif_services.places import OnvifAddress, ServicePlaces
from onvif_services.snapshot import fetch_snapshot
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import Reply, Request, SoapDevice, service
from tests.patience import LIMIT_S

NOT_FOUND = Reply(b"<html>404</html>", 404, {"Content-Type": "text/html"})
MEDIA = "http://www.onvif.org/ver10/media/wsdl"


@pytest.fixture(autouse=True)
def _long_searches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a slow device have the time to show at which path it speaks SOAP."""
    monkeypatch.setattr("onvif_services.opening._MOST_WRONG_S", LIMIT_S)


def _only_at(device: SoapDevice, path: str, *operations: str, reply: Reply = NOT_FOUND) -> None:
    """Let the device answer these operations at one path only."""
    for operation in operations:
        answer = device.answers[operation]

        def answered(request: Request, answer: object = answer) -> str | Reply:
            if request.path != path:
                return reply
            found = answer(request) if callable(answer) else answer
            assert isinstance(found, str | Reply)
            return found

        device.answers[operation] = answered


def _found(conn_checks: object) -> set[str]:
    return {check.name for check in conn_checks if check.outcome == "guessed"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ["/onvif/services", "/onvif/devices", "/device_service"])
def test_the_device_service_is_found_at_another_path(device: SoapDevice, connect: Connect, path: str) -> None:
    _only_at(device, path, "GetSystemDateAndTime", "GetServices", "GetDeviceInformation")
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert conn.info.model == "Model-16"
    assert conn.learned.path == path
    device.requests.clear()
    again = connect(learned=conn.learned)
    again.open()
    assert {request.path for request in device.asked("GetSystemDateAndTime")} == {path}


def test_another_path_is_found_behind_a_login_for_every_path(device: SoapDevice, connect: Connect) -> None:
    device.login, device.open_operations = "digest", set()
    _only_at(device, "/onvif/services", "GetSystemDateAndTime", "GetServices", "GetDeviceInformation")
    _only_at(device, "/onvif/media", "GetProfiles")
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert conn.info.model == "Model-16"
    assert conn.learned.path == "/onvif/services"
    assert device.failed_logins == 0


@pytest.mark.parametrize("location", ["http://10.0.0.1:{port}/onvif/v2/device", "/onvif/v2/device"])
def test_a_redirect_to_another_path_of_the_device_is_followed(
    device: SoapDevice, connect: Connect, location: str
) -> None:
    moved = Reply(b"", 302, {"Location": location.format(port=device.port)})
    _only_at(device, "/onvif/v2/device", "GetSystemDateAndTime", "GetServices", "GetDeviceInformation", reply=moved)
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert conn.learned.path == "/onvif/v2/device"


def test_a_redirect_to_a_web_page_does_no_harm(device: SoapDevice, connect: Connect) -> None:
    moved = Reply(b"", 302, {"Location": "/login.html"})
    _only_at(device, "/onvif/services", "GetSystemDateAndTime", "GetServices", "GetDeviceInformation", reply=moved)
    conn = connect()
    conn.open()
    assert conn.learned.path == "/onvif/services"


@pytest.mark.parametrize(
    ("location", "place"),
    [
        ("https://10.0.0.1/onvif/device_service", ("https", 443, "/onvif/device_service")),
        ("https://cam.example/", ("https", 443, "/")),
        ("/onvif/services", ("http", 8000, "/onvif/services")),
        ("http://10.0.0.1:8000/onvif/device_service", None),
        ("http://10.0.0.1:8001/onvif/device_service", None),
        ("https://10.0.0.1:22/onvif/device_service", None),
        ("", None),
    ],
)
def test_redirects_lead_to_the_same_port_or_to_https(location: str, place: tuple[str, int, str] | None) -> None:
    places = ServicePlaces(OnvifAddress("cam", 8000), LearnedAccess())
    found = places.redirected(location)
    assert (found and (found[0].scheme, found[0].port, found[1])) == place


def test_the_path_of_the_address_is_tried_first(device: SoapDevice, connect: Connect) -> None:
    _only_at(device, "/my/own/path", "GetSystemDateAndTime", "GetServices", "GetDeviceInformation")
    conn = connect(path="/my/own/path")
    conn.open()
    assert {request.path for request in device.asked("GetSystemDateAndTime")} == {"/my/own/path"}
    assert conn.learned.path == ""


def test_a_service_at_another_port_is_found_and_kept(device: SoapDevice, other: SoapDevice, connect: Connect) -> None:
    device.answers["GetServices"] = (
        "<tds:GetServicesResponse>"
        + service(MEDIA, f"http://10.0.0.1:{other.port}/onvif/media")
        + "</tds:GetServicesResponse>"
    )
    device.answers |= {"GetProfiles": NOT_FOUND, "GetVideoSources": NOT_FOUND, "GetStreamUri": NOT_FOUND}
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert "address of media" in _found(conn.checks)
    assert not other.asked("GetProfiles")[0].with_token, "the other port must show first that it is a device"
    assert dict(conn.learned.places) == {"media": f"http://127.0.0.1:{other.port}/onvif/media"}
    device.requests.clear()
    connect(learned=conn.learned).open()
    assert not device.asked("GetProfiles")


def test_a_redirect_that_fails_leaves_a_service_at_its_other_port(
    device: SoapDevice, other: SoapDevice, connect: Connect
) -> None:
    """The device sends a redirect to HTTPS, which it does not serve, while it boots."""
    place = f"http://127.0.0.1:{other.port}/onvif/media"
    device.answers["GetServices"] = (
        "<tds:GetServicesResponse>"
        + service(MEDIA, place.replace("127.0.0.1", "10.0.0.1"))
        + "</tds:GetServicesResponse>"
    )
    device.answers["GetProfiles"] = NOT_FOUND
    device.answers["GetSystemDateAndTime"] = Reply(b"", 302, {"Location": "https://10.0.0.1/onvif/device_service"})
    conn = connect(learned=LearnedAccess(places=(("media", place),)))
    conn.open()
    assert len(read_channels(conn)) == 1
    assert other.asked("GetProfiles")


def test_http_does_not_follow_https_although_its_port_was_learned(connect: Connect) -> None:
    transport = connect()._transport
    transport.allow(Endpoint("http", 8000))
    transport.use(Endpoint("https", 443))
    with pytest.raises(CameraBadAnswer):
        transport._checked("http://127.0.0.1:8000/onvif/media")


def test_a_named_port_at_which_nothing_listens_does_no_harm(device: SoapDevice, connect: Connect) -> None:
    device.host_told = "10.0.0.1:2020"
    conn = connect()
    conn.open()
    assert len(read_channels(conn)) == 1
    assert not _found(conn.checks)


def test_no_password_goes_to_a_named_port_that_is_no_device(
    device: SoapDevice, other: SoapDevice, connect: Connect
) -> None:
    other.answers.clear()
    device.answers["GetServices"] = (
        "<tds:GetServicesResponse>" + service(MEDIA, f"http://10.0.0.1:{other.port}/x") + "</tds:GetServicesResponse>"
    )
    device.answers["GetProfiles"] = NOT_FOUND
    other.answers["GetProfiles"] = NOT_FOUND
    other.login = "none"
    conn = connect()
    conn.open()
    with pytest.raises(CameraUnsupported):
        read_channels(conn)
    assert other.requests, "the app asks the named port"
    assert not any(request.with_token or request.with_digest for request in other.requests)


def test_a_snapshot_at_another_port_is_fetched(device: SoapDevice, other: SoapDevice, connect: Connect) -> None:
    """Cameras with ONVIF at port 8000 often serve their snapshots at port 80."""
    picture = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(picture, "JPEG")
    other.pages["/snap.jpg"] = Reply(picture.getvalue(), 200, {"Content-Type": "image/jpeg"})
    device.answers["GetSnapshotUri"] = (
        f"<trt:GetSnapshotUriResponse><trt:MediaUri><tt:Uri>http://10.0.0.1:{other.port}/snap.jpg</tt:Uri>"
        "</trt:MediaUri></trt:GetSnapshotUriResponse>"
    )
    conn = connect()
    conn.open()
    assert fetch_snapshot(conn, "MediaProfile00000") == picture.getvalue()


@pytest.mark.parametrize("named", ["http://10.0.0.1:22/x", "http://10.0.0.1:25/x", "https://10.0.0.1:993/x"])
def test_ports_of_other_protocols_are_not_tried(named: str) -> None:
    place = _places().at_host(named)
    assert (place.configured, place.named) == ("http://192.0.2.8:8000/x", None)


@pytest.mark.parametrize("named", ["ftp://10.0.0.1:2121/x", "soap.tcp://10.0.0.1/x", "http://10.0.0.1/a\nb"])
def test_an_address_that_cannot_be_used_is_a_bad_answer(named: str) -> None:
    with pytest.raises(CameraBadAnswer):
        _places().at_host(named)


def test_two_ports_with_one_path_are_two_addresses() -> None:
    places = _places()
    one, two = places.at_host("http://10.0.0.1:81/snap"), places.at_host("http://10.0.0.1:82/snap")
    assert (one.configured, one.named) == ("http://192.0.2.8:8000/snap", "http://192.0.2.8:81/snap")
    assert (two.configured, two.named) == ("http://192.0.2.8:8000/snap", "http://192.0.2.8:82/snap")


def _places() -> ServicePlaces:
    return ServicePlaces(OnvifAddress("192.0.2.8", 8000), LearnedAccess())
