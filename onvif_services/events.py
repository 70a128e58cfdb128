"""The Events service (ver10/events): PullPoint subscriptions, which are always ended."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType

from lxml import etree

from core.errors import CameraBadAnswer, DeviceError
from onvif_services import answers
from onvif_services.answers import Element
from onvif_services.connection import DeviceConnection
from onvif_services.device_times import read_moment
from onvif_services.places import NamedAddress

# Below the 30 s for which the login gate lets calls run in parallel: a longer pull could block others.
MAX_PULL_S = 20.0
MAX_MESSAGES = 1024
_LIFETIME_S = 60
_LATEST_S = 5.0  # the longest wait for the answer beyond the device's own wait
_MAX_PARAMETERS_BYTES = 8192
_WSA = "http://www.w3.org/2005/08/addressing"


@dataclass(frozen=True, slots=True)
class EventMessage:
    """One notification. `topic` is as sent (`tns1:VideoSource/MotionAlarm`).

    `operation`: Initialized, Changed or Deleted. `source` and `data`: its simple items (name, value), cleaned.
    `at_utc`: the device's time, None if unreadable.
    """

    topic: str
    at_utc: datetime | None
    operation: str
    source: tuple[tuple[str, str], ...]
    data: tuple[tuple[str, str], ...]


class PullPoint:
    """A subscription: `open()`, `pull()` repeatedly, `close()`. Also a context manager. For one thread at a time.

    Devices allow few subscriptions, so close it even after a failed `pull()`.
    """

    def __init__(self, conn: DeviceConnection) -> None:
        self._conn = conn
        self._address: NamedAddress | None = None
        self._parameters: list[Element] = []

    def __enter__(self) -> PullPoint:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> None:
        """Call CreatePullPointSubscription. The subscription lives for a minute, and longer with every pull."""
        params = {"InitialTerminationTime": f"PT{_LIFETIME_S}S"}
        answer = self._conn.call("events", "CreatePullPointSubscription", params)
        reference = answers.child(answer, "SubscriptionReference")
        # Some firmware leaves out the SubscriptionReference around the address.
        address = answers.raw_text(next(answers.descendants(answer, "Address"), None))
        self._address = self._conn.at_host(address)
        self._parameters = _reference_parameters(reference)

    def pull(self, *, timeout_s: float = 5.0, limit: int = 100) -> tuple[EventMessage, ...]:
        """Return the next messages. The device waits up to `timeout_s` (at most 20 s) for the first one."""
        wait_s = min(timeout_s, MAX_PULL_S)
        params = {"Timeout": timedelta(seconds=wait_s), "MessageLimit": min(limit, MAX_MESSAGES)}
        answer = self._ask("pullpoint", "PullMessages", params, wait_s + min(self._conn.timeout_s, _LATEST_S))
        found = [read_message(item) for item in answers.children(answer, "NotificationMessage")]
        return tuple(found[:MAX_MESSAGES])

    def renew(self) -> None:
        """Extend the subscription by a minute, for devices on which a pull does not extend it.

        No part of the app calls it yet.
        """
        self._ask("subscription", "Renew", {"TerminationTime": f"PT{_LIFETIME_S}S"}, None)

    def close(self) -> None:
        """Call Unsubscribe. If the device refuses, the subscription expires by itself. May be called twice."""
        if self._address is None:
            return
        try:
            self._ask("subscription", "Unsubscribe", {}, None)
        except DeviceError as error:
            self._conn.note("unsubscribe", error.code, error.detail)
        self._address = None

    def _ask(self, service: str, operation: str, params: dict[str, object], timeout_s: float | None) -> Element:
        if self._address is None:
            raise CameraBadAnswer("There is no event subscription on the device.")
        headers = [copy.deepcopy(item) for item in self._parameters]  # zeep moves them into its envelope
        return self._conn.call(
            service, operation, params, timeout_s=timeout_s, address=self._address, soap_headers=headers
        )


def _reference_parameters(reference: Element | None) -> list[Element]:
    """Return the elements to send as SOAP headers (WS-Addressing 1.0, 2.2). Axis puts the subscription's id there."""
    holder = answers.child(reference, "ReferenceParameters")
    found = [copy.deepcopy(item) for item in holder] if holder is not None else []
    if sum(len(etree.tostring(item)) for item in found) > _MAX_PARAMETERS_BYTES:
        raise CameraBadAnswer("The parameters of the device's event subscription are too large.")
    for item in found:
        item.set(f"{{{_WSA}}}IsReferenceParameter", "true")
        item.tail = None
    return found


def read_message(notification: Element) -> EventMessage:
    """Read a wsnt:NotificationMessage; its tt:Message may be at any depth."""
    message = next((item for item in answers.descendants(notification, "Message") if item.get("UtcTime")), None)
    return EventMessage(
        topic=answers.text(notification, "Topic"),
        at_utc=read_moment(message.get("UtcTime")) if message is not None else None,
        operation=answers.clean(message.get("PropertyOperation") or "") if message is not None else "",
        source=_items(answers.child(message, "Source")),
        data=_items(answers.child(message, "Data")),
    )


def _items(holder: Element | None) -> tuple[tuple[str, str], ...]:
    items = list(answers.children(holder, "SimpleItem"))[:64]
    return tuple((answers.clean(item.get("Name") or ""), answers.clean(item.get("Value") or "")) for item in items)
