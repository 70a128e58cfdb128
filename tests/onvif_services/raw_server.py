"""A server of raw sockets on loopback, for answers that an HTTP server cannot send."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from tests.patience import LIMIT_S

Handle = Callable[[socket.socket], None]
Serve = Callable[[Handle], int]


def sends_nothing(sock: socket.socket) -> None:
    """Read requests until the client closes the connection, and answer none."""
    sock.settimeout(LIMIT_S)
    while sock.recv(65536):
        pass


class RawServer:
    """A server that calls `handle` in a thread for each connection to `port`."""

    def __init__(self, handle: Handle) -> None:
        self._handle = handle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self.port = int(self._listener.getsockname()[1])
        self._run(self._accept)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(LIMIT_S)

    def _run(self, target: Callable[..., None], *args: socket.socket) -> None:
        self._threads.append(threading.Thread(target=target, args=args, daemon=True))
        self._threads[-1].start()

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._run(self._answer, sock)

    def _answer(self, sock: socket.socket) -> None:
        with sock:
            try:
                self._handle(sock)
            except OSError:
                return  # the client closed the connection
