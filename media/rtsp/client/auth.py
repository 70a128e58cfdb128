"""HTTP authentication in RTSP: Basic and Digest (RFC 7617, RFC 7616, RFC 2069).

Parses challenges and computes Authorization headers. login.py decides when a credential may be sent.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from core.records import Credential

_PARAMETER = re.compile(r'([A-Za-z0-9-]{1,32})\s*=\s*(?:"((?:[^"\\]|\\.){0,1024})"|([^\s,"]{0,256}))')
_SCHEME = re.compile(r"\s*([A-Za-z-]{1,32})(?:\s+|$)")
_STRENGTH = {"sha-256": 3, "sha-256-sess": 3, "md5": 2, "md5-sess": 2}


@dataclass(slots=True)
class Challenge:
    """A challenge of a device. `algorithm` is empty for Basic."""

    realm: str
    nonce: str = ""
    algorithm: str = ""
    opaque: str | None = None
    has_qop: bool = False
    is_stale: bool = False
    _uses: int = field(default=0, repr=False)

    def authorization(self, credential: Credential, method: str, uri: str, cnonce: str | None = None) -> str:
        """Return the Authorization header for a request. It is derived from the password: never log it.

        `cnonce` is random unless given (tests compare with the RFC's examples).
        """
        if not self.algorithm:
            pair = f"{credential.username}:{credential.password.reveal()}"
            return "Basic " + base64.b64encode(pair.encode()).decode()
        return self._digest(credential, method, uri, cnonce or os.urandom(8).hex())

    def _digest(self, credential: Credential, method: str, uri: str, cnonce: str) -> str:
        self._uses += 1
        count = f"{self._uses:08x}"
        name = self.algorithm.removesuffix("-sess")
        secret = _hash(name, f"{credential.username}:{self.realm}:{credential.password.reveal()}")
        if self.algorithm.endswith("-sess"):
            secret = _hash(name, f"{secret}:{self.nonce}:{cnonce}")
        asked = _hash(name, f"{method}:{uri}")
        middle = f"{self.nonce}:{count}:{cnonce}:auth" if self.has_qop else self.nonce
        parts = [
            f'username="{_quoted(credential.username)}"',
            f'realm="{_quoted(self.realm)}"',
            f'nonce="{_quoted(self.nonce)}"',
            f'uri="{uri}"',
            f'response="{_hash(name, f"{secret}:{middle}:{asked}")}"',
        ]
        if self.algorithm != "md5":  # old firmware fails on the unknown parameter
            parts.append(f"algorithm={self.algorithm.upper().replace('-SESS', '-sess')}")
        if self.has_qop:
            parts += ["qop=auth", f"nc={count}"]
        if self.has_qop or self.algorithm.endswith("-sess"):
            parts.append(f'cnonce="{cnonce}"')
        if self.opaque is not None:
            parts.append(f'opaque="{_quoted(self.opaque)}"')
        return "Digest " + ", ".join(parts)


def choose_challenge(values: Iterable[str]) -> Challenge | None:
    """Return the strongest challenge of the WWW-Authenticate headers that we can answer. None without one."""
    best: Challenge | None = None
    for value in values:
        for scheme, parameters in _challenges(value):
            challenge = _challenge(scheme, parameters)
            if challenge and (best is None or _strength(challenge) > _strength(best)):
                best = challenge
    return best


def _challenges(value: str) -> list[tuple[str, dict[str, str]]]:
    """Split `Digest realm="a", nonce="b", Basic realm="c"`: one header may contain several challenges."""
    found: list[tuple[str, dict[str, str]]] = []
    position = 0
    while position < len(value) and len(found) < 8:
        if parameter := _PARAMETER.match(value, position):
            if found:
                text = parameter[2] if parameter[2] is not None else parameter[3]
                found[-1][1].setdefault(parameter[1].lower(), re.sub(r"\\(.)", r"\1", text))
            position = parameter.end()
        elif scheme := _SCHEME.match(value, position):
            found.append((scheme[1].lower(), {}))
            position = scheme.end()
        else:
            position += 1
    return found


def _challenge(scheme: str, parameters: dict[str, str]) -> Challenge | None:
    realm = parameters.get("realm", "")
    if scheme == "basic":
        return Challenge(realm)
    algorithm = parameters.get("algorithm", "md5").lower()
    qop = [item.strip().lower() for item in parameters.get("qop", "").split(",") if item.strip()]
    if scheme != "digest" or algorithm not in _STRENGTH or not parameters.get("nonce") or (qop and "auth" not in qop):
        return None
    is_stale = parameters.get("stale", "").lower() == "true"
    return Challenge(realm, parameters["nonce"], algorithm, parameters.get("opaque"), bool(qop), is_stale)


def _strength(challenge: Challenge) -> int:
    return _STRENGTH.get(challenge.algorithm, 1)


def _hash(algorithm: str, text: str) -> str:
    if algorithm == "md5":
        return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
    return hashlib.sha256(text.encode()).hexdigest()


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
