"""One client floods a live socket with frames, while another one only watches."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest

from tests.patience import LIMIT_S, Slowness
from tests.whole_app.live_client import FRAGMENTS, OTHER_SUB, SUB, binary, opened, say, text

# Empty frames of a client; the four mask bytes are 0.
PING, TEXT, BINARY, CLOSE = (bytes([0x80 | opcode, 0x80, 0, 0, 0, 0]) for opcode in (9, 1, 2, 8))
BEGUN_TEXT, GOES_ON = b"\x01\x80" + bytes(4), b"\x00\x80" + bytes(4)


@contextlib.contextmanager
def raw_socket(app: Any) -> Iterator[socket.socket]:
    """Open a WebSocket as a plain socket, so that the test can send any bytes."""
    with socket.create_connection(("127.0.0.1", app.port), LIMIT_S) as sock:
        handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
        handshake |= {"Host": f"127.0.0.1:{app.port}", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="}
        head = "".join(f"{name}: {value}\r\n" for name, value in handshake.items())
        sock.sendall(f"GET /live HTTP/1.1\r\n{head}\r\n".encode())
        assert sock.recv(12, socket.MSG_WAITALL) == b"HTTP/1.1 101"
        yield sock


def flood(sock: socket.socket, begins: bytes, frame: bytes, until_s: float) -> None:
    """Send frames as fast as the server takes them, without reading. Raise ConnectionError once the server closes."""
    sock.settimeout(LIMIT_S)
    sock.sendall(begins)
    many = frame * 100_000
    while time.monotonic() < until_s:
        sock.sendall(many)


@pytest.mark.parametrize(
    ("begins", "frame"),
    [(b"", PING), (b"", TEXT), (BEGUN_TEXT, GOES_ON), (BINARY, PING), (CLOSE, PING), (b"", b"\xff")],
    ids=["pings", "texts", "continuations", "after a refused frame", "after a close frame", "no valid frames"],
)
def test_a_flooding_client_is_disconnected_and_delays_no_other(
    app: Any, camera_id: int, begins: bytes, frame: bytes
) -> None:
    is_disconnected = threading.Event()

    def speak(sock: socket.socket) -> None:
        try:
            flood(sock, begins, frame, time.monotonic() + LIMIT_S)
        except ConnectionError:
            is_disconnected.set()

    with raw_socket(app) as flooding, opened(app, f"/live/{camera_id}/{SUB}") as watching:
        binary(watching, 0, FRAGMENTS)
        thread = threading.Thread(target=speak, args=(flooding,))
        thread.start()
        came = [time.monotonic()]
        with Slowness() as machine:
            while came[-1] - came[0] < 2.5:
                binary(watching, 0, FRAGMENTS)
                came.append(time.monotonic())
        assert max(after - before for before, after in pairwise(came)) < machine.allowed_s(1.5)
        assert is_disconnected.wait(LIMIT_S)
        thread.join(LIMIT_S)


def test_repeated_watch_requests_do_not_fill_the_log(app: Any, camera_id: int) -> None:
    log = app.folder / "data" / "logs" / "audit.jsonl"
    before = len(log.read_text().splitlines()) if log.exists() else 0
    with opened(app) as client:
        for _ in range(20):
            for number, token in ((1, SUB), (2, OTHER_SUB)):
                say(client, type="watch", id=number, camera_id=camera_id, profile_token=token)
                text(client, "watching")
    told = [line for line in log.read_text().splitlines()[before:] if json.loads(line)["action"] == "watch"]
    assert len(told) <= 2, "once a minute for each channel"
