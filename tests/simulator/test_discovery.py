"""WS-Discovery over loopback, with messages written by hand."""

from __future__ import annotations

import asyncio
import contextlib
import re
import socket
import struct
import time
import uuid
from pathlib import Path

import pytest

from simulator import discovery
from tests.patience import LIMIT_S
from tests.simulator.conftest import Start
from tests.simulator.in_process import make_recorder

GROUP = ("239.255.255.250", 3702)
NVT = '<d:Types xmlns:dn="http://www.onvif.org/ver10/network/wsdl">dn:NetworkVideoTransmitter</d:Types>'
PRINTER = '<d:Types xmlns:p="http://example.org/printer">p:Printer</d:Types>'


def _probe(content: str) -> tuple[str, bytes]:
    identity = f"urn:uuid:{uuid.uuid4()}"
    text = (
        '<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/08/addressing"'
        ' xmlns:d="http://schemas.xmlsoap.org/ws/2005/04/discovery"><e:Header>'
        f"<w:MessageID>{identity}</w:MessageID><w:To>urn:schemas-xmlsoap-org:ws:2005:04:discovery</w:To>"
        "<w:Action>http://schemas.xmlsoap.org/ws/2005/04/discovery/Probe</w:Action></e:Header>"
        f"<e:Body><d:Probe>{content}</d:Probe></e:Body></e:Envelope>"
    )
    return identity, text.encode()


def _ask(data: bytes, marks: str, wait_s: float = LIMIT_S) -> list[str]:
    """Send a message; return the first answer that contains `marks`, in a list that may be empty."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind(("127.0.0.1", 0))
        asking.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1"))
        asking.sendto(data, GROUP)
        found: list[str] = []
        deadline = time.monotonic() + wait_s
        while (left := deadline - time.monotonic()) > 0:
            asking.settimeout(left)
            with contextlib.suppress(TimeoutError):
                text = asking.recv(65_536).decode()
                if marks in text:
                    found.append(text)
                    break
        return found


@pytest.mark.parametrize(
    "content",
    [
        "",
        NVT,
        "<d:Scopes>onvif://www.onvif.org/Profile/G</d:Scopes>",
        f"{NVT}<d:Scopes>onvif://www.onvif.org/</d:Scopes>",
    ],
)
def test_a_probe_is_answered_with_the_device_url(start: Start, content: str) -> None:
    simulator = start("--discovery", "--channels", "1")
    identity, data = _probe(content)
    address = f"{simulator.url}/onvif/device_service"
    answers = _ask(data, address)
    assert len(answers) == 1
    assert identity in answers[0]  # RelatesTo
    assert re.search(r"Address>urn:uuid:[0-9a-f-]{36}<", answers[0])


@pytest.mark.parametrize("content", [PRINTER, "<d:Scopes>onvif://www.onvif.org/location/moon</d:Scopes>"])
def test_a_probe_for_other_devices_is_not_answered(start: Start, content: str) -> None:
    simulator = start("--discovery", "--channels", "1")
    assert _ask(_probe(content)[1], simulator.url, wait_s=0.4) == []


def test_malformed_messages_are_ignored(start: Start) -> None:
    simulator = start("--discovery", "--channels", "1")
    for data in (b"", b"\xff" * 100, b"<a", b"<!DOCTYPE a><a/>", b"<a>" * 3000, b"x" * 9000):
        assert _ask(data, simulator.url, wait_s=0.02) == []
    assert len(_ask(_probe(NVT)[1], simulator.url)) == 1


def test_two_recorders_both_answer(start: Start) -> None:
    first, second = (start("--discovery", "--channels", "1", "--seed", seed) for seed in ("1", "2"))
    for simulator in (first, second):
        assert _ask(_probe(NVT)[1], simulator.url)


def test_the_recorder_starts_although_the_port_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process and on another port: other programs on this machine may share the real one."""

    async def start_and_stop() -> bool:
        recorder = make_recorder(tmp_path, discovery=True)
        await recorder.start()
        is_up = recorder.listeners.is_open
        await recorder.stop()
        await recorder.stop()
        return is_up

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 0))  # not shared
        monkeypatch.setattr(discovery, "PORT", taken.getsockname()[1])
        assert asyncio.run(start_and_stop())
    assert "no discovery" in capsys.readouterr().err


def test_the_recorder_sends_hello_and_bye(start: Start) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as hearing:
        hearing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        hearing.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        hearing.bind(("", GROUP[1]))
        member = struct.pack("4s4s", socket.inet_aton(GROUP[0]), socket.inet_aton("127.0.0.1"))
        hearing.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
        hearing.settimeout(LIMIT_S)
        simulator = start("--discovery", "--channels", "1", "--seed", "77")
        heard = ""
        while f"{simulator.url}/" not in heard:
            heard = hearing.recv(65_536).decode()
        assert "Hello" in heard
        identity = re.search(r"urn:uuid:[0-9a-f-]{36}<", heard.partition("EndpointReference")[2])
        assert identity is not None
        simulator.stop()
        heard = ""
        while not ("Bye" in heard and identity[0] in heard):
            heard = hearing.recv(65_536).decode()
