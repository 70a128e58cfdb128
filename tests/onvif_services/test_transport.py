"""Hostile devices: every call ends in time, reads a limited size, and stays at the configured host."""

from __future__ import annotations

import gzip
import resource
import socket
import threading
import time
import zlib
from collections.abc import Iterator

import pytest

from core.errors import CameraBadAnswer, CameraUnreachable, DeviceError
from onvif_services.places import NamedAddress
from onvif_services.transport import MAX_ANSWER_BYTES, MAX_PROFILES_BYTES
from tests.onvif_services.connecting import Connect
from tests.onvif_services.raw_server import Handle, Serve, sends_nothing
from tests.onvif_services.soap_device import ENVELOPE, Reply, SoapDevice
from tests.patience import LIMIT_S, promised


def _read_request(sock: socket.socket) -> bytes:
    sock.settimeout(LIMIT_S)
    data = b""
    while b"</soap-env:Envelope>" not in data:
        chunk = sock.recv(65536)
        if not chunk:
            return data
        data += chunk
    return data


def _sends(*parts: bytes) -> Handle:
    def handle(sock: socket.socket) -> None:
        _read_request(sock)
        for part in parts:
            sock.sendall(part)

    return handle


def _drips(first: bytes, drop: bytes) -> Handle:
    """Return a handler that sends `first` and then `drop` for ever."""

    def handle(sock: socket.socket) -> None:
        _read_request(sock)
        sock.sendall(first)
        while True:
            sock.sendall(drop)
            time.sleep(0.05)

    return handle


def _floods(first: bytes, block: bytes) -> Handle:
    def handle(sock: socket.socket) -> None:
        _read_request(sock)
        sock.sendall(first)
        for _ in range(1000):
            sock.sendall(block)

    return handle


def _http(body: bytes, *headers: bytes, status: bytes = b"200 OK") -> bytes:
    lines = [b"HTTP/1.1 " + status, b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/soap+xml\r\n"


@pytest.mark.slow
@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(sends_nothing, id="accepts and sends nothing"),
        pytest.param(_drips(b"", b"H"), id="a byte at a time from the start"),
        pytest.param(_drips(OK, b"X-A: b\r\n"), id="headers without end"),
        pytest.param(
            _drips(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"), id="continue for ever"
        ),
        pytest.param(_drips(OK + b"Content-Length: 5000\r\n\r\n", b"<"), id="a body of one byte at a time"),
        pytest.param(_drips(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n<\r\n"), id="chunks of one byte"),
        pytest.param(_drips(OK + b"\r\n", b" "), id="a body without length that never ends"),
    ],
)
def test_a_slow_device_ends_at_one_total_deadline(serve: Serve, connect: Connect, handle: Handle) -> None:
    conn = connect(port=serve(handle), timeout_s=0.5)
    with promised(1.5), pytest.raises((CameraUnreachable, CameraBadAnswer)):
        conn.open()


@pytest.mark.parametrize(
    "handle",
    [
        pytest.param(_floods(OK + b"Content-Length: 1000000000\r\n\r\n", b"x" * 1_000_000), id="1 GB announced"),
        pytest.param(_floods(OK + b"\r\n", b"x" * 1_000_000), id="1 GB without length"),
        pytest.param(
            _floods(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"f4240\r\n" + b"x" * 1_000_000 + b"\r\n"), id="chunked"
        ),
        pytest.param(_floods(OK, b"X-A: " + b"b" * 60_000 + b"\r\n"), id="headers"),
        pytest.param(_floods(OK + b"X-A: ", b"b" * 1_000_000), id="one header line"),
        pytest.param(_floods(b"", b"H" * 1_000_000), id="one status line"),
        pytest.param(_floods(OK, b"\r\n".join(b"X-%d: a" % n for n in range(50_000))), id="many headers"),
    ],
)
def test_a_huge_answer_is_cut_off(serve: Serve, connect: Connect, handle: Handle) -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises((CameraBadAnswer, CameraUnreachable)):
        connect(port=serve(handle)).open()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 60_000


@pytest.mark.slow
@pytest.mark.parametrize(("name", "wbits"), [("gzip", 31), ("deflate", 15)])
def test_a_compressed_bomb_is_cut_off_at_its_unpacked_size(
    serve: Serve, connect: Connect, name: str, wbits: int
) -> None:
    packer = zlib.compressobj(1, wbits=wbits)
    bomb = b"".join(packer.compress(b" " * 1_000_000) for _ in range(300)) + packer.flush()
    assert len(bomb) < 2_000_000
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    handle = _sends(_http(bomb, b"Content-Encoding: " + name.encode()))
    with pytest.raises(CameraBadAnswer):
        connect(port=serve(handle)).open()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 60_000


def test_an_honest_compressed_answer_is_read(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    packed = gzip.compress(ENVELOPE.format(body="<trt:GetProfilesResponse/>").encode())
    device.answers["GetProfiles"] = Reply(packed, 200, {"Content-Encoding": "gzip"})
    conn.call("media", "GetProfiles")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("operation", "most_bytes"), [("GetVideoSources", MAX_ANSWER_BYTES), ("GetProfiles", MAX_PROFILES_BYTES)]
)
def test_an_answer_may_have_two_megabytes_profiles_twelve(
    device: SoapDevice, connect: Connect, operation: str, most_bytes: int
) -> None:
    conn = connect()
    conn.open()
    empty = ENVELOPE.format(body=f"<trt:{operation}Response></trt:{operation}Response>").encode()
    fill_bytes = most_bytes - len(empty)
    for fill, fits in ((fill_bytes, True), (fill_bytes + 1, False)):
        body = empty.replace(b"></trt:Get", b">" + b" " * fill + b"</trt:Get")
        device.answers[operation] = Reply(body)
        if fits:
            conn.call("media", operation)
        else:
            with pytest.raises(CameraBadAnswer):
                conn.call("media", operation)


@pytest.mark.parametrize("status", [b"301 Moved", b"302 Found", b"307 Temporary Redirect", b"308 Permanent Redirect"])
def test_a_redirect_is_refused_and_the_other_port_sees_nothing(serve: Serve, connect: Connect, status: bytes) -> None:
    seen: list[bytes] = []
    other = serve(lambda sock: seen.append(sock.recv(100)))
    location = b"Location: http://127.0.0.1:%d/onvif/device_service" % other
    with pytest.raises(CameraBadAnswer):
        connect(port=serve(_sends(_http(b"", location, status=status)))).open()
    assert seen == []


def test_a_call_to_another_host_or_port_is_refused(device: SoapDevice, connect: Connect) -> None:
    conn = connect()
    conn.open()
    for address in (f"http://127.0.0.2:{device.port}/", "http://127.0.0.1:1/", f"https://127.0.0.1:{device.port}/"):
        with pytest.raises(CameraBadAnswer):
            conn.call("media", "GetProfiles", address=NamedAddress(address))


def _entity_bomb() -> bytes:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 10))
    return (
        f'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e0 "aaaaaaaaaa">{levels}]>'
        + ENVELOPE.split("?>")[1].format(body="&e9;")
    ).encode()


def _hostile_xml() -> Iterator[tuple[str, bytes]]:
    yield "entity bomb", _entity_bomb()
    yield "entity bomb in UTF-16", _entity_bomb().decode().replace("1.0", "1.0", 1).encode("utf-16")
    yield (
        "external entity",
        b'<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]>'
        + ENVELOPE.split("?>")[1]
        .format(body="<tds:GetSystemDateAndTimeResponse>&f;</tds:GetSystemDateAndTimeResponse>")
        .encode(),
    )
    yield "external DTD", b'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x.dtd"><x/>'
    yield "a hundred thousand levels", b"<a>" * 100_000
    yield "half a million elements", b"<x>" + b"<a/>" * 400_000 + b"</x>"
    yield "nothing", b""
    yield "NUL bytes", b"\0" * 1000
    yield "HTML", b"<html><body>Login</body></html>"
    yield "another envelope", b'<Envelope xmlns="urn:x"><Body/></Envelope>'
    yield "an unknown encoding", b'<?xml version="1.0" encoding="klingon"?><a/>'
    yield "Latin-1 that says UTF-8", ENVELOPE.format(body="\xe4").encode("latin-1")


@pytest.mark.slow
@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in _hostile_xml()])
def test_hostile_xml_is_a_typed_error_in_bounded_memory_and_time(serve: Serve, connect: Connect, body: bytes) -> None:
    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with promised(3), pytest.raises(DeviceError):
        connect(port=serve(_sends(_http(body)))).open()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 150_000


@pytest.mark.slow
@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"RTSP/1.0 400 Bad Request\r\n\r\n",
        b"HTTP/1.1 abc\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n<cut",
        b"HTTP/1.1 401 No\r\nWWW-Authenticate: Digest " + b"x" * 5000 + b"\r\nContent-Length: 0\r\n\r\n",
        b'HTTP/1.1 401 No\r\nWWW-Authenticate: Digest realm="a\x01", nonce="b"\r\nContent-Length: 0\r\n\r\n',
    ],
)
def test_an_answer_that_is_not_http_is_a_typed_error(serve: Serve, connect: Connect, answer: bytes) -> None:
    with pytest.raises(DeviceError):
        connect(port=serve(_sends(answer)), timeout_s=1.0).open()


def test_a_wrong_host_name_is_unreachable_in_time(connect: Connect) -> None:
    conn = connect(timeout_s=2.0)
    conn.host = conn._transport.host = "no-such-host.invalid"
    with promised(3), pytest.raises(DeviceError):
        conn.check()


def test_closing_ends_a_call_under_way_immediately(serve: Serve, connect: Connect) -> None:
    conn = connect(port=serve(sends_nothing), timeout_s=10.0)
    timer = threading.Timer(0.2, conn.close)
    timer.start()
    with promised(1.5), pytest.raises(CameraUnreachable):
        conn.open()
    timer.join()


def test_proxies_of_the_environment_are_not_used(
    device: SoapDevice, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    connect().open()
