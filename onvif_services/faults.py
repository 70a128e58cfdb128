"""Translation of SOAP faults to errors, by their cause.

zeep and onvif-zeep report "Unknown error" for most faults and fail on codes with an undeclared prefix, so faults are
read from the raw answer.
"""

from __future__ import annotations

import re

from core.errors import CameraAuthFailed, CameraUnsupported, DeviceError
from onvif_services.answers import Fault


class LoginRefused(CameraAuthFailed):
    """The device refuses the log-in or demands one. DeviceConnection handles it; it does not leave this package.

    `challenge_learned`: the device asked for HTTP Digest for the first time. `by_digest`: it refused a Digest, which
    does not depend on the clock. `nonce_renewed`: it refused a nonce that it had accepted before and offers a new one,
    without saying that the old one is stale (RFC 7616, 3.3).
    """

    def __init__(
        self, *, challenge_learned: bool = False, by_digest: bool = False, nonce_renewed: bool = False
    ) -> None:
        super().__init__("The device refuses this user name or password.")
        self.challenge_learned = challenge_learned
        self.by_digest = by_digest
        self.nonce_renewed = nonce_renewed
        self.date: str | None = None  # the answer's Date header


class SoapFault(DeviceError):
    """The device refuses an operation with a fault. `codes` are the device's own; `reason` is only for the log.

    This error leaves the package: callers read `codes` to tell refusals apart.
    """

    def __init__(self, operation: str, fault: Fault) -> None:
        super().__init__(f"The device refuses {operation}.")
        self.codes = fault.codes
        self.reason = fault.reason


# Codes of ONVIF Core ("Common faults") and of WS-Security. Some firmware sends only the words.
_LOGIN_CODES = {
    "NotAuthorized",
    "FailedAuthentication",
    "FailedCheck",
    "InvalidSecurity",
    "InvalidSecurityToken",
    "MessageExpired",
    "AccountLocked",
    "PasswordExpired",
}
_LOGIN_WORDS = re.compile(
    r"not\s*authori[sz]ed|unauthori[sz]ed|authori[sz]ation|authenticat|(wrong|invalid|bad) (user|password|credential)"
    r"|(account|user) (is )?locked|security token",
    re.IGNORECASE,
)
_MISSING_CODES = {
    "ActionNotSupported",
    "OptionalActionNotImplemented",
    "NotImplemented",
    "NoSuchService",
    "NoSnapshotUri",
    "CapabilityNotSupported",
}
_MISSING_WORDS = re.compile(
    r"not (been )?(supported|implemented)|unsupported|unknown (action|operation)", re.IGNORECASE
)


def error_of(fault: Fault, service: str, operation: str) -> DeviceError:
    """Return LoginRefused, CameraUnsupported or SoapFault: by the fault's codes, otherwise by its words."""
    codes = set(fault.codes)
    if codes & _LOGIN_CODES:
        return LoginRefused()
    if codes & _MISSING_CODES:
        return unsupported(service, operation)
    if _LOGIN_WORDS.search(fault.reason):
        return LoginRefused()
    if _MISSING_WORDS.search(fault.reason):
        return unsupported(service, operation)
    return SoapFault(operation, fault)


def unsupported(service: str, operation: str | None = None) -> CameraUnsupported:
    what = f"{operation} of the {service} service" if operation else f"the {service} service"
    return CameraUnsupported(f"The device does not offer {what}.", service=service)
