"""Log-ins to one device: when a refused one is worth a second try, and what a refusal says about the password.

Devices lock an account after some wrong passwords. So the login gate permits each log-in, and a call makes at most two.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from core.errors import CameraAuthFailed, CameraUnsupported
from core.login_gate import LoginGate
from core.records import Credential
from onvif_services.faults import LoginRefused
from onvif_services.measured_clock import MeasuredClock
from onvif_services.transport import CappedTransport

_T = TypeVar("_T")

_REFUSED = "The device refuses this user name or password."


class NotAllowed(CameraUnsupported):
    """The password is right, but the account has no permission for this operation. Not sent again before open()."""

    def __init__(self, service: str, operation: str) -> None:
        super().__init__(
            f"The account on the device has no permission for {operation} of the {service} service.", service=service
        )


class DeviceLogin:
    """Sends requests with a credential. Thread-safe.

    `measure_clock` asks the device for its time without a log-in; it returns False if the device does not tell it.
    `send(service, operation, deadline_s)` sends a request without parameters and with a log-in.

    `proof` is the service and the operation whose success proves the password; None before one is found.
    """

    def __init__(
        self,
        credential: Credential,
        login_gate: LoginGate,
        device_key: str,
        transport: CappedTransport,
        device_clock: MeasuredClock,
        *,
        measure_clock: Callable[[], bool],
        send: Callable[[str, str, float], object],
    ) -> None:
        self.proof: tuple[str, str] | None = None
        self._credential = credential
        self._gate = login_gate
        self._device_key = device_key
        self._transport = transport
        self._device_clock = device_clock
        self._measure_clock = measure_clock
        self._send = send
        self._is_proven = False
        self._forbidden: set[tuple[str, str]] = set()

    def forget_forbidden(self) -> None:
        """Send again the operations that the account had no permission for."""
        self._forbidden.clear()

    def run(self, service: str, operation: str, timeout_s: float, send: Callable[[float], _T]) -> _T:
        """Call `send(deadline_s)` with the gate's permission. At most two log-ins reach the device, whatever happens.

        Raise CameraAuthFailed if the device refuses the password, and NotAllowed if it refuses only the operation.
        """
        if (service, operation) in self._forbidden:
            raise NotAllowed(service, operation)
        attempt = self._gate.begin(self._device_key, self._credential, timeout_s=timeout_s)
        try:
            answer = self._send_with_retry(service, operation, time.monotonic() + timeout_s, send)
            self._is_proven = self._is_proven or (service, operation) == self.proof
            attempt.accepted()
        except NotAllowed:
            self._forbidden.add((service, operation))
            attempt.accepted()
            raise
        except LoginRefused as error:
            self._is_proven = False
            attempt.refused()
            raise CameraAuthFailed(_REFUSED) from error
        finally:
            attempt.unanswered()  # does nothing after a verdict
        return answer

    def _send_with_retry(self, service: str, operation: str, deadline_s: float, send: Callable[[float], _T]) -> _T:
        """Call `send`, and once more if the refusal may have another cause than the password."""
        try:
            return send(deadline_s)
        except LoginRefused as refused:
            first = refused
            if not self._may_retry(refused, service, operation, deadline_s):
                raise
        zone_in_utc_s = self._device_clock.zone_in_utc_s
        try:
            return send(deadline_s)
        except LoginRefused:
            if zone_in_utc_s:
                self._device_clock.zone_in_utc_s = 0.0  # local time in the place of UTC was not the cause
            if first.nonce_renewed and self._has_other_proof(service, operation):
                self._transport.renews_nonces_without_stale = False
                raise NotAllowed(service, operation) from None
            raise

    def _may_retry(self, refused: LoginRefused, service: str, operation: str, deadline_s: float) -> bool:
        """True if a second log-in may succeed. Find the cause of the refusal with at most one other log-in.

        That log-in repeats the operation that proved the password: otherwise a single operation without permission
        would count as a wrong password for the whole device. Raise LoginRefused if the password is now wrong, and
        NotAllowed if the account has no permission for this operation.
        """
        if refused.challenge_learned or (not refused.by_digest and self._clock_has_changed()):
            return True
        if self.proof and self._has_other_proof(service, operation):
            self._send(*self.proof, deadline_s)
            if not refused.nonce_renewed:
                raise NotAllowed(service, operation)
            self._transport.renews_nonces_without_stale = True
        return refused.nonce_renewed

    def _has_other_proof(self, service: str, operation: str) -> bool:
        return self._is_proven and self.proof is not None and self.proof != (service, operation)

    def _clock_has_changed(self) -> bool:
        """Read the device's clock again. True if a changed clock or time zone may explain the refusal."""
        before = self._device_clock.told
        return self._measure_clock() and self._device_clock.explains_refusal(before)
