"""Limit of password attempts per device and credential, over ONVIF and RTSP together.

Recorders lock an account after a few wrong passwords, and a page of sixteen tiles logs in sixteen times
simultaneously. So:

- While a credential is unproven, only one attempt is under way at a time, and the others wait for its outcome. Other
  credentials that the device has never accepted wait, too.
- A refused credential is blocked for `retry_after_s`. A user's request to try again lifts the block once, until the
  device accepts a login, and only if the device has refused it once: eight clicks on Refresh must not cost eight
  wrong logins.
- An edited credential counts as a new one, and so does one for which the user now allows a readable password. But after
  three wrong logins within that time the next must wait, too. One attempt may send several, in different kinds of
  login: at most `Attempt.logins_left`.
- Some devices close the connection instead of refusing a login. The second cut of a credential that the device has
  never accepted counts as a refusal.
- Refusals belong to the address of a device (`set_place`), so deleting and adding its camera does not clear them.
- A process that gets the device from another one continues the block of that one (`Refusal`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from enum import Enum

from core.clock import Clock
from core.errors import CameraAuthFailed, CameraUnreachable
from core.records import Credential

_PROVEN_FOR_S = 30.0
_MOST_REFUSALS = 3  # wrong logins within `retry_after_s` at one device; many recorders lock an account after five
_MOST_RETRIED = 2  # wrong logins after which a user's request to try again must wait, too
_MOST_CUTS = 2  # logins that the device cut off, before they count as refused
_MOST_ENTRIES = 64  # of one device; a limit for scripts that try passwords for days
_REFUSED = "The device refuses this user name or password. The app does not try it again for {left} s."
_TOO_MANY = (
    "The device has refused several logins, and many devices lock an account after a few. The app tries no other login "
    "there for {left} s."
)


class _State(Enum):
    UNPROVEN = "unproven"
    TRYING = "trying"
    PROVEN = "proven"
    REFUSED = "refused"


@dataclass(slots=True)
class _Entry:
    state: _State = _State.UNPROVEN
    refused_at_s: float = 0.0
    accepted_at_s: float = 0.0
    attempts: int = 0
    cuts: int = 0  # logins that the device cut off since it last accepted or refused one
    holder: int = 0
    is_known: bool = False  # the device accepted this credential last time
    refusals: int = 0  # refused logins since it was accepted, or since its last block ended
    may_retry: bool = True  # a user's request to try again still lifts a block
    hint: str = ""  # for the user, on the last refusal

    @property
    def is_busy(self) -> bool:
        return self.state in (_State.TRYING, _State.PROVEN)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A blocked credential: the seconds until the block ends, its refused logins, and those of the device's address."""

    left_s: float
    logins: int
    logins_of_place: int
    hint: str = ""


@dataclass(slots=True)
class Attempt:
    """The right to send this credential to this device. The first report of an outcome counts, later ones do nothing.

    So a caller can always end with unanswered(), which frees the gate if an exception prevented the verdict.
    `logins_left` is the number of logins that the device may refuse before the caller must stop.
    """

    _gate: LoginGate
    _key: tuple[str, str, str]
    _number: int
    logins_left: int
    _ended: bool = field(default=False)

    def accepted(self) -> None:
        """Report that the device accepted the credential: further attempts need not wait."""
        self._end(_State.PROVEN, 0)

    def refused(self, logins: int = 1, *, hint: str = "") -> None:
        """Report that the device refused the credential, in so many logins: it is blocked for `retry_after_s`.

        `hint`: a sentence for the user, which stands behind the message while the credential is blocked.
        """
        self._end(_State.REFUSED, logins, hint)

    def unanswered(self, refused_logins: int = 0) -> None:
        """Report an attempt without a verdict (no answer, another error): the next attempt may begin.

        `refused_logins`: logins of this attempt that the device refused before.
        """
        self._end(None, refused_logins)

    def cut(self, logins: int = 1, *, refused_logins: int = 0) -> bool:
        """Report that the device closed the connection instead of an answer, after so many logins.

        Return True if that counts as a refusal, as `refused` does.
        """
        if self._ended:
            return False
        self._ended = True
        return self._gate._cut(self._key, self._number, logins, refused_logins)

    def _end(self, state: _State | None, refused_logins: int, hint: str = "") -> None:
        if not self._ended:
            self._ended = True
            self._gate._end(self._key, self._number, state, refused_logins, hint)


class LoginGate:
    """Gate shared by the SOAP and the RTSP client. Thread-safe; every wait has a limit."""

    def __init__(self, clock: Clock, *, retry_after_s: float = 300.0) -> None:
        self._clock = clock
        self._retry_after_s = retry_after_s
        self._entries: dict[tuple[str, str, str], _Entry] = {}
        self._places: dict[str, str] = {}  # device key -> address
        self._refusals: dict[str, list[float]] = {}  # address -> times of the last refused logins
        self._changed = threading.Condition()
        self._numbers = 0

    def try_begin(self, device_key: str, credential: Credential) -> Attempt | None:
        """Return an attempt, or None while another attempt with an unproven credential is under way at this device.

        Raise CameraAuthFailed while the credential is blocked.
        """
        with self._changed:
            key = self._key(device_key, credential)
            now_s = self._clock.monotonic_s()
            entry = self._entry(key)
            if entry.state is _State.REFUSED:
                left_s = entry.refused_at_s + self._retry_after_s - now_s
                if left_s > 0:
                    raise CameraAuthFailed(_REFUSED.format(left=max(1, round(left_s))) + entry.hint)
                entry.state, entry.refusals = _State.UNPROVEN, 0
            logins_left = _MOST_REFUSALS if entry.is_known else self._logins_left(key[0], now_s)
            if entry.state is _State.TRYING or (not entry.is_known and self._is_trying_another(key)):
                return None
            if entry.state is _State.PROVEN and now_s - entry.accepted_at_s > _PROVEN_FOR_S:
                entry.state = _State.UNPROVEN  # the password may have been changed since
            self._numbers += 1
            if entry.state is _State.UNPROVEN:
                entry.state = _State.TRYING
                entry.holder = self._numbers
            entry.attempts += 1
            return Attempt(self, key, self._numbers, logins_left)

    def begin(self, device_key: str, credential: Credential, *, timeout_s: float = 30.0) -> Attempt:
        """Wait for the attempt under way, then do as `try_begin`. Raise CameraUnreachable after `timeout_s`."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        with self._changed:
            while (attempt := self.try_begin(device_key, credential)) is None:
                if self._clock.monotonic_s() >= deadline_s:
                    raise CameraUnreachable("The device did not answer the login in time.")
                self._changed.wait(0.25)
            return attempt

    def set_place(self, device_key: str, place: str) -> None:
        """Set the address of a device, to which its refusals belong. Without one, they belong to `device_key`."""
        with self._changed:
            self._places[device_key] = place

    def allow_retry(self, device_key: str, credential: Credential) -> None:
        """Lift the block of a credential, because its user wants to try again: once until a login with it succeeds.

        Do nothing if the device has refused it twice since.
        """
        with self._changed:
            entry = self._entries.get(self._key(device_key, credential))
            if (
                entry is not None
                and entry.state is _State.REFUSED
                and entry.may_retry
                and entry.refusals < _MOST_RETRIED
            ):
                entry.state, entry.may_retry = _State.UNPROVEN, False
            self._changed.notify_all()

    def count_refused(self, device_key: str, credential: Credential, logins: int) -> None:
        """Count logins that the device may have refused, although it answered with another error."""
        with self._changed:
            key = self._key(device_key, credential)
            self._count(key[0], logins, self._clock.monotonic_s())
            self._entry(key).refusals += logins

    def has_accepted(self, device_key: str, credential: Credential) -> bool:
        """True if the last verdict of this device on the credential was to accept it."""
        with self._changed:
            entry = self._entries.get(self._key(device_key, credential))
            return entry is not None and entry.is_known

    def has_refused_unreadable(self, device_key: str, credential: Credential) -> bool:
        """True if the device has refused this password, when the user did not yet allow a readable one."""
        with self._changed:
            unreadable = replace(credential, may_be_readable=False)
            entry = self._entries.get(self._key(device_key, unreadable)) if credential.may_be_readable else None
            return entry is not None and entry.state is _State.REFUSED

    def refusal(self, device_key: str, credential: Credential) -> Refusal | None:
        """Return the block of a credential, None if it may be tried."""
        with self._changed:
            key = self._key(device_key, credential)
            entry = self._entries.get(key)
            now_s = self._clock.monotonic_s()
            if entry is None or entry.state is not _State.REFUSED:
                return None
            left_s = entry.refused_at_s + self._retry_after_s - now_s
            return Refusal(left_s, entry.refusals, len(self._recent(key[0], now_s)), entry.hint) if left_s > 0 else None

    def continue_refusal(self, device_key: str, credential: Credential, refusal: Refusal) -> None:
        """Block a credential that another process has tried, unless this one has blocked it itself.

        A block lasts `retry_after_s` at most.
        """
        with self._changed:
            key = self._key(device_key, credential)
            entry, now_s = self._entry(key), self._clock.monotonic_s()
            if entry.state is _State.REFUSED or refusal.left_s <= 0:
                return
            entry.state, entry.is_known = _State.REFUSED, False
            entry.refused_at_s = now_s - max(0.0, self._retry_after_s - refusal.left_s)
            entry.refusals, entry.hint = refusal.logins, refusal.hint
            missing = refusal.logins_of_place - len(self._recent(key[0], now_s))
            self._count(key[0], max(0, missing), entry.refused_at_s)

    def attempts(self, device_key: str, credential: Credential) -> int:
        """Return the number of attempts with this credential at this device."""
        with self._changed:
            entry = self._entries.get(self._key(device_key, credential))
            return entry.attempts if entry else 0

    def _end(
        self, key: tuple[str, str, str], number: int, state: _State | None, refused_logins: int, hint: str = ""
    ) -> None:
        with self._changed:
            now_s = self._clock.monotonic_s()
            if state is not _State.PROVEN:
                self._count(key[0], refused_logins, now_s)
            entry = self._entries.get(key)
            if entry is None:
                return
            if state is not None:
                entry.state, entry.cuts = state, 0
                entry.is_known = state is _State.PROVEN
                if state is _State.REFUSED:
                    entry.refused_at_s, entry.hint = now_s, hint
                    entry.refusals += refused_logins
                else:
                    entry.accepted_at_s, entry.may_retry, entry.refusals = now_s, True, 0
            elif entry.state is _State.TRYING and entry.holder == number:
                entry.state = _State.UNPROVEN
            self._changed.notify_all()

    def _cut(self, key: tuple[str, str, str], number: int, logins: int, refused_logins: int) -> bool:
        with self._changed:
            entry = self._entries.get(key)
            is_refusal = False
            if entry is not None and not entry.is_known:
                entry.cuts += logins
                is_refusal = entry.cuts >= _MOST_CUTS
            # Cut logins may have been wrong ones, so each of them counts.
            refused_logins += logins if entry is None or not entry.is_known else 0
            self._end(key, number, _State.REFUSED if is_refusal else None, refused_logins)
            return is_refusal

    # call these with the lock held

    def _key(self, device_key: str, credential: Credential) -> tuple[str, str, str]:
        place = self._places.get(device_key, device_key)
        kinds = "readable" if credential.may_be_readable else "unreadable"
        return place, credential.username, f"{credential.password.fingerprint()} {kinds}"

    def _entry(self, key: tuple[str, str, str]) -> _Entry:
        if key not in self._entries:
            same = [other for other, entry in self._entries.items() if other[0] == key[0] and not entry.is_busy]
            for other in same[: 1 - _MOST_ENTRIES]:
                del self._entries[other]
        return self._entries.setdefault(key, _Entry())

    def _is_trying_another(self, key: tuple[str, str, str]) -> bool:
        """True while another credential that the device has never accepted is tried: it may be refused, too."""
        return any(
            entry.state is _State.TRYING and not entry.is_known
            for other, entry in self._entries.items()
            if other[0] == key[0] and other != key
        )

    def _count(self, place: str, refused_logins: int, now_s: float) -> None:
        if refused_logins:
            self._refusals[place] = [*self._refusals.get(place, []), *[now_s] * refused_logins][-_MOST_REFUSALS:]

    def _recent(self, place: str, now_s: float) -> list[float]:
        """Return the times of the refused logins that still count."""
        return [at_s for at_s in self._refusals.get(place, []) if at_s + self._retry_after_s > now_s]

    def _logins_left(self, place: str, now_s: float) -> int:
        """Return the number of logins that the device may still refuse. Raise CameraAuthFailed if there are none."""
        refusals = self._recent(place, now_s)
        if len(refusals) == _MOST_REFUSALS:
            left_s = refusals[0] + self._retry_after_s - now_s
            raise CameraAuthFailed(_TOO_MANY.format(left=max(1, round(left_s))))
        return _MOST_REFUSALS - len(refusals)


@dataclass(frozen=True, slots=True)
class GuardedCredential:
    """The credential of one device, which clients send only with an attempt of the login gate."""

    credential: Credential
    device_key: str
    gate: LoginGate

    def has_refused_unreadable(self) -> bool:
        """See LoginGate.has_refused_unreadable."""
        return self.gate.has_refused_unreadable(self.device_key, self.credential)

    def count_refused(self, logins: int) -> None:
        """See LoginGate.count_refused."""
        self.gate.count_refused(self.device_key, self.credential, logins)

    def begin(self, timeout_s: float = 30.0) -> Attempt:
        """See LoginGate.begin."""
        return self.gate.begin(self.device_key, self.credential, timeout_s=timeout_s)
