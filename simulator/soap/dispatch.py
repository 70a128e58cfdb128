"""From an HTTP request to the operation of a service, and from its result to an HTTP response.

ONVIF Core Specification, 5.9 (security): operations of the class PRE_AUTH need no login; all others need a
UsernameToken in the header or HTTP Digest.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from simulator.login import Login, Outcome, UsernameToken
from simulator.soap.service import Call, Handler, OfferedServices, SoapFault, SoapService, TextAnswer
from simulator.soap.xml import BadXml, Element, child, el, envelope, fault, parse, qname, text_of
from simulator.web import Request, Response

_CONTENT_TYPE = "application/soap+xml; charset=utf-8"
_PASSWORD_DIGEST = "#PasswordDigest"
# Besides GetServiceCapabilities, which every service has.
_PRE_AUTH = frozenset(
    {
        "tds:GetServices",
        "tds:GetCapabilities",
        "tds:GetSystemDateAndTime",
        "tds:GetHostname",
        "tds:GetEndpointReference",
        "tds:GetWsdlUrl",
    }
)


def _needs_login(name: str) -> bool:
    return name not in _PRE_AUTH and not name.endswith(":GetServiceCapabilities")


class SoapDispatcher:
    """Answers SOAP requests by the operations of its services."""

    def __init__(self, services: Sequence[SoapService], offered: OfferedServices, login: Login) -> None:
        self._offered, self._login = offered, login
        # By request element and path: the handler, and whether it needs a login.
        self.operations: dict[tuple[str, str], tuple[Handler, bool]] = {
            (qname(name), service.path): (handler, _needs_login(name))
            for service in services
            for name, handler in service.operations().items()
        }

    async def answer(self, request: Request) -> Response:
        """Answer one SOAP request."""
        try:
            call = _read(request)
            operation = self.operations.get((str(call.body.tag), request.path))
            if operation is None or not self._offered.is_offered(request.path):
                raise SoapFault("Sender", "ter:ActionNotSupported", reason="The operation is not supported here")
            handler, needs_login = operation
            if needs_login and (refused := self._refused(call)):
                return refused
            result = handler(call)
            body = await result if inspect.isawaitable(result) else result
            return _response(200, body, call)
        except TextAnswer as answer:
            return Response(200, str(answer).encode(), "text/plain")
        except SoapFault as problem:
            status = 400 if problem.code == "Sender" else 500
            return _response(status, fault(problem.code, problem.subcodes, problem.reason), None)

    def _refused(self, call: Call) -> Response | None:
        """None if the login is right. A challenge for a missing or wrong HTTP login; SoapFault for a wrong token."""
        token = _token(call.header)
        if token is not None:
            outcome = self._login.check_token(token)
            if outcome is Outcome.OK:
                return None
            reason = "The account is locked" if outcome is Outcome.LOCKED else "Sender not Authorized"
            raise SoapFault("Sender", "ter:NotAuthorized", reason=reason)
        request = call.request
        header = request.header("authorization")
        outcome = self._login.check_header("soap", request.method, request.target, header, exact=True)
        if outcome is Outcome.OK:
            return None
        body = envelope(fault("Sender", ("ter:NotAuthorized",), "The action requested requires authorization"))
        challenges = self._login.challenges("soap", stale=outcome is Outcome.STALE)
        headers = tuple(("WWW-Authenticate", challenge) for challenge in challenges)
        return Response(401, body, _CONTENT_TYPE, headers)


def _read(request: Request) -> Call:
    try:
        root = parse(request.body)
    except BadXml as error:
        raise SoapFault("Sender", "ter:WellFormed", reason=str(error)) from error
    body = child(root, "env:Body")
    if root.tag != qname("env:Envelope") or body is None or len(body) != 1:
        raise SoapFault("Sender", "ter:WellFormed", reason="Not a SOAP 1.2 envelope with one request")
    return Call(request, body[0], child(root, "env:Header"))


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
    return Response(status, envelope(body, *headers), _CONTENT_TYPE)
