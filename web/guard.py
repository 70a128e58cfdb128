"""First checks of every request, before its sender is known: refuse other web sites and hidden proxies.

A page of another site can make the browser send requests here, and a name that resolves to this machine's address can
make them look like requests of this app's own pages. So the Host must be a known name (DNS rebinding), Origin and
Sec-Fetch-Site must be those of this app (cross-site requests), and bodies must be JSON (forms cannot send JSON).
Requests through a proxy are refused unless the proxy is in TRUSTED_PROXIES: otherwise all of them would seem to come
from this machine.
"""

from __future__ import annotations

import ipaddress
import re
import socket

from flask import Flask, Request, Response, g, request

from core.errors import AppError
from core.settings import Settings
from web.client import client, find_client, names_a_proxy, remember_client

_HOST = re.compile(r"(?P<name>localhost|\[::1\]|127(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?", re.IGNORECASE)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_NAME_AND_PORT = re.compile(r"(?P<name>[a-z0-9_.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?")

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; script-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
    "worker-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'; form-action 'self'"
)

SECURITY_HEADERS = (
    ("Content-Security-Policy", CONTENT_SECURITY_POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), microphone=(), geolocation=()"),
)


PLAYERS = "players"  # the blueprint of addresses for other players; each has its own secret, and no cookie counts
_HEADERS_FOR_PLAYERS = (
    ("Cross-Origin-Resource-Policy", "cross-origin"),
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Headers", "Accept-Encoding, Content-Type, Range"),  # that receivers of casts ask for
)


class Refused(AppError):
    """The guard refuses a request: 403. The code names the rule."""

    code = "forbidden"


class UnsupportedMediaType(AppError):
    """The body is not JSON: 415."""

    code = "unsupported_media_type"


class Misdirected(AppError):
    """The request came straight to a node that does not own the camera: 421 (RFC 9110, section 15.5.20)."""

    code = "misdirected"


class UpgradeRequired(AppError):
    """A request for a WebSocket address is not an upgrade: 426."""

    code = "upgrade_required"


def is_loopback_host(host: str) -> bool:
    """True if a Host header names this machine: localhost, 127.0.0.0/8 or [::1], with or without a port."""
    match = _HOST.fullmatch(host)
    if match is None:
        return False
    name = match["name"]
    if name[0].isdigit():
        try:
            ipaddress.IPv4Address(name)
        except ValueError:
            return False
    return True


def is_allowed_host(host: str, settings: Settings) -> bool:
    """True if clients may open the app under this name.

    Allowed are loopback names and TRUSTED_HOSTS; if the app listens on other addresses than loopback, also the name of
    this machine and any IP address. (DNS rebinding needs a name; it does not work with an address.)
    """
    if is_loopback_host(host):
        return True
    match = _NAME_AND_PORT.fullmatch(host.lower())
    if match is None:
        return False
    name = match["name"].removesuffix(".")
    if name in settings.host_names:
        return True
    if settings.is_loopback:
        return False
    own = socket.gethostname().lower()
    return name in (own, f"{own}.local") or _is_address(name)


def _is_address(name: str) -> bool:
    try:
        address = ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return str(address) == name.strip("[]") and not address.is_unspecified


def install_guard(app: Flask, settings: Settings) -> None:
    """Check every request first, and set the security headers of every answer, including errors."""

    def check_request() -> None:
        _check_client(request, settings)
        _check_host(request, settings)
        _check_same_site(request)
        _check_media_type(request)

    app.before_request(check_request)
    app.after_request(add_security_headers)


def _check_client(req: Request, settings: Settings) -> None:
    found = find_client(req, settings)
    if found is None:
        raise Refused("The proxy's X-Forwarded-For or X-Forwarded-Proto is invalid.", code="proxied")
    remember_client(found)
    if found.is_direct and (header := names_a_proxy(req)):
        raise Refused(
            f"The request came through a proxy ({header}) that is not in TRUSTED_PROXIES.",
            code="proxied",
        )


def _check_host(req: Request, settings: Settings) -> None:
    if not is_allowed_host(req.headers.get("Host", ""), settings):
        expected = "localhost or 127.0.0.1" if settings.is_loopback else "the names that it knows"
        raise Refused(
            f"This app can be opened only as {expected}. Set TRUSTED_HOSTS to allow other names.",
            code="host_not_allowed",
        )
    # Clients send an absolute URL in the request line only to a proxy, which this app is not.
    raw = str(req.environ.get("RAW_URI", "/"))
    if not raw.startswith("/"):
        raise Refused("The request line must contain a path.", code="host_not_allowed")


def _check_same_site(req: Request) -> None:
    if req.blueprint == PLAYERS:
        return
    origin = req.headers.get("Origin")
    site = req.headers.get("Sec-Fetch-Site")
    if origin is not None and origin.lower() != f"{client().scheme}://{req.headers['Host']}".lower():
        raise Refused("The request comes from another web site.", code="cross_site")
    if site in (None, "same-origin", "none"):
        return
    # Another site may link to a page. It may not embed, fetch or post.
    is_link = (
        req.method == "GET"
        and req.headers.get("Sec-Fetch-Mode") == "navigate"
        and req.headers.get("Sec-Fetch-Dest") == "document"
        and (req.path == "/api/docs" or not req.path.startswith(("/api/", "/static/")))
    )
    if not is_link:
        raise Refused("The request comes from another web site.", code="cross_site")


def _check_media_type(req: Request) -> None:
    if req.method in _SAFE_METHODS:
        return
    has_body = bool(req.content_length) or "chunked" in req.headers.get("Transfer-Encoding", "").lower()
    if has_body and req.mimetype != "application/json":
        raise UnsupportedMediaType("A body must be JSON, with Content-Type: application/json.")


def allow_inline_script(script_hash: str) -> None:
    """Let the page of this request run one inline script: the one with this hash (`sha256-...`)."""
    g.inline_script_hash = script_hash


def add_security_headers(response: Response) -> Response:
    """Set the security headers. Answers are not cached unless the view set Cache-Control.

    An answer that hands the request on to another node stays as it is: nginx would add its headers to the other one's.
    """
    if g.get("is_handed_on"):
        return response
    for name, value in SECURITY_HEADERS:
        response.headers[name] = value
    if request.blueprint == PLAYERS:
        response.headers.update(_HEADERS_FOR_PLAYERS)
    if script_hash := g.get("inline_script_hash"):
        policy = CONTENT_SECURITY_POLICY.replace("script-src 'self'", f"script-src 'self' '{script_hash}'")
        response.headers["Content-Security-Policy"] = policy
    response.headers.setdefault("Cache-Control", "no-store")
    return response
