"""Events: properties of each channel, and PullPoint subscriptions to their changes.

Every channel has motion by a fixed timetable until the control port sets it; its loss of the video signal follows the
channel's state. No task runs between requests: a subscription keeps the values that it reported last, and compares them
with those of now. The fault `events` makes the service misbehave.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field

from simulator.faults import Faults
from simulator.layout import Layout
from simulator.live import LiveStreams

MOTION, SIGNAL_LOSS = "tns1:VideoSource/MotionAlarm", "tns1:VideoSource/SignalLoss"
TOPICS = (MOTION, SIGNAL_LOSS)
MAX_LIFE_S, DEFAULT_LIFE_S = 3600.0, 60.0
_MOTION_EVERY_S, _MOTION_FOR_S, _MOTION_APART_S = 30.0, 6.0, 7.0


@dataclass(frozen=True, slots=True)
class Event:
    """A property's new value; `is_first`: it is reported for the first time."""

    topic: str
    video_source_token: str
    value: bool
    is_first: bool


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
    reported: dict[tuple[str, str], bool] = field(default_factory=dict)

    def renew(self, life_s: float) -> None:
        """Let it live `life_s` seconds from now on, within the limits."""
        self.ends_s = time.monotonic() + min(max(life_s, 1.0), MAX_LIFE_S)

    def left_s(self) -> float:
        return self.ends_s - time.monotonic()

    def news(self, states: dict[tuple[str, str], bool], limit: int, *, tells_ends: bool = True) -> list[Event]:
        """At most `limit` events that it has not reported yet; they count as reported from now on.

        `tells_ends` False: states of false are never reported, as on recorders that do not clear their events.
        """
        found: list[Event] = []
        for key, value in states.items():
            if len(found) == limit:
                break
            if self.reported.get(key) is value or (self.filter and not topic_matches(self.filter, key[0])):
                continue
            if not value and not tells_ends:
                self.reported[key] = value
                continue
            found.append(Event(*key, value, key not in self.reported))
            self.reported[key] = value
        return found


class Subscriptions:
    """The subscriptions of the recorder, and the properties that they report."""

    def __init__(self, layout: Layout, streams: LiveStreams, faults: Faults) -> None:
        self._layout, self._streams, self._faults = layout, streams, faults
        self._subscriptions: dict[str, Subscription] = {}
        self._motion: dict[int, bool] = {}  # by channel number, in place of the timetable
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

    def __len__(self) -> int:
        self._drop_ended()
        return len(self._subscriptions)

    def subscribe(self, expression: str, life_s: float) -> tuple[str, Subscription]:
        """A new subscription and its id."""
        made = Subscription(expression, 0.0)
        made.renew(life_s)
        identity = secrets.token_hex(8)
        self._subscriptions[identity] = made
        self.most = max(self.most, len(self))
        return identity, made

    def find(self, identity: str) -> Subscription | None:
        """A subscription by its id; None if it has ended or never existed."""
        self._drop_ended()
        return self._subscriptions.get(identity)

    def unsubscribe(self, identity: str) -> None:
        self._subscriptions.pop(identity, None)

    def forget(self) -> None:
        """Drop all subscriptions, as a reboot does."""
        self._subscriptions.clear()

    def _drop_ended(self) -> None:
        if self._faults.text("events") == "dies":
            self._subscriptions.clear()
        self._subscriptions = {key: value for key, value in self._subscriptions.items() if value.left_s() > 0}

    def states(self) -> dict[tuple[str, str], bool]:
        """The present value of each property, by topic and video source token."""
        now = time.time()
        found: dict[tuple[str, str], bool] = {}
        for channel in self._layout:
            token = channel.video_source_token
            dead = self._streams.of(channel, "main").dead_kind()
            moment = (now + channel.number * _MOTION_APART_S) % _MOTION_EVERY_S
            has_motion = self._motion.get(channel.number, moment < _MOTION_FOR_S)
            found[MOTION, token] = dead is None and has_motion
            found[SIGNAL_LOSS, token] = dead is not None or self._faults.is_on("rtcp_only", channel.number)
        return found
