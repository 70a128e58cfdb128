"""Encryption of web push messages for one browser (RFC 8291), as a single record of the encoding aes128gcm (RFC 8188).

The push service that carries a message cannot read it: only the browser has the private key of its subscription.
"""

from __future__ import annotations

import base64
import binascii
import os
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

MAX_PAYLOAD_BYTES = 3_800
_RECORD_BYTES = 4_096
_SALT_BYTES = 16
_AUTH_BYTES = 16
_POINT_BYTES = 65
# A length says something about the content, so every payload grows to a multiple of this, and to no more than 3,840.
_PADDED_TO_BYTES = 256
_LAST_RECORD = b"\x02"


class InvalidPushKeys(Exception):
    """The keys of a subscription are malformed; `field` names the wrong one."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class BrowserKeys:
    """The keys of a subscription: the browser's public key (uncompressed point of P-256), and its shared secret."""

    public: bytes
    auth: bytes

    @classmethod
    def of_texts(cls, p256dh: str, auth: str) -> BrowserKeys:
        """Read both keys as browsers write them (base64url). Raise InvalidPushKeys."""
        public = _decoded("p256dh", p256dh, _POINT_BYTES)
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), public)
        except ValueError:
            raise InvalidPushKeys("p256dh", "must be a public key of the curve P-256") from None
        return cls(public, _decoded("auth", auth, _AUTH_BYTES))


def encrypt(payload: bytes, keys: BrowserKeys) -> bytes:
    """Return the body of a push message. Each call uses a new key pair and a new salt.

    Raise ValueError for a payload of more than 3,800 bytes.
    """
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"a push message has at most {MAX_PAYLOAD_BYTES} bytes, not {len(payload)}")
    own = ec.generate_private_key(ec.SECP256R1())
    own_public = own.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
    shared = own.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), keys.public))
    input_key = _derived(shared, keys.auth, b"WebPush: info\0" + keys.public + own_public, 32)
    salt = os.urandom(_SALT_BYTES)
    key = _derived(input_key, salt, b"Content-Encoding: aes128gcm\0", 16)
    nonce = _derived(input_key, salt, b"Content-Encoding: nonce\0", 12)
    padded = payload + _LAST_RECORD + bytes(-len(payload) % _PADDED_TO_BYTES)
    header = salt + _RECORD_BYTES.to_bytes(4, "big") + bytes([len(own_public)]) + own_public
    return header + AESGCM(key).encrypt(nonce, padded, None)


def base64url(data: bytes) -> str:
    """Return base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def _derived(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt, info).derive(key)


def _decoded(field: str, text: str, length: int) -> bytes:
    """Return `length` bytes of a base64url text. Raise InvalidPushKeys."""
    bare = text.rstrip("=")
    try:
        data = base64.b64decode(bare + "=" * (-len(bare) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise InvalidPushKeys(field, "must be base64url") from None
    if len(data) != length:
        raise InvalidPushKeys(field, f"must be {length} bytes as base64url")
    return data
