"""Ends connections that send their request or read their answer too slowly.

gunicorn's gthread worker reads the head of a request (and does the TLS handshake) in a request thread, without a
deadline, and a socket's timeout starts again with each byte: some dozens of connections that send or read a byte now
and then would hold every thread. So the head, the body and the answer each have a deadline, which depends on the size.
The app's own work in between (waiting for a first segment, requests to devices) has limits elsewhere.
"""

from __future__ import annotations

import contextlib
import math
import socket
import threading
import time
from dataclasses import dataclass
from typing import Protocol

HEAD_WITHIN_S = 8.0
BODY_WITHIN_S = 8.0
LEAST_BODY_BYTES_S = 8 * 1024  # 16 s for the largest allowed body
ANSWER_WITHIN_S = 15.0
LEAST_ANSWER_BYTES_S = 16 * 1024  # 128 kbit/s: a slower client could not watch the smallest stream
_LOOK_EVERY_S = 2.0


class Connection(Protocol):
    """gunicorn's connection object. With TLS, its `sock` is replaced after the handshake."""

    sock: socket.socket


class Input(Protocol):
    """The part of wsgi.input that is used here."""

    def read(self, size: int = ..., /) -> bytes: ...


@dataclass(slots=True)
class _Step:
    """A step of a request with its deadline (monotonic clock); `how` is for socket.shutdown."""

    connection: Connection
    until_s: float
    how: int = socket.SHUT_RDWR


class SlowClients:
    """Deadlines by file descriptor, and a thread that enforces them. Safe between threads."""

    def __init__(
        self,
        within_s: float = HEAD_WITHIN_S,
        *,
        body_within_s: float = BODY_WITHIN_S,
        least_body_bytes_s: float = LEAST_BODY_BYTES_S,
        answer_within_s: float = ANSWER_WITHIN_S,
        least_answer_bytes_s: float = LEAST_ANSWER_BYTES_S,
    ) -> None:
        self._within_s = within_s
        self._body_within_s = body_within_s
        self._least_body_bytes_s = least_body_bytes_s
        self._answer_within_s = answer_within_s
        self._least_answer_bytes_s = least_answer_bytes_s
        self._look_every_s = min(_LOOK_EVERY_S, within_s / 2, body_within_s / 2, answer_within_s / 2)
        self._lock = threading.Lock()
        self._steps: dict[int, _Step] = {}

    def start(self) -> None:
        threading.Thread(target=self._watch, name="slow-clients", daemon=True).start()

    def reading(self, connection: Connection) -> None:
        """A thread begins to read a request from this connection."""
        with self._lock:
            self._steps[connection.sock.fileno()] = _Step(connection, time.monotonic() + self._within_s)

    def heard(self, descriptor: int) -> None:
        """The client has sent everything; the app's own work has no deadline here."""
        self._set(descriptor, math.inf)

    def body_until_s(self, size: int) -> float:
        """Return the deadline of a body of `size` bytes that is read from now on."""
        return time.monotonic() + self._body_within_s + size / self._least_body_bytes_s

    def reading_body(self, descriptor: int, until_s: float) -> None:
        """A body is being read. At the deadline only reading is shut down, so that the client still gets an error."""
        self._set(descriptor, until_s, socket.SHUT_RD)

    def sending(self, descriptor: int, size: int) -> None:
        """An answer of `size` bytes is being sent."""
        self._set(descriptor, time.monotonic() + self._answer_within_s + size / self._least_answer_bytes_s)

    def left(self, descriptor: int, connection: Connection) -> None:
        """The request has ended. The descriptor may belong to another connection already."""
        with self._lock:
            if descriptor in self._steps and self._steps[descriptor].connection is connection:
                del self._steps[descriptor]

    def end_late(self, now_s: float) -> int:
        """Shut down the connections that are past their deadline. Return their number."""
        with self._lock:
            late = [step for step in self._steps.values() if now_s >= step.until_s]
            for step in late:  # with the lock held, so that the descriptor still belongs to this connection
                step.until_s = math.inf
                with contextlib.suppress(OSError):
                    step.connection.sock.shutdown(step.how)
        return len(late)

    def _set(self, descriptor: int, until_s: float, how: int = socket.SHUT_RDWR) -> None:
        with self._lock:
            step = self._steps.get(descriptor)
            if step is not None:
                step.until_s, step.how = until_s, how

    def _watch(self) -> None:
        while True:
            time.sleep(self._look_every_s)
            self.end_late(time.monotonic())


class TimedBody:
    """wsgi.input with one deadline for the whole body, from the first read on. An unread body has no deadline."""

    def __init__(self, inner: Input, clients: SlowClients, descriptor: int, size: int) -> None:
        self._inner = inner
        self._clients = clients
        self._descriptor = descriptor
        self._size = size
        self._until_s: float | None = None

    def read(self, size: int = -1, /) -> bytes:
        if self._until_s is None:
            self._until_s = self._clients.body_until_s(self._size)
        self._clients.reading_body(self._descriptor, self._until_s)
        try:
            return self._inner.read(size)
        finally:
            self._clients.heard(self._descriptor)


slow_clients = SlowClients()
"""One per process: gunicorn creates the worker, and the worker and the WSGI app do not know each other."""
