"""The client of a request: its address, and if the request came directly or through a proxy.

A proxy's headers are trusted only from addresses in TRUSTED_PROXIES; `web.guard` refuses them from others. A request
of a trusted proxy that does not name its client never counts as a request from this machine.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from flask import Request, g, request

from core.settings import Settings

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
PROXY_HEADERS = ("Forwarded", "Via", "X-Real-Ip")


@dataclass(frozen=True, slots=True)
class Client:
    """`address`: of the browser or program, as far as it is known. `is_direct`: the request came without a proxy.

    `is_http_1_0`: the request may come from a hidden proxy. By default, nginx uses HTTP/1.0 for the servers behind it,
    with a loopback address and Host and no header that names it. Browsers and curl have used 1.1 for twenty years.
    """

    address: str
    scheme: str
    is_direct: bool
    is_http_1_0: bool = False

    @property
    def is_on_this_machine(self) -> bool:
        address = _address(self.address)
        return self.is_direct and not self.is_http_1_0 and address is not None and address.is_loopback

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"


def client() -> Client:
    """Return the client of the current request, which web.guard identified."""
    found: Client = g.client
    return found


def has_client() -> bool:
    """True if the guard has identified the client of the current request."""
    return "client" in g


def find_client(req: Request, settings: Settings) -> Client | None:
    """Return the client of a request, or None if a trusted proxy's X-Forwarded headers are invalid."""
    peer = req.environ.get("REMOTE_ADDR", "")
    scheme = str(req.environ.get("wsgi.url_scheme", "http"))
    if not _is_in(peer, settings.proxy_networks):
        return Client(peer, scheme, is_direct=True, is_http_1_0=req.environ.get("SERVER_PROTOCOL") == "HTTP/1.0")
    named = [part.strip() for part in ",".join(req.headers.getlist("X-Forwarded-For")).split(",") if part.strip()]
    forwarded_scheme = req.headers.get("X-Forwarded-Proto", scheme).strip().lower()
    if forwarded_scheme not in ("http", "https"):
        return None
    if not named:
        return Client(peer, forwarded_scheme, is_direct=False)
    address = peer
    for text in reversed(named):  # the trusted proxy appended the last address; the client may have invented the others
        parsed = _address(text)
        if parsed is None:
            return None
        address = str(parsed)
        if not _is_in(address, settings.proxy_networks):
            break
    return Client(address, forwarded_scheme, is_direct=False)


def names_a_proxy(req: Request) -> str | None:
    """Return the name of a header that only proxies send, or None."""
    for name, _ in req.headers:
        if name.title() in PROXY_HEADERS or name.title().startswith("X-Forwarded"):
            return name.title()
    return None


def remember_client(found: Client) -> None:
    g.client = found


def agent() -> str:
    """Return the User-Agent of the current request, printable and cut."""
    return "".join(letter for letter in request.headers.get("User-Agent", "") if letter.isprintable())[:200]


def _is_in(text: str, networks: tuple[_Network, ...]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in networks)


def _address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(text.strip("[]"))
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
