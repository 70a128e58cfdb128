"""The Events service (ver10/events): PullPoint subscriptions, which are always ended."""

from __future__ import annotations

import copy
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from types import TracebackType

from lxml import etree

from core.errors import CameraBadAnswer, CameraBusy, CameraUnreachable, DeviceError
from core.events import SubscriptionAddress
from onvif_services import answers
from onvif_services.answers import Element
from onvif_services.connection import DeviceConnection
from onvif_services.device_times import read_moment
from onvif_services.faults import SoapFault
from onvif_services.places import NamedAddress

# Below the 30 s for which the login gate lets calls run in parallel: a longer pull could block others.
MAX_PULL_S = 20.0
MAX_MESSAGES = 1024
FIRST_LIFE_S = 60.0
LONG_LIFE_S = 600.0
# Some devices grant 0 s or write a time in the past, and keep the subscription all the same.
LEAST_GRANTED_S = 60.0
_MOST_TOPICS = 200
_DEEPEST = 10
_LATEST_S = 5.0  # the longest wait for the answer beyond the device's own wait
_MAX_PARAMETERS_BYTES = 8192
_WSA = "http://www.w3.org/2005/08/addressing"
_NO_ADDRESS = re.compile(r"https?://(?:www\.w3|schemas\.xmlsoap)\.org/", re.IGNORECASE)  # .../addressing/anonymous
# ONVIF specifies no fault for "too many subscriptions" (onvif/specs #592); these are in use.
_USED_UP = (
    *("SubscribeCreationFailedFault", "UnableToCreatePullPointFault", "ResourceProblem", "MaxPullPointsReached"),
    *("ResourceUnknownFault", "TooManySubscribers", "MaxSubscriptions", "OutofMemory"),
)
USED_UP_TEXT = (
    "The device gives no more event subscriptions. Other systems, such as Home Assistant or a recorder, may hold them."
)


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


def _complete(address: str, of_service: str) -> str:
    """Return the address of a subscription: that of the event service if it names none, or only a query for it."""
    if not address or _NO_ADDRESS.match(address):
        return of_service
    return of_service.partition("?")[0] + address if address.startswith("?") else address


class PullPoint:
    """A subscription: `open()`, `pull()` repeatedly, `close()`. Also a context manager. For one thread at a time.

    Devices allow few subscriptions, so close it even after a failed `pull()`.
    """

    def __init__(self, conn: DeviceConnection) -> None:
        self._conn = conn
        self._address: NamedAddress | None = None
        self._parameters: list[Element] = []
        self._wants_absolute_times = False
        self.granted_s: float | None = None
        """The seconds that the subscription lives after the last answer; None if the device does not tell."""
        self.ends_s = 0.0  # time.monotonic() of its end

    def __enter__(self) -> PullPoint:
        self.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def open(self) -> SubscriptionAddress:
        """Call CreatePullPointSubscription. The subscription lives for a minute, and longer with every pull.

        Raise CameraBusy if the device gives no more subscriptions.
        """
        params = {"InitialTerminationTime": self._ends(FIRST_LIFE_S)}
        try:
            answer = self._conn.call("events", "CreatePullPointSubscription", params)
        except SoapFault as fault:
            if fault.has_code(*_USED_UP):
                raise CameraBusy(USED_UP_TEXT) from fault
            raise
        reference = answers.child(answer, "SubscriptionReference")
        # Some firmware leaves out the SubscriptionReference around the address.
        named = answers.raw_text(next(answers.descendants(answer, "Address"), None))
        address = _complete(named, self._conn.services.get("events", ""))
        self._parameters = _reference_parameters(reference)
        self._address = self._conn.at_host(address)
        self._note_life(answer)
        texts = tuple(etree.tostring(item, encoding="unicode") for item in self._parameters)
        return SubscriptionAddress(address, texts)

    def reopen(self, stored: SubscriptionAddress) -> None:
        """Use a subscription that an earlier connection made. Send nothing. Raise CameraBadAnswer."""
        self._address = self._conn.at_host(stored.address)
        self._parameters = [answers.parse_xml(text.encode()) for text in stored.parameters]

    def pull(self, *, timeout_s: float = 5.0, limit: int = 100) -> tuple[EventMessage, ...]:
        """Return the next messages. The device waits up to `timeout_s` (at most 20 s) for the first one."""
        wait_s = min(timeout_s, MAX_PULL_S)
        params = {"Timeout": timedelta(seconds=wait_s), "MessageLimit": min(limit, MAX_MESSAGES)}
        answer = self._ask("pullpoint", "PullMessages", params, wait_s + min(self._conn.timeout_s, _LATEST_S))
        self._note_life(answer)
        found = [read_message(item) for item in answers.children(answer, "NotificationMessage")]
        return tuple(found[:MAX_MESSAGES])

    def renew(self, life_s: float = FIRST_LIFE_S) -> None:
        """Let the subscription live for `life_s` from now on, for devices on which a pull does not extend it."""
        self._note_life(self._ask("subscription", "Renew", {"TerminationTime": self._ends(life_s)}, None))

    def synchronize(self) -> None:
        """Request the present states of all properties (SetSynchronizationPoint)."""
        self._ask("pullpoint", "SetSynchronizationPoint", {}, None)

    def close(self, timeout_s: float | None = None) -> bool:
        """Call Unsubscribe. May be called twice. Return False if the device did not answer.

        A device that refuses has no such subscription, or lets it expire.
        """
        address = self._address
        if address is None:
            return True
        try:
            self._ask("subscription", "Unsubscribe", {}, timeout_s)
        except DeviceError as error:
            self._conn.note("unsubscribe", error.code, error.detail)
            return not isinstance(error, CameraUnreachable)
        finally:
            self._address = None
        return True

    def _ends(self, life_s: float) -> str:
        """Return the time at which the subscription should end. Relative ones are in seconds: some firmware reads
        minutes as seconds."""
        if not self._wants_absolute_times:
            return f"PT{round(life_s)}S"
        return f"{self._conn.device_clock.now_utc() + timedelta(seconds=life_s):%Y-%m-%dT%H:%M:%SZ}"

    def _note_life(self, answer: Element) -> None:
        now, ends = (read_moment(answers.raw_text(answer, name)) for name in ("CurrentTime", "TerminationTime"))
        if ends is not None:
            now = now or self._conn.device_clock.now_utc()
            self.granted_s = max(0.0, (ends - now).total_seconds())
            self.ends_s = time.monotonic() + self.granted_s
            if self.granted_s == 0:  # some firmware misreads a relative time: the next one is absolute
                self._wants_absolute_times = True

    def _ask(self, service: str, operation: str, params: dict[str, object], timeout_s: float | None) -> Element:
        address = self._address
        if address is None:
            raise CameraBadAnswer("There is no event subscription on the device.")
        headers = [copy.deepcopy(item) for item in self._parameters]  # zeep moves them into its envelope
        return self._conn.call(service, operation, params, timeout_s=timeout_s, address=address, soap_headers=headers)


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


def list_topics(conn: DeviceConnection) -> tuple[str, ...]:
    """Return the topics of GetEventProperties, at most 200, with slashes and without prefixes."""
    answer = conn.call("events", "GetEventProperties", {})
    return tuple(islice(_topics_below(answers.child(answer, "TopicSet"), ()), _MOST_TOPICS))


def _topics_below(element: Element | None, path: tuple[str, ...]) -> Iterator[str]:
    """A topic is an element with `topic="true"` (WS-Topics 1.3, 7.2), or with a description: some firmware leaves out
    the attribute."""
    if element is None or len(path) > _DEEPEST:
        return
    for part in element:
        if not isinstance(part.tag, str) or (name := answers.local_name(part)) == "MessageDescription":
            continue
        place = (*path, answers.clean(name))
        marks = [value for key, value in part.attrib.items() if str(key).rpartition("}")[2] == "topic"]
        if any(answers.is_true(str(mark)) for mark in marks) or answers.child(part, "MessageDescription") is not None:
            yield "/".join(place)
        yield from _topics_below(part, place)


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
