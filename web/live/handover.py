"""How a connection changes hands: from the thread that read its request to the thread of the sockets.

gunicorn closes a connection when the application is done with it. One that was taken over is not its any more: the
worker (web.server) asks here, and leaves it alone.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

from flask import Response


class Handover:
    """Connections that were taken over and that gunicorn has not let go of yet. Safe between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._taken: set[socket.socket] = set()

    def take(self, connection: socket.socket) -> None:
        with self._lock:
            self._taken.add(connection)

    def was_taken(self, connection: socket.socket) -> bool:
        """Once for each: the worker asks when the request is over."""
        with self._lock:
            if connection not in self._taken:
                return False
            self._taken.discard(connection)
            return True


handover = Handover()
"""Of this process, as web.slow_clients' is: gunicorn makes the worker, and the WSGI layer knows of neither."""


class Upgraded(Response):
    """The answer to a request that becomes something else: `take_over(connection, headers)` gets the connection.

    The headers are those that every answer of the app has.
    """

    def __init__(self, take_over: Callable[[socket.socket, Iterable[tuple[str, str]]], None]) -> None:
        super().__init__(status=101)
        del self.headers["Content-Type"]
        self._take_over = take_over

    def __call__(self, environ: Any, start_response: Any) -> NoReturn:
        """Ends the request the way gunicorn understands: by StopIteration, with nothing sent."""
        del start_response
        connection: socket.socket = environ["gunicorn.socket"]
        handover.take(connection)
        self._take_over(connection, [item for item in self.headers.items() if item[0] != "Content-Length"])
        raise StopIteration
