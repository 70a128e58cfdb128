"""SOAP answers: parsed, repaired if they are not well-formed, and told apart into payloads, faults and HTTP errors."""

from __future__ import annotations

import re

from core.errors import CameraBadAnswer, DeviceError
from core.records import Credential
from onvif_services import answers
from onvif_services.answers import Element
from onvif_services.faults import DeviceBusy, LoginRefused, NotHere, error_of
from onvif_services.http_answer import BUSY, HttpAnswer
from onvif_services.xml_repair import Parsed, read_xml

_SEARCHED = 1000
_WEB_PAGE = re.compile(rb"<html\b|<!doctype\s+html\b", re.IGNORECASE)
_NO_ONVIF = (
    "The device answers with a web page in place of ONVIF. ONVIF may be switched off in its settings, or be at another "
    "port or path."
)


def parse_soap(answer: HttpAnswer, service: str) -> Parsed:
    """Parse strictly, and repair an envelope that is not well-formed.

    Raise the error of the HTTP status for a status from 400 on, otherwise CameraBadAnswer.
    """
    try:
        parsed = read_xml(answer.body)
    except CameraBadAnswer:
        if answer.status >= 400:
            raise _status_error(answer.status, service) from None
        if not answer.body.strip(b"\0 \r\n\t"):
            raise answers.MalformedXml("The device's answer is empty.") from None
        if _WEB_PAGE.search(answer.body[:_SEARCHED]):
            raise CameraBadAnswer(_NO_ONVIF) from None
        raise
    has_body = answers.is_envelope(parsed.root) and answers.body_of(parsed.root) is not None
    is_soap = has_body or answers.read_fault(parsed.root) is not None
    if parsed.repairs and not is_soap:
        if answer.status >= 400:
            raise _status_error(answer.status, service)
        raise answers.MalformedXml("The device's answer is not well-formed XML.")
    return parsed


def payload_of(
    root: Element, status: int, service: str, operation: str, credential: Credential | None = None
) -> Element:
    """Return the payload, whatever the HTTP status: some firmware sends right answers with 500.

    Raise the error of a fault, whose message never holds `credential`. Without a payload, raise the error of an HTTP
    status from 400 on, or CameraBadAnswer.
    """
    fault = answers.read_fault(root)
    if fault is not None:
        raise error_of(fault, service, operation, credential)
    try:
        return answers.read_payload(root, operation)
    except CameraBadAnswer:
        if status >= 400:
            raise _status_error(status, service) from None
        if answers.local_name(root).lower() == "html":
            raise CameraBadAnswer(_NO_ONVIF) from None
        raise


def _status_error(status: int, service: str) -> DeviceError:
    if status in {401, 403}:
        return LoginRefused()
    if status in {404, 405, 410, 501}:
        return NotHere(f"The device has nothing at the address of its {service} service.", service=service)
    if status in BUSY:
        return DeviceBusy("The device is too busy to answer.")
    return CameraBadAnswer(f"The device answers with HTTP status {status} and without readable XML.")
