"""WS-UsernameToken (OASIS UsernameToken Profile 1.0), without any state: with a password digest, or readable.

onvif-zeep's own class stores the timestamp on itself while it signs, so threads that share it write wrong ones. Here
every call creates its own values.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime

from lxml import etree
from zeep.wsse import utils

from core.records import Credential
from onvif_services.login_kinds import LoginKind

_PROFILE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0"
_MESSAGE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-soap-message-security-1.0"


class StatelessToken:
    """WSSE plugin for zeep: adds a token with the device's own time to an envelope if `wanted_kind()` is not None."""

    def __init__(
        self,
        credential: Credential,
        device_now_utc: Callable[[], datetime],
        wanted_kind: Callable[[], LoginKind | None],
    ) -> None:
        self._credential = credential
        self._device_now_utc = device_now_utc
        self._wanted_kind = wanted_kind

    def apply(self, envelope: etree._Element, headers: dict[str, str]) -> tuple[etree._Element, dict[str, str]]:
        kind = self._wanted_kind()
        if kind is not None:
            nonce = os.urandom(16)
            created = self._device_now_utc().astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            password, form = self._credential.password.reveal(), "PasswordText"
            if kind is not LoginKind.TEXT:
                password, form = password_digest(nonce, created, password), "PasswordDigest"
            security = utils.get_security_header(envelope)  # type: ignore[no-untyped-call] # zeep has few type hints
            security.append(
                utils.WSSE.UsernameToken(
                    utils.WSSE.Username(self._credential.username),
                    utils.WSSE.Password(password, Type=f"{_PROFILE}#{form}"),
                    utils.WSSE.Nonce(base64.b64encode(nonce).decode(), EncodingType=f"{_MESSAGE}#Base64Binary"),
                    utils.WSU.Created(created),
                )
            )
        return envelope, headers

    def verify(self, envelope: etree._Element) -> None:
        """Accept all answers, because they carry no token."""


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """Return Base64(SHA-1(nonce + created + password)), as the profile prescribes."""
    # The profile prescribes SHA-1, and every ONVIF device expects it.
    return base64.b64encode(hashlib.sha1(nonce + created.encode() + password.encode()).digest()).decode()  # noqa: S324 # WS-UsernameToken prescribes SHA-1
