"""Encryption of the stored passwords with AES-256-GCM, and the key file.

The key is stored apart from the data, so that a copy of the data alone does not reveal a password. Each ciphertext is
bound to its row by the associated data: it does not open in another row.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import json
import logging
import os
import secrets
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from core.errors import StartRefused
from core.secrets import Secret

log = logging.getLogger(__name__)

_KEY_BYTES = 32
_NONCE_BYTES = 12
_CHECK_TEXT = "this key opens this database"
_CHECK_CONTEXT = ("vault", "key_check")
_VERSION = b"\x01"


class CannotDecrypt(Exception):
    """A ciphertext was made with another key or for another context, or it is damaged."""


class Vault:
    """Encrypts and decrypts single secrets with one key. Thread-safe."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self._cipher = AESGCM(key)

    def encrypt(self, secret: Secret, context: tuple[str | int, ...]) -> bytes:
        """Return version, nonce, ciphertext and tag of the secret. It opens only with the same `context`."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + nonce + self._cipher.encrypt(nonce, secret.reveal().encode(), _associated_data(context))

    def decrypt(self, ciphertext: bytes, context: tuple[str | int, ...]) -> Secret:
        """Return the secret in `ciphertext`, which `encrypt` made. Raise CannotDecrypt for anything else."""
        if ciphertext[:1] != _VERSION or len(ciphertext) < 1 + _NONCE_BYTES + 16:
            raise CannotDecrypt("not an encrypted secret of this version")
        nonce, rest = ciphertext[1 : 1 + _NONCE_BYTES], ciphertext[1 + _NONCE_BYTES :]
        try:
            return Secret(self._cipher.decrypt(nonce, rest, _associated_data(context)).decode())
        except InvalidTag:
            raise CannotDecrypt("wrong key, wrong context or damaged") from None

    def key_for(self, purpose: str) -> bytes:
        """Return a key for another purpose, such as signatures. It tells nothing about the key of this vault."""
        return hmac.digest(self._key, b"onvif-web-viewer " + purpose.encode(), "sha256")

    def make_check(self) -> bytes:
        """Return a value for the database that shows later whether a key is the same one."""
        return self.encrypt(Secret(_CHECK_TEXT), _CHECK_CONTEXT)

    def is_key_of(self, check: bytes) -> bool:
        """True if `check` was made with this key."""
        try:
            return self.decrypt(check, _CHECK_CONTEXT) == Secret(_CHECK_TEXT)
        except CannotDecrypt:
            return False


def open_vault(key_file: Path, check: bytes | None) -> Vault:
    """Return the vault of a database whose key check is `check`; None stands for a new database.

    Make the key file (0600) only if there is neither a check nor a file; an existing file is never overwritten. Finish
    a key rotation that a crash interrupted. Raise StartRefused if the key is missing, wrong or unreadable.
    """
    try:
        key = _read_key(key_file)
        if check is not None:
            key = _finish_rotation(key_file, key, check)
        if key is None and check is None:
            key = _make_key(key_file)
    except OSError as error:
        raise StartRefused(
            f"The key file {key_file} cannot be used: {error.strerror or error}. "
            "SECRET_KEY_FILE sets its path. Nothing was changed."
        ) from error
    if key is None:
        raise StartRefused(
            f"The key file {key_file} is missing, and only that key opens the stored camera passwords. "
            "Put it back, or set SECRET_KEY_FILE to its path. Nothing was changed."
        )
    vault = Vault(key)
    if check is not None and not vault.is_key_of(check):
        raise StartRefused(
            f"The key in {key_file} does not open the stored camera passwords. "
            "Put the right one back, or set SECRET_KEY_FILE to its path. Nothing was changed."
        )
    return vault


def make_next_key(key_file: Path) -> bytes:
    """Write a new key to `<key file>.next` and return it; replace a file that a crash left there.

    Raise StartRefused if the file cannot be written.
    """
    draft = _next_of(key_file)
    try:
        draft.unlink(missing_ok=True)
        return _make_key(draft)
    except OSError as error:
        raise StartRefused(f"{draft} cannot be written: {error.strerror}. Nothing was changed.") from error


def adopt_next_key(key_file: Path) -> None:
    """Replace the key file by the next one, atomically."""
    _next_of(key_file).replace(key_file)
    folder = os.open(key_file.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _finish_rotation(key_file: Path, key: bytes | None, check: bytes) -> bytes | None:
    """Clean up after a crash during a key rotation: return the key that opens the passwords, and keep only its file.

    Return `key` unchanged, and keep both files, if neither opens them.
    """
    draft = _next_of(key_file)
    if not draft.exists():
        return key
    if key is not None and Vault(key).is_key_of(check):
        draft.unlink()
        return key
    next_key = _read_key(draft)
    if next_key is None or not Vault(next_key).is_key_of(check):
        return key
    log.warning("finished a key rotation that was interrupted")
    adopt_next_key(key_file)
    return next_key


def _next_of(key_file: Path) -> Path:
    return key_file.with_name(key_file.name + ".next")


def _read_key(key_file: Path) -> bytes | None:
    try:
        text = key_file.read_bytes()
    except FileNotFoundError:
        return None
    try:
        key = base64.b64decode(text.strip(), altchars=b"-_", validate=True)
    except binascii.Error:
        key = b""
    if len(key) != _KEY_BYTES:
        raise StartRefused(
            f"{key_file} holds no key (32 bytes as base64). Put the right file there, "
            "or set SECRET_KEY_FILE to its path. Nothing was changed."
        )
    if key_file.stat().st_mode & 0o077:
        log.warning("other users of this machine can read %s: chmod 600 it", key_file)
    return key


def _make_key(key_file: Path) -> bytes:
    """Write a new key file and return the key. The file appears whole, by a link, and never replaces another."""
    key_file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    key = secrets.token_bytes(_KEY_BYTES)
    draft = key_file.with_name(f".{key_file.name}.{secrets.token_hex(8)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(base64.urlsafe_b64encode(key) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, key_file)
    except FileExistsError:  # another process that starts at the same time made one: use that
        made = _read_key(key_file)
        if made is None:
            raise
        key = made
    finally:
        draft.unlink(missing_ok=True)
    return key


def _associated_data(context: tuple[str | int, ...]) -> bytes:
    return json.dumps(["onvif-web-viewer", *context], ensure_ascii=True).encode()
