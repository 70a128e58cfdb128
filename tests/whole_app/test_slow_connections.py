"""Clients that keep the app waiting; with the real app."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.patience import LIMIT_S, promised, until

Make = Callable[..., Any]

pytestmark = pytest.mark.filterwarnings("ignore::urllib3.exceptions.InsecureRequestWarning")


def test_clients_with_unfinished_headers_do_not_block_the_app(make_app: Make) -> None:
    app = make_app(REQUEST_THREADS="8").start()
    _assert_answers_despite(app.port, b"GET /api/health HTTP/1.1\r\nHost: loc", app.url, verify=True)


def test_clients_with_unfinished_handshakes_do_not_block_the_app(secure: Any, certificate: tuple[Path, Path]) -> None:
    _assert_answers_despite(secure.port, b"\x16\x03\x01\x02\x00\x01", secure.secure_url, verify=str(certificate[0]))


def test_clients_that_send_a_body_byte_by_byte_do_not_block_the_app(make_app: Make) -> None:
    app = make_app(REQUEST_THREADS="8").start()
    begun = (
        b"POST /api/session HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: 1000\r\n\r\n{"
    )
    senders = [socket.create_connection(("127.0.0.1", app.port), LIMIT_S) for _ in range(8)]
    for connection in senders:
        connection.sendall(begun)
    over = threading.Event()

    def trickle() -> None:
        while not over.wait(1.0):
            for connection in senders:
                with contextlib.suppress(OSError):
                    connection.send(b" ")

    client = threading.Thread(target=trickle, daemon=True)
    client.start()
    until(lambda: _times_out(app.url), what="that every request thread is blocked")
    with promised(15):  # the bodies have 8 s
        assert requests.get(f"{app.url}/api/health", timeout=LIMIT_S).status_code == 200
    over.set()
    client.join()
    assert senders[0].recv(13) == b"HTTP/1.1 400 "
    for connection in senders:
        connection.close()


def _times_out(url: str) -> bool:
    try:
        requests.get(f"{url}/api/health", timeout=2)
    except requests.Timeout:
        return True
    return False


def _assert_answers_despite(port: int, begun: bytes, url: str, *, verify: Any) -> None:
    held = []
    for _ in range(9):  # one more than there are request threads
        connection = socket.create_connection(("127.0.0.1", port), LIMIT_S)
        connection.sendall(begun)
        held.append(connection)
    time.sleep(0.3)
    with promised(15):  # eight at a time, each for 8 to 10 s
        assert requests.get(f"{url}/api/health", timeout=LIMIT_S, verify=verify).status_code == 200
    for connection in held:
        connection.close()
