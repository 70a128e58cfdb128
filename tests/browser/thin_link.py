"""A relay between browser and app that passes the app's bytes on at a given rate, like a thin link.

The bytes wait in the app, as before a slow modem: the relay reads only as much as it may pass on.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator

from tests.browser.relay import Relay

_CHUNK_BYTES = 2 * 1024
_KERNEL_BYTES = 16 * 1024  # Linux doubles it


class ThinLink(Relay):
    """All connections share the rate. `set_rate(None)` passes everything on without a delay."""

    def __init__(self, port: int) -> None:
        self._bits_per_s: float | None = None
        self._free_at_s = 0.0
        self._rate_lock = threading.Lock()
        super().__init__(port)

    def set_rate(self, kbps: float | None) -> None:
        with self._rate_lock:
            self._bits_per_s = None if kbps is None else kbps * 1000

    def _connect(self) -> socket.socket:
        far = socket.socket()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _KERNEL_BYTES)
        far.connect(self._to)
        return far

    def _pass_on(self, one: socket.socket, other: socket.socket) -> None:
        is_from_app = False
        with contextlib.suppress(OSError):  # the other thread has closed both sockets already
            is_from_app = one.getpeername() == self._to
        if not is_from_app:
            super()._pass_on(one, other)
            return
        with contextlib.suppress(OSError):
            other.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _KERNEL_BYTES)
            other.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while data := one.recv(_CHUNK_BYTES):
                self._wait_for_turn(len(data))
                other.sendall(data)
        self._end(one, other)

    def _wait_for_turn(self, size: int) -> None:
        """Wait until the link is free, and use it for so many bytes."""
        with self._rate_lock:
            if self._bits_per_s is None:
                return
            begins_s = max(self._free_at_s, time.monotonic())
            self._free_at_s = begins_s + size * 8 / self._bits_per_s
        if (wait_s := begins_s - time.monotonic()) > 0:
            time.sleep(wait_s)


@contextlib.contextmanager
def thin_link(port: int) -> Iterator[ThinLink]:
    link = ThinLink(port)
    try:
        yield link
    finally:
        link.close()
