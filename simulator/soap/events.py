"""The Event service with PullPoint subscriptions (ONVIF Core Specification, 9; WS-BaseNotification 1.3).

The fault `events` is one of these habits:

- `no_ends`: states of false are not reported, as on recorders that do not clear their events.
- `grants_nothing`: answers name the present time as the end of a subscription, which lives all the same.
- `dies`: all subscriptions are gone, and no notice is sent.
- `wrong_clock`: messages carry a time of the year 2000.
- `used_up`: no subscription is made, because other clients hold them all.
- `no_renewal`: Renew is refused; a pull extends the subscription.
- `digits`: states are written as 1 and 0.
- `closes`: a pull without messages ends in a closed connection.
- `loses_answer`: a subscription is made, and the connection closed before the answer.
- `lives_briefly`: Renew is refused, a pull extends nothing, and all subscriptions end within three seconds.
- `zero_life`: a renewal or a pull ends the subscription, and its answer names the present time as the end.
- `no_address`: subscriptions are at the address of the event service, and the answer names no other.
- `false_values`: states are words that mean nothing, sources do not exist, and times cannot be read.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from lxml import etree

from simulator.addresses import Addresses
from simulator.clock import DeviceClock, as_xml_time
from simulator.event_topics import TOPICS
from simulator.faults import Faults
from simulator.soap import capabilities
from simulator.soap.service import PATHS, SUBSCRIPTION_PATH, Call, Handler, SoapFault, SoapService, done
from simulator.soap.xml import Element, child, descendants, el, parse_duration, parse_time, qname, text_of
from simulator.subscriptions import DEFAULT_LIFE_S, Event, Items, Subscription, Subscriptions

_CONCRETE = "http://docs.oasis-open.org/wsn/t-1/TopicExpression/Concrete"
_CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
_ITEM_FILTER = "http://www.onvif.org/ver10/tev/messageContentFilter/ItemFilter"
_MAX_WAIT_S = 60.0
_NO_GRANTS = ("grants_nothing", "zero_life")
_LOOK_EVERY_S = 0.2


def _life_s(clock: DeviceClock, text: str) -> float:
    """Seconds that a subscription may live, from a duration or a moment of the device's clock."""
    if not text:
        return DEFAULT_LIFE_S
    length, moment = parse_duration(text), parse_time(text)
    if length is None and moment is not None:
        length = moment - clock.utc()
    if length is None or length <= timedelta(0):
        raise SoapFault("Sender", "ter:InvalidArgVal", "ter:UnacceptableTerminationTime", reason="Not a time to come")
    return length.total_seconds()


def _times(
    clock: DeviceClock, subscription: Subscription, prefix: str, *, grants: bool = True
) -> tuple[Element, Element]:
    now = clock.utc()
    ends = now + timedelta(seconds=max(0.0, subscription.left_s()) if grants else 0.0)
    return el(f"{prefix}:CurrentTime", as_xml_time(now)), el(f"{prefix}:TerminationTime", as_xml_time(ends))


def _topic_set() -> Element:
    root = el("wstop:TopicSet")
    for topic in TOPICS:
        first, *others = topic.name.split("/")
        place = child(root, first)
        if place is None:
            root.append(place := el(first))
        for name in others:  # topics below the root have no namespace
            found = place.find(name)
            place = etree.SubElement(place, name) if found is None else found
        place.set(qname("wstop:topic"), "true")
        source = {"Name": topic.source, "Type": "tt:ReferenceToken"}
        item = {"Name": topic.item, "Type": topic.item_type}
        description = el(
            "tt:MessageDescription",
            el("tt:Source", el("tt:SimpleItemDescription", attributes=source)),
            el("tt:Data", el("tt:SimpleItemDescription", attributes=item)),
            attributes={"IsProperty": topic.is_property},
        )
        place.append(description)
    return root


def _items(items: Items) -> list[Element]:
    return [el("tt:SimpleItem", attributes={"Name": name, "Value": value}) for name, value in items]


def _with_habit(event: Event, habit: str | None) -> Event:
    if habit == "digits":
        digits = {"true": "1", "false": "0"}
        return replace(event, items=tuple((name, digits.get(value, value)) for name, value in event.items))
    if habit == "false_values":
        source = tuple((name, "NoSuchSource") for name, _ in event.source)
        return replace(event, source=source, items=tuple((name, "perhaps") for name, _ in event.items))
    return event


def _message(clock: DeviceClock, event: Event, habit: str | None) -> Element:
    told = _with_habit(event, habit)
    age = timedelta(seconds=0.0 if event.at_s is None else max(0.0, time.time() - event.at_s))
    moment = datetime(2000, 1, 1, tzinfo=UTC) if habit == "wrong_clock" else clock.utc() - age
    attributes = {"UtcTime": "2026-13-45T99:00:00Z" if habit == "false_values" else as_xml_time(moment)}
    if told.operation:
        attributes["PropertyOperation"] = told.operation
    message = el(
        "tt:Message",
        el("tt:Source", *_items(told.source)),
        el("tt:Data", *_items(told.items)),
        attributes=attributes,
    )
    topic = el("wsnt:Topic", told.topic, attributes={"Dialect": _CONCRETE_SET})
    return el("wsnt:NotificationMessage", topic, el("wsnt:Message", message))


class EventService(SoapService):
    """Describes the events, and makes subscriptions to them."""

    path = PATHS["tev"]

    def __init__(
        self,
        subscriptions: Subscriptions,
        single: SubscriptionService,
        addresses: Addresses,
        clock: DeviceClock,
        faults: Faults,
    ) -> None:
        self._subscriptions, self._addresses, self._clock = subscriptions, addresses, clock
        self._single, self._faults = single, faults

    def operations(self) -> dict[str, Handler]:
        """Those of a subscription, too: the fault `events` may leave it without an address of its own."""
        return {
            **self._single.operations(),
            "tev:GetServiceCapabilities": self.get_service_capabilities,
            "tev:GetEventProperties": self.get_event_properties,
            "tev:CreatePullPointSubscription": self.create_pull_point_subscription,
        }

    def get_service_capabilities(self, _call: Call) -> Element:
        return el("tev:GetServiceCapabilitiesResponse", capabilities.events())

    def get_event_properties(self, _call: Call) -> Element:
        return el(
            "tev:GetEventPropertiesResponse",
            el("tev:TopicNamespaceLocation", "http://www.onvif.org/onvif/ver10/topics/topicns.xml"),
            el("wsnt:FixedTopicSet", True),
            _topic_set(),
            el("wsnt:TopicExpressionDialect", _CONCRETE),
            el("wsnt:TopicExpressionDialect", _CONCRETE_SET),
            el("tev:MessageContentFilterDialect", _ITEM_FILTER),
            el("tev:MessageContentSchemaLocation", "http://www.onvif.org/onvif/ver10/schema/onvif.xsd"),
        )

    def create_pull_point_subscription(self, call: Call) -> Element:
        subscriptions = self._subscriptions
        habit = self._faults.text("events")
        life = _life_s(self._clock, call.text("tev:InitialTerminationTime"))
        if habit == "used_up":
            raise SoapFault("Receiver", "ter:Action", "ter:ResourceProblem", reason="No resources")
        if len(subscriptions) >= capabilities.MAX_PULL_POINTS:
            raise SoapFault(
                "Receiver", "ter:Action", "ter:MaxPullPointsReached", reason="There are too many subscriptions"
            )
        asked = child(call.body, "tev:Filter")
        expressions = (
            [] if asked is None else [found.text or "" for found in descendants(asked, "wsnt:TopicExpression")]
        )
        has_address = habit != "no_address"
        identity, made = subscriptions.subscribe("|".join(expressions), life, has_address=has_address)
        if habit == "loses_answer":
            raise ConnectionResetError
        address = self._addresses.onvif_url(f"{SUBSCRIPTION_PATH}?id={identity}") if has_address else ""
        return el(
            "tev:CreatePullPointSubscriptionResponse",
            el("tev:SubscriptionReference", el("wsa:Address", address)),
            *_times(self._clock, made, "wsnt", grants=habit not in _NO_GRANTS),
        )


class SubscriptionService(SoapService):
    """Answers at the address of each subscription: pull, renew, unsubscribe."""

    path = SUBSCRIPTION_PATH

    def __init__(self, subscriptions: Subscriptions, clock: DeviceClock, faults: Faults) -> None:
        self._subscriptions, self._clock, self._faults = subscriptions, clock, faults

    def operations(self) -> dict[str, Handler]:
        return {
            "tev:PullMessages": self.pull_messages,
            "tev:SetSynchronizationPoint": self.set_synchronization_point,
            "wsnt:Renew": self.renew,
            "wsnt:Unsubscribe": self.unsubscribe,
        }

    def _subscription(self, call: Call) -> Subscription:
        found = self._subscriptions.find(call.request.query("id"))
        if found is None:
            raise SoapFault(
                "Sender", "ter:InvalidArgVal", "ter:InvalidSubscription", reason="There is no such subscription"
            )
        return found

    async def pull_messages(self, call: Call) -> Element:
        subscription = self._subscription(call)
        wait, limit = parse_duration(call.text("tev:Timeout")), call.text("tev:MessageLimit")
        if wait is None or not limit.isdigit() or int(limit) < 1:
            raise SoapFault("Sender", "ter:InvalidArgVal", reason="Timeout or MessageLimit is missing")
        deadline = time.monotonic() + min(wait.total_seconds(), _MAX_WAIT_S)
        if self._faults.text("events") != "lives_briefly":
            subscription.renew(max(subscription.left_s(), min(wait.total_seconds(), _MAX_WAIT_S) + DEFAULT_LIFE_S))
        while not (news := self._subscriptions.news(subscription, int(limit))):
            if self._faults.text("events") == "closes":
                raise ConnectionResetError
            if time.monotonic() >= deadline:
                break
            await asyncio.sleep(_LOOK_EVERY_S)
            self._subscription(call)  # it may have been ended meanwhile
        habit = self._end_by(self._faults.text("events"), subscription)
        return el(
            "tev:PullMessagesResponse",
            *_times(self._clock, subscription, "tev", grants=habit not in _NO_GRANTS),
            *(_message(self._clock, event, habit) for event in news),
        )

    def _end_by(self, habit: str | None, subscription: Subscription) -> str | None:
        """Return the habit, after its end of the subscription."""
        if habit == "zero_life":
            self._subscriptions.unsubscribe(subscription)
        return habit

    def set_synchronization_point(self, call: Call) -> Element:
        """Report all properties again."""
        self._subscriptions.report_again(self._subscription(call))
        return done("tev:SetSynchronizationPoint")

    def renew(self, call: Call) -> Element:
        subscription = self._subscription(call)
        habit = self._faults.text("events")
        if habit in ("no_renewal", "lives_briefly"):
            raise SoapFault("Receiver", "ter:ActionNotSupported", reason="Renew is not supported")
        subscription.renew(_life_s(self._clock, text_of(call.body, "wsnt:TerminationTime")))
        self._end_by(habit, subscription)
        current, ends = _times(self._clock, subscription, "wsnt", grants=habit not in _NO_GRANTS)
        return el("wsnt:RenewResponse", ends, current)

    def unsubscribe(self, call: Call) -> Element:
        self._subscriptions.unsubscribe(self._subscription(call))
        return done("wsnt:Unsubscribe")
