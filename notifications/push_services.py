"""Requests to the push services of browsers' makers, which carry web push messages to the browsers.

A user's browser names the address of such a service, so it is hostile until it is checked:

- only https, port 443, a host name; every address of the name must be a public one, and the request goes to one of
  these. Services at other places need the setting PUSH_SERVICES.
- The certificate must be valid for the name. Redirects are not followed. Only the head of the answer is read, within a
  total time.
"""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from core.allowed_addresses import allowed_addresses

MAX_ENDPOINT_LENGTH = 1_000
_TOTAL_S = 8.0
_MAX_HEAD_BYTES = 16_384
_PORT = 443
_ENDPOINT = re.compile(r"https://[A-Za-z0-9.-]{1,253}(:[0-9]{1,5})?/[\x21\x24-\x5b\x5d\x5f\x61-\x7a\x7c\x7e]*")
_STATUS = re.compile(rb"HTTP/1\.[01] ([2-5][0-9]{2})(?: |$)")
_LONGEST_RETRY_S = 3600.0


class EndpointRefused(Exception):
    """The app sends nothing to this address; the message tells the reason."""


class PushServiceUnreachable(Exception):
    """The push service cannot be reached, or its answer is no HTTP; the message tells the reason."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """The address of a subscription at a push service."""

    host: str
    port: int
    target: str
    """Path and query."""

    @property
    def authority(self) -> str:
        return self.host if self.port == _PORT else f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class PushAnswer:
    """The status of a push service's answer, and the time after which it takes messages again, if it named one."""

    status: int
    retry_after_s: float | None = None


class PushServices:
    """Sends requests to push services. `own`: host and port of services that may have private addresses.

    `ca_file`: certificates of own authorities, besides the system's.
    """

    def __init__(self, own: frozenset[tuple[str, int]] = frozenset(), *, ca_file: Path | None = None) -> None:
        self._own = own
        self._ca_file = ca_file
        self._context: ssl.SSLContext | None = None
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()

    def endpoint(self, address: str) -> Endpoint:
        """Return the parts of a subscription's address. Raise EndpointRefused for one that is not allowed.

        Its host name is not looked up: `post` does that for each message.
        """
        if len(address) > MAX_ENDPOINT_LENGTH or not _ENDPOINT.fullmatch(address):
            raise EndpointRefused("must be an https address of a push service")
        parts = urlsplit(address)
        try:
            host, port = (parts.hostname or "").rstrip("."), parts.port or _PORT
        except ValueError:
            raise EndpointRefused("must have a port up to 65535") from None
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        found = Endpoint(host, port, target)
        if (host, port) in self._own:
            return found
        if port != _PORT:
            raise EndpointRefused(f"must use port {_PORT}; PUSH_SERVICES allows others")
        if "." not in host or host.rpartition(".")[2].isdigit() or host.endswith((".localhost", ".local", ".internal")):
            raise EndpointRefused("must have the host name of a public push service; PUSH_SERVICES allows others")
        return found

    def post(self, endpoint: Endpoint, headers: Mapping[str, str], body: bytes) -> PushAnswer:
        """Send a message. Raise EndpointRefused if its host has a private address, or PushServiceUnreachable."""
        ends_s = time.monotonic() + _TOTAL_S
        places = self._places(endpoint)
        lines = [f"POST {endpoint.target} HTTP/1.1", f"Host: {endpoint.authority}", "Connection: close"]
        lines += [f"{name}: {value}" for name, value in {**headers, "Content-Length": str(len(body))}.items()]
        request = "\r\n".join([*lines, "", ""]).encode("ascii") + body
        try:
            with (
                _connected(places, endpoint.port, ends_s) as plain,
                self._wrapped(plain, endpoint.host) as connection,
                self._listed(connection),
            ):
                connection.settimeout(_left_s(ends_s))
                connection.do_handshake()
                connection.settimeout(_left_s(ends_s))
                connection.sendall(request)
                return _answer(_read_head(connection, ends_s))
        except ssl.SSLCertVerificationError as error:
            raise PushServiceUnreachable(f"its certificate is not valid: {error.verify_message}") from None
        except TimeoutError:
            raise PushServiceUnreachable(f"it did not answer within {_TOTAL_S:g} s") from None
        except (OSError, ValueError) as error:
            raise PushServiceUnreachable(_reason_of(error)) from None

    def close(self) -> None:
        """End running requests; their threads get PushServiceUnreachable."""
        with self._lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    @contextmanager
    def _listed(self, connection: socket.socket) -> Iterator[None]:
        with self._lock:
            self._open.add(connection)
        try:
            yield
        finally:
            with self._lock:
                self._open.discard(connection)

    def _places(self, endpoint: Endpoint) -> list[str]:
        """Return the addresses of the host. Raise EndpointRefused if one of them is not allowed."""
        try:
            found = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise PushServiceUnreachable("its host name has no address") from None
        places = list(dict.fromkeys(str(item[4][0]) for item in found))
        if (endpoint.host, endpoint.port) in self._own:
            return places
        for place in places:
            if why := allowed_addresses.why_not_public(place):
                raise EndpointRefused(f"its host has an address that is refused: {why}")
        return places

    def _wrapped(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        if self._context is None:  # reading the system's certificates takes 20 ms, and most servers send no messages
            context = ssl.create_default_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            if self._ca_file is not None:
                context.load_verify_locations(self._ca_file)
            self._context = context
        return self._context.wrap_socket(plain, server_hostname=host, do_handshake_on_connect=False)


def parse_push_services(text: str) -> frozenset[tuple[str, int]]:
    """Return host and port of each item of PUSH_SERVICES, which the settings have checked."""
    found = set()
    for item in text.lower().replace(",", " ").split():
        host, _, port = item.partition(":")
        found.add((host, int(port or _PORT)))
    return frozenset(found)


def push_contact(public_url: str) -> str:
    """Return the address by which a push service's people know this server: PUBLIC_URL if it is an https address.

    RFC 8292 wants one, and Apple's service demands it. Without one, it names no machine.
    """
    return public_url if public_url.startswith("https://") else "https://localhost"


def _connected(places: list[str], port: int, ends_s: float) -> socket.socket:
    """Return a connection to the first address that accepts one. Raise the last OSError if none does."""
    problem = OSError("no address")
    for count_left, place in zip(range(len(places), 0, -1), places, strict=True):
        try:
            return socket.create_connection((place, port), _left_s(ends_s) / count_left)
        except OSError as error:
            problem = error
    raise problem


def _read_head(connection: ssl.SSLSocket, ends_s: float) -> bytes:
    head = b""
    while b"\r\n\r\n" not in head:
        connection.settimeout(_left_s(ends_s))
        part = connection.recv(4096)
        if not part or len(head) > _MAX_HEAD_BYTES:
            raise ValueError("it sent no complete answer")
        head += part
    return head.partition(b"\r\n\r\n")[0]


def _answer(head: bytes) -> PushAnswer:
    first, *lines = head.split(b"\r\n")
    status = _STATUS.match(first)
    if status is None:
        raise ValueError("its answer is no HTTP")
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    retry = headers.get(b"retry-after", b"")
    is_seconds = retry.isdigit() and len(retry) < 10  # a date is ignored: the caller waits as without the header
    return PushAnswer(int(status[1]), min(float(retry), _LONGEST_RETRY_S) if is_seconds else None)


def _left_s(ends_s: float) -> float:
    left_s = ends_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


def _reason_of(error: Exception) -> str:
    if isinstance(error, ConnectionRefusedError):
        return "it refuses the connection"
    if isinstance(error, ValueError):
        return str(error)
    return "the connection failed"
