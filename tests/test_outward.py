"""The app connects to devices, and nowhere that a name or an answer would lure it."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator

import pytest

from cameras.addresses import parse_host
from core.errors import InvalidRequest
from core.outward import AddressRefused, Outward, outward
from core.records import Credential
from core.secrets import Secret
from media.rtsp.connection import connect
from onvif_services.transport import CappedTransport


@pytest.fixture
def strict() -> Outward:
    outward.allow_loopback(False)
    return outward


@pytest.fixture
def third_port() -> Iterator[tuple[int, list[object]]]:
    """A port of this machine that must see nothing, and whom it saw."""
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
        "fd00:ec2::254",
        "224.0.0.1",
        "239.255.255.250",
        "ff02::c",
        "255.255.255.255",
    ],
)
def test_what_no_camera_has_is_refused(strict: Outward, address: str) -> None:
    assert strict.why_not(address)
    with pytest.raises(AddressRefused):
        strict.check(address, 80)


@pytest.mark.parametrize("address", ["192.168.1.108", "10.0.0.1", "172.16.5.5", "fd12::8", "8.8.8.8", "2001:db8::1"])
def test_what_a_camera_may_have_is_taken(strict: Outward, address: str) -> None:
    assert strict.why_not(address) is None
    strict.check(address, 80)
    assert parse_host(address)[0] == address


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "localhost", "cam.localhost", "169.254.169.254", "fe80::1"])
def test_a_user_is_told_at_once(strict: Outward, address: str) -> None:
    with pytest.raises(InvalidRequest) as refused:
        parse_host(address)
    assert refused.value.errors[0].field == "host"


def test_loopback_is_open_by_setting_and_for_our_own_recorder_only(strict: Outward) -> None:
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
def test_a_name_that_leads_to_this_machine_is_not_followed_by_soap(
    strict: Outward, third_port: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    port, seen = third_port
    _resolve_to(monkeypatch, "127.0.0.1")
    transport = CappedTransport(name, port, Credential("admin", Secret("secret")))
    with pytest.raises(AddressRefused) as refused:
        transport.download(f"http://{name}:{port}/snapshot", deadline_s=1e12, with_login=True)
    assert refused.value.code == "address_refused"
    assert not seen


@pytest.mark.parametrize("name", ["camera.example", "127.0.0.1"])
def test_a_name_that_leads_to_this_machine_is_not_followed_by_rtsp(
    strict: Outward, third_port: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    port, seen = third_port
    _resolve_to(monkeypatch, "127.0.0.1")
    with pytest.raises(AddressRefused):
        asyncio.run(connect(name, port, lambda _: None, timeout_s=2))
    assert not seen


def test_one_of_two_addresses_that_is_refused_refuses_all(
    strict: Outward, third_port: tuple[int, list[object]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A name with a good and a bad address is no device's: it is not tried until one answers."""
    port, seen = third_port
    _resolve_to(monkeypatch, "127.0.0.1", "192.0.2.1")
    with pytest.raises(AddressRefused):
        asyncio.run(connect("camera.example", port, lambda _: None, timeout_s=2))
    assert not seen


def _resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    """A name server of a stranger: what cannot be had from a real one here."""
    real = socket.getaddrinfo

    def resolve(host: str, port: int, *args: object, **more: object) -> object:
        if host == "camera.example":
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]
        return real(host, port, *args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
