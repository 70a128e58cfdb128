"""What holds for every request before anybody asks who sent it: no web site that a browser visits may ask here.

A page from elsewhere can make the browser send requests here, and a name that resolves to our address can make
them look like our own. So the Host must be a name we know (DNS rebinding), Origin and Sec-Fetch-Site must be ours
(cross-site requests), and bodies must be JSON (no form can send that). What came through a proxy is refused unless
the proxy is in TRUSTED_PROXIES: else nobody could tell this machine from the world.
"""

from __future__ import annotations

import ipaddress
import re
import socket

from flask import Flask, Request, Response, request

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


class Refused(AppError):
    """The guard says no: 403. The code says which of its rules."""

    code = "forbidden"


class UnsupportedMediaType(AppError):
    """A body that is not JSON: 415."""

    code = "unsupported_media_type"


class UpgradeRequired(AppError):
    """An address that is spoken to over a WebSocket was asked for by other means: 426."""

    code = "upgrade_required"


def is_loopback_host(host: str) -> bool:
    """Whether a Host header names this machine: localhost, 127.0.0.0/8, [::1], with or without a port."""
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
    """Whether the app may be asked by this name: a loopback name, one of TRUSTED_HOSTS, or, where the app listens
    beyond loopback, an address or this machine's own name. (An address cannot be rebound; a name can.)
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
    """Puts the guard before every request and the headers on every answer, errors included."""

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
        raise Refused("The proxy's X-Forwarded-For or X-Forwarded-Proto makes no sense.", code="proxied")
    remember_client(found)
    if found.is_direct and (header := names_a_proxy(req)):
        raise Refused(
            f"Requests that came through a proxy are refused ({header}), unless it is in TRUSTED_PROXIES.",
            code="proxied",
        )


def _check_host(req: Request, settings: Settings) -> None:
    if not is_allowed_host(req.headers.get("Host", ""), settings):
        known = "this machine only: open it as localhost or 127.0.0.1" if settings.is_loopback else "names it knows"
        raise Refused(
            f"This app answers to {known}. Other names are added with TRUSTED_HOSTS.", code="host_not_allowed"
        )
    # A proxy is spoken to with a whole address in the request line; we are not one.
    raw = str(req.environ.get("RAW_URI", "/"))
    if not raw.startswith("/"):
        raise Refused("The request line must hold a path.", code="host_not_allowed")


def _check_same_site(req: Request) -> None:
    origin = req.headers.get("Origin")
    site = req.headers.get("Sec-Fetch-Site")
    if origin is not None and origin.lower() != f"{client().scheme}://{req.headers['Host']}".lower():
        raise Refused("The request comes from another web site.", code="cross_site")
    if site in (None, "same-origin", "none"):
        return
    # Another site may link to a page, and to nothing else: not embed, not fetch, not post.
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


def add_security_headers(response: Response) -> Response:
    """What the browser must know about every answer. Nothing is cached unless the view said so."""
    for name, value in SECURITY_HEADERS:
        response.headers[name] = value
    response.headers.setdefault("Cache-Control", "no-store")
    return response
