"""What a device's refusal means: an error of core.errors, chosen by the cause.

zeep and onvif-zeep give "Unknown error" for nearly everything and fail on codes whose prefix is not
declared, so faults are read from the raw answer.
"""

from __future__ import annotations

import re

from core.errors import CameraAuthFailed, CameraUnsupported, DeviceError
from onvif_services.answers import Fault


class LoginRefused(CameraAuthFailed):
    """The device wants another login, or one at all. Stays inside this room until that is settled.

    `challenge_learned`: it asked for HTTP Digest, which it had not done before. `by_digest`: what it
    refused was a Digest, in which no clock plays a part. `nonce_renewed`: it refused a nonce that had
    been good before and offers another one, without saying that this was why (RFC 7616, 3.3, stale).
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
    """The device understood the request and says no. `codes` are its own; `reason` is for the log."""

    def __init__(self, operation: str, fault: Fault) -> None:
        super().__init__(f"The device refuses {operation}.")
        self.codes = fault.codes
        self.reason = fault.reason


# ONVIF Core, "Common faults", and WS-Security's own. Some firmware gives only the words.
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
    """LoginRefused, CameraUnsupported or SoapFault: the codes decide, the words only where they are silent."""
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
