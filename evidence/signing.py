"""The key of the installation, which signs manifests: ECDSA with P-256 and SHA-256.

It lies beside the key of the camera passwords, apart from the data.
"""

from __future__ import annotations

import hashlib
import os
import uuid
from collections.abc import Callable
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from core.certificates import fingerprint_text
from core.errors import Unavailable
from evidence.records import KeyView

KEY_NAME = "evidence.key"
_ID_NAME = "installation-id"


class InstallationKey:
    """Makes the key file (0600) and the installation's id on first use. Raise Unavailable if that is impossible."""

    def __init__(self, key_file: Path, data_dir: Path) -> None:
        self._key_file = key_file
        self._id_file = data_dir / _ID_NAME

    def view(self) -> KeyView:
        """Return the public part."""
        public = self._key().public_key()
        pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return KeyView(self._installation_id(), fingerprint_of(public), pem.decode())

    def sign(self, data: bytes) -> bytes:
        """Return the signature in DER form, as openssl expects it."""
        return self._key().sign(data, ec.ECDSA(hashes.SHA256()))

    def _key(self) -> ec.EllipticCurvePrivateKey:
        try:
            pem = _read_or_make(self._key_file, _new_key)
            key = serialization.load_pem_private_key(pem, None)
        except (OSError, ValueError, TypeError) as error:
            raise Unavailable(
                f"The key file {self._key_file.name} beside the key of the camera passwords cannot be used.",
                code="evidence_key",
                retry_after_s=30,
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey) or not isinstance(key.curve, ec.SECP256R1):
            raise Unavailable(f"{self._key_file.name} has no P-256 key.", code="evidence_key", retry_after_s=30)
        return key

    def _installation_id(self) -> str:
        try:
            return _read_or_make(self._id_file, lambda: f"{uuid.uuid4()}\n".encode()).decode("ascii").strip()
        except (OSError, ValueError) as error:
            raise Unavailable("The id of this installation cannot be read.", code="evidence_key") from error


def fingerprint_of(public: ec.EllipticCurvePublicKey) -> str:
    """Return the SHA-256 of a public key (SubjectPublicKeyInfo) as `3A:0F:...`."""
    der = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return fingerprint_text(hashlib.sha256(der).hexdigest())


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read_or_make(path: Path, make: Callable[[], bytes]) -> bytes:
    """Return the content of a file, which is made (0600) unless it exists; of two makers, one wins."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
        file.write(make())
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
    return path.read_bytes()
