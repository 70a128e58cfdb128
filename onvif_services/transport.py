"""HTTP and HTTPS to one device: limited in size, with one deadline for everything, only to the configured host.

zeep's own transport waits for ever on a silent device, accepts a gigabyte, unpacks a gzip bomb and follows a redirect
with the credential. This one does not:

- One deadline covers name, connection, TLS, headers and body (`device_socket`).
- The size of an answer is limited, both packed and unpacked (`http_answer`). A redirect is an error; only `opening`
  follows one, without a login, to another path or to HTTPS at the same host.
- It connects only to the configured host, there only to the configured port and to those that `allow` adds, and ignores
  proxies and .netrc of the environment.
- A password goes over HTTPS only to the pinned certificate. It is sent readable only over HTTPS, or if the user allows
  that.
"""

from __future__ import annotations

import base64
import re
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from urllib.parse import urlsplit

from lxml import etree
from zeep.transports import Transport

from core.certificates import PinnedCertificates
from core.errors import CameraBadAnswer, DeviceError
from core.records import Credential
from onvif_services import http_digest
from onvif_services.addresses import bracketed
from onvif_services.device_socket import DeviceSocket, DeviceSockets, Endpoint
from onvif_services.faults import ConnectionRefused, LoginRefused, NoAnswer, NotConnected, Redirected, WantsTls
from onvif_services.http_answer import (
    MAX_HEAD_BYTES,
    CutOff,
    HttpAnswer,
    NotHttp,
    TooLarge,
    judge_jpeg,
    judge_soap,
    read_answer,
)
from onvif_services.login_kinds import LoginKind

MAX_ANSWER_BYTES = 2_000_000
# A profile of a Hikvision recorder has up to 10 kB of analytics, so GetProfiles of 128 channels takes 4 MB.
MAX_PROFILES_BYTES = 12_000_000
MAX_SNAPSHOT_BYTES = 10_000_000
_GET_PROFILES = re.compile(rb"<(?:[\w-]+:)?GetProfiles[\s/>]")


class _Call(threading.local):
    """The settings of this thread's call, because zeep calls post() without such arguments. See `calling`."""

    deadline_s = 0.0
    service = ""
    login: LoginKind | None = None
    runs_once = False


class CappedTransport(Transport):
    """HTTP transport for zeep's SOAP requests to one device, and for its snapshots. Thread-safe.

    Its methods raise CameraUnreachable (as NotConnected or NoAnswer), CameraBadAnswer, CertificateChanged and
    LoginRefused; a SOAP fault is returned as an answer.
    """

    def __init__(
        self,
        host: str,
        port: int,
        credential: Credential,
        *,
        scheme: str = "http",
        certificates: PinnedCertificates | None = None,
    ) -> None:
        # Not super().__init__, because its requests session would read proxies and .netrc of the environment.
        self.host = host
        self.endpoint = self.configured = Endpoint(scheme, port)
        self.cache = None
        self._close_session = False
        self._credential = credential
        self._call = _Call()
        self._sockets = DeviceSockets(host, certificates)
        self._others: set[Endpoint] = set()  # further ports of the device
        self._digests: dict[str, http_digest.DigestLogin] = {}  # the latest challenge by service; "" for any service
        self._download_digests: dict[Endpoint, http_digest.DigestLogin] = {}
        self._download_basics: set[Endpoint] = set()  # those that want HTTP Basic for snapshots
        self.names_basic = False  # the device has named HTTP Basic, and no Digest, for SOAP requests
        self.renews_nonces_without_stale = False  # True for a device that replaces nonces without sending "stale"

    @property
    def port(self) -> int:
        return self.endpoint.port

    def allow(self, endpoint: Endpoint) -> None:
        """Allow requests to another port of the same host, which the device named for one of its services."""
        self._others.add(endpoint)

    def use(self, endpoint: Endpoint) -> None:
        """Send requests to this port of the same host from now on, in place of the present one."""
        self.endpoint = endpoint

    def _is_allowed(self, endpoint: Endpoint) -> bool:
        """True for the present port and the device's other ports, but never for HTTP in place of HTTPS."""
        is_worse = self.endpoint.scheme == "https" and endpoint.scheme != "https"
        return endpoint == self.endpoint or (endpoint in self._others and not is_worse)

    # -- SOAP requests, called by zeep ---------------------------------------------------------

    @contextmanager
    def calling(
        self, *, deadline_s: float, login: LoginKind | None = None, service: str = "", runs_once: bool = False
    ) -> Iterator[None]:
        """Set deadline (of time.monotonic()) and kind of login for the post() that zeep calls in this thread.

        `runs_once`: do not send the request again if the device may already have carried it out.
        """
        call = self._call
        call.deadline_s, call.login, call.service, call.runs_once = deadline_s, login, service, runs_once
        try:
            yield
        finally:
            call.deadline_s, call.login, call.service, call.runs_once = 0.0, None, "", False

    def token_kind(self) -> LoginKind | None:
        """Return the kind of the present call's login if the envelope must carry a WS-UsernameToken, otherwise None.

        A call with Digest but without a challenge carries nothing: its refusal brings the challenge.
        """
        login = self._call.login
        if login is LoginKind.BOTH:
            return LoginKind.TOKEN if self._digest() is not None else None
        return login if login in {LoginKind.TOKEN, LoginKind.TEXT} else None

    def load(self, url: str) -> bytes:  # noqa: ARG002 # zeep's signature
        raise CameraBadAnswer("The device's answer refers to another document, which the app does not load.")

    def post_xml(self, address: str, envelope: etree._Element, headers: dict[str, str]) -> HttpAnswer:
        return self.post(address, etree.tostring(envelope, xml_declaration=True, encoding="utf-8"), headers)

    def post(self, address: str, message: bytes, headers: dict[str, str]) -> HttpAnswer:
        limit_bytes = MAX_PROFILES_BYTES if _GET_PROFILES.search(message) else MAX_ANSWER_BYTES
        for _ in range(2):
            login = self._call.login
            digest = self._digest() if login is not None and login.uses_digest else None
            extra, used = self._digest_header(digest, "POST", address, message)
            if login is LoginKind.BASIC:
                extra = {"Authorization": self._basic()}
            sent = None if login is not None and login.uses_digest and digest is None else login
            with _counting_cuts(sent):
                answer = self._exchange(
                    "POST", address, message, {**headers, **extra}, self._call.deadline_s, limit_bytes
                )
            if answer.status != 401:
                return answer
            offer = http_digest.read_offer(answer.headers.get_all("WWW-Authenticate") or [])
            self._keep_challenge(self._call.service, offer.digest)
            self.names_basic = offer.basic and offer.digest is None
            refused = LoginRefused(sent, offer=offer, nonce_renewed=_is_renewed(digest, offer.digest, used))
            refused.date, refused.middle_s = answer.headers.get("Date"), answer.middle_s
            if not self._is_stale_nonce(refused):
                raise refused
        raise refused

    # -- snapshots -----------------------------------------------------------------------------

    def download(self, address: str, *, deadline_s: float, with_login: bool) -> HttpAnswer:
        """GET an address at this device. Raise LoginRefused on 401.

        The next call with `with_login` at the same port uses the kind of login that the 401 demands.
        """
        endpoint = Endpoint.of(address)
        for _ in range(2):
            digest = self._download_digests.get(endpoint) if with_login else None
            extra, used = self._digest_header(digest, "GET", address)
            is_basic = with_login and digest is None and endpoint in self._download_basics
            if is_basic:
                extra = {"Authorization": self._basic()}
            sent = LoginKind.DIGEST if digest else LoginKind.BASIC if is_basic else None
            with _counting_cuts(sent):
                answer = self._exchange("GET", address, None, extra, deadline_s, MAX_SNAPSHOT_BYTES)
            if answer.status != 401:
                return answer
            offer = http_digest.read_offer(answer.headers.get_all("WWW-Authenticate") or [])
            self._keep_download_login(endpoint, offer)
            refused = LoginRefused(sent, offer=offer, nonce_renewed=_is_renewed(digest, offer.digest, used))
            if not self._is_stale_nonce(refused):
                raise refused
        raise refused

    @property
    def has_challenge(self) -> bool:
        """True if the device has named HTTP Digest for SOAP requests."""
        return "" in self._digests

    def wants_basic_download(self, address: str) -> bool:
        """True if the device wants HTTP Basic, and no Digest, for snapshots at the port of this address."""
        return Endpoint.of(address) in self._download_basics

    def knows_download_login(self, address: str) -> bool:
        """True if the device has named a kind of login for snapshots at the port of this address."""
        endpoint = Endpoint.of(address)
        return endpoint in self._download_digests or endpoint in self._download_basics

    # -- the exchange --------------------------------------------------------------------------

    def close(self) -> None:
        """End the calls under way; later calls raise CameraUnreachable."""
        self._sockets.close()

    def _digest(self) -> http_digest.DigestLogin | None:
        return self._digests.get(self._call.service) or self._digests.get("")

    def _keep_challenge(self, service: str, offered: http_digest.Challenge | None) -> None:
        if offered is not None:
            self._digests[service] = self._digests[""] = http_digest.DigestLogin(offered)

    def _keep_download_login(self, endpoint: Endpoint, offer: http_digest.Offer) -> None:
        if offer.digest is not None:
            self._download_digests[endpoint] = http_digest.DigestLogin(offer.digest)
            self._download_basics.discard(endpoint)
        elif offer.basic:
            self._download_basics.add(endpoint)
        else:
            self._download_basics.discard(endpoint)

    def _basic(self) -> str:
        pair = f"{self._credential.username}:{self._credential.password.reveal()}"
        return "Basic " + base64.b64encode(pair.encode()).decode()

    def _is_stale_nonce(self, refused: LoginRefused) -> bool:
        """True if a 401 only rejects an old nonce, so that the next try does not count as a login attempt."""
        offered = refused.offer.digest
        is_digest = refused.kind is not None and refused.kind.uses_digest
        is_renewed = refused.nonce_renewed and self.renews_nonces_without_stale
        return is_digest and offered is not None and (offered.stale or is_renewed)

    def _digest_header(
        self, login: http_digest.DigestLogin | None, method: str, address: str, body: bytes = b""
    ) -> tuple[dict[str, str], int]:
        if login is None:
            return {}, 0
        header, used = login.header(method, _target(address), self._credential, body)
        return {"Authorization": header}, used

    def _exchange(
        self,
        method: str,
        address: str,
        body: bytes | None,
        headers: dict[str, str],
        deadline_s: float,
        limit_bytes: int,
    ) -> HttpAnswer:
        """Send a request and return its answer. Raise a DeviceError.

        A device that closes a resumed TLS session without a byte gets the request again in a new session: it may be a
        fault of its TLS, and says nothing about the login. Only an answer to the repetition shows such a fault: a
        device that restarts closes connections, too. A command that must run once is not repeated.
        """
        endpoint = self._checked(address)
        if self._sockets.is_closed:
            raise NotConnected("The connection to the device was closed.")
        request = _request(method, address, body, headers)
        judge = judge_jpeg if body is None else judge_soap
        for is_first in (True, False):
            sock: DeviceSocket | None = None
            try:
                with self._sockets.connect(endpoint, deadline_s, 2 * limit_bytes + MAX_HEAD_BYTES) as sock:
                    sock.send(request)
                    sent_s = time.monotonic()
                    answer = read_answer(sock.receive, limit_bytes, judge)
                    answered_s = sock.first_byte_s or sent_s
                if not is_first:
                    self._sockets.never_resume(endpoint.port)
                break
            except (TooLarge, CutOff, NotHttp, OSError) as error:
                is_repeatable = is_first and not self._call.runs_once and not self._sockets.is_closed
                if not is_repeatable or not _has_resumed_in_vain(sock, error):
                    raise _error_of(error, is_connected=sock is not None) from error
        if 300 <= answer.status < 400:
            raise Redirected(str(answer.headers.get("Location") or ""))
        return replace(answer, sent_s=sent_s, answered_s=answered_s)

    def _checked(self, address: str) -> Endpoint:
        """Return the endpoint of an address. Raise CameraBadAnswer for another host, or a port that is not allowed.

        This is the last check of addresses that are already rewritten.
        """
        endpoint = Endpoint.of(address)
        if (
            not self._is_allowed(endpoint)
            or bracketed(urlsplit(address).hostname or "") != bracketed(self.host).lower()
        ):
            raise CameraBadAnswer("The device names an address at another host or port.")
        return endpoint


@contextmanager
def _counting_cuts(sent: LoginKind | None) -> Iterator[None]:
    """Note in the error if the device closes the connection instead of an answer to a login."""
    try:
        yield
    except NoAnswer as error:
        error.cut_logins = int(error.is_cut and sent is not None)
        raise


def _request(method: str, address: str, body: bytes | None, headers: dict[str, str]) -> bytes:
    lines = [
        f"{method} {_target(address)} HTTP/1.1",
        f"Host: {urlsplit(address).netloc}",
        "Accept-Encoding: identity",
        *(f"{name}: {value}" for name, value in headers.items()),
        *([f"Content-Length: {len(body)}"] if body is not None else []),
        "Connection: close",
    ]
    return "\r\n".join(lines).encode("utf-8") + b"\r\n\r\n" + (body or b"")


def _has_resumed_in_vain(sock: DeviceSocket | None, error: Exception) -> bool:
    """True if the device has resumed a TLS session, and then broken it without a byte of an answer."""
    is_broken = isinstance(error, CutOff | ssl.SSLError)
    return is_broken and sock is not None and sock.is_resumed and sock.first_byte_s is None


def _error_of(error: Exception, *, is_connected: bool) -> DeviceError:
    """Return the error of a failed exchange: by its cause, and by the stage that it reached."""
    if isinstance(error, TooLarge):
        return CameraBadAnswer("The device's answer is too large.")
    if isinstance(error, NotHttp) and error.is_tls:
        return WantsTls("The device answers only with HTTPS at this port.")
    if isinstance(error, NotHttp):
        return CameraBadAnswer("The device's answer is not HTTP.")
    if isinstance(error, ssl.SSLError):
        return CameraBadAnswer("The device does not answer with HTTPS at this port.")
    if isinstance(error, CutOff):
        return NoAnswer("The device closed the connection before its answer was complete.", is_cut=True)
    if isinstance(error, TimeoutError):
        problem = "The device did not answer in time."
        return NoAnswer(problem) if is_connected else NotConnected(problem)
    if isinstance(error, ConnectionRefusedError):
        return ConnectionRefused("The device refuses the connection.")
    return NotConnected("The device cannot be reached.")


def _is_renewed(login: http_digest.DigestLogin | None, offered: http_digest.Challenge | None, used: int) -> bool:
    """True if a nonce is refused that was accepted before: it is stale, or the password was changed."""
    return login is not None and offered is not None and used > 1 and offered.nonce != login.challenge.nonce


def _target(address: str) -> str:
    parts = urlsplit(address)
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
