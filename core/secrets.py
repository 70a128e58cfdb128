"""A secret that cannot be printed by accident."""

from __future__ import annotations

import hashlib
import hmac
import os

_FINGERPRINT_SALT = os.urandom(16)


class Secret:
    """A password that `str`, `repr` and f-strings hide and that cannot be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the password: only for code that signs a request or encrypts a row."""
        return self._value

    def fingerprint(self) -> str:
        """Return a keyed hash that tells two secrets apart within this process and is useless outside of it."""
        return hmac.new(_FINGERPRINT_SALT, self._value.encode(), hashlib.sha256).hexdigest()[:16]

    def __repr__(self) -> str:
        return "Secret(hidden)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")
