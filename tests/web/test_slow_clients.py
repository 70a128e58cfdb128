"""Deadlines for slow clients, over real sockets with a server for a single connection."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from flask_openapi3.openapi import OpenAPI

from tests.patience import LIMIT_S
from web import flask_app
from web.slow_clients import SlowClients, TimedBody


@dataclass
class Connection:
    """Like gunicorn's connection object."""

    sock: socket.socket


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Return the server's and the client's socket.

    TCP, because shutdown differs on other kinds of sockets; the client has a small receive buffer.
    """
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket() as theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        theirs.connect(listener.getsockname())
        ours, _ = listener.accept()
        with ours:
            ours.settimeout(LIMIT_S)
            yield ours, theirs


@contextmanager
def repeating(act: Callable[[], object], every_s: float = 0.05) -> Iterator[None]:
    """Let the client call `act` every `every_s` until the block ends or the connection fails."""
    over = threading.Event()

    def go() -> None:
        while not over.wait(every_s):
            try:
                act()
            except OSError:
                return

    client = threading.Thread(target=go)
    client.start()
    yield
    over.set()
    client.join()


def _took_s(work: Callable[[], Any], began_s: float) -> tuple[float, Any]:
    """Return the seconds from `began_s` to the end of `work`, and its result or the type of its OSError."""
    try:
        outcome = work()
    except OSError as error:
        outcome = type(error)
    return time.monotonic() - began_s, outcome


def test_a_body_sent_byte_by_byte_has_one_deadline_in_total(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    clients = SlowClients(body_within_s=0.4, least_body_bytes_s=1000)
    clients.start()
    clients.reading(Connection(ours))
    theirs.send(b"x")
    body = TimedBody(ours.makefile("rb", buffering=0), clients, ours.fileno(), size=200)

    def read() -> bytes:
        whole = b""
        while len(whole) < 200 and (got := body.read(200 - len(whole))):
            whole += got
        return whole

    with repeating(lambda: theirs.send(b"x")):
        took_s, got = _took_s(read, time.monotonic())
    assert 0.4 < took_s < LIMIT_S / 2, "every byte alone would take ten seconds"
    assert 0 < len(got) < 200
    ours.sendall(b"HTTP/1.1 400 Bad Request\r\n")  # the sending direction is still open
    assert theirs.recv(12) == b"HTTP/1.1 400"


def test_a_complete_body_may_be_answered_late(pair: tuple[socket.socket, socket.socket]) -> None:
    ours, theirs = pair
    clients = SlowClients(body_within_s=0.1)
    clients.reading(Connection(ours))
    theirs.sendall(b"{}")
    assert TimedBody(ours.makefile("rb", buffering=0), clients, ours.fileno(), size=2).read(2) == b"{}"
    assert clients.end_late(time.monotonic() + 3600) == 0  # playlists and device searches may take long


@pytest.mark.slow
def test_a_response_read_byte_by_byte_has_a_deadline_by_its_size(
    pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    ours, theirs = pair
    clients = SlowClients(answer_within_s=0.4, least_answer_bytes_s=10_000_000)
    clients.start()
    clients.reading(Connection(ours))
    (tmp_path / "segment.ts").write_bytes(b"s" * 8_000_000)
    began_s = time.monotonic()
    clients.sending(ours.fileno(), 8_000_000)
    with repeating(lambda: theirs.recv(100)), (tmp_path / "segment.ts").open("rb") as segment:
        took_s, outcome = _took_s(lambda: ours.sendfile(segment), began_s)
    assert 1.2 < took_s < LIMIT_S / 2
    assert issubclass(outcome, OSError)


def test_a_client_as_slow_as_a_phone_gets_the_whole_segment(
    pair: tuple[socket.socket, socket.socket], tmp_path: Path
) -> None:
    ours, theirs = pair
    clients = SlowClients(answer_within_s=0.2, least_answer_bytes_s=1_000_000 / LIMIT_S)
    clients.start()
    clients.reading(Connection(ours))
    (tmp_path / "segment.ts").write_bytes(b"s" * 1_000_000)
    clients.sending(ours.fileno(), 1_000_000)
    with repeating(lambda: theirs.recv(100_000), 0.001), (tmp_path / "segment.ts").open("rb") as segment:
        assert ours.sendfile(segment) == 1_000_000


def test_a_closed_connection_has_no_deadline_for_its_reused_descriptor(
    pair: tuple[socket.socket, socket.socket],
) -> None:
    ours, theirs = pair
    clients = SlowClients()
    first, second = Connection(ours), Connection(ours)
    clients.reading(first)
    clients.left(ours.fileno(), first)
    assert clients.end_late(time.monotonic() + 3600) == 0
    clients.sending(ours.fileno(), 10)  # the descriptor belongs to no known connection
    assert clients.end_late(time.monotonic() + 3600) == 0
    began_s = time.monotonic()
    clients.reading(second)
    clients.left(ours.fileno(), first)
    assert clients.end_late(began_s + 7) == 0
    assert clients.end_late(time.monotonic() + 9) == 1
    assert theirs.recv(1) == b""


def test_the_app_sets_the_deadline_of_each_answer_by_its_size(
    web_app: OpenAPI, pair: tuple[socket.socket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, _ = pair
    clients = SlowClients(answer_within_s=10, least_answer_bytes_s=1000)
    monkeypatch.setattr(flask_app, "slow_clients", clients)
    clients.reading(Connection(ours))
    began_s = time.monotonic()
    answer = web_app.test_client().get("/static/css/components.css", environ_overrides={"gunicorn.socket": ours})
    size = int(answer.headers["Content-Length"])
    answer.close()
    assert size > 5000
    assert clients.end_late(began_s + 9 + size / 1000) == 0
    assert clients.end_late(time.monotonic() + 11 + size / 1000) == 1
