"""Translation of SOAP faults to errors, by their cause.

zeep and onvif-zeep report "Unknown error" for most faults and fail on codes with an undeclared prefix, so faults are
read from the raw answer.
"""

from __future__ import annotations

import re

from core.errors import CameraAuthFailed, CameraBadAnswer, CameraUnreachable, CameraUnsupported, DeviceError
from core.records import Credential
from onvif_services.answers import Fault
from onvif_services.fault_reasons import told
from onvif_services.http_digest import NO_OFFER, Offer
from onvif_services.login_kinds import LoginKind


class NotConnected(CameraUnreachable):
    """No connection to the device: refused, no route, or no answer to the first packet."""


class ConnectionRefused(NotConnected):
    """The device refuses the connection: nothing listens at the port, or the web server has no place left."""


class NoAnswer(CameraUnreachable):
    """The device accepted the connection and did not answer. `is_cut`: it closed or reset the connection.

    Its code is `camera_no_answer` if the device answered other requests: then it has power, and its address is right.
    `cut_logins`: the number of requests with a login that it cut off.
    """

    def __init__(self, detail: str, *, is_cut: bool = False, code: str | None = None, cut_logins: int = 0) -> None:
        super().__init__(detail, code=code)
        self.is_cut = is_cut
        self.cut_logins = cut_logins


class NotSent(NoAnswer):
    """The request had to wait for earlier ones, which the device has not answered, until its time was over."""


class DeviceBusy(CameraUnreachable):
    """The web server of the device is too busy (HTTP 429 or 503)."""


class Redirected(CameraBadAnswer):
    """The web server of the device names another address (HTTP 3xx). `location` is its text."""

    def __init__(self, location: str) -> None:
        super().__init__("The device redirects the app to another address, which the app refuses.")
        self.location = location


class WantsTls(CameraBadAnswer):
    """The port speaks TLS only."""


class NotHere(CameraUnsupported):
    """The web server of the device has no service at this address (HTTP 404, 405, 410 or 501)."""


class LoginRefused(CameraAuthFailed):
    """The device refuses the login or demands one. DeviceConnection handles it; it does not leave this package.

    `kind` is the refused kind of login, None for a request without one. `offer` are the kinds that a 401 names.
    `nonce_renewed`: the device refused a nonce that it had accepted before and offers a new one, without saying that
    the old one is stale (RFC 7616, 3.3). `is_verdict`: the fault says that the user name or the password is wrong.
    """

    def __init__(
        self,
        kind: LoginKind | None = None,
        *,
        offer: Offer = NO_OFFER,
        nonce_renewed: bool = False,
        is_verdict: bool = False,
    ) -> None:
        super().__init__("The device refuses this user name or password.")
        self.kind = kind
        self.offer = offer
        self.nonce_renewed = nonce_renewed
        self.is_verdict = is_verdict
        self.date: str | None = None  # the answer's Date header
        self.middle_s: float | None = None  # HttpAnswer.middle_s


class SoapFault(DeviceError):
    """The device refuses an operation with a fault. `codes` are the device's own; `reason` is only for the log.

    This error leaves the package: callers tell refusals apart by `has_code`. Its message holds the device's reason
    without `credential`, see `fault_reasons`.
    """

    def __init__(self, operation: str, fault: Fault, credential: Credential | None = None) -> None:
        super().__init__(told(f"The device refuses {operation}", fault, credential))
        self.codes = fault.codes
        self.reason = fault.reason

    def has_code(self, *names: str) -> bool:
        """True if the device gives one of these codes, in any case."""
        own = {code.lower() for code in self.codes}
        return any(name.lower() in own for name in names)


# Codes of ONVIF Core ("Common faults") and of WS-Security, in lower case. Some firmware sends only the words.
_LOGIN_CODES = {
    "notauthorized",
    "sendernotauthorized",
    "failedauthentication",
    "failedcheck",
    "invalidsecurity",
    "invalidsecuritytoken",
    "messageexpired",
    "accountlocked",
    "passwordexpired",
}
_LOGIN_WORDS = re.compile(
    r"not\s*authori[sz]ed|unauthori[sz]ed|authori[sz]ation|authenticat|(wrong|invalid|bad) (user|password|credential)"
    r"|(account|user) (is )?locked|security token|authority failure|authori[sz]ed time|log[ -]?in (failed|error)"
    r"|(access|permission) denied|(user ?name|password) (or password )?(is )?(error|wrong|incorrect|invalid|mismatch)",
    re.IGNORECASE,
)
# The device has judged the user name or the password: another kind of login would count as another wrong password.
_VERDICT_CODES = {"accountlocked", "passwordexpired"}
_VERDICT_WORDS = re.compile(
    r"(wrong|invalid|bad|incorrect) (user ?name|user|password|credential)|(account|user) (is )?locked", re.IGNORECASE
)
_MISSING_CODES = {
    "actionnotsupported",
    "optionalactionnotimplemented",
    "notimplemented",
    "nosuchservice",
    "nosnapshoturi",
    "capabilitynotsupported",
}
_MISSING_WORDS = re.compile(
    r"not (been )?(support(ed)?|implement(ed)?)\b|unsupported|unknown (action|operation)", re.IGNORECASE
)


def error_of(fault: Fault, service: str, operation: str, credential: Credential | None = None) -> DeviceError:
    """Return LoginRefused, CameraUnsupported or SoapFault: by the fault's codes, otherwise by its words.

    The message has the device's reason, unless that holds a part of `credential`.
    """
    missing = CameraUnsupported(
        told(f"The device does not offer {operation} of the {service} service", fault, credential), service=service
    )
    codes = {code.lower() for code in fault.codes}
    is_verdict = bool(codes & _VERDICT_CODES or _VERDICT_WORDS.search(fault.reason))
    if codes & _LOGIN_CODES:
        return LoginRefused(is_verdict=is_verdict)
    if codes & _MISSING_CODES:
        return missing
    if any(map(_LOGIN_WORDS.search, (fault.reason, *fault.codes))):
        return LoginRefused(is_verdict=is_verdict)
    if _MISSING_WORDS.search(fault.reason):
        return missing
    return SoapFault(operation, fault, credential)


def unsupported(service: str, operation: str | None = None) -> CameraUnsupported:
    what = f"{operation} of the {service} service" if operation else f"the {service} service"
    return CameraUnsupported(f"The device does not offer {what}.", service=service)
