"""Who may ask: a browser or a program on this machine, and no web site that the browser visits.

While there are no accounts, the loopback address is the only wall. A page from elsewhere can still
make the browser send requests here, and a name that resolves to 127.0.0.1 can make them look like
our own. So the Host must be a loopback name (DNS rebinding), Origin and Sec-Fetch-Site must be
ours (cross-site requests), bodies must be JSON (no form can send that), and anything that came
through a proxy is refused, because then the wall is somewhere else.
"""

from __future__ import annotations

import ipaddress
import re

from flask import Flask, Request, Response, request

from core.errors import AppError

_HOST = re.compile(r"(?P<name>localhost|\[::1\]|127(?:\.[0-9]{1,3}){3})(?::[0-9]{1,5})?", re.IGNORECASE)
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_PROXY_HEADERS = ("Forwarded", "Via", "X-Real-Ip")

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


def install_guard(app: Flask) -> None:
    """Puts the guard before every request and the headers on every answer, errors included."""
    app.before_request(_check_request)
    app.after_request(add_security_headers)


def _check_request() -> None:
    _check_host(request)
    _check_not_proxied(request)
    _check_same_site(request)
    _check_media_type(request)


def _check_host(req: Request) -> None:
    if not is_loopback_host(req.headers.get("Host", "")):
        raise Refused(
            "This app answers on this machine only: open it as localhost or 127.0.0.1.", code="host_not_allowed"
        )
    # A proxy is spoken to with a whole address in the request line; we are not one.
    raw = str(req.environ.get("RAW_URI", "/"))
    if not raw.startswith("/"):
        raise Refused("The request line must hold a path.", code="host_not_allowed")


def _check_not_proxied(req: Request) -> None:
    for name, _ in req.headers:
        if name.title() in _PROXY_HEADERS or name.title().startswith("X-Forwarded"):
            raise Refused(f"Requests that came through a proxy are refused ({name.title()}).", code="proxied")


def _check_same_site(req: Request) -> None:
    origin = req.headers.get("Origin")
    site = req.headers.get("Sec-Fetch-Site")
    if origin is not None and origin.lower() != f"http://{req.headers['Host']}".lower():
        raise Refused("The request comes from another web site.", code="cross_site")
    if site in (None, "same-origin", "none"):
        return
    # Another site may link to a page, and to nothing else: not embed, not fetch, not post.
    is_link = (
        req.method == "GET"
        and req.headers.get("Sec-Fetch-Mode") == "navigate"
        and req.headers.get("Sec-Fetch-Dest") == "document"
        and not req.path.startswith(("/api/cameras", "/api/streams", "/static/"))
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
