"""WS-Discovery: honest answers are listed, hostile ones are ignored."""

from __future__ import annotations

import re
import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.records import FoundDevice
from onvif_services import discovery
from onvif_services.discovery import discover, read_answer
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, promised

MATCH = (
    '<?xml version="1.0"?><e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
    ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
    ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery" xmlns:dn="http://www.onvif.org/ver10/network/wsdl">'
    "<e:Header><w:RelatesTo>{relates}</w:RelatesTo></e:Header><e:Body><d:ProbeMatches><d:ProbeMatch>"
    "<w:EndpointReference><w:Address>urn:uuid:1234</w:Address></w:EndpointReference>"
    "<d:Types>{types}</d:Types><d:Scopes>{scopes}</d:Scopes><d:XAddrs>{xaddrs}</d:XAddrs>"
    "<d:MetadataVersion>1</d:MetadataVersion></d:ProbeMatch></d:ProbeMatches></e:Body></e:Envelope>"
)
SCOPES = "onvif://www.onvif.org/name/Front%20door onvif://www.onvif.org/hardware/XVR5116 onvif://www.onvif.org/type/ptz"


def _match(
    xaddrs: str = "http://127.0.0.1:8000/onvif/device_service",
    scopes: str = SCOPES,
    types: str = "dn:NetworkVideoTransmitter",
) -> bytes:
    return MATCH.format(relates="urn:uuid:x", types=types, scopes=scopes, xaddrs=xaddrs).encode()


Respond = Callable[[Callable[[bytes], list[bytes]]], tuple[str, int]]


@pytest.fixture
def respond() -> Iterator[Respond]:
    """Start a device on loopback that answers each probe with some datagrams; return its address."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    ended = threading.Event()
    threads: list[threading.Thread] = []

    def start(answer: Callable[[bytes], list[bytes]]) -> tuple[str, int]:
        def loop() -> None:
            while not ended.is_set():
                message, sender = sock.recvfrom(65536)
                for reply in answer(message) if not ended.is_set() else ():
                    sock.sendto(reply, sender)

        threads.append(threading.Thread(target=loop, daemon=True))
        threads[-1].start()
        host, port = sock.getsockname()
        return host, port

    yield start
    ended.set()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
        last.sendto(b"", sock.getsockname())
    for thread in threads:
        thread.join(LIMIT_S)
    sock.close()


Listen = Callable[[tuple[str, int], Callable[[int], bool]], list[FoundDevice]]


@pytest.fixture
def listen(monkeypatch: pytest.MonkeyPatch) -> Listen:
    """Send probes to an address, and listen until `is_over(number of answers read)`: the time stands still before."""

    def listen(target: tuple[str, int], is_over: Callable[[int], bool]) -> list[FoundDevice]:
        clock, read = HandClock(), 0

        def read_and_count(message: bytes, sender: str) -> list[FoundDevice]:
            nonlocal read
            read += 1
            if is_over(read):
                clock.move(seconds=60)
            return read_answer(message, sender)

        monkeypatch.setattr(discovery, "read_answer", read_and_count)
        monkeypatch.setattr(discovery, "MAX_ANSWERS", 200)  # a minute, if an answer gets lost
        monkeypatch.setattr(discovery, "time", SimpleNamespace(monotonic=clock.monotonic_s))
        return discover(0.5, targets=(target,))

    return listen


def test_a_device_that_answers_is_listed_once(respond: Respond, listen: Listen) -> None:
    probes: list[bytes] = []
    target = respond(lambda message: probes.append(message) or [_match(), _match()])  # type: ignore[func-returns-value] # append gives None

    def types() -> set[bytes]:
        return {match[1] if (match := re.search(rb"<d:Types>(.*)</d:Types>", probe)) else b"" for probe in probes}

    found = listen(target, lambda read: len(types()) == 3 and read == 2 * len(probes))
    assert found == [FoundDevice("127.0.0.1", 8000, "Front door", "XVR5116", "urn:uuid:1234")]
    assert types() == {b"dn:NetworkVideoTransmitter", b"tds:Device", b""}


def test_discovery_ends_in_time_even_with_endless_answers(respond: Respond) -> None:
    target = respond(lambda _: [_match(f"http://127.0.0.1:{port}/x") for port in range(1, 3000)])
    with promised(1.5):
        found = discover(0.5, targets=(target,))
    assert len(found) <= 512


def test_discovered_devices_are_listed_but_not_contacted(respond: Respond, listen: Listen) -> None:
    """The app connects to an address of an answer only after a user adds the device."""
    with socket.create_server(("127.0.0.1", 0)) as named:
        port = named.getsockname()[1]
        target = respond(lambda _: [_match(f"http://127.0.0.1:{port}/onvif/device_service")])
        assert [item.port for item in listen(target, lambda read: read > 0)] == [port]
        named.settimeout(0)
        with pytest.raises(BlockingIOError):
            named.accept()


def test_hostile_answers_are_ignored_and_the_honest_one_is_kept(respond: Respond, listen: Listen) -> None:
    bomb = b'<!DOCTYPE x [<!ENTITY a "b">]>' + _match()
    hostile = [b"", b"\0" * 60_000, bomb, b"<a>" * 20_000, _match()[:300], _match()]
    answers = iter([hostile])  # to one probe: the buffer of the socket does not hold more
    target = respond(lambda _: next(answers, []))
    assert [item.port for item in listen(target, lambda read: read == len(hostile))] == [8000]


def test_discovery_without_answers_is_empty() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        assert discover(0.3, targets=(sock.getsockname(),)) == []


def test_a_device_is_listed_at_the_sender_address_of_its_answer() -> None:
    (found,) = read_answer(_match("http://8.8.8.8:8080/onvif/device_service"), "192.168.1.9")
    assert (found.host, found.port) == ("192.168.1.9", 8080)
    both = "http://169.254.1.1/onvif/device_service http://192.168.1.9:8899/onvif/device_service"
    (found,) = read_answer(_match(both), "192.168.1.9")
    assert (found.host, found.port) == ("192.168.1.9", 8899)


@pytest.mark.parametrize("xaddrs", ["", "http://", "file:///x", "http://h:99999/", "http://[::1/", "rtsp://h/"])
def test_an_answer_without_a_usable_address_lists_nothing_or_port_80(xaddrs: str) -> None:
    assert read_answer(_match(xaddrs), "192.168.1.9") in (
        [],
        [FoundDevice("192.168.1.9", 80, "Front door", "XVR5116", "urn:uuid:1234")],
    )


def test_printers_are_no_cameras() -> None:
    printer = _match("http://192.168.1.9:5357/0a1b/", types="wsdp:Device pub:Computer", scopes="")
    assert read_answer(printer, "192.168.1.9") == []


@pytest.mark.parametrize(
    "message",
    [
        _match(types="tds:Device", scopes=""),
        _match("http://192.168.1.9:8000/", types="tds:Device", scopes="").replace(
            b"<d:Types>", b'<d:Types xmlns:tds="http://www.onvif.org/ver10/device/wsdl">'
        ),
        _match(types="", scopes=""),
        _match("http://192.168.1.9:8000/", types="dn:networkVideoTransmitter", scopes=""),
        _match(scopes="").replace(b"<d:ProbeMatches>", b"").replace(b"</d:ProbeMatches>", b""),
        _match(scopes="").replace(b"<e:Body>", b"").replace(b"</e:Body>", b""),
        _match(scopes="").replace(b"d:ProbeMatch", b"d:probeMatch"),
        _match(scopes="").replace(b"</e:Envelope>", b""),
        _match(scopes="").replace(b"<d:XAddrs>", b"<d:XAddrs/><d:XAddrs>"),
    ],
)
def test_a_device_that_says_little_of_itself_is_listed(message: bytes) -> None:
    (found,) = read_answer(message, "192.168.1.9")
    assert (found.host, found.port) == ("192.168.1.9", 8000)


@pytest.mark.parametrize(
    ("scopes", "name"),
    [
        ("onvif://www.onvif.org/name/Front door onvif://www.onvif.org/hardware/X", "Front door"),
        ("onvif://www.onvif.org/name/Gate,onvif://www.onvif.org/hardware/X", "Gate"),
        ("http://www.onvif.org/name/Gate http://www.onvif.org/hardware/X", "Gate"),
        ("onvif://www.onvif.org/name/%B4%F3%C3%C5 onvif://www.onvif.org/hardware/X", "大门"),
    ],
)
def test_a_name_in_an_odd_scope_is_read(scopes: str, name: str) -> None:
    (found,) = read_answer(_match(scopes=scopes), "192.168.1.9")
    assert (found.name, found.hardware) == (name, "X")


def test_a_datagram_of_separators_is_read_in_time() -> None:
    body = b"<a><ProbeMatch><Types>onvif</Types><Scopes>%s</Scopes><XAddrs>%s</XAddrs></ProbeMatch></a>"
    with promised(2.0):
        read_answer(body % (b"," * 50_000, b"a" + b"," * 4000 + b"x"), "192.0.2.7")


def test_names_are_decoded_and_cleaned() -> None:
    scopes = "onvif://www.onvif.org/name/%3Cimg%20src%3Dx%3E%00%E2%80%AE onvif://www.onvif.org/hardware/" + "x" * 1000
    (found,) = read_answer(_match(scopes=scopes), "192.168.1.9")
    assert found.name == "<img src=x>"
    assert len(found.hardware) == 128


@given(st.binary(max_size=300))
def test_any_datagram_is_read_without_an_error(message: bytes) -> None:
    read_answer(message, "192.168.1.9")


@pytest.mark.parametrize(
    ("message", "name"),
    [
        (_match() + b"\0\0", "Front door"),
        (b"\r\n" + _match(), "Front door"),
        (_match().replace(b' xmlns:dn="http://www.onvif.org/ver10/network/wsdl"', b""), "Front door"),
        (_match(types="wsdd:NetworkVideoTransmitter"), "Front door"),
        (_match().replace(b"d:ProbeMatch>", b"q:ProbeMatch>"), "Front door"),
        (_match(scopes="onvif://www.onvif.org/name/A&B"), "A&B"),
        (_match(scopes="onvif://www.onvif.org/name/大门").decode().encode("gbk"), "大门"),
        (_match().replace(b"<d:ProbeMatches>", b"<d:ProbeMatches a=1>"), "Front door"),
    ],
)
def test_broken_xml_is_repaired_as_in_soap_answers(message: bytes, name: str) -> None:
    (found,) = read_answer(message, "192.168.1.9")
    assert (found.name, found.port) == (name, 8000)


@pytest.mark.parametrize(
    ("xaddrs", "place"),
    [
        ("https://192.168.1.9/onvif/device_service", ("https", 443, "")),
        ("https://192.168.1.9:8443/onvif/device_service", ("https", 8443, "")),
        ("https://192.168.1.9/onvif/device_service http://192.168.1.9:8000/onvif/device_service", ("http", 8000, "")),
        ("http://10.0.0.1/onvif/device_service https://192.168.1.9/onvif/device_service", ("https", 443, "")),
        ("http://192.168.1.9:8080/onvif/devices", ("http", 8080, "/onvif/devices")),
        ("http://192.168.1.9/onvif/device_service/", ("http", 80, "")),
        ("http://192.168.1.9", ("http", 80, "")),
        ("http://192.168.1.9/a\u202eb", ("http", 80, "")),
        ("192.168.1.9:8080/onvif/devices", ("http", 8080, "/onvif/devices")),
        ("192.168.1.9", ("http", 80, "")),
        ("https://192.168.1.9/onvif/device_service;http://192.168.1.9:8000/x", ("http", 8000, "/x")),
        ("http://10.0.0.1/onvif/device_service, http://192.168.1.9:8000/x;y", ("http", 8000, "/x;y")),
        ("", ("http", 80, "")),
        ("/onvif/device_service", ("http", 80, "")),
        ("http:/192.168.1.9:8000/onvif/devices", ("http", 8000, "/onvif/devices")),
        ("http://http://192.168.1.9:8000/onvif/devices", ("http", 8000, "/onvif/devices")),
        ("http://192.168.1.9:8000:8000/onvif/devices", ("http", 8000, "/onvif/devices")),
        (r"http:\\192.168.1.9:8000\onvif\devices", ("http", 8000, "/onvif/devices")),
        ("http://fe80::1:8000/onvif/devices", ("http", 8000, "/onvif/devices")),
        ('"http://192.168.1.9:8000/onvif/devices";', ("http", 8000, "/onvif/devices")),
    ],
)
def test_scheme_port_and_path_of_a_device_are_listed(xaddrs: str, place: tuple[str, int, str]) -> None:
    (found,) = read_answer(_match(xaddrs), "192.168.1.9")
    assert (found.scheme, found.port, found.path) == place
