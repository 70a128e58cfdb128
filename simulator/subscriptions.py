"""Events: what the recorder has to tell, and the PullPoint subscriptions that hear it.

Motion comes and goes on every channel by a fixed timetable; the loss of a video signal follows the channel's state.
Nothing runs between requests: a subscription remembers what it told last and compares.
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from simulator.recorder import Recorder

MOTION, SIGNAL_LOSS = "tns1:VideoSource/MotionAlarm", "tns1:VideoSource/SignalLoss"
TOPICS = (MOTION, SIGNAL_LOSS)
MAX_LIFE_S, DEFAULT_LIFE_S = 3600.0, 60.0
_MOTION_EVERY_S, _MOTION_FOR_S, _MOTION_APART_S = 30.0, 6.0, 7.0


@dataclass(frozen=True, slots=True)
class Event:
    """One property that changed, or is told for the first time."""

    topic: str
    video_source_token: str
    value: bool
    is_first: bool


def topic_matches(expression: str, topic: str) -> bool:
    """Concrete topics and ``//.`` for all below, joined by ``|`` (ONVIF Core Specification, 9.6)."""
    for part in expression.split("|"):
        wanted = part.strip()
        if wanted == topic or (wanted.endswith("//.") and f"{topic}/".startswith(f"{wanted[:-3]}/")):
            return True
    return False


@dataclass
class Subscription:
    """One PullPoint; it ends when it is not renewed or asked for long enough."""

    filter: str
    ends_s: float
    told: dict[tuple[str, str], bool] = field(default_factory=dict)

    def renew(self, life_s: float) -> None:
        """Count its life from now, in seconds."""
        self.ends_s = time.monotonic() + min(max(life_s, 1.0), MAX_LIFE_S)

    def left_s(self) -> float:
        return self.ends_s - time.monotonic()

    def news(self, states: dict[tuple[str, str], bool], limit: int) -> list[Event]:
        """At most `limit` events that it has not been told."""
        found: list[Event] = []
        for key, value in states.items():
            if len(found) == limit:
                break
            if self.told.get(key) is value or (self.filter and not topic_matches(self.filter, key[0])):
                continue
            found.append(Event(*key, value, key not in self.told))
            self.told[key] = value
        return found


class EventDesk:
    """The subscriptions of the recorder."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._subscriptions: dict[str, Subscription] = {}

    def __len__(self) -> int:
        self._drop_ended()
        return len(self._subscriptions)

    def subscribe(self, expression: str, life_s: float) -> tuple[str, Subscription]:
        """A new subscription and its id."""
        made = Subscription(expression, 0.0)
        made.renew(life_s)
        identity = secrets.token_hex(8)
        self._subscriptions[identity] = made
        return identity, made

    def find(self, identity: str) -> Subscription | None:
        """A living subscription, None when it ended or never was."""
        self._drop_ended()
        return self._subscriptions.get(identity)

    def unsubscribe(self, identity: str) -> None:
        self._subscriptions.pop(identity, None)

    def forget(self) -> None:
        """All are gone after a reboot."""
        self._subscriptions.clear()

    def _drop_ended(self) -> None:
        self._subscriptions = {key: value for key, value in self._subscriptions.items() if value.left_s() > 0}

    def states(self) -> dict[tuple[str, str], bool]:
        """Every property's value now, by topic and video source."""
        now = time.time()
        found: dict[tuple[str, str], bool] = {}
        for channel in self._recorder.layout:
            token = channel.video_source_token
            dead = self._recorder.streams[channel.number, "main"].dead_kind()
            moment = (now + channel.number * _MOTION_APART_S) % _MOTION_EVERY_S
            found[MOTION, token] = dead is None and moment < _MOTION_FOR_S
            found[SIGNAL_LOSS, token] = dead is not None or self._recorder.faults.is_on("rtcp_only", channel.number)
        return found
