"""A small ONVIF device for tests, with answers written by hand from the specification.

It uses neither our code nor the simulator: it reads requests with regular expressions and checks logins itself, so
that it can share an error with them only by misreading the specification.
"""

from __future__ import annotations

import base64
import hashlib
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PRE_AUTH = {"GetSystemDateAndTime", "GetServices", "GetServiceCapabilities", "GetCapabilities", "GetHostname"}
ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?>'
    '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:tt="http://www.onvif.org/ver10/schema"'
    ' xmlns:tds="http://www.onvif.org/ver10/device/wsdl" xmlns:trt="http://www.onvif.org/ver10/media/wsdl"'
    ' xmlns:tr2="http://www.onvif.org/ver20/media/wsdl" xmlns:tptz="http://www.onvif.org/ver20/ptz/wsdl"'
    ' xmlns:tev="http://www.onvif.org/ver10/events/wsdl" xmlns:wsnt="http://docs.oasis-open.org/wsn/b-2"'
    ' xmlns:wsa="http://www.w3.org/2005/08/addressing" xmlns:ter="http://www.onvif.org/ver10/error"'
    ' xmlns:tns1="http://www.onvif.org/ver10/topics"><s:Body>{body}</s:Body></s:Envelope>'
)


@dataclass
class Request:
    """A request of a client: operation, path, text, headers, and the kind of its login."""

    operation: str
    path: str
    text: str
    headers: dict[str, str]
    with_token: bool
    with_digest: bool

    def value(self, name: str) -> str:
        """Return the text of the first element with this local name."""
        match = re.search(rf"<(?:[\w-]+:)?{name}\b[^>]*>([^<]*)<", self.text)
        return match[1] if match else ""


@dataclass
class Reply:
    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)


HANG = Reply(b"", 0)  # the request gets no answer; the connection stays open
CUT = Reply(b"", 1)  # the connection is closed without an answer


def soap(body: str) -> Reply:
    return Reply(ENVELOPE.format(body=body).encode(), 200, {"Content-Type": "application/soap+xml"})


def fault(code: str, reason: str, *, status: int = 400, sender: str = "s:Sender") -> Reply:
    inner = f"<s:Subcode><s:Value>{code}</s:Value></s:Subcode>" if code else ""
    return Reply(
        ENVELOPE.format(
            body=f"<s:Fault><s:Code><s:Value>{sender}</s:Value>{inner}</s:Code>"
            f'<s:Reason><s:Text xml:lang="en">{reason}</s:Text></s:Reason></s:Fault>'
        ).encode(),
        status,
        {"Content-Type": "application/soap+xml"},
    )


def service(namespace: str, address: str) -> str:
    return (
        f"<tds:Service><tds:Namespace>{namespace}</tds:Namespace><tds:XAddr>{address}</tds:XAddr>"
        "<tds:Version><tt:Major>2</tt:Major><tt:Minor>42</tt:Minor></tds:Version></tds:Service>"
    )


def profile(token: str, source: str, width: int, height: int, encoding: str = "H264", *, name: str = "") -> str:
    """Return a Media (ver10) profile; an empty encoding omits the encoder."""
    encoder = (
        f'<tt:VideoEncoderConfiguration token="E{token}"><tt:Name>e</tt:Name><tt:UseCount>1</tt:UseCount>'
        f"<tt:Encoding>{encoding}</tt:Encoding><tt:Resolution><tt:Width>{width}</tt:Width>"
        f"<tt:Height>{height}</tt:Height></tt:Resolution><tt:Quality>4</tt:Quality><tt:RateControl>"
        "<tt:FrameRateLimit>25</tt:FrameRateLimit><tt:EncodingInterval>1</tt:EncodingInterval>"
        "<tt:BitrateLimit>4096</tt:BitrateLimit></tt:RateControl>"
        "<tt:H264><tt:GovLength>50</tt:GovLength><tt:H264Profile>Main</tt:H264Profile></tt:H264>"
        "</tt:VideoEncoderConfiguration>"
    )
    return (
        f'<trt:Profiles token="{token}" fixed="true"><tt:Name>{token}</tt:Name>'
        f'<tt:VideoSourceConfiguration token="C{source}"><tt:Name>{name or "VideoSourceConfig"}</tt:Name>'
        f"<tt:UseCount>2</tt:UseCount><tt:SourceToken>{source}</tt:SourceToken>"
        '<tt:Bounds x="0" y="0" width="1920" height="1080"/></tt:VideoSourceConfiguration>'
        f"{encoder if encoding else ''}</trt:Profiles>"
    )


def profile2(token: str, source: str, width: int, height: int, encoding: str = "H265") -> str:
    """Return a Media2 (ver20) profile."""
    return (
        f'<tr2:Profiles token="{token}" fixed="true"><tr2:Name>{token}</tr2:Name><tr2:Configurations>'
        f'<tr2:VideoSource token="C{source}"><tt:Name>VideoSourceConfig</tt:Name><tt:UseCount>2</tt:UseCount>'
        f"<tt:SourceToken>{source}</tt:SourceToken>"
        '<tt:Bounds x="0" y="0" width="1920" height="1080"/></tr2:VideoSource>'
        f'<tr2:VideoEncoder token="E{token}" GovLength="60" Profile="Main"><tt:Name>e</tt:Name>'
        f"<tt:UseCount>1</tt:UseCount><tt:Encoding>{encoding}</tt:Encoding><tt:Resolution>"
        f"<tt:Width>{width}</tt:Width><tt:Height>{height}</tt:Height></tt:Resolution>"
        '<tt:RateControl ConstantBitRate="true"><tt:FrameRateLimit>20.0</tt:FrameRateLimit>'
        "<tt:BitrateLimit>2048</tt:BitrateLimit></tt:RateControl><tt:Quality>4</tt:Quality></tr2:VideoEncoder>"
        "</tr2:Configurations></tr2:Profiles>"
    )


def system_time(moment: datetime, *, element: str = "UTCDateTime", zone: str = "CST-8") -> str:
    return (
        "<tds:GetSystemDateAndTimeResponse><tds:SystemDateAndTime><tt:DateTimeType>NTP</tt:DateTimeType>"
        f"<tt:DaylightSavings>false</tt:DaylightSavings><tt:TimeZone><tt:TZ>{zone}</tt:TZ></tt:TimeZone>"
        f"<tt:{element}><tt:Time><tt:Hour>{moment.hour}</tt:Hour><tt:Minute>{moment.minute}</tt:Minute>"
        f"<tt:Second>{moment.second}</tt:Second></tt:Time><tt:Date><tt:Year>{moment.year}</tt:Year>"
        f"<tt:Month>{moment.month}</tt:Month><tt:Day>{moment.day}</tt:Day></tt:Date></tt:{element}>"
        "</tds:SystemDateAndTime></tds:GetSystemDateAndTimeResponse>"
    )


Answer = str | Reply | Callable[[Request], "str | Reply"]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # many parallel clients must not wait for TCP to retransmit their SYN
    tls: ssl.SSLContext | None = None

    def get_request(self) -> tuple[socket.socket, Any]:
        sock, address = super().get_request()
        if self.tls is not None:
            sock.settimeout(10.0)
            sock = self.tls.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
        return sock, address

    def handle_error(self, request: object, client_address: object) -> None:
        """Ignore clients that close the connection early, because some tests do so."""


class _Server6(_Server):
    address_family = socket.AF_INET6


class SoapDevice:
    """A device on loopback. Tests change its attributes and `answers` before or between requests."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.username = "admin"
        self.password = "s3cret&<"
        self.login = (
            "token"  # or "digest", "digest-sha256", "both" (either), "digest and token", "text", "basic", "none"
        )
        self.logins: dict[str, str] = {}  # other kinds of login, by operation
        self.cuts_wrong_logins = False  # closes the connection instead of a refusal
        self.cuts_at_once_over: int | None = None  # so many requests at a time; others are cut off
        self.refusal_at_once = CUT  # the answer to requests over that number
        self.has_cut = threading.Event()  # set after the first of them
        self.cuts_every_second_from: int | None = None  # the number of the first request that is cut off
        self._numbers = 0
        self.released = threading.Event()  # ends the requests that hang
        self._busy = 0
        self.open_operations = set(PRE_AUTH)
        self.clock_ahead_s = 0.0
        self.token_window_s = 10.0
        self.token_clock_ahead_s: float | None = None  # of the clock that checks logins, if another one
        self.host_told = "10.11.12.13:8000"
        self.services = {
            "device": "http://www.onvif.org/ver10/device/wsdl",
            "media": "http://www.onvif.org/ver10/media/wsdl",
        }
        self.answers: dict[str, Answer] = {
            "GetSystemDateAndTime": lambda request: system_time(self.now()),
            "GetDeviceInformation": (
                "<tds:GetDeviceInformationResponse><tds:Manufacturer>Make</tds:Manufacturer>"
                "<tds:Model>Model-16</tds:Model><tds:FirmwareVersion>1.2.3</tds:FirmwareVersion>"
                "<tds:SerialNumber>S1</tds:SerialNumber><tds:HardwareId>H1</tds:HardwareId>"
                "</tds:GetDeviceInformationResponse>"
            ),
            "GetServices": lambda request: self._services(),
            "GetProfiles": (
                "<trt:GetProfilesResponse>"
                + profile("MediaProfile00000", "00000", 1920, 1080)
                + profile("MediaProfile00001", "00000", 640, 360)
                + "</trt:GetProfilesResponse>"
            ),
            "GetStreamUri": lambda request: (
                "<trt:GetStreamUriResponse><trt:MediaUri><tt:Uri>rtsp://10.11.12.13:554/live/"
                f"{request.value('ProfileToken')}</tt:Uri><tt:InvalidAfterConnect>false</tt:InvalidAfterConnect>"
                "<tt:InvalidAfterReboot>false</tt:InvalidAfterReboot><tt:Timeout>PT0S</tt:Timeout>"
                "</trt:MediaUri></trt:GetStreamUriResponse>"
            ),
            "SetSynchronizationPoint": "<trt:SetSynchronizationPointResponse/>",
        }
        self.pages: dict[str, Reply] = {}
        self.requests: list[Request] = []
        self.failed_logins = 0
        self.good_logins = 0
        self._nonces = 0
        self.nonces_good_for: int | None = None  # requests; then it sends another nonce without `stale`
        self._lock = threading.Lock()
        self._server = (_Server6 if ":" in host else _Server)((host, 0), self._handler())
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    def speak_tls(self, context: ssl.SSLContext | None) -> None:
        """Speak HTTPS with this certificate from now on; None: plain HTTP."""
        self._server.tls = context

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self.released.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.clock_ahead_s)

    def asked(self, operation: str) -> list[Request]:
        return [request for request in self.requests if request.operation == operation]

    def _services(self) -> str:
        listed = "".join(
            service(space, f"http://{self.host_told}/onvif/{name}") for name, space in self.services.items()
        )
        return f"<tds:GetServicesResponse>{listed}</tds:GetServicesResponse>"

    # -- one request ---------------------------------------------------------------------------

    @contextmanager
    def _counted(self) -> Iterator[bool]:
        """Count the requests; yield True for one that is cut off."""
        with self._lock:
            self._busy += 1
            self._numbers += 1
            is_refused = self.cuts_at_once_over is not None and self._busy > self.cuts_at_once_over
            if self.cuts_every_second_from is not None and self._numbers >= self.cuts_every_second_from:
                is_refused = (self._numbers - self.cuts_every_second_from) % 2 == 0
        if is_refused:
            self.has_cut.set()
        try:
            yield is_refused
        finally:
            with self._lock:
                self._busy -= 1

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        device = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's name
                pass

            def _send(self, reply: Reply) -> None:
                if reply is HANG:
                    device.released.wait()
                if reply in (HANG, CUT):
                    self.close_connection = True
                    self.connection.close()
                    return
                self.send_response(reply.status)
                for name, value in reply.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(reply.body)))
                self.end_headers()
                self.wfile.write(reply.body)

            def do_GET(self) -> None:
                with device._counted() as is_refused:
                    self._send(
                        device.refusal_at_once if is_refused else device._page(self.path, dict(self.headers.items()))
                    )

            def do_POST(self) -> None:
                text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
                with device._counted() as is_refused:
                    self._send(
                        device.refusal_at_once
                        if is_refused
                        else device._soap(self.path, text, dict(self.headers.items()))
                    )

        return Handler

    def _page(self, path: str, headers: dict[str, str]) -> Reply:
        page = self.pages.get(path, Reply(b"", 404))
        wanted = page.headers.get("X-Login", "")
        sent = headers.get("Authorization", "")
        self.requests.append(Request("GET", path, "", headers, False, sent.startswith("Digest")))
        if (
            wanted == "basic"
            and sent != "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        ):
            return self._refuse(Reply(b"", 401, {"WWW-Authenticate": 'Basic realm="x"'}), bool(sent))
        if wanted == "digest" and not self._digest_is_right("GET", sent):
            return self._refuse(Reply(b"", 401, {"WWW-Authenticate": self._challenge()}), bool(sent))
        return page

    def _soap(self, path: str, text: str, headers: dict[str, str]) -> Reply:
        match = re.search(r"<(?:[\w-]+:)?Body\b[^>]*>\s*<(?:[\w-]+:)?(\w+)", text)
        operation = match[1] if match else ""
        sent = headers.get("Authorization", "")
        with_token = "UsernameToken" in text
        request = Request(operation, path, text, headers, with_token, sent.startswith("Digest"))
        with self._lock:
            self.requests.append(request)
        login = self.logins.get(operation, self.login)
        if login != "none" and operation not in self.open_operations and not self._is_let_in(request, login):
            return self._refuse(self._refusal(request, login), with_token or bool(sent))
        answer = self.answers.get(operation, fault("ter:ActionNotSupported", "Optional Action Not Implemented"))
        if callable(answer):
            answer = answer(request)
        return answer if isinstance(answer, Reply) else soap(answer)

    def _refuse(self, reply: Reply, was_login: bool) -> Reply:
        with self._lock:
            self.failed_logins += was_login
        return CUT if was_login and self.cuts_wrong_logins else reply

    def _refusal(self, request: Request, login: str) -> Reply:
        has_digest = login == "digest and token" and self._digest_is_right(
            "POST", request.headers.get("Authorization", "")
        )
        if login in {"token", "text"} or has_digest:
            return fault("ter:NotAuthorized", "Sender not authorized")
        return Reply(b"", 401, {"WWW-Authenticate": 'Basic realm="x"' if login == "basic" else self._challenge()})

    def _is_let_in(self, request: Request, login: str) -> bool:
        sent = request.headers.get("Authorization", "")
        if login == "text":
            right = (request.value("Username"), request.value("Password")) == (self.username, self.escaped_password)
        elif login == "basic":
            right = sent == "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        else:
            has_token = login in {"token", "both", "digest and token"} and self._token_is_right(request)
            has_digest = login != "token" and self._digest_is_right("POST", sent)
            right = has_token and has_digest if login == "digest and token" else has_token or has_digest
        with self._lock:
            self.good_logins += right
        return right

    @property
    def escaped_password(self) -> str:
        return self.password.replace("&", "&amp;").replace("<", "&lt;")

    def _token_is_right(self, request: Request) -> bool:
        created, nonce = request.value("Created"), request.value("Nonce")
        if not created or request.value("Username") != self.username:
            return False
        ahead_s = self.clock_ahead_s if self.token_clock_ahead_s is None else self.token_clock_ahead_s
        apart_s = (datetime.fromisoformat(created) - datetime.now(UTC)).total_seconds() - ahead_s
        digest = hashlib.sha1(base64.b64decode(nonce) + created.encode() + self.password.encode()).digest()
        return abs(apart_s) <= self.token_window_s and request.value("Password") == base64.b64encode(digest).decode()

    def _challenge(self) -> str:
        with self._lock:
            self._nonces += 1
            nonce = f"nonce{self._nonces}"
        algorithm = ', algorithm="SHA-256"' if self.login == "digest-sha256" else ""
        return f'Digest realm="Login to S1", qop="auth", nonce="{nonce}", opaque="op"{algorithm}'

    def _digest_is_right(self, method: str, header: str) -> bool:
        if not header.startswith("Digest "):
            return False
        found = dict(re.findall(r'(\w+)="?([^",]+)"?', header[7:]))
        kind = hashlib.sha256 if self.login == "digest-sha256" else hashlib.md5

        def digest(value: str) -> str:
            return kind(value.encode()).hexdigest()

        if self.nonces_good_for is not None and int(found.get("nc", "0"), 16) > self.nonces_good_for:
            return False
        secret = digest(f"{self.username}:Login to S1:{self.password}")
        request = digest(f"{method}:{found.get('uri', '')}")
        middle = ":".join(found.get(name, "") for name in ("nonce", "nc", "cnonce", "qop"))
        return found.get("response") == digest(f"{secret}:{middle}:{request}")
