"""The open connections of a pool, which another thread can end while a statement waits for the server."""

from __future__ import annotations

import os
import socket
import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg


class OpenConnections:
    """Connections to PostgreSQL. Safe between threads."""

    def __init__(self) -> None:
        self._open: weakref.WeakSet[psycopg.Connection[Any]] = weakref.WeakSet()

    def add(self, connection: psycopg.Connection[Any]) -> None:
        self._open.add(connection)

    def end_all(self) -> None:
        """End all connections. A statement that waits on one of them fails immediately, with the driver's error."""
        for connection in list(self._open):
            with suppress(Exception):  # it has ended by itself
                _shut_down(connection)
            self._open.discard(connection)


def _shut_down(connection: psycopg.Connection[Any]) -> None:
    """Shut the socket down. Its thread closes it: a number that is closed here could belong to another file then."""
    copy = os.dup(connection.fileno())
    try:
        connection.fileno()  # raises if the connection was closed before the copy, which then is of another file
        with socket.socket(fileno=copy) as sock:
            copy = -1
            sock.shutdown(socket.SHUT_RDWR)
    finally:
        if copy >= 0:
            os.close(copy)
