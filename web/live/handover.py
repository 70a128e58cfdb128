"""Hands a connection over from the thread that handled its request to the sockets' thread.

gunicorn closes a connection when its request is done. Its worker (web.server) asks here first, and leaves a connection
open that was taken over.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from flask import Response


class Handover:
    """Connections that were taken over during requests that gunicorn has not finished yet. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[socket.socket] = set()

    def take(self, connection: socket.socket) -> None:
        with self._lock:
            self._taken.add(connection)

    def was_taken(self, connection: socket.socket) -> bool:
        """True once for each connection that was taken over; this forgets the connection."""
        with self._lock:
            if connection not in self._taken:
                return False
            self._taken.discard(connection)
            return True


handover = Handover()
"""One per process: gunicorn creates the worker, and the worker and the WSGI app do not know each other."""


class Upgraded(Response):
    """The answer to an upgrade request. `take_over(connection, headers)` gets the connection and the app's headers."""

    def __init__(self, take_over: Callable[[socket.socket, Iterable[tuple[str, str]]], None]) -> None:
        super().__init__(status=101)
        del self.headers["Content-Type"]
        self._take_over = take_over

    def __call__(self, environ: Any, start_response: Any) -> NoReturn:
        """Hand the connection over and raise StopIteration: gunicorn then ends the request and sends nothing."""
        del start_response
        connection: socket.socket = environ["gunicorn.socket"]
        handover.take(connection)
        self._take_over(connection, [item for item in self.headers.items() if item[0] != "Content-Length"])
        raise StopIteration
