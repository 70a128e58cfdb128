"""Search for the ONVIF port of a host."""

from __future__ import annotations

import socket

import pytest

from core.errors import CameraBadAnswer, CameraUnreachable
from onvif_services import probe
from onvif_services.media import stream_uri
from onvif_services.probe import probe_address
from tests.onvif_services.connecting import Connect
from tests.onvif_services.raw_server import Serve, sends_nothing
from tests.onvif_services.soap_device import SoapDevice, fault
from tests.patience import LIMIT_S, promised


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _web_server(sock: socket.socket) -> None:
    sock.recv(65536)
    sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n<html>")


def _guarded(sock: socket.socket) -> None:
    sock.recv(65536)
    sock.sendall(b'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n')


def test_the_port_that_speaks_onvif_is_found_among_others(device: SoapDevice, serve: Serve) -> None:
    ports = (_closed_port(), serve(_web_server), serve(_guarded), serve(sends_nothing), device.port)
    with promised(1.5):
        assert probe_address("127.0.0.1", ports=ports, timeout_s=5.0).port == device.port


def test_no_credential_is_sent_while_probing(device: SoapDevice) -> None:
    probe_address("127.0.0.1", device.port)
    assert not any(request.with_token or "Authorization" in request.headers for request in device.requests)


def test_a_device_that_refuses_the_time_is_still_found(device: SoapDevice) -> None:
    device.open_operations = set()
    assert probe_address("127.0.0.1", device.port).port == device.port
    device.login = "digest"
    assert probe_address("127.0.0.1", device.port).port == device.port
    device.login = "none"
    device.answers["GetSystemDateAndTime"] = fault("ter:ActionNotSupported", "no", status=500)
    assert probe_address("127.0.0.1", device.port).port == device.port


def test_the_earlier_of_two_onvif_ports_is_taken(device: SoapDevice, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe, "_GRACE_S", LIMIT_S)
    other = SoapDevice()
    other.start()
    try:
        assert probe_address("127.0.0.1", ports=(other.port, device.port)).port == other.port
        assert probe_address("127.0.0.1", ports=(device.port, other.port)).port == device.port
    finally:
        other.stop()


@pytest.mark.parametrize("host", ["::1", "[::1]"])
def test_ipv6_addresses_work(connect: Connect, host: str) -> None:
    device = SoapDevice("::1")
    device.start()
    try:
        assert probe_address(host, device.port).port == device.port
        conn = connect(host=host, port=device.port)
        conn.open()
        assert conn.services["media"] == f"http://[::1]:{device.port}/onvif/media"
        device.requests.clear()
        assert stream_uri(conn, "MediaProfile00000") == "rtsp://[::1]:554/live/MediaProfile00000"
        assert device.asked("GetProfiles") == []
    finally:
        device.stop()


def test_a_host_without_answer_is_unreachable(serve: Serve) -> None:
    with pytest.raises(CameraUnreachable):
        probe_address("127.0.0.1", _closed_port(), timeout_s=2.0)
    with pytest.raises(CameraUnreachable):
        probe_address("127.0.0.1", ports=(_closed_port(), serve(sends_nothing)), timeout_s=0.5)
    with pytest.raises(CameraUnreachable):
        probe_address("no-such-host.invalid", timeout_s=3.0)


def test_a_web_server_without_onvif_is_a_bad_answer(serve: Serve) -> None:
    with pytest.raises(CameraBadAnswer):
        probe_address("127.0.0.1", serve(_web_server), timeout_s=2.0)
