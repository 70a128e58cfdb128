"""The kinds of login that devices take for ONVIF, and the order in which they are tried."""

from __future__ import annotations

from enum import StrEnum

from onvif_services.http_digest import Offer


class LoginKind(StrEnum):
    """A kind of login; its value is the name on the health card and in the database."""

    TOKEN = "UsernameToken"  # noqa: S105 # the name of a kind
    DIGEST = "HTTP Digest"
    BOTH = "HTTP Digest and UsernameToken"
    BASIC = "HTTP Basic"
    TEXT = "UsernameToken with a readable password"

    @property
    def uses_digest(self) -> bool:
        return self in {LoginKind.DIGEST, LoginKind.BOTH}

    @property
    def is_readable(self) -> bool:
        """True if everybody on the way can read the password, unless TLS protects it."""
        return self in {LoginKind.BASIC, LoginKind.TEXT}


def kind_named(name: str) -> LoginKind | None:
    """Return the kind with this name; None for an unknown name, from a database of another version."""
    return next((kind for kind in LoginKind if kind.value == name), None)


def next_kind(sent: LoginKind | None, offer: Offer, *, may_be_readable: bool) -> LoginKind | None:
    """Return the kind to try after a refusal, None after a clear verdict on the password.

    `sent` is the refused kind, None for a request without a login. `offer` are the kinds that the refusal names.
    A device that names Digest first gets a token, too, in the same request: some firmware wants both, and firmware that
    wants only one of them ignores the other.
    """
    if offer.digest is not None:
        return LoginKind.BOTH if sent is None or not sent.uses_digest else None
    if offer.basic:
        return LoginKind.BASIC if may_be_readable and sent is not LoginKind.BASIC else None
    if sent is None:
        return LoginKind.TOKEN
    if sent is LoginKind.BOTH:
        return LoginKind.DIGEST
    if sent is LoginKind.DIGEST:
        return LoginKind.TOKEN
    return LoginKind.TEXT if may_be_readable and sent is LoginKind.TOKEN else None
