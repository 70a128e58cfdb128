"""Passwords of accounts: rules for new passwords, and hashes (argon2id, RFC 9106).

A hash takes about 64 MiB and a tenth of a second, so only two are computed at a time. A login that waits too long
for its turn is refused with Unavailable.
"""

from __future__ import annotations

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError

from core.errors import InvalidRequest, Unavailable
from core.secrets import Secret

MIN_LENGTH = 12
MAX_LENGTH = 256
_MAX_CONCURRENT = 2
_WAIT_S = 8.0
_RATED_LENGTH = 64  # zxcvbn accepts 72 characters, and is slow for long passwords
_MIN_SCORE = 2  # of 0 to 4; lists of common passwords and patterns contain passwords with a lower score
_MIN_DIFFERENT_LETTERS = 5


def check_password(password: Secret, *, field: str = "password", known: tuple[str, ...] = ()) -> None:
    """Raise InvalidRequest with the field's name if the password is too short, too long or easy to guess.

    `known`: words that an attacker tries first, such as the user's name.
    """
    text = password.reveal()
    if len(text) < MIN_LENGTH:
        raise InvalidRequest.of_field(field, f"at least {MIN_LENGTH} characters")
    if len(text) > MAX_LENGTH:
        raise InvalidRequest.of_field(field, f"at most {MAX_LENGTH} characters")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
        raise InvalidRequest.of_field(field, "no control characters")
    from zxcvbn import zxcvbn  # noqa: PLC0415 - 12 MB of word lists, for new passwords only

    rating = zxcvbn(text[:_RATED_LENGTH], user_inputs=[word for word in (*known, "onvif", "viewer", "camera") if word])
    if rating["score"] < _MIN_SCORE or len(set(text)) < _MIN_DIFFERENT_LETTERS:
        raise InvalidRequest.of_field(field, "too easy to guess: choose a few words that do not belong together")


class Passwords:
    """Computes and verifies hashes. Safe between threads."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._slots = threading.BoundedSemaphore(_MAX_CONCURRENT)

    def hash(self, password: Secret) -> str:
        """Raise Unavailable if too many hashes are being computed."""
        with _Slot(self._slots):
            return self._hasher.hash(_normal(password))

    def verify(self, stored_hash: str | None, password: Secret) -> bool:
        """True if the password matches the stored hash. For an unknown user (None): False, after the same work."""
        with _Slot(self._slots):
            if stored_hash is None:
                self._hasher.hash(_normal(password))
                return False
            return _verified(self._hasher, stored_hash, password)

    def is_outdated(self, stored_hash: str) -> bool:
        """True if the hash was computed with other parameters than the present ones."""
        return self._hasher.check_needs_rehash(stored_hash)


def _normal(password: Secret) -> str:
    return unicodedata.normalize("NFC", password.reveal())


def _verified(hasher: PasswordHasher, stored_hash: str, password: Secret) -> bool:
    try:
        return hasher.verify(stored_hash, _normal(password))
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError):
        return False


class _Slot:
    def __init__(self, slots: threading.BoundedSemaphore) -> None:
        self._slots = slots

    def __enter__(self) -> None:
        if not self._slots.acquire(timeout=_WAIT_S):
            raise Unavailable("Too many logins at the same time.", code="busy", retry_after_s=5)

    def __exit__(self, *_: object) -> None:
        self._slots.release()
