"""Ends connections that take for ever to say what they want.

gunicorn's gthread worker reads a request's head (and does the TLS handshake) in a request thread, without a limit:
some dozens of connections that send a byte now and then would hold every thread. A connection that is being read has
`HEAD_WITHIN_S` until its request reaches the application; then the application's own limits count.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from typing import Protocol

HEAD_WITHIN_S = 8.0
_LOOK_EVERY_S = 2.0


class Connection(Protocol):
    """What gunicorn keeps of a connection; TLS puts another socket in the first one's place."""

    sock: socket.socket


class SlowClients:
    """Bookkeeping by file descriptor, and one thread. Safe between threads."""

    def __init__(self, within_s: float = HEAD_WITHIN_S) -> None:
        self._within_s = within_s
        self._lock = threading.Lock()
        self._reading: dict[int, tuple[float, Connection]] = {}

    def start(self) -> None:
        threading.Thread(target=self._watch, name="slow-clients", daemon=True).start()

    def reading(self, connection: Connection) -> None:
        """A thread begins to read a request from it."""
        with self._lock:
            self._reading[connection.sock.fileno()] = (time.monotonic() + self._within_s, connection)

    def heard(self, descriptor: int) -> None:
        """Its request has arrived."""
        with self._lock:
            self._reading.pop(descriptor, None)

    def left(self, descriptor: int, connection: Connection) -> None:
        """Nobody reads from it any more; its descriptor may have become another's meanwhile."""
        with self._lock:
            if descriptor in self._reading and self._reading[descriptor][1] is connection:
                del self._reading[descriptor]

    def end_late(self, now_s: float) -> int:
        """Ends those whose time is over; how many."""
        with self._lock:
            late = [descriptor for descriptor, (until_s, _) in self._reading.items() if now_s >= until_s]
            ended = [self._reading.pop(descriptor)[1] for descriptor in late]
            for connection in ended:  # with the lock held: the descriptor cannot have become another's
                with contextlib.suppress(OSError):
                    connection.sock.shutdown(socket.SHUT_RDWR)
        return len(ended)

    def _watch(self) -> None:
        while True:
            time.sleep(min(_LOOK_EVERY_S, self._within_s / 2))
            self.end_late(time.monotonic())


slow_clients = SlowClients()
"""Of this process: gunicorn makes the worker, and the WSGI layer knows of neither."""
