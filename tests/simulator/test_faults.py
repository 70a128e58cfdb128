"""The faults of SOAP, the reboot, and the control port."""

from __future__ import annotations

import http.client
import json
import re
import socket
import time

import pytest

from simulator.faults import KINDS
from tests.patience import LIMIT_S, until
from tests.simulator.conftest import Start
from tests.simulator.process import Simulator
from tests.simulator.rtsp_client import RtspClient
from tests.simulator.soap_client import (
    DEVICE,
    MEDIA,
    ask,
    assert_now,
    device_time,
    envelope,
    post,
    token,
)

UNICAST = (
    "<n:StreamSetup xmlns:t='http://www.onvif.org/ver10/schema'><t:Stream>RTP-Unicast</t:Stream><t:Transport>"
    "<t:Protocol>RTSP</t:Protocol></t:Transport></n:StreamSetup><n:ProfileToken>MediaProfile00000</n:ProfileToken>"
)


def test_the_clock_is_right_without_clock_offset(simulator: Simulator) -> None:
    began = time.time()
    utc, local = device_time(simulator)
    assert_now(utc, began)
    assert_now(local, began, 3600)
    simulator.fault("clock_offset", 120)
    assert_now(device_time(simulator)[0], began, 120)


def test_local_time_in_utc_shifts_utc_by_the_time_zone(simulator: Simulator) -> None:
    simulator.fault("local_time_in_utc", 7200)
    began = time.time()
    utc, local = device_time(simulator)
    assert utc == local
    assert_now(utc, began, 7200)


def test_no_utc_leaves_only_local_time(simulator: Simulator) -> None:
    simulator.fault("no_utc")
    assert device_time(simulator)[0] is None


def test_answers_may_be_late_or_in_single_bytes_or_missing(simulator: Simulator) -> None:
    simulator.fault("slow", 0.4)
    began = time.monotonic()
    assert ask(simulator, "GetHostname").status == 200
    assert time.monotonic() - began > 0.35
    simulator.clear()
    simulator.fault("drip", 2000)
    began = time.monotonic()
    assert ask(simulator, "GetHostname").status == 200
    assert time.monotonic() - began > 0.35
    simulator.clear()
    simulator.fault("soap_silent")
    with pytest.raises(TimeoutError):
        post(simulator, envelope("GetHostname"), timeout_s=0.4)


def test_a_redirect_has_the_given_location(simulator: Simulator) -> None:
    simulator.fault("soap_redirect", "http://127.0.0.1:9/")
    answer = ask(simulator, "GetDeviceInformation")
    assert (answer.status, answer.all("location")) == (307, ["http://127.0.0.1:9/"])


@pytest.mark.parametrize(("value", "authority"), [("192.0.2.7", None), ("[2001:db8::1]:81", "[2001:db8::1]:81")])
def test_all_urls_have_another_host(simulator: Simulator, value: str, authority: str | None) -> None:
    simulator.fault("other_host", value)
    services = ask(simulator, "GetServices", content="<n:IncludeCapability>false</n:IncludeCapability>").text
    addresses = re.findall(r"<tds:XAddr>http://([^/]+)/", services)
    assert set(addresses) == {authority or f"{value}:{simulator.onvif_port}"}
    assert len(addresses) == 10
    body = envelope("GetStreamUri", MEDIA, header=token(), content=UNICAST)
    uri = post(simulator, body, path="/onvif/media_service").text
    assert f"rtsp://{authority or f'{value}:{simulator.rtsp_port}'}/cam/realmonitor?channel=1" in uri


def test_media2_may_be_missing_and_h265_be_listed_as_h264(simulator: Simulator) -> None:
    media2 = "http://www.onvif.org/ver20/media/wsdl"

    def profiles(namespace: str, path: str) -> tuple[int, int]:
        answer = post(simulator, envelope("GetProfiles", namespace, header=token()), path=f"/onvif/{path}")
        return answer.status, len(re.findall(r'token="MediaProfile', answer.text))

    assert profiles(MEDIA, "media_service") == (200, 24)  # eight are H.265
    assert profiles(media2, "media2_service") == (200, 32)
    simulator.fault("no_media2")
    assert profiles(media2, "media2_service")[0] == 400
    services = ask(simulator, "GetServices", content="<n:IncludeCapability>false</n:IncludeCapability>").text
    assert f"Namespace>{media2}<" not in services
    simulator.fault("h265_as_h264")
    assert profiles(MEDIA, "media_service") == (200, 32)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "<a",
        "<a/>",
        "<!DOCTYPE a [<!ENTITY b 'c'>]>" + envelope("GetHostname"),
        envelope("NoSuchThing"),
        envelope("GetProfiles"),
        envelope("GetHostname").replace("2003/05/soap-envelope", "2001/06/soap-envelope"),
        "<a>" * 5000,
    ],
)
def test_a_malformed_request_gets_a_fault(simulator: Simulator, body: str) -> None:
    answer = post(simulator, body)
    assert answer.status == 400
    assert "env:Fault" in answer.text
    assert ask(simulator, "GetHostname").status == 200


def test_malformed_http_is_refused(simulator: Simulator) -> None:
    def status(raw: bytes) -> bytes:
        with socket.create_connection(("127.0.0.1", simulator.onvif_port), timeout=LIMIT_S) as connection:
            connection.sendall(raw)
            return connection.recv(100)[9:12]

    assert status(b"NONSENSE\r\n\r\n") == b"400"
    assert status(b"POST / HTTP/2.0\r\n\r\n") == b"505"
    assert status(b"POST /onvif/device_service HTTP/1.1\r\nContent-Length: 999999999\r\n\r\n") == b"413"
    assert status(b"POST /onvif/device_service HTTP/1.1\r\nContent-Length: -1\r\n\r\n") == b"400"
    assert status(b"POST /onvif/device_service HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n") == b"411"
    assert status(b"GET /onvif/device_service HTTP/1.1\r\n\r\n") == b"405"
    assert status(b"GET /../etc/passwd HTTP/1.1\r\n\r\n") == b"404"
    assert status(b"GET / HTTP/1.1\r\n\r\n") == b"200"


# -- reboot ------------------------------------------------------------------------------------------------------------


def _is_refused(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return True
    return False


def test_a_reboot_closes_all_ports_until_it_ends(start: Start) -> None:
    simulator = start("--channels", "2")
    with RtspClient(simulator.live_url(1, "sub")) as client:
        client.play()
        simulator.fault("reboot", for_s=600)
        client.wait_cut()
    assert _is_refused(simulator.onvif_port)
    assert _is_refused(simulator.rtsp_port)
    assert simulator.get("/state")["up"] is False
    simulator.fault("reboot", None)
    until(lambda: bool(simulator.get("/state")["up"]), what="coming back")
    assert ask(simulator, "GetDeviceInformation").status == 200
    with RtspClient(simulator.live_url(1, "sub")) as client:
        client.play()
        client.next_video()


# -- the control port --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        {"name": "nonsense", "value": True},
        {"name": 7, "value": True},
        {"value": True},
        {"name": "slow", "value": "fast"},
        {"name": "slow", "value": -1},
        {"name": "slow", "value": True},
        {"name": "slow", "value": 1, "channel": 1},
        {"name": "rtcp_only", "value": True, "channel": 99},
        {"name": "rtcp_only", "value": True, "channel": "1"},
        {"name": "rtcp_only", "value": True, "channel": True},
        {"name": "rtcp_only", "value": True, "after_s": -1},
        {"name": "rtcp_only", "value": True, "for_s": "long"},
        {"name": "dead", "value": "tired", "channel": 1},
        {"name": "lock_out", "value": {"attempts": 3}},
        {"name": "session_limit", "value": 1.5},
        {"name": "other_host", "value": "x" * 3000},
        {"name": "slow", "value": 1, "more": 1},
        ["slow"],
        "slow",
    ],
)
def test_an_invalid_fault_is_refused_with_a_reason(simulator: Simulator, body: object) -> None:
    status, answer = simulator.control("POST", "/fault", body)
    assert status == 400
    assert len(answer["error"]) > 10
    assert simulator.get("/faults")["on"] == []


def test_malformed_json_is_refused(simulator: Simulator) -> None:
    for raw in (b"{", b"[" * 50_000, b"\xff", b'{"name": "slow", "value": NaN}'):
        connection = http.client.HTTPConnection("127.0.0.1", simulator.control_port, timeout=LIMIT_S)
        connection.request("POST", "/fault", raw)
        assert connection.getresponse().status == 400
        connection.close()


def test_a_fault_begins_and_ends_by_itself(simulator: Simulator) -> None:
    simulator.fault("no_utc", after_s=3.0, for_s=3.0)
    assert device_time(simulator)[0] is not None
    until(lambda: device_time(simulator)[0] is None, what="the beginning")
    until(lambda: device_time(simulator)[0] is not None, what="the end")
    assert simulator.get("/faults")["on"] == []


def test_the_control_port_lists_the_faults_and_their_values(simulator: Simulator) -> None:
    known = simulator.get("/faults")["known"]
    assert {row["name"] for row in known} == set(KINDS)
    assert all(row["text"] and row["value"] for row in known)


@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "http://localhost:5001"}])
def test_a_web_page_cannot_use_the_control_port(simulator: Simulator, headers: dict[str, str]) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", simulator.control_port, timeout=LIMIT_S)
    connection.request("POST", "/fault", json.dumps({"name": "no_utc", "value": True}), headers)
    assert connection.getresponse().status == 403
    connection.close()


def test_the_state_has_channels_streams_and_urls(simulator: Simulator) -> None:
    state = simulator.get("/state")
    assert [channel["number"] for channel in state["channels"]] == list(range(1, 17))
    assert [channel["dead"] for channel in state["channels"]][-3:] == ["not_found", "no_signal", "silence"]
    assert state["channels"][1]["profiles"]["main"]["token"] == "MediaProfile00100"
    assert state["channels"][1]["profiles"]["main"]["uri"] == simulator.live_url(2)
    assert simulator.control("GET", "/frames?channel=77")[0] == 404
    assert simulator.control("GET", "/frames?channel=x")[0] == 404
    assert simulator.control("DELETE", "/state")[0] == 404
    assert ask(simulator, "GetHostname", namespace=DEVICE).status == 200


def test_the_control_port_sets_motion_and_counts_subscriptions(simulator: Simulator) -> None:
    for wrong in ({"active": "yes"}, {"channel": 99, "active": True}, {"channel": 1}, {"active": 1}, [True]):
        assert simulator.control("POST", "/motion", wrong)[0] == 400
    assert simulator.control("POST", "/motion", {"channel": 1, "active": None}) == (200, {"channel": 1, "active": None})
    assert simulator.control("POST", "/subscriptions") == (200, {"subscriptions": 0})
    assert simulator.get("/state")["most_subscriptions"] == 0
