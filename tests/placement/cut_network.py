"""A network between a node and the database that a test cuts: packets vanish, connections stay."""

from __future__ import annotations

import select
import socket
import threading
from contextlib import suppress

_BUFFER = 65536
_LOOK_S = 0.05


class CutNetwork:
    """Forwards connections to a port of this machine. While it is cut it takes bytes from neither side."""

    def __init__(self, port: int) -> None:
        self._target = port
        self.is_cut = threading.Event()
        self._is_over = threading.Event()
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._threads: list[threading.Thread] = []
        self._start(self._accept)

    def stop(self) -> None:
        self._is_over.set()
        for thread in self._threads:
            thread.join()
        self._server.close()

    def _start(self, work: object, *arguments: socket.socket) -> None:
        self._threads.append(threading.Thread(target=work, args=arguments, daemon=True))  # type: ignore[arg-type]
        self._threads[-1].start()

    def _accept(self) -> None:
        self._server.settimeout(_LOOK_S)
        while not self._is_over.is_set():
            with suppress(TimeoutError):
                connection, _ = self._server.accept()
                self._start(self._forward, connection)

    def _forward(self, connection: socket.socket) -> None:
        with connection, suppress(ConnectionError), socket.create_connection(("127.0.0.1", self._target)) as target:
            other = {connection: target, target: connection}
            while not self._is_over.is_set():
                readable, _, _ = select.select([] if self.is_cut.is_set() else list(other), [], [], _LOOK_S)
                for one in readable:
                    try:
                        data = one.recv(_BUFFER)
                        other[one].sendall(data)
                    except OSError:
                        return
                    if not data:
                        return
