"""Ends connections that take for ever to say what they want, or to take what they asked for.

gunicorn's gthread worker reads a request's head (and does the TLS handshake) in a request thread, without a limit,
and the limit of a socket begins anew with each byte: some dozens of connections that send or take a byte now and then
would hold every thread. So each step has a deadline of its own, by the size of what is to come: the head, the body,
the answer. What the app does in between (waits for a first segment, asks a device) has limits of its own.
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
LEAST_BODY_BYTES_S = 8 * 1024  # the largest body that is taken has 16 s
ANSWER_WITHIN_S = 15.0
LEAST_ANSWER_BYTES_S = 16 * 1024  # 128 kbit/s: whoever is slower than the smallest stream cannot watch it
_LOOK_EVERY_S = 2.0


class Connection(Protocol):
    """What gunicorn keeps of a connection; TLS puts another socket in the first one's place."""

    sock: socket.socket


class Input(Protocol):
    """wsgi.input, as far as it is used."""

    def read(self, size: int = ..., /) -> bytes: ...


@dataclass(slots=True)
class _Step:
    """`until_s` of the monotonic clock; `how` as socket.shutdown takes it."""

    connection: Connection
    until_s: float
    how: int = socket.SHUT_RDWR


class SlowClients:
    """Bookkeeping by file descriptor, and one thread. Safe between threads. Lengths in seconds, bytes a second."""

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
        """A thread begins to read a request from it."""
        with self._lock:
            self._steps[connection.sock.fileno()] = _Step(connection, time.monotonic() + self._within_s)

    def heard(self, descriptor: int) -> None:
        """What was to come has come; now it is for the app to answer."""
        self._set(descriptor, math.inf)

    def body_until_s(self, size: int) -> float:
        """The deadline for a body of so many bytes that is read from now on."""
        return time.monotonic() + self._body_within_s + size / self._least_body_bytes_s

    def reading_body(self, descriptor: int, until_s: float) -> None:
        """It is being read. Only this side is closed when it is late, so that the client can be told."""
        self._set(descriptor, until_s, socket.SHUT_RD)

    def sending(self, descriptor: int, size: int) -> None:
        """An answer of so many bytes is being sent."""
        self._set(descriptor, time.monotonic() + self._answer_within_s + size / self._least_answer_bytes_s)

    def left(self, descriptor: int, connection: Connection) -> None:
        """Nobody reads from it any more; its descriptor may have become another's meanwhile."""
        with self._lock:
            if descriptor in self._steps and self._steps[descriptor].connection is connection:
                del self._steps[descriptor]

    def end_late(self, now_s: float) -> int:
        """Ends those whose time is over; how many."""
        with self._lock:
            late = [step for step in self._steps.values() if now_s >= step.until_s]
            for step in late:  # with the lock held: the descriptor cannot have become another's
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
    """wsgi.input with one deadline for all of it, from the first read on. A body that nobody reads has none."""

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
"""Of this process: gunicorn makes the worker, and the WSGI layer knows of neither."""
