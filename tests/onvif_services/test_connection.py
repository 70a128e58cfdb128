"""Opening a device: its login, its services, its errors."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnreachable, CameraUnsupported, DeviceError
from core.login_gate import LoginGate
from core.records import Credential, DeviceInfo
from core.secrets import Secret
from onvif_services.faults import SoapFault
from tests.onvif_services.connecting import Connect
from tests.onvif_services.soap_device import PRE_AUTH, Reply, Request, SoapDevice, fault, service, soap
from tests.patience import LIMIT_S


def test_nothing_is_sent_before_open(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    assert device.requests == []
    assert conn.info == DeviceInfo()
    assert dict(conn.services) == {}
    assert conn.clock_offset is None


def test_open_reads_device_information_and_services(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    assert conn.info == DeviceInfo("Make", "Model-16", "1.2.3", "S1", "H1")
    assert set(conn.services) == {"device", "media"}
    assert device.failed_logins == 0
    assert {check.name: check.outcome for check in conn.checks} == {"clock": "ok", "login": "ok", "services": "ok"}


def test_service_addresses_lead_to_the_configured_host(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    assert conn.services["media"] == f"http://127.0.0.1:{device.port}/onvif/media"
    conn.call("media", "GetProfiles")
    assert device.asked("GetProfiles")[0].path == "/onvif/media"


def test_opening_creates_no_subscription(device: SoapDevice, connect: Connect) -> None:
    device.services["events"] = "http://www.onvif.org/ver10/events/wsdl"
    connect().open()
    assert not device.asked("CreatePullPointSubscription")


def test_services_that_only_capabilities_name_are_found(device: SoapDevice, connect: Connect) -> None:
    device.answers["GetCapabilities"] = (
        "<tds:GetCapabilitiesResponse><tds:Capabilities><tt:Media><tt:XAddr>http://10.0.0.1/onvif/other</tt:XAddr>"
        "</tt:Media><tt:PTZ><tt:XAddr>http://10.0.0.1/onvif/ptz</tt:XAddr></tt:PTZ>"
        "</tds:Capabilities></tds:GetCapabilitiesResponse>"
    )
    conn = connect()
    conn.open()
    assert conn.services["ptz"].endswith("/onvif/ptz")
    assert conn.services["media"].endswith("/onvif/media"), "GetServices goes first"


# -- logins -----------------------------------------------------------------------------------


@pytest.mark.parametrize("login", ["token", "digest", "digest-sha256", "both"])
def test_every_kind_of_login_works_without_a_failed_attempt(device: SoapDevice, connect: Connect, login: str) -> None:
    device.login = login
    conn = connect()
    conn.open()
    conn.call("media", "GetProfiles")
    conn.call("media", "GetProfiles")
    assert device.failed_logins == 0
    assert device.good_logins >= 3


@pytest.mark.parametrize("login", ["token", "digest", "both"])
@pytest.mark.parametrize("ahead_s", [0.0, 3600.0])
def test_sixteen_calls_with_a_wrong_password_log_in_at_most_twice(
    device: SoapDevice, connect: Connect, login: str, ahead_s: float
) -> None:
    device.login = login
    device.clock_ahead_s = ahead_s

    def attempt(_: int) -> type[Exception]:
        with pytest.raises(DeviceError) as caught:
            connect(password="wrong").open()
        return type(caught.value)

    with ThreadPoolExecutor(16) as pool:
        outcomes = list(pool.map(attempt, range(16)))
    assert set(outcomes) == {CameraAuthFailed}
    assert 1 <= device.failed_logins <= 2


def test_a_refused_password_is_not_sent_again_until_it_is_edited(
    device: SoapDevice, connect: Connect, gate: LoginGate
) -> None:
    for _ in range(3):
        with pytest.raises(CameraAuthFailed):
            connect(password="wrong").open()
    assert device.failed_logins <= 2
    connect().open()
    gate.allow_retry("camera1", Credential("admin", Secret("wrong")))
    with pytest.raises(CameraAuthFailed):
        connect(password="wrong").open()


def test_a_wrong_password_shows_even_if_device_information_needs_none(device: SoapDevice, connect: Connect) -> None:
    device.open_operations |= {"GetDeviceInformation"}
    with pytest.raises(CameraAuthFailed):
        connect(password="wrong").open()
    assert device.failed_logins <= 2
    connect().open()


def test_a_missing_permission_does_not_count_as_a_wrong_password(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    device.answers["SetSynchronizationPoint"] = fault("ter:NotAuthorized", "needs operator")
    with pytest.raises(CameraUnsupported):
        conn.call("media", "SetSynchronizationPoint", {"ProfileToken": "MediaProfile00000"})
    conn.call("media", "GetProfiles")


@pytest.mark.parametrize("login", ["token", "digest", "both"])
@pytest.mark.parametrize("operation", ["GetProfiles", "GetVideoSources"])
def test_a_password_changed_on_the_device_is_noticed_with_two_logins(
    device: SoapDevice, connect: Connect, login: str, operation: str
) -> None:
    device.login = login
    conn = connect()
    conn.open()
    device.password = "another"
    for _ in range(4):
        with pytest.raises(CameraAuthFailed):
            conn.call("media", operation)
    assert device.failed_logins <= 2


@pytest.mark.parametrize("good_for", [1, 2, 5])
def test_a_device_that_renews_nonces_without_stale_still_works(
    device: SoapDevice, connect: Connect, good_for: int
) -> None:
    device.login, device.nonces_good_for = "digest", good_for
    conn = connect()
    conn.open()
    for _ in range(12):
        conn.call("media", "GetProfiles")
    device.answers["SetSynchronizationPoint"] = fault("ter:NotAuthorized", "needs operator")
    with pytest.raises(CameraUnsupported):
        conn.call("media", "SetSynchronizationPoint", {"ProfileToken": "MediaProfile00000"})
    conn.call("media", "GetProfiles")


def test_an_old_digest_nonce_is_renewed(device: SoapDevice, connect: Connect) -> None:
    device.login = "digest"
    conn = connect()
    conn.open()
    seen: list[str] = []

    def forget_first_nonce(request: Request) -> Reply:
        seen.append(request.headers["Authorization"])
        if len(seen) == 1:
            return Reply(b"", 401, {"WWW-Authenticate": device._challenge() + ", stale=true"})
        return soap("<trt:GetProfilesResponse/>")

    device.answers["GetProfiles"] = forget_first_nonce
    conn.call("media", "GetProfiles")
    assert len(seen) == 2


def test_without_a_user_name_no_credential_is_sent(device: SoapDevice, connect: Connect) -> None:
    with pytest.raises(CameraAuthFailed):
        connect(username="", password="").open()
    device.login = "none"
    conn = connect(username="", password="")
    conn.open()
    conn.call("media", "GetProfiles")
    assert not any(request.with_token or request.with_digest for request in device.requests)


def test_operations_without_login_are_called_without_the_credential(device: SoapDevice, connect: Connect) -> None:
    connect().open()
    assert not any(request.with_token for request in device.requests if request.operation in PRE_AUTH)


def test_login_tokens_of_parallel_calls_are_valid(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    device.requests.clear()
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: conn.call("media", "GetProfiles"), range(120)))
    assert device.failed_logins == 0
    nonces = {request.value("Nonce") for request in device.asked("GetProfiles")}
    assert len(nonces) == 120


def test_one_device_gets_at_most_four_calls_at_a_time(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    changed, now, most = threading.Condition(), [0], [0]

    def slow(_: Request) -> str:
        with changed:
            now[0] += 1
            most[0] = max(most[0], now[0])
            changed.notify_all()
            assert changed.wait_for(lambda: most[0] >= 4, LIMIT_S)
        threading.Event().wait(0.03)
        with changed:
            now[0] -= 1
        return "<trt:GetProfilesResponse/>"

    device.answers["GetProfiles"] = slow
    with ThreadPoolExecutor(12) as pool:
        list(pool.map(lambda _: conn.call("media", "GetProfiles"), range(24)))
    assert most[0] == 4


# -- services ----------------------------------------------------------------------------------


def test_recording_search_and_replay_come_from_get_services(device: SoapDevice, connect: Connect) -> None:
    device.services |= {
        name: f"http://www.onvif.org/ver10/{space}/wsdl"
        for name, space in {
            "recording": "recording",
            "search": "search",
            "replay": "replay",
            "deviceio": "deviceIO",
        }.items()
    }
    conn = connect()
    conn.open()
    assert {"recording", "search", "replay", "deviceio"} <= set(conn.services)
    assert conn.services["search"] == f"http://127.0.0.1:{device.port}/onvif/search"


def test_without_get_services_the_capabilities_are_read(device: SoapDevice, connect: Connect) -> None:
    device.answers["GetServices"] = fault("ter:ActionNotSupported", "no")
    device.answers["GetCapabilities"] = (
        "<tds:GetCapabilitiesResponse><tds:Capabilities>"
        "<tt:Media><tt:XAddr>http://192.168.1.2/onvif/media_service</tt:XAddr></tt:Media>"
        "<tt:Extension><tt:Search><tt:XAddr>http://192.168.1.2/onvif/search_service</tt:XAddr></tt:Search>"
        "</tt:Extension></tds:Capabilities></tds:GetCapabilitiesResponse>"
    )
    conn = connect()
    conn.open()
    assert dict(conn.services) == {
        "media": f"http://127.0.0.1:{device.port}/onvif/media_service",
        "search": f"http://127.0.0.1:{device.port}/onvif/search_service",
    }


def test_an_unusable_service_address_costs_that_service_only(device: SoapDevice, connect: Connect) -> None:
    media = service("http://www.onvif.org/ver10/media/wsdl", "http://10.0.0.1/onvif/m")
    ptz = service("http://www.onvif.org/ver20/ptz/wsdl", "file:///etc/passwd")
    device.answers["GetServices"] = f"<tds:GetServicesResponse>{ptz}{media}</tds:GetServicesResponse>"
    conn = connect()
    conn.open()
    assert set(conn.services) == {"media"}
    with pytest.raises(CameraUnsupported):
        conn.call("ptz", "GetNodes")


# -- errors by their cause ---------------------------------------------------------------------


def test_a_fault_keeps_its_code_and_the_words_without_markup(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    device.answers["GetProfiles"] = fault("ter:NoProfile", "<b>boo</b>".replace("<", "&lt;"))
    with pytest.raises(SoapFault) as caught:
        conn.call("media", "GetProfiles")
    assert caught.value.codes == ("Sender", "NoProfile")
    assert caught.value.detail == "The device refuses GetProfiles. It says: “boo” (NoProfile)."


def test_a_fault_with_an_undeclared_prefix_is_understood(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    device.answers["GetProfiles"] = fault("nosuchprefix:ActionNotSupported", "x", status=500)
    with pytest.raises(CameraUnsupported):
        conn.call("media", "GetProfiles")


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(b"<html>404</html>", 404), CameraUnsupported),
        (Reply(b"", 500), CameraBadAnswer),
        (Reply(b"<html/>", 200), CameraBadAnswer),
        (Reply(b"", 200), CameraBadAnswer),
        (Reply(b"", 503), CameraUnreachable),
        (Reply(b"", 302, {"Location": "http://127.0.0.1:1/"}), CameraBadAnswer),
        (soap("<trt:SomethingElse/>"), CameraBadAnswer),
        (soap(""), CameraBadAnswer),
        (fault("ter:OptionalActionNotImplemented", "x"), CameraUnsupported),
        (fault("", "Optional Action Not Implemented", sender="s:Receiver"), CameraUnsupported),
        (fault("ter:InvalidArgVal", "x", sender="s:Sender"), SoapFault),
    ],
)
def test_each_refusal_has_its_own_error(
    device: SoapDevice, connect: Connect, reply: Reply, error: type[DeviceError]
) -> None:
    conn = connect()
    conn.open()
    device.answers["GetProfiles"] = reply
    with pytest.raises(error):
        conn.call("media", "GetProfiles")


@pytest.mark.parametrize("status", [400, 403, 404, 500, 503])
def test_a_right_answer_counts_with_any_status(device: SoapDevice, connect: Connect, status: int) -> None:
    conn = connect()
    conn.open()
    device.answers["GetProfiles"] = Reply(soap("<trt:GetProfilesResponse/>").body, status)
    conn.call("media", "GetProfiles")
    device.answers["GetProfiles"] = fault("ter:NoProfile", "x", status=200)
    with pytest.raises(SoapFault):
        conn.call("media", "GetProfiles")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"<!DOCTYPE html><html><body>Login<br></body></html>", "a web page in place of ONVIF"),
        (b"<html><body><p>Login</p></body></html>", "a web page in place of ONVIF"),
        (b"\r\n", "is empty"),
    ],
)
def test_an_answer_that_is_no_soap_is_named(device: SoapDevice, connect: Connect, body: bytes, words: str) -> None:
    conn = connect()
    conn.open()
    device.answers["GetProfiles"] = Reply(body)
    with pytest.raises(CameraBadAnswer, match=words):
        conn.call("media", "GetProfiles")


def test_a_device_without_answer_is_unreachable(connect: Connect) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(CameraUnreachable):
        connect(port=port).open()


def test_a_closed_connection_sends_no_more_requests(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    conn.close()
    conn.close()
    with pytest.raises(CameraUnreachable):
        conn.call("media", "GetProfiles")


def test_device_strings_are_cleaned(device: SoapDevice, connect: Connect) -> None:
    device.answers["GetDeviceInformation"] = (
        "<tds:GetDeviceInformationResponse><tds:Manufacturer>A\u202e\n&lt;img src=x&gt;</tds:Manufacturer>"
        f"<tds:Model>{'M' * 5000}</tds:Model></tds:GetDeviceInformationResponse>"
    )
    conn = connect()
    conn.open()
    assert conn.info.manufacturer == "A <img src=x>"
    assert conn.info.model == "M" * 128


def test_broken_xml_is_repaired_for_this_device_only(device: SoapDevice, connect: Connect) -> None:
    broken = soap("<tds:GetDeviceInformationResponse><tds:Model>M & N</tds:Model></tds:GetDeviceInformationResponse>")
    device.answers["GetDeviceInformation"] = broken
    conn = connect()
    conn.open()
    assert conn.info.model.startswith("M")
    assert "repaired" in {check.outcome for check in conn.checks}
    device.answers["GetDeviceInformation"] = "<tds:GetDeviceInformationResponse/>"
    other = connect()
    other.open()
    assert "repaired" not in {check.outcome for check in other.checks}
