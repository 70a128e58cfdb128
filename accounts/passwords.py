"""Passwords of accounts: which are good enough, and how they are kept (argon2id, RFC 9106).

A hash costs some 64 MiB and a tenth of a second, so only a few are made side by side; who waits too long for
a place is told to come back.
"""

from __future__ import annotations

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError, VerifyMismatchError
from zxcvbn import zxcvbn

from core.errors import InvalidRequest, Unavailable
from core.secrets import Secret

MIN_LENGTH = 12
MAX_LENGTH = 256
_SIDE_BY_SIDE = 2
_WAIT_S = 8.0
_JUDGED_LENGTH = 64  # zxcvbn's own limit is 72; it takes long for long ones
_LEAST_SCORE = 2  # of 0 to 4: below it, a list of common passwords and patterns finds it
_LETTERS_OF_THEIR_OWN = 5


def check_password(password: Secret, *, field: str = "password", known: tuple[str, ...] = ()) -> None:
    """InvalidRequest naming the field where the password is too short, too long or a common one.

    `known`: words that anybody would try first, such as the user's name.
    """
    text = password.reveal()
    if len(text) < MIN_LENGTH:
        raise InvalidRequest.of_field(field, f"at least {MIN_LENGTH} characters")
    if len(text) > MAX_LENGTH:
        raise InvalidRequest.of_field(field, f"at most {MAX_LENGTH} characters")
    if any(unicodedata.category(letter) in {"Cc", "Cs"} for letter in text):
        raise InvalidRequest.of_field(field, "no control characters")
    judged = zxcvbn(text[:_JUDGED_LENGTH], user_inputs=[word for word in (*known, "onvif", "viewer", "camera") if word])
    if judged["score"] < _LEAST_SCORE or len(set(text)) < _LETTERS_OF_THEIR_OWN:
        raise InvalidRequest.of_field(field, "too easy to guess: choose a few words that do not belong together")


class Passwords:
    """Makes and checks hashes. Safe between threads."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        self._places = threading.BoundedSemaphore(_SIDE_BY_SIDE)

    def hash(self, password: Secret) -> str:
        """Unavailable when too many wait."""
        with _Place(self._places):
            return self._hasher.hash(_normal(password))

    def verify(self, kept: str | None, password: Secret) -> bool:
        """Whether it is the password; for an unknown user (None) False, after the same work: a hash is made."""
        with _Place(self._places):
            if kept is None:
                self._hasher.hash(_normal(password))
                return False
            return _verified(self._hasher, kept, password)

    def is_outdated(self, kept: str) -> bool:
        """Whether the hash was made with other parameters than today's."""
        return self._hasher.check_needs_rehash(kept)


def _normal(password: Secret) -> str:
    return unicodedata.normalize("NFC", password.reveal())


def _verified(hasher: PasswordHasher, kept: str, password: Secret) -> bool:
    try:
        return hasher.verify(kept, _normal(password))
    except VerifyMismatchError:
        return False
    except (VerificationError, InvalidHashError):
        return False


class _Place:
    def __init__(self, places: threading.BoundedSemaphore) -> None:
        self._places = places

    def __enter__(self) -> None:
        if not self._places.acquire(timeout=_WAIT_S):
            raise Unavailable("Too many logins at once.", code="busy", retry_after_s=5)

    def __exit__(self, *_: object) -> None:
        self._places.release()
