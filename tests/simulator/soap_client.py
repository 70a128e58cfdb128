"""A SOAP client of its own: requests are strings and logins are made here, without code of the simulator."""

from __future__ import annotations

import base64
import hashlib
import http.client
import os
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from xml.sax.saxutils import escape

from tests.patience import LIMIT_S
from tests.simulator.process import PASSWORD, USERNAME, Simulator

DEVICE = "http://www.onvif.org/ver10/device/wsdl"
MEDIA = "http://www.onvif.org/ver10/media/wsdl"
_SECEXT = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_UTILITY = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_DIGEST = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    text: str

    def all(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key.lower() == name.lower()]


def token(
    password: str = PASSWORD, *, skew_s: float = 0.0, nonce: bytes | None = None, username: str = USERNAME
) -> str:
    """A security header with a UsernameToken; `skew_s`: seconds that its time is ahead."""
    nonce = nonce or os.urandom(16)
    created = (datetime.now(UTC) + timedelta(seconds=skew_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()
    return (
        f'<w:Security xmlns:w="{_SECEXT}" xmlns:u="{_UTILITY}"><w:UsernameToken><w:Username>{escape(username)}'
        f'</w:Username><w:Password Type="{_DIGEST}">{digest}</w:Password><w:Nonce>{base64.b64encode(nonce).decode()}'
        f"</w:Nonce><u:Created>{created}</u:Created></w:UsernameToken></w:Security>"
    )


def envelope(operation: str, namespace: str = DEVICE, *, header: str = "", content: str = "") -> str:
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope">'
        f'<s:Header>{header}</s:Header><s:Body><n:{operation} xmlns:n="{namespace}">{content}</n:{operation}></s:Body>'
        "</s:Envelope>"
    )


def post(
    simulator: Simulator,
    body: str | bytes,
    *,
    path: str = "/onvif/device_service",
    headers: dict[str, str] | None = None,
    timeout_s: float = LIMIT_S,
) -> Answer:
    """Send one POST on a new connection."""
    connection = http.client.HTTPConnection("127.0.0.1", simulator.onvif_port, timeout=timeout_s)
    try:
        data = body.encode() if isinstance(body, str) else body
        connection.request("POST", path, data, {"Content-Type": "application/soap+xml", **(headers or {})})
        answer = connection.getresponse()
        return Answer(answer.status, answer.getheaders(), answer.read().decode())
    finally:
        connection.close()


def ask(simulator: Simulator, operation: str, *, header: str | None = None, **more: str) -> Answer:
    """Call the device service with a correct login, or with another header."""
    return post(simulator, envelope(operation, header=token() if header is None else header, **more))


def digest_header(
    challenge: str, *, method: str = "POST", uri: str = "/onvif/device_service", password: str = PASSWORD
) -> str:
    """An Authorization header for a challenge with qop (RFC 7616)."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', challenge))
    algorithm = fields.get("algorithm", "MD5")
    digest = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5

    def hashed(text: str) -> str:
        return digest(text.encode()).hexdigest()

    first, second = hashed(f"{USERNAME}:{fields['realm']}:{password}"), hashed(f"{method}:{uri}")
    response = hashed(f"{first}:{fields['nonce']}:00000001:abc:auth:{second}")
    return (
        f'Digest username="{USERNAME}", realm="{fields["realm"]}", nonce="{fields["nonce"]}", uri="{uri}", '
        f'response="{response}", algorithm={algorithm}, qop=auth, nc=00000001, cnonce="abc"'
    )


def device_time(simulator: Simulator) -> tuple[datetime | None, datetime]:
    """UTC, or None, and local time of GetSystemDateAndTime, called without a login."""
    text = post(simulator, envelope("GetSystemDateAndTime")).text

    def moment(name: str) -> datetime | None:
        found = re.search(rf"<tt:{name}>(.*?)</tt:{name}>", text, re.DOTALL)
        if not found:
            return None
        names = ("Year", "Month", "Day", "Hour", "Minute", "Second")
        numbers = [int(re.findall(rf"<tt:{part}>(\d+)<", found[1])[0]) for part in names]
        return datetime(*numbers, tzinfo=UTC)  # type: ignore[misc, arg-type]  # six numbers

    local = moment("LocalDateTime")
    assert local is not None
    return moment("UTCDateTime"), local


def assert_now(moment: datetime | None, since_s: float, ahead_s: float = 0.0) -> None:
    """Check that a moment of whole seconds, less `ahead_s`, lies between `since_s` and now on this machine's clock."""
    assert moment is not None
    assert since_s - 1 < moment.timestamp() - ahead_s <= time.time()
