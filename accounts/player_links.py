"""Addresses for players that send neither cookie nor header: each names a login, a channel and the end of its life.

The signature's key is derived from the stored hash of the login's token. So nothing is stored for an address, and it
ends with its login: at a logout, a new password, another role or scope.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import struct
from dataclasses import dataclass
from datetime import UTC, datetime

_FIELDS = struct.Struct(">QQII")  # login, camera, channel, end of life (seconds since 1970)
_SIGNATURE_BYTES = 16
_PURPOSE = b"onvif-web-viewer player link"


@dataclass(frozen=True, slots=True)
class PlayerLink:
    """`session_id`: the login of the user who has made the address."""

    session_id: int
    camera_id: int
    channel: int
    expires_at: datetime


def write_link(link: PlayerLink, token_hash: bytes) -> str:
    """Return the secret part of the address, signed with the hash of the login's token."""
    fields = _FIELDS.pack(link.session_id, link.camera_id, link.channel, int(link.expires_at.timestamp()))
    return base64.urlsafe_b64encode(fields + _signature(fields, token_hash)).decode().rstrip("=")


def read_link(text: str) -> PlayerLink | None:
    """Return the fields of an address without a check of its signature; None if it is malformed."""
    data = _bytes_of(text)
    if data is None:
        return None
    session_id, camera_id, channel, end_s = _FIELDS.unpack_from(data)
    return PlayerLink(session_id, camera_id, channel, datetime.fromtimestamp(end_s, UTC))


def is_signed(text: str, token_hash: bytes) -> bool:
    """True if the address was signed with this hash."""
    data = _bytes_of(text)
    return data is not None and hmac.compare_digest(data[_FIELDS.size :], _signature(data[: _FIELDS.size], token_hash))


def _signature(fields: bytes, token_hash: bytes) -> bytes:
    return hmac.new(token_hash, _PURPOSE + fields, hashlib.sha256).digest()[:_SIGNATURE_BYTES]


def _bytes_of(text: str) -> bytes | None:
    """Return the content; None for another length, or for another spelling of the same content."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    is_exact = base64.urlsafe_b64encode(data).decode().rstrip("=") == text
    return data if is_exact and len(data) == _FIELDS.size + _SIGNATURE_BYTES else None
