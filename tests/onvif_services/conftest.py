"""Devices on loopback, and connections to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from core.clock import SystemClock
from core.login_gate import GuardedCredential, LoginGate
from core.records import Credential
from core.secrets import Secret
from onvif_services.connection import DeviceConnection, OnvifAddress
from onvif_services.device_socket import DeviceSocket
from onvif_services.heads import Heads
from tests.ipycam_peer import ipycam, secure_ipycam
from tests.onvif_services.connecting import Connect
from tests.onvif_services.head_answers import DEVICE_IO, IMAGING, PTZ, done, node
from tests.onvif_services.raw_server import Handle, RawServer, Serve
from tests.onvif_services.recorder_answers import make_recorder
from tests.onvif_services.silence import Silence
from tests.onvif_services.soap_device import SoapDevice
from tests.patience import LIMIT_S

__all__ = ["ipycam", "secure_ipycam"]


@pytest.fixture
def device() -> Iterator[SoapDevice]:
    made = SoapDevice()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def other() -> Iterator[SoapDevice]:
    """The second web server of `device`, at another port of its host."""
    made = SoapDevice()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def gate() -> LoginGate:
    return LoginGate(SystemClock())


@pytest.fixture
def connect(gate: LoginGate, device: SoapDevice) -> Iterator[Connect]:
    """Create connections to `device`, or to another port; close them after the test."""
    made: list[DeviceConnection] = []

    def make(
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        username: str = "admin",
        password: str = "s3cret&<",
        timeout_s: float = LIMIT_S,
        readable: bool = False,
        scheme: str = "http",
        path: str = "",
        **options: Any,
    ) -> DeviceConnection:
        credential = Credential(username, Secret(password), may_be_readable=readable)
        conn = DeviceConnection(
            OnvifAddress(host, port or device.port, scheme, path),
            GuardedCredential(credential, "camera1", gate),
            timeout_s=timeout_s,
            **options,
        )
        made.append(conn)
        return conn

    yield make
    for conn in made:
        conn.close()


@pytest.fixture
def silence(device: SoapDevice, monkeypatch: pytest.MonkeyPatch) -> Silence:
    """Let operations of `device` hang, see Silence."""
    made, send = Silence(device), DeviceSocket.send

    def send_and_note(sock: DeviceSocket, data: bytes) -> None:
        send(sock, data)
        made.note_sent(sock, data)

    monkeypatch.setattr(DeviceSocket, "send", send_and_note)
    return made


@pytest.fixture
def short_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeat a request without the 0.2 s that a weak web server needs: that of the tests only counts requests."""
    monkeypatch.setattr("onvif_services.weak_servers._PAUSE_S", 0.01)


@pytest.fixture
def recorder(device: SoapDevice, connect: Connect) -> DeviceConnection:
    """An open connection to `device`, which has recordings."""
    make_recorder(device)
    conn = connect()
    conn.open()
    return conn


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Handle every connection to a free port with a function of the raw socket; return the port."""
    made: list[RawServer] = []

    def start(handle: Handle) -> int:
        made.append(RawServer(handle))
        return made[-1].port

    yield start
    for server in made:
        server.close()


@pytest.fixture
def heads(device: SoapDevice, connect: Connect) -> Heads:
    device.services |= {"ptz": PTZ, "imaging": IMAGING, "deviceio": DEVICE_IO}
    device.answers |= {
        "GetNodes": f"<tptz:GetNodesResponse>{node()}</tptz:GetNodesResponse>",
        **{name: done(name) for name in ("ContinuousMove", "Stop", "GotoPreset", "RelativeMove", "AbsoluteMove")},
    }
    conn = connect()
    conn.open()
    return Heads(conn)
