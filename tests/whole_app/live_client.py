"""A client of the live socket without a browser."""

from __future__ import annotations

import contextlib
import json
import ssl
import struct
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.patience import LIMIT_S

SUB, OTHER_SUB = "MediaProfile00001", "MediaProfile00101"
TOKEN = "RecordMediaProfile00000"  # of channel 1
HEAD = struct.Struct(">BBHdd")
INIT, FRAGMENTS = 1, 2


@contextlib.contextmanager
def opened(app: Any, path: str = "/live", **more: Any) -> Iterator[ClientConnection]:
    address = app.url.replace("http", "ws", 1) + path
    with connect(address, open_timeout=LIMIT_S, max_size=None, compression=None, **more) as client:
        yield client


def trusting(certificate: Path) -> ssl.SSLContext:
    """Return the TLS context of a client that trusts this certificate.

    With TLS 1.3, the server's session tickets come after the handshake: the client's reading thread then reads from
    OpenSSL while the other thread writes the request. OpenSSL forbids that, and some requests are never sent.
    """
    context = ssl.create_default_context(cafile=str(certificate))
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    return context


def say(client: ClientConnection, **message: object) -> None:
    client.send(json.dumps(message))


def text(client: ClientConnection, kind: str, within_s: float = LIMIT_S) -> dict[str, Any]:
    """Return the next JSON message of this type; other messages are skipped."""
    ends_s = time.monotonic() + within_s
    while True:
        message = client.recv(ends_s - time.monotonic())
        if isinstance(message, str) and (found := json.loads(message))["type"] == kind:
            return dict(found)


def binary(
    client: ClientConnection, number: int, kind: int, within_s: float = LIMIT_S
) -> tuple[int, float, float, bytes]:
    """Return (flags, position in s, capture time in ms, content) of the next binary message of this id and kind."""
    ends_s = time.monotonic() + within_s
    while True:
        message = client.recv(ends_s - time.monotonic())
        if isinstance(message, bytes):
            found, flags, its, start_s, taken_ms = HEAD.unpack_from(message)
            if (found, its) == (kind, number):
                return flags, start_s, taken_ms, message[HEAD.size :]


def until_closed(client: ClientConnection, within_s: float = LIMIT_S) -> int | None:
    """Read until the server closes the socket; return the close code, or None if there was none."""
    ends_s = time.monotonic() + within_s
    try:
        while True:
            client.recv(ends_s - time.monotonic())
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd else None


def an_hour_ago(**later: float) -> datetime:
    return (datetime.now(UTC) - timedelta(hours=1) + timedelta(**later)).replace(microsecond=0)


def join(client: ClientConnection, stream: dict[str, Any], number: int = 1) -> None:
    say(client, type="replay", id=number, stream_id=stream["stream_id"], viewer_id=stream["viewer_id"])
