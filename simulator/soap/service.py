"""How a SOAP request becomes an answer: the table of operations, the login, faults.

ONVIF Core Specification, 5.9 (security): operations of the class PRE_AUTH need no login; all others need a
UsernameToken in the header or HTTP Digest.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from simulator.layout import ROLES, ChannelSpec, Role
from simulator.login import Outcome, UsernameToken
from simulator.soap.xml import BadXml, Element, child, el, envelope, fault, parse, qname, text_of
from simulator.web import Request, Response

if TYPE_CHECKING:
    from simulator.recorder import Recorder

_PASSWORD_DIGEST = "#PasswordDigest"

# The path of each service; subscriptions have an address of their own.
PATHS = {
    "tds": "/onvif/device_service",
    "trt": "/onvif/media_service",
    "tr2": "/onvif/media2_service",
    "tev": "/onvif/event_service",
    "tptz": "/onvif/ptz_service",
    "trc": "/onvif/recording_service",
    "tse": "/onvif/search_service",
    "trp": "/onvif/replay_service",
}
SUBSCRIPTION_PATH = "/onvif/subscription"


class SoapFault(Exception):
    """An answer that is a fault: ``Sender`` (the request is wrong) or ``Receiver``."""

    def __init__(self, code: str, *subcodes: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.subcodes, self.reason = code, subcodes, reason


def no_such(subcode: str, what: str) -> SoapFault:
    """The fault for a token that names nothing."""
    return SoapFault("Sender", "ter:InvalidArgVal", subcode, reason=f"There is no such {what}")


@dataclass(frozen=True, slots=True)
class Call:
    """One request as an operation sees it."""

    recorder: Recorder
    request: Request
    body: Element
    header: Element | None

    def text(self, name: str, default: str = "") -> str:
        """The text of a parameter."""
        return text_of(self.body, name, default)

    def profile(self, name: str) -> tuple[ChannelSpec, Role]:
        """Channel and role of a profile token parameter; a fault when there is no such profile."""
        token = self.text(name)
        for channel in self.recorder.layout:
            for role in ROLES:
                if channel.profile_token(role) == token:
                    return channel, role
        raise no_such("ter:NoProfile", "media profile")


Handler = Callable[[Call], Element | Awaitable[Element]]


@dataclass(frozen=True, slots=True)
class _Operation:
    handler: Handler
    pre_auth: bool


# By the request element's name and the path it is asked at.
OPERATIONS: dict[tuple[str, str], _Operation] = {}


def operation(name: str, *, pre_auth: bool = False, path: str = "") -> Callable[[Handler], Handler]:
    """Register the handler of a request element ``prefix:Name``; `path` where it is not its service's own."""

    def register(handler: Handler) -> Handler:
        OPERATIONS[qname(name), path or PATHS[name.partition(":")[0]]] = _Operation(handler, pre_auth)
        return handler

    return register


def done(name: str) -> Element:
    """The empty answer ``prefix:NameResponse``."""
    return el(f"{name}Response")


async def answer(recorder: Recorder, request: Request) -> Response:
    """Answer a SOAP request."""
    try:
        call = _read(recorder, request)
        found = OPERATIONS.get((str(call.body.tag), request.path))
        if found is None or _is_hidden(recorder, request.path):
            raise SoapFault("Sender", "ter:ActionNotSupported", reason="The operation is not supported here")
        if not found.pre_auth and (refused := _refused(call)):
            return refused
        result = found.handler(call)
        body = await result if inspect.isawaitable(result) else result
        return _response(200, body, call)
    except SoapFault as problem:
        status = 400 if problem.code == "Sender" else 500
        return _response(status, fault(problem.code, problem.subcodes, problem.reason), None)


def _is_hidden(recorder: Recorder, path: str) -> bool:
    if not recorder.make.has_profile_g and path in (PATHS["trc"], PATHS["tse"], PATHS["trp"]):
        return True
    return path == PATHS["tr2"] and recorder.faults.is_on("no_media2")


def _read(recorder: Recorder, request: Request) -> Call:
    try:
        root = parse(request.body)
    except BadXml as error:
        raise SoapFault("Sender", "ter:WellFormed", reason=str(error)) from error
    body = child(root, "env:Body")
    if root.tag != qname("env:Envelope") or body is None or len(body) != 1:
        raise SoapFault("Sender", "ter:WellFormed", reason="Not a SOAP 1.2 envelope with one request")
    return Call(recorder, request, body[0], child(root, "env:Header"))


def _refused(call: Call) -> Response | None:
    """None when the login is right; a fault for a wrong token, a challenge for a missing or wrong HTTP login."""
    login = call.recorder.login
    token = _token(call.header)
    if token is not None:
        outcome = login.check_token(token)
        if outcome is Outcome.OK:
            return None
        reason = "The account is locked" if outcome is Outcome.LOCKED else "Sender not Authorized"
        raise SoapFault("Sender", "ter:NotAuthorized", reason=reason)
    request = call.request
    outcome = login.check_header("soap", request.method, request.target, request.header("authorization"), exact=True)
    if outcome is Outcome.OK:
        return None
    body = envelope(fault("Sender", ("ter:NotAuthorized",), "The action requested requires authorization"))
    challenges = login.challenges("soap", stale=outcome is Outcome.STALE)
    headers = tuple(("WWW-Authenticate", challenge) for challenge in challenges)
    return Response(401, body, "application/soap+xml; charset=utf-8", headers)


def _token(header: Element | None) -> UsernameToken | None:
    token = child(child(header, "wsse:Security"), "wsse:UsernameToken")
    if token is None:
        return None
    password = child(token, "wsse:Password")
    kind = password.get("Type", "") if password is not None else ""
    return UsernameToken(
        username=text_of(token, "wsse:Username"),
        password=text_of(token, "wsse:Password"),
        is_digest=kind.endswith(_PASSWORD_DIGEST),
        nonce=text_of(token, "wsse:Nonce"),
        created=text_of(token, "wsu:Created"),
    )


def _response(status: int, body: Element, call: Call | None) -> Response:
    headers = []
    asked = call.header if call else None
    if action := text_of(asked, "wsa:Action"):
        headers.append(el("wsa:Action", action.removesuffix("Request") + "Response"))
        if message := text_of(asked, "wsa:MessageID"):
            headers.append(el("wsa:RelatesTo", message))
    return Response(status, envelope(body, *headers), "application/soap+xml; charset=utf-8")
