"""HTTP to one device: limited in size, with one deadline for everything, only to the configured host and port.

zeep's own transport waits for ever on a silent device, accepts a gigabyte, unpacks a gzip bomb and follows a redirect
with the credential. This one does not:

- One deadline covers name, connection, headers and body. Every read of the socket gets only the remaining time, so a
  device that sends a byte per second cannot exceed it.
- The size of an answer is limited, both packed and unpacked. A redirect is an error.
- It connects only to the configured host and port, and ignores proxies and .netrc of the environment.
"""

from __future__ import annotations

import base64
import http.client
import re
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.message import Message
from urllib.parse import urlsplit

from lxml import etree
from zeep.transports import Transport

from core.allowed_addresses import allowed_addresses
from core.errors import CameraBadAnswer, CameraUnreachable
from core.records import Credential
from onvif_services import http_digest
from onvif_services.addresses import bracketed
from onvif_services.faults import LoginRefused

MAX_ANSWER_BYTES = 2_000_000
# A profile of a Hikvision recorder has up to 10 kB of analytics, so GetProfiles of 128 channels takes 4 MB.
MAX_PROFILES_BYTES = 12_000_000
MAX_SNAPSHOT_BYTES = 10_000_000
_HEADER_ALLOWANCE_BYTES = 65_536

_GET_PROFILES = re.compile(rb"<(?:[\w-]+:)?GetProfiles[\s/>]")
_TIMED_OUT = "The device did not answer in time."


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """One answer, unpacked. `headers` are as the device sent them; their names are case-insensitive."""

    status: int
    headers: Message
    body: bytes


class _TooLarge(Exception):
    """The answer exceeds its size limit."""


class _DeadlineSocket(socket.socket):
    """A socket with one deadline for all operations and a limit of bytes to read."""

    deadline_s = 0.0
    allowance_bytes = 0

    def recv_into(self, buffer: bytearray, nbytes: int = 0, flags: int = 0) -> int:  # type: ignore[override] # as http.client calls it
        self.settimeout(_left_s(self.deadline_s))
        got = super().recv_into(buffer, nbytes, flags)
        self.allowance_bytes -= got
        if self.allowance_bytes < 0:
            raise _TooLarge
        return got

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override] # as http.client calls it
        self.settimeout(_left_s(self.deadline_s))
        super().sendall(data, flags)


def _left_s(deadline_s: float) -> float:
    left_s = deadline_s - time.monotonic()
    if left_s <= 0:
        raise TimeoutError
    return left_s


class _Connection(http.client.HTTPConnection):
    """One request on a `_DeadlineSocket`."""

    def __init__(self, transport: CappedTransport, deadline_s: float, cap_bytes: int) -> None:
        super().__init__(bracketed(transport.host), transport.port)
        self._transport = transport
        self._deadline_s = deadline_s
        self._cap_bytes = cap_bytes

    def connect(self) -> None:
        host = self._transport.host
        place = allowed_addresses.place_of(host)
        try:
            self._connect_to(place or host)
        except OSError:
            if place is None:
                raise
            allowed_addresses.forget(host)  # the device may have moved
            self._connect_to(host)

    def _connect_to(self, host: str) -> None:
        """Check all addresses of the host, then try to connect to each in turn. Raise the OSError of the last one."""
        found = resolve(host, self._transport.port, self._deadline_s)
        for *_, address in found:
            allowed_addresses.check(str(address[0]), self._transport.port)
        problem: OSError = OSError("no address")
        for family, kind, proto, _, address in found:
            sock = _DeadlineSocket(family, kind, proto)
            sock.deadline_s = self._deadline_s
            sock.allowance_bytes = self._cap_bytes + _HEADER_ALLOWANCE_BYTES
            try:
                self._transport.opened(sock)
                sock.settimeout(_left_s(self._deadline_s))
                sock.connect(address)
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            except OSError as error:
                self._transport.closed(sock)
                sock.close()
                problem = error
                continue
            self.sock = sock
            self._transport.reached(str(address[0]))
            return
        raise problem

    def close(self) -> None:
        if self.sock is not None:
            self._transport.closed(self.sock)
        super().close()


_Resolved = list[tuple[int, int, int, str, tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]]]


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
    thread.join(_left_s(deadline_s))
    if not found:
        raise TimeoutError
    if isinstance(found[0], OSError):
        raise CameraUnreachable("The device's host name cannot be found.") from found[0]
    return found[0]


class _Call(threading.local):
    """Deadline and log-in of this thread's call, because zeep calls post() without such arguments."""

    deadline_s = 0.0
    with_login = False


class CappedTransport(Transport):
    """HTTP transport for zeep's SOAP requests to one device, and for its snapshots. Thread-safe.

    Its methods raise CameraUnreachable, CameraBadAnswer and LoginRefused; a SOAP fault is returned as an answer.
    """

    def __init__(self, host: str, port: int, credential: Credential) -> None:
        # Not super().__init__, because its requests session would read proxies and .netrc of the environment.
        self.host = host
        self.port = port
        self.cache = None
        self._close_session = False
        self._credential = credential
        self._call = _Call()
        self._lock = threading.Lock()
        self._sockets: set[socket.socket] = set()
        self._closed = False
        self._soap_login: http_digest.DigestLogin | None = None
        self._download_login: http_digest.DigestLogin | None = None
        self._download_basic = False
        self.renews_nonces_without_stale = False  # True for a device that replaces nonces without sending "stale"

    # -- SOAP requests, called by zeep ---------------------------------------------------------

    @contextmanager
    def calling(self, *, deadline_s: float, with_login: bool) -> Iterator[None]:
        """Set deadline (of time.monotonic()) and log-in for the post() that zeep calls in this thread."""
        self._call.deadline_s = deadline_s
        self._call.with_login = with_login
        try:
            yield
        finally:
            self._call.deadline_s = 0.0
            self._call.with_login = False

    def wants_token(self) -> bool:
        """True if the envelope must carry a WS-UsernameToken: for a call with log-in, unless Digest is used."""
        return self._call.with_login and self._soap_login is None

    def load(self, url: str) -> bytes:  # noqa: ARG002 # zeep's signature
        raise CameraBadAnswer("The device's answer refers to another document, which the app does not load.")

    def post_xml(self, address: str, envelope: etree._Element, headers: dict[str, str]) -> HttpAnswer:
        return self.post(address, etree.tostring(envelope, xml_declaration=True, encoding="utf-8"), headers)

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> HttpAnswer:
        with_login = self._call.with_login
        limit_bytes = MAX_PROFILES_BYTES if _GET_PROFILES.search(message) else MAX_ANSWER_BYTES
        for _ in range(2):
            login = self._soap_login if with_login else None
            extra, used = self._digest_header(login, "POST", address)
            answer = self._exchange("POST", address, message, {**headers, **extra}, limit_bytes, self._deadline_s())
            if answer.status != 401:
                return answer
            offered = http_digest.read_offer(answer.headers.get_all("WWW-Authenticate") or []).digest
            if offered is not None:
                with self._lock:
                    self._soap_login = http_digest.DigestLogin(offered)
            renewed = _is_renewed(login, offered, used)
            if not self._is_stale_nonce(offered, login, renewed):
                refused = LoginRefused(
                    challenge_learned=offered is not None and login is None,
                    by_digest=login is not None,
                    nonce_renewed=renewed,
                )
                refused.date = answer.headers.get("Date")
                raise refused
        raise LoginRefused(by_digest=True)

    # -- snapshots -----------------------------------------------------------------------------

    def download(self, address: str, *, deadline_s: float, with_login: bool) -> HttpAnswer:
        """GET an address at this device. Raise LoginRefused on 401.

        The kind of log-in that the 401 demands is kept for the next call with `with_login`.
        """
        for _ in range(2):
            login = self._download_login if with_login else None
            extra, used = self._digest_header(login, "GET", address)
            if with_login and login is None and self._download_basic:
                extra = {"Authorization": _basic(self._credential)}
            answer = self._exchange("GET", address, None, extra, MAX_SNAPSHOT_BYTES, deadline_s)
            if answer.status != 401:
                return answer
            offer = http_digest.read_offer(answer.headers.get_all("WWW-Authenticate") or [])
            with self._lock:
                self._download_login = http_digest.DigestLogin(offer.digest) if offer.digest else None
                self._download_basic = offer.basic and offer.digest is None
            renewed = _is_renewed(login, offer.digest, used)
            if not self._is_stale_nonce(offer.digest, login, renewed):
                raise LoginRefused(by_digest=True, nonce_renewed=renewed)
        raise LoginRefused(by_digest=True)

    @property
    def knows_download_login(self) -> bool:
        return self._download_login is not None or self._download_basic

    # -- the exchange --------------------------------------------------------------------------

    def opened(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.add(sock)
            if self._closed:
                raise ConnectionAbortedError

    def reached(self, address: str) -> None:
        with self._lock:
            if not self._closed:
                allowed_addresses.reached(self.host, address)

    def closed(self, sock: socket.socket) -> None:
        with self._lock:
            self._sockets.discard(sock)

    def close(self) -> None:
        """End the calls under way; later calls raise CameraUnreachable."""
        with self._lock:
            self._closed = True
            sockets = list(self._sockets)
            allowed_addresses.forget(self.host)
        for sock in sockets:
            _shut_down(sock)

    def _deadline_s(self) -> float:
        return self._call.deadline_s

    def _is_stale_nonce(
        self, offered: http_digest.Challenge | None, login: http_digest.DigestLogin | None, renewed: bool
    ) -> bool:
        """True if a 401 only rejects an old nonce, so that the next try does not count as a log-in attempt."""
        return (
            login is not None
            and offered is not None
            and (offered.stale or (renewed and self.renews_nonces_without_stale))
        )

    def _digest_header(
        self, login: http_digest.DigestLogin | None, method: str, address: str
    ) -> tuple[dict[str, str], int]:
        if login is None:
            return {}, 0
        header, used = login.header(method, _target(address), self._credential)
        return {"Authorization": header}, used

    def _exchange(
        self, method: str, address: str, body: bytes | None, headers: dict[str, str], cap_bytes: int, deadline_s: float
    ) -> HttpAnswer:
        self._check_pinned(address)
        if self._closed:
            raise CameraUnreachable("The connection to the device was closed.")
        connection = _Connection(self, deadline_s, cap_bytes)
        try:
            sent = {name: value.encode() for name, value in headers.items()}
            connection.request(method, _target(address), body, {**sent, "Connection": b"close"})
            with connection.getresponse() as response:
                return _read(response, cap_bytes)
        except _TooLarge:
            raise CameraBadAnswer("The device's answer is too large.") from None
        except TimeoutError as error:
            raise CameraUnreachable(_TIMED_OUT) from error
        except ConnectionRefusedError as error:
            raise CameraUnreachable("The device refuses the connection.") from error
        except (http.client.RemoteDisconnected, http.client.IncompleteRead) as error:
            raise CameraUnreachable("The device closed the connection before its answer was complete.") from error
        except (http.client.HTTPException, ValueError) as error:
            raise CameraBadAnswer("The device's answer is not HTTP.") from error
        except OSError as error:
            raise CameraUnreachable("The device cannot be reached.") from error
        finally:
            connection.close()

    def _check_pinned(self, address: str) -> None:
        """Raise CameraBadAnswer for another host or port: the last check of addresses that are already rewritten."""
        parts = urlsplit(address)
        if (
            parts.scheme != "http"
            or parts.port != self.port
            or bracketed(parts.hostname or "") != bracketed(self.host).lower()
        ):
            raise CameraBadAnswer("The device names an address at another host.")


def _read(response: http.client.HTTPResponse, cap_bytes: int) -> HttpAnswer:
    if 300 <= response.status < 400:
        raise CameraBadAnswer("The device redirects the app to another address, which the app refuses.")
    if response.length is not None and response.length > cap_bytes:
        raise _TooLarge
    body = response.read(cap_bytes + 1)
    if len(body) > cap_bytes:
        raise _TooLarge
    return HttpAnswer(response.status, response.headers, _unpack(body, response.headers, cap_bytes))


def _unpack(body: bytes, headers: Message, cap_bytes: int) -> bytes:
    encoding = str(headers.get("Content-Encoding") or "identity").strip().lower()
    if encoding == "identity" or not body:
        return body
    if encoding not in {"gzip", "x-gzip", "deflate"}:
        raise CameraBadAnswer("The device's answer is compressed in an unknown format.")
    unpacker = zlib.decompressobj(wbits=47)  # detects gzip or zlib
    try:
        unpacked = unpacker.decompress(body, cap_bytes + 1)
    except zlib.error as error:
        raise CameraBadAnswer("The device's answer cannot be decompressed.") from error
    if len(unpacked) > cap_bytes:
        raise _TooLarge
    return unpacked


def _is_renewed(login: http_digest.DigestLogin | None, offered: http_digest.Challenge | None, used: int) -> bool:
    """True if a nonce is refused that was accepted before: it is stale, or the password was changed."""
    return login is not None and offered is not None and used > 1 and offered.nonce != login.challenge.nonce


def _target(address: str) -> str:
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _basic(credential: Credential) -> str:
    pair = f"{credential.username}:{credential.password.reveal()}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def _shut_down(sock: socket.socket) -> None:
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return  # already closed
