"""Signed requests between the nodes of one app. They read only, within a limit of time and size.

All nodes have the same key of passwords. The key of signatures is derived from it. A signature names the asked node,
the path with its query, and the time, so it serves for one address at one node, for a minute.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import socket
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timedelta
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Protocol

from core.clock import Clock
from core.errors import Unavailable
from core.placement import Node

log = logging.getLogger(__name__)

SIGNATURE = "X-Node-Signature"
USUAL_LIMIT_S = 1.0
VALID_S = 60.0  # the wall clocks of nodes may differ by so much
_MOST_BYTES = 8_000_000
_CHUNK_BYTES = 65_536


class NodeKeys(Protocol):
    """Has the key that all nodes share (OnvifManager)."""

    def node_key(self) -> bytes:
        """Return the key of signatures. Raise Unavailable before the start."""
        ...


class NodeSilent(Unavailable):
    """Another node does not answer, or not in time."""

    code = "node_away"

    def __init__(self, node: Node, reason: str, *, has_answered: bool = False) -> None:
        """`has_answered`: the node lives, and its answer is only too slow, too long or too short."""
        super().__init__(f"The server {node.name} does not answer: {reason}.")
        self.has_answered = has_answered


class NodeRefuses(Unavailable):
    """Another node answers with another status than 200."""

    code = "node_away"

    def __init__(self, node: Node, status: int) -> None:
        super().__init__(f"The server {node.name} refuses a request of this one (status {status}).")
        self.status = status


class NodeLink:
    """Asks other nodes, and checks their signatures. Thread-safe.

    Each request opens a new connection: on a local network that costs less than the care for a kept one.
    """

    def __init__(self, keys: NodeKeys, clock: Clock) -> None:
        self._keys = keys
        self._clock = clock

    def read(self, node: Node, path: str, *, timeout_s: float = USUAL_LIMIT_S, most_bytes: int = _MOST_BYTES) -> bytes:
        """Return the body of another node's answer to GET `path` (with its query).

        Raise NodeSilent if it does not answer within `timeout_s`, or with more than `most_bytes`; NodeRefuses for
        another status than 200.
        """
        ends_s = self._clock.monotonic_s() + timeout_s
        host, _, port = node.address.rpartition(":")
        has_answered = False
        try:
            with closing(HTTPConnection(host.strip("[]"), int(port))) as connection:
                connection.sock = _connected(connection.host, connection.port, partial(self._left_s, ends_s))
                connection.request("GET", path, headers={SIGNATURE: self.sign(node, path), "Connection": "close"})
                with closing(connection.getresponse()) as answer:
                    has_answered = True
                    if answer.status != 200:
                        raise NodeRefuses(node, answer.status)
                    return _body(answer, node, most_bytes)
        except (OSError, HTTPException, ValueError) as error:
            raise NodeSilent(node, type(error).__name__, has_answered=has_answered) from error

    def _left_s(self, ends_s: float) -> float:
        """Return the seconds until a time. Raise TimeoutError after it."""
        left_s = ends_s - self._clock.monotonic_s()
        if left_s <= 0.0:
            raise TimeoutError
        return left_s

    def sign(self, node: Node, path: str) -> str:
        """Return the signature of GET `path` at a node, as of now."""
        at = self._clock.now_utc()
        return f"{_milliseconds(at)}:{self._mac(node.name, path, _milliseconds(at))}"

    def is_signed(self, signature: str, this: Node, path: str) -> bool:
        """True if another node signed GET `path` at this node in the last minute. False for a single process."""
        sent_ms, _, mac = signature.partition(":")
        if not this.place or not sent_ms.isascii() or not sent_ms.isdigit() or len(sent_ms) > 15:
            return False
        if not hmac.compare_digest(mac.encode(), self._mac(this.name, path, int(sent_ms)).encode()):
            return False
        age = timedelta(milliseconds=_milliseconds(self._clock.now_utc()) - int(sent_ms))
        if abs(age) > timedelta(seconds=VALID_S):
            log.warning("the clock of another server differs by %d s; its request is refused", age.total_seconds())
            return False
        return True

    def _mac(self, name: str, path: str, sent_ms: int) -> str:
        text = "\n".join(("GET", name, path, str(sent_ms)))
        return hmac.new(self._keys.node_key(), text.encode(), hashlib.sha256).hexdigest()


class _TimedSocket(socket.socket):
    """Ends at a time: each of its calls has only the seconds that are left. `left_s` must be set before the first."""

    left_s: Callable[[], float]

    def recv_into(self, *args: Any, **kwargs: Any) -> int:
        self.settimeout(self.left_s())
        return super().recv_into(*args, **kwargs)


def _connected(host: str, port: int, left_s: Callable[[], float]) -> _TimedSocket:
    """Return a connection to the first address of a host that takes one. Raise OSError."""
    failure = OSError("no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = _TimedSocket(family, kind, protocol)
        sock.left_s = left_s
        try:
            sock.settimeout(left_s())
            sock.connect(address)
        except OSError as error:
            sock.close()
            failure = error
        else:
            sock.settimeout(left_s())  # of the request, which is short
            return sock
    raise failure


def _body(answer: HTTPResponse, node: Node, most_bytes: int) -> bytes:
    body = bytearray()
    while chunk := answer.read1(_CHUNK_BYTES):
        body += chunk
        if len(body) > most_bytes:
            raise NodeSilent(node, "its answer is too long", has_answered=True)
    if answer.length:
        raise NodeSilent(node, "its answer ends too early", has_answered=True)
    return bytes(body)


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
