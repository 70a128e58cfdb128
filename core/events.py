"""Events of devices: motion and other detections, as the packages exchange them.

A device reports events through a PullPoint subscription (ONVIF Core, "Real-time Pull-Point Notification Interface").
Devices allow few subscriptions, so the app has at most one with each device, and always ends it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class EventKind(StrEnum):
    """The meaning of an event, whatever topic the device's maker has chosen."""

    MOTION = "motion"
    PERSON = "person"
    VEHICLE = "vehicle"
    ANIMAL = "animal"
    FACE = "face"
    PACKAGE = "package"
    LICENCE_PLATE = "licence_plate"
    OBJECT = "object"
    INTRUSION = "intrusion"
    LINE_CROSSED = "line_crossed"
    LOITERING = "loitering"
    LEFT_OBJECT = "left_object"
    REMOVED_OBJECT = "removed_object"
    TAMPER = "tamper"
    VIDEO_LOSS = "video_loss"
    SOUND = "sound"
    INPUT = "input"
    OUTPUT = "output"
    DOORBELL = "doorbell"
    COUNT = "count"
    DEVICE_FAULT = "device_fault"
    OTHER = "other"  # a topic that the app does not know

    @property
    def is_activity(self) -> bool:
        """True if something happens before the camera. A rule of the mode `events` records it."""
        return self not in _NO_ACTIVITY


_NO_ACTIVITY = frozenset(
    {EventKind.VIDEO_LOSS, EventKind.OUTPUT, EventKind.COUNT, EventKind.DEVICE_FAULT, EventKind.OTHER}
)


class Change(StrEnum):
    """The statement of a message about the state of a property (ONVIF Core, "PropertyOperation")."""

    STATE = "state"  # Initialized: the state at the beginning of a subscription, which is no news
    CHANGED = "changed"
    ENDED = "ended"  # Deleted
    PULSE = "pulse"  # no property: it happened at one moment


@dataclass(frozen=True, slots=True)
class DeviceEvent:
    """An event as a device told it. All texts are the device's own.

    `topic`: without the prefixes of namespaces. `sources`: the tokens that may name the channel, the surest first.
    `rule`: the detection rule, "" for none. `item`: the item of the message that tells the state. `active`: None for a
    pulse. `at_utc`: by the device's clock, None if it is missing or unreadable.
    """

    kind: EventKind
    topic: str
    sources: tuple[str, ...]
    rule: str
    item: str
    change: Change
    active: bool | None
    at_utc: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionAddress:
    """The address of a subscription as the device named it, and its reference parameters as XML texts.

    It is stored, so that the app can end the subscription after a crash.
    """

    address: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulled:
    """The events of one pull. `rest_s`: how long to wait before the next, so that other requests get their turn."""

    events: tuple[DeviceEvent, ...]
    rest_s: float = 0.0


class EventDevice(Protocol):
    """The subscription to the events of one device, whose `events` property has it.

    onvif_services.device_events.DeviceEvents implements it. `pull` is for one thread; `unsubscribe` may end it from
    another one. Each method waits for the device and may raise a DeviceError.
    """

    @property
    def is_subscribed(self) -> bool: ...

    def subscribe(self) -> SubscriptionAddress:
        """Make a subscription that ends after a minute. `keep` makes it longer once its address is stored.

        Raise Conflict if there is one already, CameraUnsupported for a device without events, and CameraBusy if the
        device gives no more subscriptions.
        """
        ...

    def keep(self) -> None:
        """Let the subscription live for ten minutes, and request the present states of all properties."""
        ...

    def synchronize(self) -> bool:
        """Request the present states of all properties again; a later pull returns them.

        Return False if the device does not support this. It is then not asked again in this subscription.
        """
        ...

    def pull(self) -> Pulled:
        """Wait up to 20 s for events. Extend the subscription when it is due."""
        ...

    def unsubscribe(self, timeout_s: float | None = None) -> bool:
        """End the subscription; True if there is none any longer, False if the device did not answer."""
        ...

    def unsubscribe_stored(self, stored: SubscriptionAddress, timeout_s: float | None = None) -> bool:
        """End the subscription of an earlier connection; the result is that of `unsubscribe`."""
        ...

    def signals(self) -> Mapping[str, bool] | None:
        """Return for each video source token whether its input has a signal, as the subscription told.

        None before its first answer.
        """
        ...


@dataclass(frozen=True, slots=True)
class ChannelActivity:
    """An event began or ended. `channel` is None if the device did not name one that the app knows.

    `at`: true time. `is_device_time` is False if the device's time was missing or wrong, so that `at` is the time of
    arrival. `changes`: how often the device told another state; large numbers mean a storm of messages.
    `is_channel_active`: another event, or this one, is still active in the channel.
    """

    camera_id: int
    channel: int | None
    kind: EventKind
    rule: str
    active: bool
    at: datetime
    is_device_time: bool = True
    is_state: bool = False  # known from the beginning of a subscription: it is no news
    changes: int = 1
    is_channel_active: bool = False
