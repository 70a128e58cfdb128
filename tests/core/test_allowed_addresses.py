"""The app connects only to addresses of devices, whatever a host name or a device's answer contains."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest

from cameras.addresses import parse_host
from cameras.drafts import parse_address
from core.allowed_addresses import AddressRefused, AllowedAddresses, allowed_addresses
from core.certificates import PinnedCertificates, tls_context
from core.clock import SystemClock
from core.errors import CameraBadAnswer, CameraUnreachable, InvalidRequest
from core.records import Credential
from core.secrets import Secret
from media.rtsp.client.connecting import Connector
from media.rtsp.client.connection import RtspConnection
from media.rtsp.client.receiver import MediaReceiver
from onvif_services.addresses import rewrite_rtsp
from onvif_services.transport import CappedTransport
from tests.patience import LIMIT_S

_REAL_GETADDRINFO = socket.getaddrinfo


@pytest.fixture
def strict() -> AllowedAddresses:
    allowed_addresses.allow_loopback(False)
    return allowed_addresses


@pytest.fixture
def third_port() -> Iterator[tuple[int, list[object]]]:
    """A port of this machine to which the app must not connect, and the clients that did."""
    seen: list[object] = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        ending = threading.Event()

        def take() -> None:
            while not ending.is_set():
                try:
                    connection, address = server.accept()
                except TimeoutError:
                    continue
                seen.append(address)
                connection.close()

        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1], seen
        ending.set()
        thread.join()


class HttpDevice:
    """A server at an address of this machine that answers any GET with that address and counts connections."""

    def __init__(self, address: str, port: int = 0) -> None:
        self._server = socket.create_server((address, port))
        self._server.settimeout(0.05)
        self.port = int(self._server.getsockname()[1])
        self.asked = 0
        self._address = address
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> HttpDevice:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self._ending.set()
        self._thread.join()
        self._server.close()

    def _serve(self) -> None:
        while not self._ending.is_set():
            try:
                connection, _ = self._server.accept()
            except TimeoutError:
                continue
            self.asked += 1
            with connection:
                connection.settimeout(LIMIT_S)
                if connection.recv(4096):
                    body = self._address.encode()
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.8.8.8",
        "::1",
        "::ffff:127.0.0.1",
        "2002:7f00:1::",
        "0.0.0.0",
        "::",
        "169.254.169.254",
        "169.254.1.1",
        "fe80::1",
        "fe80::1%eth0",
        "[fe80::1]",
        "::ffff:169.254.169.254",
        "100.100.100.200",
        "168.63.129.16",
        "192.0.0.192",
        "fd00:ec2::254",
        "fd00:ec2::23",
        "fd20:ce::254",
        "fd00:c1::a9fe:a9fe",
        "fd00:42::42",
        "0.1.2.3",
        "240.0.0.1",
        "::127.0.0.1",
        "::192.168.1.108",
        "::ffff:0:127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b::7f00:1",
        "64:ff9b:1::a9fe:a9fe",
        "2002:a9fe:a9fe::1",
        "2001:0:c0a8:101:0:0:5601:5601",
        "2001:0:7f00:1::3f57:fef5",
        "fec0::1",
        "100::1",
        "4000::1",
        "224.0.0.1",
        "239.255.255.250",
        "ff02::c",
        "255.255.255.255",
    ],
)
def test_addresses_that_no_camera_has_are_refused(strict: AllowedAddresses, address: str) -> None:
    assert strict.why_not(address)
    with pytest.raises(AddressRefused):
        strict.check(address, 80)


@pytest.mark.parametrize(
    "address",
    [
        "192.168.1.108",
        "10.0.0.1",
        "172.16.5.5",
        "100.64.0.7",
        "192.0.0.8",
        "8.8.8.8",
        "fd12::8",
        "fd00::8",
        "2001:db8::1",
        "64:ff9b::808:808",
        "2002:808:808::1",
    ],
)
def test_addresses_of_cameras_are_accepted(strict: AllowedAddresses, address: str) -> None:
    assert strict.why_not(address) is None
    strict.check(address, 80)
    assert parse_host(address)[0] == address


@pytest.mark.parametrize(
    "port", [80, 81, 88, 322, 443, 554, 888, 1018, 2020, 5000, 8000, 8080, 8899, 10080, 37777, 65535]
)
def test_ports_of_cameras_are_accepted(strict: AllowedAddresses, port: int) -> None:
    strict.check("192.168.1.108", port)
    assert parse_host(f"192.168.1.108:{port}") == ("192.168.1.108", port)
    assert rewrite_rtsp(f"rtsp://cam:{port}/x", "cam").startswith(f"rtsp://cam:{port}/")


@pytest.mark.parametrize(
    "port", [1, 7, 21, 22, 23, 25, 53, 110, 143, 445, 465, 587, 993, 3306, 5060, 6000, 6379, 11211]
)
def test_ports_of_other_protocols_are_refused_to_users_and_devices(strict: AllowedAddresses, port: int) -> None:
    """A mail server takes lines of HTTP and RTSP for commands, so neither users nor devices may name its port."""
    strict.allow_loopback(True)
    with pytest.raises(AddressRefused):
        strict.check("127.0.0.1", port)
    for written, of_field in ((f"cam:{port}", "host"), ("cam", "port")):
        with pytest.raises(InvalidRequest) as refused:
            parse_address(written, None if of_field == "host" else port)
        assert [error.field for error in refused.value.errors] == [of_field]
    with pytest.raises(CameraBadAnswer):
        rewrite_rtsp(f"rtsp://cam:{port}/x", "cam")


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "cam.localhost", "169.254.169.254", "fe80::1"])
def test_a_refused_address_is_reported_when_a_user_enters_it(strict: AllowedAddresses, address: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_host(address)
    assert refused.value.errors[0].field == "host"


def test_loopback_is_allowed_by_setting_or_for_our_own_recorder(strict: AllowedAddresses) -> None:
    strict.set_own(frozenset({("127.0.0.1", 8081)}))
    strict.check("127.0.0.1", 8081)
    for address, port in (("127.0.0.1", 8082), ("127.0.0.2", 8081), ("::1", 8081)):
        with pytest.raises(AddressRefused):
            strict.check(address, port)
    strict.set_own(frozenset())
    strict.allow_loopback(True)
    strict.check("127.0.0.1", 8082)
    with pytest.raises(AddressRefused):
        strict.check("169.254.169.254", 80)


@pytest.mark.parametrize("name", ["camera.example", "127.0.0.1"])
def test_soap_does_not_follow_a_name_to_this_machine(
    strict: AllowedAddresses, third_port: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    port, seen = third_port
    _resolve_to(monkeypatch, "127.0.0.1")
    transport = CappedTransport(name, port, Credential("admin", Secret("secret")))
    with pytest.raises(AddressRefused) as refused:
        transport.download(f"http://{name}:{port}/snapshot", deadline_s=1e12, with_login=True)
    assert refused.value.code == "address_refused"
    assert not seen


@pytest.mark.parametrize("name", ["camera.example", "127.0.0.1"])
def test_rtsp_does_not_follow_a_name_to_this_machine(
    strict: AllowedAddresses, third_port: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    port, seen = third_port
    _resolve_to(monkeypatch, "127.0.0.1")
    with pytest.raises(AddressRefused):
        asyncio.run(_connect_by_rtsp(name, port))
    assert not seen


async def _connect_by_rtsp(name: str, port: int) -> RtspConnection:
    connector = Connector(name, PinnedCertificates(SystemClock()), tls_context, LIMIT_S)
    return await connector.connect(port, lambda: RtspConnection(MediaReceiver(cast(Any, None), SystemClock())))


Connects = Callable[[str, int], object]


def _by_soap(name: str, port: int) -> None:
    transport = CappedTransport(name, port, Credential("", Secret("")))
    transport.download(f"http://{name}:{port}/snapshot", deadline_s=time.monotonic() + LIMIT_S, with_login=False)


def _by_rtsp(name: str, port: int) -> None:
    async def connect_and_close() -> None:
        (await _connect_by_rtsp(name, port)).close()

    asyncio.run(connect_and_close())


@pytest.mark.parametrize("by", [_by_soap, _by_rtsp])
@pytest.mark.parametrize("answer", [("127.0.0.1", "169.254.169.254"), ("169.254.169.254", "127.0.0.1")])
def test_a_name_with_one_refused_address_is_refused(
    strict: AllowedAddresses,
    third_port: tuple[int, list[object]],
    monkeypatch: pytest.MonkeyPatch,
    by: Connects,
    answer: tuple[str, str],
) -> None:
    """A name with a good and a bad address, in any order, does not belong to a device."""
    port, seen = third_port
    strict.set_own(frozenset({("127.0.0.1", port)}))
    _resolve_to(monkeypatch, *answer)
    with pytest.raises(AddressRefused):
        by("camera.example", port)
    assert not seen
    strict.set_own(frozenset())


def test_a_device_keeps_the_first_address_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with a new address redirects neither SOAP nor RTSP, but a device that has moved is found."""
    with HttpDevice("127.0.0.1") as first, HttpDevice("127.0.0.2", first.port) as second:
        _resolve_to(monkeypatch, "127.0.0.1")
        transport = CappedTransport("camera.example", first.port, Credential("", Secret("")))

        def get() -> bytes:
            address = f"http://camera.example:{first.port}/"
            return transport.download(address, deadline_s=time.monotonic() + LIMIT_S, with_login=False).body

        assert get() == b"127.0.0.1"
        _resolve_to(monkeypatch, "127.0.0.2")
        assert get() == b"127.0.0.1"
        _by_rtsp("camera.example", first.port)
        assert second.asked == 0
        first.stop()
        assert get() == b"127.0.0.2", "the first address does not answer any more, so the name is resolved again"
        transport.close()
        _resolve_to(monkeypatch, "127.0.0.3")
        with pytest.raises(CameraUnreachable):
            _by_rtsp("camera.example", first.port)


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """Fake a hostile name server, which cannot run for real in a test."""

    def resolve(host: str, port: int, *args: object, **more: object) -> object:
        if host == "camera.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]
        return _REAL_GETADDRINFO(host, port, *args, **more)  # type: ignore[arg-type]  # passed through

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
