"""The login cookie, and the CSRF token, which proves that a page of this app sent a request.

The cookie holds 256 random bits and nothing else. Over HTTPS it has the prefix `__Host-` and is Secure, so that other
hosts and plain connections can neither set nor read it. The CSRF token is an HMAC of the cookie: other sites cannot
compute it, because they cannot read the cookie. It changes with every login.
"""

from __future__ import annotations

import hashlib
import hmac

from flask import Request, Response

from web.client import client

_NAME = "onvif_session"
_SECURE_NAME = "__Host-onvif_session"
CSRF_HEADER = "X-CSRF-Token"


def cookie_of(req: Request) -> str | None:
    return req.cookies.get(_SECURE_NAME if client().is_secure else _NAME)


def set_cookie(response: Response, token: str, max_age_s: float) -> None:
    is_secure = client().is_secure
    response.set_cookie(
        _SECURE_NAME if is_secure else _NAME,
        token,
        max_age=int(max_age_s),
        path="/",
        secure=is_secure,
        httponly=True,
        samesite="Lax",
    )


def clear_cookie(response: Response) -> None:
    is_secure = client().is_secure
    response.delete_cookie(
        _SECURE_NAME if is_secure else _NAME, path="/", secure=is_secure, httponly=True, samesite="Lax"
    )


def csrf_token(login_token: str) -> str:
    return hmac.new(login_token.encode(), b"onvif-web-viewer csrf", hashlib.sha256).hexdigest()


def is_csrf_token(login_token: str, shown: str) -> bool:
    return hmac.compare_digest(csrf_token(login_token).encode(), shown.encode("utf-8", "replace"))
