"""Connections from sinks to their servers: allowed addresses, verified TLS, and an end after a limit.

A connection is to an address that was checked, so a name server that changes its answer cannot redirect it. A slow or
hostile server cannot hold a sink longer than the limit, whatever it sends.
"""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from core.clock import Clock
from core.settings import Settings
from core.sink_addresses import SinkAddresses
from notifications.sinks import SinkError

CODE_UNREACHABLE = "sink_unreachable"
_MOST_ADDRESSES = 8  # of one name


@dataclass(frozen=True, slots=True)
class Server:
    """The server of a sink. `is_mail`: the ports of mail servers are allowed."""

    host: str
    port: int
    is_mail: bool = False


class Outgoing:
    """Opens connections by the settings of this app. Thread-safe."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._addresses = SinkAddresses(settings.notification_addresses)
        self._ca_file: Path | None = settings.notification_ca_file
        self._clock = clock
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()

    def tls_context(self) -> ssl.SSLContext:
        """Return the context that verifies certificates. Raise SinkError if NOTIFICATION_CA_FILE cannot be read."""
        with self._lock:
            if self._context is None:
                context = ssl.create_default_context()
                if self._ca_file is not None:
                    try:
                        context.load_verify_locations(self._ca_file)
                    except (OSError, ssl.SSLError):
                        raise SinkError("sink_failed", "NOTIFICATION_CA_FILE cannot be read.", is_final=True) from None
                self._context = context
            return self._context

    def connect(self, server: Server, limit_s: float) -> socket.socket:
        """Return a TCP connection to an allowed address of a server. Raise SinkError."""
        until_s = self._clock.monotonic_s() + limit_s
        addresses = _resolve(server, limit_s)
        for address in addresses:
            why = self._addresses.why_not(server.host, address, server.port, is_mail=server.is_mail)
            if why is not None:
                raise SinkError("address_refused", f"The app does not connect to this server: {why}.", is_final=True)
        for address in addresses:
            left_s = until_s - self._clock.monotonic_s()
            if left_s <= 0:
                break
            with suppress(OSError):
                return socket.create_connection((address, server.port), timeout=left_s)
        raise SinkError(CODE_UNREACHABLE, "The server does not answer.")


class OpenLines:
    """The open connections of a sink, so that another thread can end them. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._lines: set[socket.socket] = set()
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        """End all connections, and refuse new ones."""
        with self._lock:
            self._is_closed = True
            for line in self._lines:
                _end(line)

    @contextmanager
    def held(self, line: socket.socket, limit_s: float) -> Iterator[None]:
        """Hold a connection, which ends after the limit; afterwards close it. Raise SinkError if close() came before.

        It stays under control while TLS wraps it: a duplicate of the descriptor ends the same connection.
        """
        with line, line.dup() as twin:
            limit = threading.Timer(limit_s, _end, (twin,))
            limit.daemon = True
            with self._lock:
                if self._is_closed:
                    raise stopping()
                self._lines.add(twin)
            limit.start()
            try:
                yield
            finally:
                limit.cancel()
                with self._lock:
                    self._lines.discard(twin)


def stopping() -> SinkError:
    """Return the error of a send that the app's stop or a change of the sink has ended."""
    return SinkError("stopped", "The sink was stopped.")


def as_sink_error(error: Exception) -> SinkError:
    """Return the error of a connection that failed, without text of the server."""
    match error:
        case SinkError():
            return error
        case ssl.SSLCertVerificationError():
            return SinkError(
                "certificate_refused",
                "The server's certificate is not valid for its name, or this machine does not trust its authority.",
                is_final=True,
            )
        case ssl.SSLError():
            return SinkError("tls_failed", "The server and the app found no way to encrypt the connection.")
        case TimeoutError():
            return SinkError(CODE_UNREACHABLE, "The server did not answer in time.")
    return SinkError(CODE_UNREACHABLE, "The connection to the server failed.")


def _end(line: socket.socket) -> None:
    with suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _resolve(server: Server, limit_s: float) -> list[str]:
    """Return the addresses of a server. The name server gets no longer than the limit."""
    found: list[str] = []

    def look_up() -> None:
        with suppress(OSError, UnicodeError):
            answers = socket.getaddrinfo(server.host.strip("[]"), server.port, type=socket.SOCK_STREAM)
            found.extend(dict.fromkeys(str(answer[4][0]) for answer in answers))

    thread = threading.Thread(target=look_up, name="sink-name", daemon=True)
    thread.start()
    thread.join(limit_s)
    addresses = found[:_MOST_ADDRESSES]
    if not addresses:
        raise SinkError(CODE_UNREACHABLE, "The name of the server has no address.")
    return addresses
