"""HTTP authentication in RTSP: Basic and Digest (RFC 7617, RFC 7616, RFC 2069).

Parses challenges and computes Authorization headers. login.py decides when a credential may be sent.
"""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass, field

from core import login_challenges
from core.records import Credential

_ALGORITHMS = {"sha-256": "sha256", "sha256": "sha256", "md5": "md5"}  # as written -> hashlib's name
_STRENGTH = {"sha256": 3, "md5": 2}


@dataclass(slots=True)
class Challenge:
    """A challenge of a device. `algorithm` is empty for Basic, `qop` without the protection that we name."""

    realm: str
    nonce: str = ""
    algorithm: str = ""
    opaque: str | None = None
    qop: str = ""
    is_stale: bool = False
    is_session: bool = False
    algorithm_text: str = ""
    _uses: int = field(default=0, repr=False)

    @property
    def kind(self) -> str:
        """The kind of login: `basic`, `md5` or `sha256`, with `-sess` for a session key."""
        return f"{self.algorithm}{'-sess' if self.is_session else ''}" or "basic"

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
        secret = self._hash(f"{credential.username}:{self.realm}:{credential.password.reveal()}")
        if self.is_session:
            secret = self._hash(f"{secret}:{self.nonce}:{cnonce}")
        asked = f"{method}:{uri}" if self.qop != "auth-int" else f"{method}:{uri}:{self._hash('')}"  # without a body
        middle = f"{self.nonce}:{count}:{cnonce}:{self.qop}" if self.qop else self.nonce
        parts = [
            f'username="{_quoted(credential.username)}"',
            f'realm="{_quoted(self.realm)}"',
            f'nonce="{_quoted(self.nonce)}"',
            f'uri="{uri}"',
            f'response="{self._hash(f"{secret}:{middle}:{self._hash(asked)}")}"',
        ]
        if self.kind != "md5":  # old firmware fails on the unknown parameter
            parts.append(f"algorithm={self.algorithm_text}")
        if self.qop:
            parts += [f"qop={self.qop}", f"nc={count}"]
        if self.qop or self.is_session:
            parts.append(f'cnonce="{cnonce}"')
        if self.opaque is not None:
            parts.append(f'opaque="{_quoted(self.opaque)}"')
        return "Digest " + ", ".join(parts)

    def _hash(self, text: str) -> str:
        return hashlib.new(self.algorithm, text.encode(), usedforsecurity=False).hexdigest()


def read_challenges(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges of the WWW-Authenticate headers that we can answer, the strongest first."""
    read = (_challenge(scheme, parameters) for scheme, parameters in login_challenges.read_challenges(values))
    return sorted((item for item in read if item), key=lambda item: -_STRENGTH.get(item.algorithm, 1))


def _challenge(scheme: str, parameters: dict[str, str]) -> Challenge | None:
    realm = parameters.get("realm", "")
    if scheme == "basic":
        return Challenge(realm)
    written = parameters.get("algorithm", "").strip() or "MD5"
    algorithm = _ALGORITHMS.get(written.lower().removesuffix("-sess"), "")
    if scheme != "digest" or not algorithm or "nonce" not in parameters:
        return None
    offered = [item.strip().lower() for item in parameters.get("qop", "").split(",") if item.strip()]
    qop = next((item for item in ("auth", "auth-int") if item in offered), "")
    return Challenge(
        realm,
        parameters["nonce"],
        algorithm,
        parameters.get("opaque"),
        qop,
        is_stale=parameters.get("stale", "").lower() == "true",
        is_session=written.lower().endswith("-sess"),
        algorithm_text=written,
    )


def _quoted(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
