"""Relay outputs (ONVIF DeviceIO, or the device service of older devices)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from core.errors import CameraBadAnswer, CameraUnsupported, DeviceError
from core.ptz import Relay
from onvif_services import answers
from onvif_services.answers import Element, child, children, raw_text
from onvif_services.connection import DeviceConnection
from onvif_services.faults import SoapFault, unsupported

MAX_RELAYS = 64
_DURATION = re.compile(r"P(?:0*D)?T(?:(\d{1,4})H)?(?:(\d{1,6})M)?(?:(\d{1,8}(?:\.\d{1,6})?)S)?")


def read_relays(conn: DeviceConnection, *, timeout_s: float | None = None) -> tuple[Relay, ...]:
    """Return the relay outputs of a device. Raise CameraUnsupported if it has no request for them."""
    found = _call(conn, "GetRelayOutputs", {}, timeout_s)
    relays: dict[str, Relay] = {}
    for item in children(found, "RelayOutputs"):
        if len(relays) < MAX_RELAYS and (token := answers.token(item)):
            relays.setdefault(token, _relay(token, child(item, "Properties")))
    return tuple(relays.values())


def set_relay(conn: DeviceConnection, relay_token: str, *, is_active: bool) -> None:
    state = "active" if is_active else "inactive"
    _call(conn, "SetRelayOutputState", {"RelayOutputToken": relay_token, "LogicalState": state})


def _call(conn: DeviceConnection, operation: str, params: Mapping[str, Any], timeout_s: float | None = None) -> Element:
    """Call the DeviceIO service, and the device service if the first one is missing or refuses the operation."""
    refusal: DeviceError = unsupported("deviceio")
    for service in ("deviceio", "device"):
        if service not in conn.services and service != "device":
            continue
        try:
            return conn.call(service, operation, params, timeout_s=timeout_s)
        except SoapFault:
            raise
        except (CameraUnsupported, CameraBadAnswer) as error:
            refusal = error
    raise refusal


def _relay(token: str, properties: Element | None) -> Relay:
    is_monostable = raw_text(properties, "Mode").lower() == "monostable" if properties is not None else False
    delay_s = _seconds(raw_text(properties, "DelayTime")) if properties is not None else None
    return Relay(token, is_monostable, delay_s if is_monostable else None)


def _seconds(duration: str) -> float | None:
    """Read an xs:duration of hours and less; some devices write plain seconds."""
    match = _DURATION.fullmatch(duration.strip())
    if match is None:
        return answers.number(duration)
    hours, minutes, seconds = (float(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds
