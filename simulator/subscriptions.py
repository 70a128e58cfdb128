"""Events: properties of each channel, and PullPoint subscriptions to their changes.

Every channel has motion by a fixed timetable until the control port sets it; its loss of the video signal follows the
channel's state. No task runs between requests: a subscription keeps the values that it reported last, and compares them
with those of now. Messages that the control port sends, and those of a storm, wait in each subscription. The fault
`events` makes the service misbehave.
"""

from __future__ import annotations

import secrets
import time
from collections import deque
from dataclasses import dataclass, field, replace

from simulator.event_topics import MOTION, SIGNAL_LOSS
from simulator.faults import Faults
from simulator.layout import Layout
from simulator.live import LiveStreams

MAX_LIFE_S, DEFAULT_LIFE_S = 3600.0, 60.0
BRIEF_LIFE_S = 3.0
MOST_WAITING = 20_000
MOTION_EVERY_S, MOTION_FOR_S, MOTION_APART_S = 30.0, 6.0, 7.0
_INITIALIZED, _CHANGED, _DELETED = OPERATIONS = ("Initialized", "Changed", "Deleted")

Items = tuple[tuple[str, str], ...]
States = dict[tuple[str, str], bool]


@dataclass(frozen=True, slots=True)
class Event:
    """A message. `operation`: "" if it is not about a property. `at_s`: the time it was made, None for now."""

    topic: str
    source: Items
    items: Items
    operation: str
    at_s: float | None = None


def _state_event(key: tuple[str, str], value: bool, operation: str, at_s: float | None = None) -> Event:
    topic, video_source_token = key
    return Event(topic, (("Source", video_source_token),), (("State", str(value).lower()),), operation, at_s)


def topic_matches(expression: str, topic: str) -> bool:
    """True if an expression names a topic: concrete topics, or ``//.`` for all below one, joined by ``|``.

    ONVIF Core Specification, 9.6.
    """
    for part in expression.split("|"):
        wanted = part.strip()
        if wanted == topic or (wanted.endswith("//.") and f"{topic}/".startswith(f"{wanted[:-3]}/")):
            return True
    return False


@dataclass
class Subscription:
    """One PullPoint. It ends when the client neither renews it nor pulls from it. `reported`: the last values sent."""

    filter: str
    ends_s: float
    reported: States = field(default_factory=dict)
    waiting: deque[Event] = field(default_factory=lambda: deque(maxlen=MOST_WAITING))
    stormed_s: dict[int, float] = field(default_factory=dict)
    """Until when the storm of each channel is reported."""
    has_address: bool = True
    """False if the client knows it by the address of the event service."""

    def renew(self, life_s: float) -> None:
        """Let it live `life_s` seconds from now on, within the limits."""
        self.ends_s = time.monotonic() + min(max(life_s, 1.0), MAX_LIFE_S)

    def left_s(self) -> float:
        return self.ends_s - time.monotonic()

    def add(self, event: Event) -> None:
        """Report a message if the filter lets it pass; the oldest of too many is lost."""
        if not self.filter or topic_matches(self.filter, event.topic):
            self.waiting.append(event)

    def news(self, states: States, limit: int, *, tells_ends: bool = True) -> list[Event]:
        """At most `limit` events that it has not reported yet; they count as reported from now on.

        `tells_ends` False: states of false are never reported, as on recorders that do not clear their events.
        """
        found: list[Event] = []
        while self.waiting and len(found) < limit:
            found.append(self.waiting.popleft())
        for key, value in states.items():
            if len(found) == limit:
                break
            if self.reported.get(key) is value or (self.filter and not topic_matches(self.filter, key[0])):
                continue
            if not value and not tells_ends:
                self.reported[key] = value
                continue
            found.append(_state_event(key, value, _CHANGED if key in self.reported else _INITIALIZED))
            self.reported[key] = value
        return found


class Subscriptions:
    """The subscriptions of the recorder, and the properties that they report."""

    def __init__(self, layout: Layout, streams: LiveStreams, faults: Faults) -> None:
        self._layout, self._streams, self._faults = layout, streams, faults
        self._subscriptions: dict[str, Subscription] = {}
        self._motion: dict[int, bool] = {}  # by channel number, in place of the timetable
        self._properties: dict[tuple[str, Items], Event] = {}  # sent by the control port
        self.most = 0
        """The largest number of subscriptions at a time since the start, or since `count_anew`."""

    def count_anew(self) -> None:
        self.most = len(self)

    def set_motion(self, channel: int | None, active: bool | None) -> None:
        """Set the motion of a channel, or of all; None lets it follow the timetable again."""
        numbers = [item.number for item in self._layout] if channel is None else [channel]
        for number in numbers:
            if active is None:
                self._motion.pop(number, None)
            else:
                self._motion[number] = active

    def send(self, event: Event, count: int = 1) -> None:
        """Send a message `count` times to each subscription. A property is reported to later ones, too."""
        sent = replace(event, at_s=time.time())
        key = (event.topic, event.source)
        if event.operation == _DELETED:
            self._properties.pop(key, None)
        elif event.operation and event.topic not in (MOTION, SIGNAL_LOSS):
            self._properties[key] = replace(event, operation=_INITIALIZED)
        self._drop_ended()
        for subscription in self._subscriptions.values():
            for _ in range(count):
                subscription.add(sent)

    def report_again(self, subscription: Subscription) -> None:
        """Report all properties to a subscription."""
        subscription.reported.clear()
        for event in self._properties.values():
            subscription.add(event)

    def news(self, subscription: Subscription, limit: int) -> list[Event]:
        """At most `limit` events that a subscription has not reported yet."""
        self._blow(subscription)
        tells_ends = self._faults.text("events") != "no_ends"
        return subscription.news(self.states(), limit, tells_ends=tells_ends)

    def _blow(self, subscription: Subscription) -> None:
        """Add the messages of the storms since the last look: motion that begins and ends in turns."""
        now_s = time.time()
        for channel in self._layout:
            rate = self._faults.number("storm", channel.number)
            if not rate:
                subscription.stormed_s.pop(channel.number, None)
                continue
            key, began_s = (MOTION, channel.video_source_token), subscription.stormed_s.get(channel.number, now_s)
            count = min(int((now_s - began_s) * rate), MOST_WAITING)
            value = subscription.reported.get(key, False)
            for place in range(count):
                value = not value
                subscription.add(_state_event(key, value, _CHANGED, began_s + (place + 1) / rate))
            subscription.stormed_s[channel.number] = began_s + count / rate if count < MOST_WAITING else now_s
            subscription.reported[key] = value

    def __len__(self) -> int:
        self._drop_ended()
        return len(self._subscriptions)

    def subscribe(self, expression: str, life_s: float, *, has_address: bool = True) -> tuple[str, Subscription]:
        """A new subscription and its id."""
        made = Subscription(expression, 0.0, has_address=has_address)
        made.renew(life_s)
        self.report_again(made)
        identity = secrets.token_hex(8)
        self._subscriptions[identity] = made
        self.most = max(self.most, len(self))
        return identity, made

    def find(self, identity: str) -> Subscription | None:
        """A subscription by its id, "" for one without an address; None if it has ended or never existed."""
        self._drop_ended()
        if identity:
            return self._subscriptions.get(identity)
        return next((found for found in self._subscriptions.values() if not found.has_address), None)

    def unsubscribe(self, ended: Subscription) -> None:
        self._subscriptions = {key: found for key, found in self._subscriptions.items() if found is not ended}

    def forget(self) -> None:
        """Drop all subscriptions, as a reboot does."""
        self._subscriptions.clear()

    def _drop_ended(self) -> None:
        habit = self._faults.text("events")
        if habit == "dies":
            self._subscriptions.clear()
        for found in self._subscriptions.values() if habit == "lives_briefly" else ():
            found.ends_s = min(found.ends_s, time.monotonic() + BRIEF_LIFE_S)
        self._subscriptions = {key: value for key, value in self._subscriptions.items() if value.left_s() > 0}

    def states(self) -> States:
        """The present value of each property, by topic and video source token."""
        now = time.time()
        found: States = {}
        for channel in self._layout:
            token = channel.video_source_token
            dead = self._streams.of(channel, "main").dead_kind()
            moment = (now + channel.number * MOTION_APART_S) % MOTION_EVERY_S
            has_motion = self._motion.get(channel.number, moment < MOTION_FOR_S)
            found[MOTION, token] = dead is None and has_motion
            found[SIGNAL_LOSS, token] = dead is not None or self._faults.is_on("rtcp_only", channel.number)
        return found
