"""The signature that tells push services which server sends a message: VAPID (RFC 8292).

A browser's subscription works with one public key only, so a stranger who learns its address cannot use it.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from core.secrets import Secret
from notifications.push_encryption import base64url

_VALID_FOR = timedelta(hours=12)  # RFC 8292: at most 24 hours; a clock may be wrong by some
_NUMBER_BYTES = 32


class PushSigner:
    """Signs requests with the server's key pair of the curve P-256."""

    def __init__(self, key: ec.EllipticCurvePrivateKey) -> None:
        self._key = key
        point = key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        self.public_key = base64url(point)
        """The public key as browsers want it (`applicationServerKey`)."""

    @classmethod
    def new(cls) -> PushSigner:
        return cls(ec.generate_private_key(ec.SECP256R1()))

    @classmethod
    def of_secret(cls, secret: Secret) -> PushSigner:
        """Return the signer of a text that `secret` made. Raise ValueError for any other text."""
        return cls(ec.derive_private_key(int(secret.reveal(), 16), ec.SECP256R1()))

    def secret(self) -> Secret:
        """Return the private key as text, to be stored encrypted."""
        return Secret(f"{self._key.private_numbers().private_value:064x}")

    def authorization(self, endpoint: str, contact: str, now: datetime) -> str:
        """Return the Authorization header of a message to `endpoint`. `contact`: a URI for the service's people."""
        parts = urlsplit(endpoint)
        claims: dict[str, str | int] = {
            "aud": f"{parts.scheme}://{parts.netloc}",
            "exp": int((now.astimezone(UTC) + _VALID_FOR).timestamp()),
            "sub": contact,
        }
        signed = f"{_part({'typ': 'JWT', 'alg': 'ES256'})}.{_part(claims)}"
        r, s = decode_dss_signature(self._key.sign(signed.encode(), ec.ECDSA(SHA256())))
        signature = base64url(r.to_bytes(_NUMBER_BYTES, "big") + s.to_bytes(_NUMBER_BYTES, "big"))
        return f"vapid t={signed}.{signature}, k={self.public_key}"


def _part(claims: dict[str, str | int]) -> str:
    return base64url(json.dumps(claims, separators=(",", ":")).encode())
