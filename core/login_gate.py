"""Limit of password attempts per device and credential, over ONVIF and RTSP together.

Recorders lock an account after a few wrong passwords, and a page of sixteen tiles logs in sixteen times
simultaneously. So while a credential is unproven, only one attempt is under way at a time, and the others wait for
its outcome. A refused credential is blocked for `retry_after_s`; an edited credential counts as a new one.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum

from core.clock import Clock
from core.errors import CameraAuthFailed, CameraUnreachable
from core.records import Credential

_PROVEN_FOR_S = 30.0
_REFUSED = "The device refuses this user name or password. The app does not try it again for {left} s."


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
    holder: int = 0


@dataclass(slots=True)
class Attempt:
    """The right to send this credential to this device. The first call of a method counts, later calls do nothing.

    So a caller can always end with unanswered(), which frees the gate if an exception prevented the verdict.
    """

    _gate: LoginGate
    _key: tuple[str, str, str]
    _number: int
    _ended: bool = field(default=False)

    def accepted(self) -> None:
        """Report that the device accepted the credential: further attempts need not wait."""
        self._end(_State.PROVEN)

    def refused(self) -> None:
        """Report that the device refused the credential: it is blocked for `retry_after_s`."""
        self._end(_State.REFUSED)

    def unanswered(self) -> None:
        """Report an attempt without a verdict (no answer, another error): the next attempt may begin."""
        self._end(None)

    def _end(self, state: _State | None) -> None:
        if not self._ended:
            self._ended = True
            self._gate._end(self._key, self._number, state)


class LoginGate:
    """Gate shared by the SOAP and the RTSP client. Thread-safe; every wait has a limit."""

    def __init__(self, clock: Clock, *, retry_after_s: float = 300.0) -> None:
        self._clock = clock
        self._retry_after_s = retry_after_s
        self._entries: dict[tuple[str, str, str], _Entry] = {}
        self._changed = threading.Condition()
        self._numbers = 0

    def try_begin(self, device_key: str, credential: Credential) -> Attempt | None:
        """Return an attempt, or None while another attempt with this unproven credential is under way.

        Raise CameraAuthFailed while the credential is blocked.
        """
        key = _key(device_key, credential)
        with self._changed:
            entry = self._entries.setdefault(key, _Entry())
            now_s = self._clock.monotonic_s()
            if entry.state is _State.REFUSED:
                left_s = entry.refused_at_s + self._retry_after_s - now_s
                if left_s > 0:
                    raise CameraAuthFailed(_REFUSED.format(left=max(1, round(left_s))))
                entry.state = _State.UNPROVEN
            if entry.state is _State.TRYING:
                return None
            if entry.state is _State.PROVEN and now_s - entry.accepted_at_s > _PROVEN_FOR_S:
                entry.state = _State.UNPROVEN  # the password may have been changed since
            self._numbers += 1
            if entry.state is _State.UNPROVEN:
                entry.state = _State.TRYING
                entry.holder = self._numbers
            entry.attempts += 1
            return Attempt(self, key, self._numbers)

    def begin(self, device_key: str, credential: Credential, *, timeout_s: float = 30.0) -> Attempt:
        """Wait for the attempt under way, then do as `try_begin`. Raise CameraUnreachable after `timeout_s`."""
        deadline_s = self._clock.monotonic_s() + timeout_s
        while True:
            attempt = self.try_begin(device_key, credential)
            if attempt is not None:
                return attempt
            with self._changed:
                entry = self._entries.get(_key(device_key, credential))
                if entry is not None and entry.state is _State.TRYING:
                    self._changed.wait(0.25)
            if self._clock.monotonic_s() >= deadline_s:
                raise CameraUnreachable("The device did not answer the login in time.")

    def forget(self, device_key: str) -> None:
        """Forget all attempts at a device: after its camera was edited, or when the user wants to try again."""
        with self._changed:
            for key in [key for key in self._entries if key[0] == device_key]:
                del self._entries[key]
            self._changed.notify_all()

    def attempts(self, device_key: str, credential: Credential) -> int:
        """Return the number of attempts with this credential at this device since the last `forget`."""
        with self._changed:
            entry = self._entries.get(_key(device_key, credential))
            return entry.attempts if entry else 0

    def _end(self, key: tuple[str, str, str], number: int, state: _State | None) -> None:
        with self._changed:
            entry = self._entries.get(key)
            if entry is None:
                return
            if state is not None:
                entry.state = state
                now_s = self._clock.monotonic_s()
                if state is _State.REFUSED:
                    entry.refused_at_s = now_s
                else:
                    entry.accepted_at_s = now_s
            elif entry.state is _State.TRYING and entry.holder == number:
                entry.state = _State.UNPROVEN
            self._changed.notify_all()


def _key(device_key: str, credential: Credential) -> tuple[str, str, str]:
    return device_key, credential.username, credential.password.fingerprint()
