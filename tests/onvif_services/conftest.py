"""Devices on loopback, and connections to them."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from core.clock import SystemClock
from core.login_gate import LoginGate
from core.records import Credential
from core.secrets import Secret
from onvif_services.connection import DeviceConnection
from tests.ipycam_peer import ipycam
from tests.onvif_services.soap_device import SoapDevice

__all__ = ["ipycam"]

Connect = Callable[..., DeviceConnection]
Serve = Callable[[Callable[[socket.socket], None]], int]


@pytest.fixture
def device() -> Iterator[SoapDevice]:
    made = SoapDevice()
    made.start()
    yield made
    made.stop()


@pytest.fixture
def gate() -> LoginGate:
    return LoginGate(SystemClock())


@pytest.fixture
def connect(gate: LoginGate, device: SoapDevice) -> Iterator[Connect]:
    """Makes connections to `device`, or to another port; closed at the end."""
    made: list[DeviceConnection] = []

    def make(
        *,
        host: str = "127.0.0.1",
        port: int | None = None,
        username: str = "admin",
        password: str = "s3cret&<",
        timeout_s: float = 3.0,
    ) -> DeviceConnection:
        conn = DeviceConnection(
            host,
            port or device.port,
            Credential(username, Secret(password)),
            login_gate=gate,
            device_key="camera1",
            timeout_s=timeout_s,
        )
        made.append(conn)
        return conn

    yield make
    for conn in made:
        conn.close()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Serves every connection to a free port with a function of the raw socket; gives the port."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def start(handle: Callable[[socket.socket], None]) -> int:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)

        def answer(sock: socket.socket) -> None:
            with sock:
                try:
                    handle(sock)
                except OSError:
                    return  # the client had enough

        def accept() -> None:
            while True:
                try:
                    sock, _ = listener.accept()
                except OSError:
                    return
                thread = threading.Thread(target=answer, args=(sock,), daemon=True)
                threads.append(thread)
                thread.start()

        thread = threading.Thread(target=accept, daemon=True)
        threads.append(thread)
        thread.start()
        return int(listener.getsockname()[1])

    yield start
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
    for thread in threads:
        thread.join(5)
