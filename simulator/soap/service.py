"""The parts that all SOAP services share: a call, its faults, the services' paths, the interface of a service."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from simulator.faults import Faults
from simulator.layout import ChannelSpec, Layout, Role, find_profile
from simulator.makes import Make
from simulator.soap.xml import Element, el, text_of
from simulator.web import Request

PATHS = {
    "tds": "/onvif/device_service",
    "trt": "/onvif/media_service",
    "tr2": "/onvif/media2_service",
    "tev": "/onvif/event_service",
    "tptz": "/onvif/ptz_service",
    "timg": "/onvif/imaging_service",
    "tmd": "/onvif/deviceio_service",
    "trc": "/onvif/recording_service",
    "tse": "/onvif/search_service",
    "trp": "/onvif/replay_service",
}
SUBSCRIPTION_PATH = "/onvif/subscription"
_PROFILE_G = ("trc", "tse", "trp")


class SoapFault(Exception):
    """An answer that is a fault: ``Sender`` (the request is wrong) or ``Receiver``."""

    def __init__(self, code: str, *subcodes: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.subcodes, self.reason = code, subcodes, reason


class TextAnswer(Exception):
    """An answer that is a text, as broken firmware sends it."""


def no_such(subcode: str, what: str) -> SoapFault:
    """The fault for a token that does not exist."""
    return SoapFault("Sender", "ter:InvalidArgVal", subcode, reason=f"There is no such {what}")


@dataclass(frozen=True, slots=True)
class Call:
    """One SOAP request: its HTTP request, the element that names the operation, the header."""

    request: Request
    body: Element
    header: Element | None

    def text(self, name: str, default: str = "") -> str:
        """The text of a parameter."""
        return text_of(self.body, name, default)


Handler = Callable[[Call], Element | Awaitable[Element]]


class SoapService(ABC):
    """One ONVIF service at one path."""

    path: ClassVar[str]

    @abstractmethod
    def operations(self) -> Mapping[str, Handler]:
        """The handler of each request element ``prefix:Name``. A handler returns the response element."""


class OfferedServices:
    """The services that exist now: a make may lack Profile G, and the fault `no_media2` hides Media2."""

    def __init__(self, make: Make, faults: Faults) -> None:
        self._make, self._faults = make, faults

    def prefixes(self) -> list[str]:
        """The prefixes of the services, as in `PATHS`."""
        hidden = () if self._make.has_profile_g else _PROFILE_G
        if self._faults.is_on("no_media2"):
            hidden = (*hidden, "tr2")
        return [prefix for prefix in PATHS if prefix not in hidden]

    def is_offered(self, path: str) -> bool:
        """True if there is something at a path; subscriptions are always there."""
        return path == SUBSCRIPTION_PATH or path in (PATHS[prefix] for prefix in self.prefixes())


def profile_of(layout: Layout, call: Call, name: str) -> tuple[ChannelSpec, Role]:
    """Channel and role of a profile token parameter. Raise SoapFault if there is no such profile."""
    found = find_profile(layout, call.text(name))
    if found is None:
        raise no_such("ter:NoProfile", "media profile")
    return found


def done(name: str) -> Element:
    """The empty answer ``prefix:NameResponse``."""
    return el(f"{name}Response")
