"""Connections to one device, with one deadline for name, connection, TLS, request and answer.

Each request has a new connection, because web servers of weak cameras have places for few. Over HTTPS it resumes the
TLS session of the last one, which spares the camera its signature (RSA takes some 50 ms on a slow one). Some devices
fail at that, in the handshake or at the request behind it.

Every operation of the socket gets only the remaining time, so a device that sends a byte per second cannot exceed it.
A name is resolved here, and all its addresses are checked before the first connection.
"""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from core.allowed_addresses import allowed_addresses
from core.certificates import PinnedCertificates, tls_context
from core.clock import SystemClock
from onvif_services.addresses import bracketed
from onvif_services.faults import NotConnected
from onvif_services.http_answer import TooLarge

_Resolved = list[tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]]

_BLOCK_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A port of the device, and its protocol: "http" or "https"."""

    scheme: str
    port: int

    @classmethod
    def of(cls, address: str) -> Endpoint:
        """Return the endpoint of an address that is already rewritten."""
        parts = urlsplit(address)
        return cls(parts.scheme, parts.port or 0)

    def address(self, host: str, path_and_query: str) -> str:
        return f"{self.scheme}://{bracketed(host)}:{self.port}{path_and_query}"


def left_s(deadline_s: float) -> float:
    """Return the seconds until a deadline of time.monotonic(). Raise TimeoutError if there are none left."""
    left = deadline_s - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def resolve(host: str, port: int, deadline_s: float) -> _Resolved:
    """Call getaddrinfo with a deadline (of time.monotonic()), in a thread because it cannot be interrupted.

    Raise TimeoutError after the deadline, CameraUnreachable for an unknown name.
    """
    found: list[_Resolved | OSError] = []
    with suppress(OSError, UnicodeError):  # an IP address needs no look-up and so no thread
        return list(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST))

    def look_up() -> None:
        try:
            found.append(list(socket.getaddrinfo(host.strip("[]"), port, type=socket.SOCK_STREAM)))
        except (OSError, UnicodeError) as error:
            found.append(error if isinstance(error, OSError) else OSError("not a name"))

    thread = threading.Thread(target=look_up, name="onvif-name", daemon=True)
    thread.start()
    thread.join(left_s(deadline_s))
    if not found:
        raise TimeoutError
    if isinstance(found[0], OSError):
        raise NotConnected("The device's host name cannot be found.") from found[0]
    return found[0]


class DeviceSockets:
    """Opens the connections to one host, and keeps those that are open, so that `close` can end them. Thread-safe."""

    def __init__(self, host: str, certificates: PinnedCertificates | None = None) -> None:
        self.host = host
        self._certificates = certificates or PinnedCertificates(SystemClock())
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._sessions: dict[int, ssl.SSLSession] = {}  # by port
        self._never_resumed: set[int] = set()  # ports that fail at resumed sessions
        self._doubted: set[int] = set()  # ports at which the last resumed session got no answer in time
        self.is_closed = False

    def connect(self, endpoint: Endpoint, deadline_s: float, allowance_bytes: int) -> DeviceSocket:
        """Return a new connection, which reads at most `allowance_bytes`.

        Raise TimeoutError, OSError, a CameraUnreachable for a host that is unknown or refused, and CertificateChanged.
        """
        port = endpoint.port
        if endpoint.scheme == "https":
            tls = self._connect_tls(port, deadline_s)
            return DeviceSocket(tls, deadline_s, allowance_bytes, lambda sock: self._close_tls(tls, port, sock))
        plain = self._connect(port, deadline_s)
        return DeviceSocket(plain, deadline_s, allowance_bytes, lambda _: self._closed(plain))

    def never_resume(self, port: int) -> None:
        """Make full TLS handshakes at this port from now on: the device fails after it has resumed a session."""
        self._sessions.pop(port, None)
        self._never_resumed.add(port)

    def reach(self, port: int, deadline_s: float) -> None:
        """Open a TCP connection and close it, without a byte in between.

        Raise TimeoutError, OSError, or a CameraUnreachable for a host that is unknown or refused.
        """
        self._closed(self._connect(port, deadline_s))

    def close(self) -> None:
        """End the connections that are open, and refuse new ones."""
        with self._lock:
            self.is_closed = True
            sockets = list(self._open)
            allowed_addresses.forget(self.host)
        for sock in sockets:
            with suppress(OSError):  # it is closed already
                sock.shutdown(socket.SHUT_RDWR)

    def _connect(self, port: int, deadline_s: float) -> socket.socket:
        """Connect to the address at which the device was reached before, otherwise to those of its name."""
        place = allowed_addresses.place_of(self.host)
        try:
            return self._connect_to(place or self.host, port, deadline_s)
        except OSError:
            if place is None:
                raise
            allowed_addresses.forget(self.host)  # the device may have moved
            return self._connect_to(self.host, port, deadline_s)

    def _connect_to(self, host: str, port: int, deadline_s: float) -> socket.socket:
        """Check all addresses of the host, then try to connect to each in turn. Raise the OSError of the last one."""
        found = resolve(host, port, deadline_s)
        for *_, address in found:
            allowed_addresses.check(str(address[0]), port)
        problem: OSError = OSError("no address")
        for family, kind, proto, _, address in found:
            sock = socket.socket(family, kind, proto)
            try:
                self._opened(sock)
                sock.settimeout(left_s(deadline_s))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                self._closed(sock)
                problem = error
                continue
            self._reached(str(address[0]))
            return sock
        raise problem

    def _connect_tls(self, port: int, deadline_s: float) -> ssl.SSLSocket:
        """Connect and resume the last session of this port, unless the device fails at that.

        A device that restarts resets connections, too. So only a full handshake that succeeds, or a second timeout,
        shows that the device fails at resumption.
        """
        session = None if port in self._never_resumed else self._sessions.get(port)
        sock = self._connect(port, deadline_s)
        try:
            return self._begin_tls(sock, port, deadline_s, session)
        except TimeoutError:
            if session is not None:
                self._doubt(port)
            raise
        except OSError:
            if session is None:
                raise
            self._sessions.pop(port, None)
        tls = self._begin_tls(self._connect(port, deadline_s), port, deadline_s, None)
        self._never_resumed.add(port)
        return tls

    def _doubt(self, port: int) -> None:
        """A resumed session got no answer in time: begin a new one, and resume no more after the second time."""
        self._sessions.pop(port, None)
        if port in self._doubted:
            self._never_resumed.add(port)
        self._doubted.add(port)

    def _close_tls(self, tls: ssl.SSLSocket, port: int, sock: DeviceSocket) -> None:
        """Close a connection; keep its session if it brought an answer. TLS 1.3 has it only after the first byte."""
        session = tls.session
        if sock.first_byte_s is None:
            if sock.is_resumed and not self.is_closed:
                self._doubt(port)
        elif session is not None and not self.is_closed:
            self._sessions[port] = session
            if sock.is_resumed:
                self._doubted.discard(port)
        self._closed(tls)

    def _begin_tls(
        self, sock: socket.socket, port: int, deadline_s: float, session: ssl.SSLSession | None
    ) -> ssl.SSLSocket:
        """Make the TLS handshake and check the certificate, before the first byte of a request is sent.

        A resumed session has the certificate of its first handshake.
        """
        tls: ssl.SSLSocket | None = None
        try:
            sock.settimeout(left_s(deadline_s))
            name = self.host.strip("[]")
            tls = tls_context().wrap_socket(sock, server_hostname=name, do_handshake_on_connect=False, session=session)
            self._replaced(sock, tls)
            tls.do_handshake()
            self._certificates.check(self.host, port, tls.getpeercert(binary_form=True))
        except BaseException:
            self._closed(tls or sock)
            raise
        return tls

    def _opened(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.add(sock)
            if self.is_closed:
                raise ConnectionAbortedError

    def _replaced(self, sock: socket.socket, by: socket.socket) -> None:
        """Keep the TLS socket in place of the plain one, whose handle it took over."""
        with self._lock:
            self._open.discard(sock)
        self._opened(by)

    def _reached(self, address: str) -> None:
        with self._lock:
            if not self.is_closed:
                allowed_addresses.reached(self.host, address)

    def _closed(self, sock: socket.socket) -> None:
        with self._lock:
            self._open.discard(sock)
        sock.close()


class DeviceSocket:
    """One connection with a deadline for all operations and a limit of bytes to read. A context manager."""

    def __init__(
        self, sock: socket.socket, deadline_s: float, allowance_bytes: int, on_close: Callable[[DeviceSocket], None]
    ) -> None:
        self._sock = sock
        self._deadline_s = deadline_s
        self._allowance_bytes = allowance_bytes
        self._on_close = on_close
        self.is_resumed = isinstance(sock, ssl.SSLSocket) and bool(sock.session_reused)
        self.first_byte_s: float | None = None  # time.monotonic() of the first received byte

    def __enter__(self) -> DeviceSocket:
        return self

    def __exit__(self, *_: object) -> None:
        self._on_close(self)

    def send(self, data: bytes) -> None:
        """Send all bytes. A device that answers and closes before it has read the whole request is no error."""
        self._sock.settimeout(left_s(self._deadline_s))
        with suppress(ConnectionError):
            self._sock.sendall(data)

    def receive(self, within_s: float | None = None) -> bytes | None:
        """Return the next bytes, b"" at the end of the connection, None if nothing comes within `within_s` seconds.

        Raise TimeoutError at the deadline, and TooLarge.
        """
        left = left_s(self._deadline_s)
        is_short = within_s is not None and within_s < left
        self._sock.settimeout(within_s if is_short else left)
        try:
            data = self._sock.recv(_BLOCK_BYTES)
        except TimeoutError:
            if is_short:
                return None
            raise
        except (ConnectionError, ssl.SSLError):
            return b""
        if data and self.first_byte_s is None:
            self.first_byte_s = time.monotonic()
        self._allowance_bytes -= len(data)
        if self._allowance_bytes < 0:
            raise TooLarge
        return data
