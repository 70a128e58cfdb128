"""HTTP Digest (RFC 7616, and RFC 2069 for old firmware): MD5 and SHA-256, with and without qop.

Challenges come from a device: core/login_challenges.py reads their text.
"""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable
from dataclasses import dataclass

from core.login_challenges import read_challenges
from core.records import Credential

_SHA256 = ("SHA-256", "SHA256")


@dataclass(frozen=True, slots=True)
class Challenge:
    """One Digest challenge that this module can answer. `algorithm` is as the device wrote it, or "".

    `is_with_body`: the device offers only the qop "auth-int", whose response covers the body of the request.
    """

    realm: str
    nonce: str
    algorithm: str
    qop: bool
    opaque: str | None
    stale: bool
    is_with_body: bool = False


@dataclass(frozen=True, slots=True)
class Offer:
    """Logins that a 401 offers: the best Digest challenge that this module can answer, and Basic."""

    digest: Challenge | None
    basic: bool


NO_OFFER = Offer(None, basic=False)


def read_offer(headers: Iterable[str]) -> Offer:
    """Read WWW-Authenticate headers, also with several challenges in one line. Prefer SHA-256."""
    found: list[Challenge] = []
    basic = False
    for scheme, parameters in read_challenges(headers):
        if scheme == "basic":
            basic = True
        elif scheme == "digest" and (challenge := _challenge(parameters)):
            found.append(challenge)
    best = max(found, key=lambda item: _is_sha256(item.algorithm), default=None)
    return Offer(best, basic)


def _challenge(parameters: dict[str, str]) -> Challenge | None:
    algorithm = parameters.get("algorithm", "")
    qops = {item.strip().lower() for item in parameters.get("qop", "").split(",") if item.strip()}
    values = (parameters.get("realm", ""), parameters.get("nonce", ""), parameters.get("opaque", ""), algorithm)
    if not parameters.get("nonce") or not all(value.isprintable() for value in values):
        return None
    if algorithm.upper().removesuffix("-SESS") not in {"", "MD5", *_SHA256} or (
        qops and not qops & {"auth", "auth-int"}
    ):
        return None
    stale = parameters.get("stale", "").lower() == "true"
    is_with_body = bool(qops) and "auth" not in qops
    return Challenge(values[0], values[1], algorithm, bool(qops), parameters.get("opaque"), stale, is_with_body)


def _is_sha256(algorithm: str) -> bool:
    return algorithm.upper().startswith(_SHA256)


class DigestLogin:
    """Answers to one challenge, with a request counter. Thread-safe."""

    def __init__(self, challenge: Challenge) -> None:
        self.challenge = challenge
        self._lock = threading.Lock()
        self._count = 0

    def header(self, method: str, target: str, credential: Credential, body: bytes = b"") -> tuple[str, int]:
        """Return the Authorization header, and the number of times this nonce has now been used."""
        with self._lock:
            self._count += 1
            count = self._count
        return _authorization(self.challenge, method, target, credential, count, os.urandom(8).hex(), body), count


def _authorization(
    asked: Challenge, method: str, target: str, credential: Credential, count: int, cnonce: str, body: bytes = b""
) -> str:
    # Devices of RFC 2617 demand MD5; it protects nothing but their own login.
    algorithm = hashlib.sha256 if _is_sha256(asked.algorithm) else hashlib.md5

    def digest(value: str) -> str:
        return algorithm(value.encode()).hexdigest()

    secret = digest(f"{credential.username}:{asked.realm}:{credential.password.reveal()}")
    if asked.algorithm.upper().endswith("-SESS"):
        secret = digest(f"{secret}:{asked.nonce}:{cnonce}")
    qop = "auth-int" if asked.is_with_body else "auth"
    request = digest(f"{method}:{target}:{algorithm(body).hexdigest()}" if asked.is_with_body else f"{method}:{target}")
    counted = f"{count:08x}"
    middle = f"{asked.nonce}:{counted}:{cnonce}:{qop}" if asked.qop else asked.nonce
    fields = [
        f'username="{_quoted(credential.username)}"',
        f'realm="{_quoted(asked.realm)}"',
        f'nonce="{_quoted(asked.nonce)}"',
        f'uri="{_quoted(target)}"',
        f'response="{digest(f"{secret}:{middle}:{request}")}"',
    ]
    if asked.algorithm:
        fields.append(f"algorithm={asked.algorithm}")
    if asked.opaque is not None:
        fields.append(f'opaque="{_quoted(asked.opaque)}"')
    if asked.qop:
        fields += [f"qop={qop}", f"nc={counted}", f'cnonce="{cnonce}"']
    elif asked.algorithm.upper().endswith("-SESS"):
        fields.append(f'cnonce="{cnonce}"')
    return "Digest " + ", ".join(fields)


def _quoted(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')
