"""Login: WS-UsernameToken, HTTP and RTSP Digest, Basic, lock-out, and a count of all attempts.

A UsernameToken is valid only within a window around the device's own time, so a wrong clock refuses logins.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from simulator.clock import DeviceClock
from simulator.faults import Faults

REALM = "Login to PRETEND0016"
_NONCES_KEPT = 4096
_ATTEMPTS_KEPT = 200
_PAIR = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,]+))')


class Outcome(StrEnum):
    """The result of a login. MISSING and STALE are no attempts: no password was tried."""

    OK = "ok"
    MISSING = "missing"
    STALE = "stale"
    WRONG = "wrong"
    OUTSIDE_WINDOW = "outside_window"
    REPLAYED = "replayed"
    LOCKED = "locked"


_FAILED = (Outcome.WRONG, Outcome.OUTSIDE_WINDOW, Outcome.REPLAYED)


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """WS-Security UsernameToken Profile 1.1, as sent."""

    username: str
    password: str
    is_digest: bool
    nonce: str
    created: str


def _hash(algorithm: str, text: str) -> str:
    digest = hashlib.sha256 if algorithm == "SHA-256" else hashlib.md5
    return digest(text.encode()).hexdigest()


def _same(first: str, second: str) -> bool:
    return hmac.compare_digest(first.encode(), second.encode())


def parse_created(text: str) -> datetime | None:
    """The xs:dateTime of a token; None if the text is no time."""
    try:
        moment = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


class Login:
    """The recorder's one account and its interfaces: ``soap``, ``http`` (snapshots) and ``rtsp``."""

    def __init__(self, username: str, password: str, faults: Faults, clock: DeviceClock, window_s: float) -> None:
        self.username, self._password = username, password
        self._faults, self._clock, self._window_s = faults, clock, window_s
        self._nonces: OrderedDict[str, float] = OrderedDict()
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._counts: Counter[tuple[str, Outcome]] = Counter()
        self._last: deque[dict[str, object]] = deque(maxlen=_ATTEMPTS_KEPT)
        self._failures_in_row = 0
        self._locked_until_s = 0.0

    # -- the three kinds of credential -----------------------------------------------------------------------------

    def check_token(self, token: UsernameToken) -> Outcome:
        """Check a UsernameToken of a SOAP request."""
        return self._count("soap", self._judge_token(token))

    def check_header(self, interface: str, method: str, target: str, header: str, *, exact: bool) -> Outcome:
        """Check an Authorization header, Digest or Basic. `exact`: the digest's uri must be the request's target."""
        scheme, _, rest = header.strip().partition(" ")
        if not header.strip():
            return Outcome.MISSING
        if scheme.lower() == "basic":
            return self._count(interface, self._judge_basic(interface, rest))
        if scheme.lower() != "digest":
            return Outcome.MISSING
        fields = {name.lower(): quoted or plain for name, quoted, plain in _PAIR.findall(rest)}
        outcome = self._judge_digest(method, target, fields, exact=exact)
        return outcome if outcome is Outcome.STALE else self._count(interface, outcome)

    def challenges(self, interface: str, *, stale: bool = False) -> list[str]:
        """Values of WWW-Authenticate for a refused request."""
        if interface == "rtsp" and self._faults.text("rtsp_auth") == "basic":
            return [f'Basic realm="{REALM}"']
        nonce = secrets.token_hex(16)
        self._nonces[nonce] = time.monotonic()
        while len(self._nonces) > _NONCES_KEPT:
            self._nonces.popitem(last=False)
        chosen = self._faults.text("digest_algorithm")
        end = ", stale=true" if stale else ""
        # RTSP devices seldom offer qop; HTTP ones do (RFC 7616).
        qop = "" if interface == "rtsp" else ', qop="auth"'
        if chosen is None:
            return [f'Digest realm="{REALM}"{qop}, nonce="{nonce}"{end}']
        algorithms = ("SHA-256", "MD5") if chosen == "both" else (chosen,)
        return [f'Digest realm="{REALM}"{qop}, algorithm={name}, nonce="{nonce}"{end}' for name in algorithms]

    def rtsp_is_open(self) -> bool:
        return self._faults.text("rtsp_auth") == "none"

    # -- judging ---------------------------------------------------------------------------------------------------

    def _current_password(self) -> str | None:
        """The password, None while the fault `refuse_password` is on."""
        if self._faults.is_on("refuse_password"):
            return None
        return self._faults.text("change_password") or self._password

    def _is_locked(self) -> bool:
        return time.monotonic() < self._locked_until_s

    def _judge_token(self, token: UsernameToken) -> Outcome:
        if self._is_locked():
            return Outcome.LOCKED
        password, created = self._current_password(), parse_created(token.created)
        try:
            nonce = base64.b64decode(token.nonce, validate=True)
        except (binascii.Error, ValueError):
            return Outcome.WRONG
        if password is None or created is None or not token.is_digest or not _same(token.username, self.username):
            return Outcome.WRONG
        digest = hashlib.sha1(nonce + token.created.encode() + password.encode()).digest()
        if not _same(base64.b64encode(digest).decode(), token.password.strip()):
            return Outcome.WRONG
        if abs((created - self._clock.utc()).total_seconds()) > self._window_s:
            return Outcome.OUTSIDE_WINDOW
        if token.nonce in self._seen:
            return Outcome.REPLAYED
        self._seen[token.nonce] = None
        while len(self._seen) > _NONCES_KEPT:
            self._seen.popitem(last=False)
        return Outcome.OK

    def _judge_basic(self, interface: str, text: str) -> Outcome:
        if self._is_locked():
            return Outcome.LOCKED
        if interface != "rtsp" or self._faults.text("rtsp_auth") != "basic":
            return Outcome.WRONG
        try:
            sent = base64.b64decode(text.strip(), validate=True).decode()
        except (binascii.Error, ValueError):
            return Outcome.WRONG
        password = self._current_password()
        return Outcome.OK if password is not None and _same(sent, f"{self.username}:{password}") else Outcome.WRONG

    def _judge_digest(self, method: str, target: str, fields: dict[str, str], *, exact: bool) -> Outcome:
        if self._is_locked():
            return Outcome.LOCKED
        issued = self._nonces.get(fields.get("nonce", ""))
        lifetime = self._faults.number("stale_nonce")
        if issued is None or (lifetime and time.monotonic() - issued > lifetime):
            return Outcome.STALE
        password = self._current_password()
        if password is None or not _same(fields.get("username", ""), self.username) or fields.get("realm") != REALM:
            return Outcome.WRONG
        if exact and fields.get("uri") != target:
            return Outcome.WRONG
        return (
            Outcome.OK if _same(fields.get("response", ""), self._response(method, password, fields)) else Outcome.WRONG
        )

    def _response(self, method: str, password: str, fields: dict[str, str]) -> str:
        algorithm = fields.get("algorithm", "MD5").upper()
        chosen = self._faults.text("digest_algorithm")
        if algorithm not in ("MD5", "SHA-256") or (chosen == "SHA-256" and algorithm != chosen):
            return ""
        if algorithm == "SHA-256" and chosen not in ("SHA-256", "both"):
            return ""
        first = _hash(algorithm, f"{self.username}:{REALM}:{password}")
        second = _hash(algorithm, f"{method}:{fields.get('uri', '')}")
        middle = fields["nonce"]
        if qop := fields.get("qop"):
            middle = f"{middle}:{fields.get('nc', '')}:{fields.get('cnonce', '')}:{qop}"
        return _hash(algorithm, f"{first}:{middle}:{second}")

    # -- counting --------------------------------------------------------------------------------------------------

    def _count(self, interface: str, outcome: Outcome) -> Outcome:
        self._counts[interface, outcome] += 1
        if outcome is not Outcome.OK:
            self._last.append({"at": time.time(), "door": interface, "outcome": outcome.value})
        self._failures_in_row = 0 if outcome is Outcome.OK else self._failures_in_row + (outcome in _FAILED)
        self._lock_if_due()
        return outcome

    def _lock_if_due(self) -> None:
        rule = self._faults.value("lock_out")
        tries, seconds = (rule, 300.0) if isinstance(rule, int) else (0, 0.0)
        if isinstance(rule, dict):
            tries, seconds = rule.get("tries", 5), rule.get("seconds", 300.0)
        if tries and self._failures_in_row >= tries:
            self._failures_in_row = 0
            self._locked_until_s = time.monotonic() + seconds

    def forget_lock(self) -> None:
        """Unlock the account."""
        self._failures_in_row, self._locked_until_s = 0, 0.0

    def as_json(self) -> dict[str, object]:
        """Counts by interface: `ok` accepted, `failed` wrong, `locked` refused without a check."""
        rows = {interface: self._row(interface) for interface in ("soap", "http", "rtsp")}
        totals = {name: sum(row[name] for row in rows.values()) for name in ("ok", "failed")}
        left = max(0.0, self._locked_until_s - time.monotonic())
        return {**totals, "locked_for_s": round(left, 1), **rows, "attempts": list(self._last)}

    def _row(self, interface: str) -> dict[str, int]:
        row = {outcome.value: self._counts[interface, outcome] for outcome in (Outcome.OK, *_FAILED, Outcome.LOCKED)}
        return {**row, "failed": sum(self._counts[interface, outcome] for outcome in _FAILED)}
