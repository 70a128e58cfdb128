"""Logins to one device: the kind for each service, second tries, and the meaning of a refusal.

Devices lock an account after some wrong passwords. So the login gate permits each login, and a call sends at most two
that the device may refuse. Each service begins with the kind of login that it accepted last, otherwise with the kind
that another service accepted.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from core.errors import CameraAuthFailed, CameraUnreachable, CameraUnsupported, DeviceError, ReadableLoginNeeded
from core.login_gate import GuardedCredential
from onvif_services.faults import LoginRefused, NoAnswer
from onvif_services.login_kinds import LoginKind, kind_named, next_kind
from onvif_services.measured_clock import MeasuredClock
from onvif_services.transport import CappedTransport

_T = TypeVar("_T")

_MOST_REFUSALS = 2
_MOST_FORBIDDEN = 256
_REFUSED = "The device refuses this user name or password."
_NO_OTHER_KIND = (
    " The app tries no other kind of login there for now, because many devices lock an account after a few refusals."
)
_CUT = (
    "The device closes the connection when it gets this user name and password, and answers the same request without "
    "them. It probably refuses them."
)
_MAY_WANT_READABLE = (
    " If both are right, the device may accept the password only in readable form; the camera's settings can allow it."
)
_WANTS_READABLE = (
    "The device accepts only a login that sends the password readable (HTTP Basic). Allow that in the camera's "
    "settings if you trust the network, or use the device's https address."
)


class NotAllowed(CameraUnsupported):
    """The password is right, but the account has no permission for this operation. Not sent again before open().

    `refused_logins`: the number of logins that the device refused in this call.
    """

    def __init__(self, service: str, operation: str, refused_logins: int = 0) -> None:
        super().__init__(
            f"The account on the device has no permission for {operation} of the {service} service.", service=service
        )
        self.refused_logins = refused_logins


class DeviceLogin:
    """Sends requests with a credential. Thread-safe.

    `measure_clock` asks the device for its time without a login; it returns False if the device does not tell it.
    `send(service, operation, deadline_s, kind)` sends a request without parameters and with this kind of login.
    `kinds` are the names of the kinds that worked in an earlier run, by service.

    `proof` is the service and the operation whose success proves the password; None before one is found.
    """

    def __init__(
        self,
        guarded: GuardedCredential,
        transport: CappedTransport,
        device_clock: MeasuredClock,
        *,
        measure_clock: Callable[[], bool],
        send: Callable[[str, str, float, LoginKind], object],
        kinds: Mapping[str, str],
    ) -> None:
        self.proof: tuple[str, str] | None = None
        self._guarded = guarded
        self._transport = transport
        self._device_clock = device_clock
        self._measure_clock = measure_clock
        self._send = send
        self._is_proven = False
        self._forbidden: set[tuple[str, str, str]] = set()  # service, operation, and address of a download
        named = {service: kind_named(name) for service, name in kinds.items()}
        self._kinds = {service: kind for service, kind in named.items() if kind is not None}
        self._confirmed: set[str] = set()  # services that accepted a login in this run
        self._latest = next(reversed(self._kinds.values()), None)

    @property
    def kinds(self) -> dict[str, str]:
        """The names of the kinds of login that worked, by service."""
        return {service: kind.value for service, kind in list(self._kinds.items())}  # other threads add to it

    @property
    def is_proven(self) -> bool:
        """True if the device accepted the password in this run."""
        return self._is_proven

    def forget_forbidden(self) -> None:
        """Send again the operations that the account had no permission for."""
        self._forbidden.clear()

    def refuse(self, refused_logins: int) -> CameraAuthFailed:
        """Block the credential after so many refused logins, and return the error to raise."""
        self._is_proven = False
        self._guarded.begin().refused(refused_logins)
        return CameraAuthFailed(_REFUSED)

    def count_unclear(self) -> None:
        """Count one more refused login: the device answered it with another error before it refused the next one."""
        self._guarded.count_refused(1)

    def run(
        self,
        service: str,
        operation: str,
        timeout_s: float,
        send: Callable[[float, LoginKind | None], _T],
        *,
        address: str = "",
    ) -> _T:
        """Call `send(deadline_s, kind)` with the gate's permission. At most two refused logins reach the device.

        With None as its kind, `send` sends the request without a login. `address` is that of a download: the account
        may have permission for those of some channels only.

        Raise CameraAuthFailed if the device refuses the password, ReadableLoginNeeded if it wants the password in a
        form that is not allowed, and NotAllowed if it refuses only the operation.
        """
        if (service, operation, address) in self._forbidden:
            raise NotAllowed(service, operation)
        attempt = self._guarded.begin(timeout_s)
        run = _Run(self, service, operation, time.monotonic() + timeout_s, attempt.logins_left)
        try:
            answer = run.send(send)
            self._is_proven = self._is_proven or (service, operation) == self.proof
            attempt.accepted()
        except NotAllowed:
            self._forbid(service, operation, address)
            attempt.accepted()
            raise
        except ReadableLoginNeeded:
            if run.refusals:
                attempt.refused(run.refusals)
            raise
        except LoginRefused as error:
            self._is_proven = False
            attempt.refused(run.refusals, hint=self._hint_of(error, run))
            raise CameraAuthFailed(_REFUSED + self._hint_of(error, run)) from error
        except NoAnswer as error:
            is_login = error.cut_logins and not self._is_proven and run.is_answered_without_login(send)
            if is_login and attempt.cut(error.cut_logins, refused_logins=run.refusals):
                raise CameraAuthFailed(_CUT) from error
            raise
        finally:
            attempt.unanswered(run.refusals)  # does nothing after a verdict
        return answer

    def _forbid(self, service: str, operation: str, address: str) -> None:
        if len(self._forbidden) >= _MOST_FORBIDDEN:  # some devices name another download address each time
            self._forbidden.clear()
        self._forbidden.add((service, operation, address))

    def kind_for(self, service: str) -> LoginKind:
        """Return the kind to begin with: that of the service, of another service, or the one that the device named."""
        for kind in (self._kinds.get(service), self._latest):
            if kind is not None and (self._guarded.credential.may_be_readable or not kind.is_readable or self._is_tls):
                return kind
        if self._transport.has_challenge:
            return LoginKind.BOTH
        if self._transport.names_basic and self.may_be_readable():
            return LoginKind.BASIC
        # The user may have allowed it because of that refusal: another one like it could lock the account.
        return LoginKind.TEXT if self._guarded.has_refused_unreadable() else LoginKind.TOKEN

    def begin_with(self, kind: LoginKind) -> None:
        """Begin with this kind for every service that has not accepted another one in this run."""
        self._kinds = {service: known for service, known in self._kinds.items() if service in self._confirmed}
        self._latest = kind

    def may_be_readable(self) -> bool:
        return self._guarded.credential.may_be_readable or self._is_tls

    @property
    def _is_tls(self) -> bool:
        """True if the user has configured TLS. A redirect to TLS may come from anyone, with any certificate."""
        return self._transport.configured.scheme == "https" and self._transport.endpoint.scheme == "https"

    def _hint_of(self, refused: LoginRefused, run: _Run) -> str:
        """Return what may have caused a refusal, as a sentence for the user; empty if it was the password."""
        if refused.is_verdict:
            return ""
        if refused.kind is LoginKind.TOKEN and not self.may_be_readable():
            return _MAY_WANT_READABLE
        return _NO_OTHER_KIND if run.is_cut_short else ""


class _Run:
    """One call with a login, and its second tries: the device may refuse `most_refusals` logins, and never over two.

    `refusals` counts the refused logins, those of the proof included.
    """

    def __init__(self, login: DeviceLogin, service: str, operation: str, deadline_s: float, most_refusals: int) -> None:
        self._login = login
        self._service = service
        self._operation = operation
        self._deadline_s = deadline_s
        self._most_refusals = min(_MOST_REFUSALS, most_refusals)
        self.refusals = 0
        self._has_asked = False
        self._is_renewed = False
        self._is_password_right = False  # the proof was repeated, and the device accepted it

    @property
    def is_cut_short(self) -> bool:
        """True if earlier refusals did not leave this call its second login."""
        return self.refusals >= self._most_refusals and self._most_refusals < _MOST_REFUSALS

    def is_answered_without_login(self, send: Callable[[float, LoginKind | None], object]) -> bool:
        """True if the device answers the request, or refuses it, once it has no login."""
        try:
            send(self._deadline_s, None)
        except LoginRefused:
            return True
        except DeviceError as error:
            return not isinstance(error, CameraUnreachable)
        return True

    def send(self, send: Callable[[float, LoginKind | None], _T]) -> _T:
        kind = self._login.kind_for(self._service)
        while True:
            try:
                answer = send(self._deadline_s, kind)
            except LoginRefused as refused:
                kind = self._next(refused, kind)
                continue
            if self._is_renewed:
                self._login._transport.renews_nonces_without_stale = True
            if self._service != "snapshot":  # the transport keeps it: the web server of the picture decides
                self._login._kinds[self._service] = self._login._latest = kind
                self._login._confirmed.add(self._service)
            return answer

    def _next(self, refused: LoginRefused, kind: LoginKind) -> LoginKind:
        """Return the kind for the next try. Raise `refused` or NotAllowed if there must be none."""
        if refused.kind is None:
            return self._after_question(refused, kind)
        self.refusals += 1
        self._is_renewed = self._is_renewed or refused.nonce_renewed
        if refused.is_verdict:
            raise refused
        if self.refusals >= self._most_refusals:
            self._give_up(refused)
        return self._after_refusal(refused, refused.kind)

    def _after_question(self, refused: LoginRefused, kind: LoginKind) -> LoginKind:
        """Return the kind after a request without a login, whose refusal names the kinds that the device knows."""
        if self._has_asked:
            raise refused
        self._has_asked = True
        if kind.uses_digest and refused.offer.digest is not None:
            return kind
        return self._other_kind(refused, None)

    def _after_refusal(self, refused: LoginRefused, kind: LoginKind) -> LoginKind:
        """Return the kind after a refused login. Find the cause with at most one other login, the proof.

        It repeats the operation that proved the password: otherwise a single operation without permission would count
        as a wrong password for the whole device.
        """
        login = self._login
        is_digest = kind.uses_digest and refused.offer.digest is not None  # a Digest does not depend on the clock
        if not is_digest and kind is not LoginKind.BASIC and self._clock_has_changed():
            return kind
        if login.proof and self._has_other_proof():
            self._repeat(login.proof)
            self._is_password_right = True
            if refused.nonce_renewed:
                login._transport.renews_nonces_without_stale = True
            elif self._service in login._confirmed:
                raise NotAllowed(self._service, self._operation, self.refusals)
        return kind if refused.nonce_renewed else self._other_kind(refused, kind)

    def _other_kind(self, refused: LoginRefused, sent: LoginKind | None) -> LoginKind:
        other = next_kind(sent, refused.offer, may_be_readable=self._login.may_be_readable())
        if other is not None:
            return other
        wants_basic = refused.offer.basic and refused.offer.digest is None and sent is not LoginKind.BASIC
        if wants_basic and not self._login.may_be_readable():
            raise ReadableLoginNeeded(_WANTS_READABLE)
        if self._is_password_right:
            raise NotAllowed(self._service, self._operation, self.refusals)
        raise refused

    def _repeat(self, proof: tuple[str, str]) -> None:
        """Send the operation that proved the password. Raise LoginRefused if the device refuses it now."""
        try:
            self._login._send(*proof, self._deadline_s, self._login.kind_for(proof[0]))
        except LoginRefused as refused:
            self.refusals += refused.kind is not None
            raise

    def _give_up(self, refused: LoginRefused) -> None:
        if self._login._device_clock.zone_in_utc_s:
            self._login._device_clock.zone_in_utc_s = 0.0  # local time in the place of UTC was not the cause
        if self._is_password_right:
            if self._is_renewed:
                self._login._transport.renews_nonces_without_stale = False
            raise NotAllowed(self._service, self._operation, self.refusals) from None
        raise refused

    def _has_other_proof(self) -> bool:
        login = self._login
        return login._is_proven and login.proof is not None and login.proof != (self._service, self._operation)

    def _clock_has_changed(self) -> bool:
        """Read the device's clock again. True if a changed clock or time zone may explain the refusal."""
        clock = self._login._device_clock
        before = clock.told
        return self._login._measure_clock() and clock.explains_refusal(before)
