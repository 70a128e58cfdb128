"""The topics of each device, the last message of each, and the messages of the last minute.

It is in memory only. A device chooses its texts and their number, so all of it is limited.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.events import Change, DeviceEvent, EventKind, ListedTopic

MOST_TOPICS = 200  # of one device
MOST_RECENT = 200
RECENT = timedelta(seconds=60)
ASK_AGAIN_S = 300.0  # after a device has not listed its topics
_MOST_ITEMS = 32


@dataclass(frozen=True, slots=True)
class ToldMessage:
    """A message as it came. `channel`: as the app understood it. `device_at`: by the device's own clock."""

    at: datetime
    device_at: datetime | None
    topic: str
    kind: EventKind
    channel: int | None
    rule: str
    change: Change
    active: bool | None
    items: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ToldTopic:
    """A topic. `count`: its messages since the start of the app. `is_listed`: the device names it in its properties."""

    topic: str
    kind: EventKind
    count: int = 0
    last: ToldMessage | None = None
    is_listed: bool = False


@dataclass(frozen=True, slots=True)
class DeviceReport:
    """All that a device has told, the topics by name. `left_out`: messages of topics beyond the limit.

    `unlisted_code`: of the error if the device did not list its topics, otherwise empty. `begun_left_out`: messages
    about events that are not in the log, because too many other events of the device went on.
    """

    topics: tuple[ToldTopic, ...] = ()
    recent: tuple[ToldMessage, ...] = ()
    left_out: int = 0
    unlisted_code: str = ""
    begun_left_out: int = 0


@dataclass(slots=True)
class _Device:
    topics: dict[str, ToldTopic] = field(default_factory=dict)
    recent: deque[ToldMessage] = field(default_factory=lambda: deque(maxlen=MOST_RECENT))
    left_out: int = 0
    has_list: bool = False
    unlisted_code: str = ""
    asked_s: float = float("-inf")


class DeviceTopics:
    """Safe between threads. Nothing here waits for a device."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._devices: dict[int, _Device] = {}

    def note(self, camera_id: int, event: DeviceEvent, channel: int | None, now: datetime) -> None:
        """Take a message of a device."""
        message = ToldMessage(
            now,
            event.at_utc,
            event.topic,
            event.kind,
            channel,
            event.rule,
            event.change,
            event.active,
            dict(event.items[:_MOST_ITEMS]),
        )
        with self._lock:
            device = self._devices.setdefault(camera_id, _Device())
            device.recent.append(message)
            topic = self._topic(device, event.topic, event.kind)
            if topic is None:
                device.left_out += 1
            else:
                device.topics[event.topic] = replace(topic, kind=event.kind, count=topic.count + 1, last=message)

    def is_list_due(self, camera_id: int, now_s: float) -> bool:
        """True if the topics of the device's properties are unknown, and the device has not failed lately."""
        with self._lock:
            device = self._devices.get(camera_id, _Device())
            return not device.has_list and now_s - device.asked_s >= ASK_AGAIN_S

    def note_unlisted(self, camera_id: int, code: str, now_s: float) -> None:
        """The device did not list its topics."""
        with self._lock:
            device = self._devices.setdefault(camera_id, _Device())
            device.unlisted_code, device.asked_s = code, now_s

    def set_list(self, camera_id: int, topics: Iterable[ListedTopic]) -> None:
        """Take the topics that the device names in its properties."""
        with self._lock:
            device = self._devices.setdefault(camera_id, _Device())
            device.has_list, device.unlisted_code = True, ""
            for listed in topics:
                if (topic := self._topic(device, listed.topic, listed.kind)) is not None:
                    device.topics[listed.topic] = replace(topic, is_listed=True)

    def told(self, camera_id: int, now: datetime) -> DeviceReport:
        """Return all that a device has told, with the messages of the last minute."""
        with self._lock:
            device = self._devices.get(camera_id)
            if device is None:
                return DeviceReport()
            topics = sorted(device.topics.values(), key=lambda one: one.topic)
            recent = [message for message in device.recent if now - message.at <= RECENT]
            return DeviceReport(tuple(topics), tuple(recent), device.left_out, device.unlisted_code)

    def forget(self, camera_id: int) -> None:
        with self._lock:
            self._devices.pop(camera_id, None)

    def _topic(self, device: _Device, name: str, kind: EventKind) -> ToldTopic | None:
        known = device.topics.get(name)
        if known is not None:
            return known
        return ToldTopic(name, kind) if len(device.topics) < MOST_TOPICS else None
