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
    # Events of the app's own connection and recording, which no device reports.
    OFFLINE = "offline"
    LOGIN_REFUSED = "login_refused"
    CLOCK_WRONG = "clock_wrong"
    RECORDING_GAP = "recording_gap"
    STORAGE = "storage"

    @property
    def is_activity(self) -> bool:
        """True if something happens before the camera. A rule of the mode `events` records it."""
        return self not in _NO_ACTIVITY


OWN_KINDS = frozenset(
    {
        EventKind.OFFLINE,
        EventKind.LOGIN_REFUSED,
        EventKind.CLOCK_WRONG,
        EventKind.RECORDING_GAP,
        EventKind.STORAGE,
    }
)
"""The kinds of events that the app itself notices, not the device."""
_NO_ACTIVITY = OWN_KINDS | {
    EventKind.VIDEO_LOSS,
    EventKind.OUTPUT,
    EventKind.COUNT,
    EventKind.DEVICE_FAULT,
    EventKind.OTHER,
}


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
    pulse. `at_utc`: by the device's clock, None if it is missing or unreadable. `items`: names and values of its source
    and its data.
    """

    kind: EventKind
    topic: str
    sources: tuple[str, ...]
    rule: str
    item: str
    change: Change
    active: bool | None
    at_utc: datetime | None = None
    items: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class ListedTopic:
    """A topic, without prefixes, that a device names in its event properties."""

    topic: str
    kind: EventKind


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

    def topics(self) -> tuple[ListedTopic, ...]:
        """Return the topics of the device's event properties, at most 200. Needs no subscription."""
        ...

    def signals(self) -> Mapping[str, bool] | None:
        """Return for each video source token whether its input has a signal, as the subscription told.

        None before its first answer.
        """
        ...


class ClosedWhy(StrEnum):
    """The reason why an event ended without the device's message about its end."""

    TOLD = ""  # the device told the end
    MISSED = "missed"  # the app was off, or the end got lost: the event ends at its last sign of life
    TIMEOUT = "timeout"
    STORM = "storm"  # more changes than a person can follow; they count as one event
    STOPPED = "stopped"  # the app or the listener stopped


@dataclass(frozen=True, slots=True)
class ChannelActivity:
    """An event began or ended. `channel` is None if the device did not name one that the app knows.

    `at`: true time. `is_device_time` is False if the device's time was missing or wrong, so that `at` is the time of
    arrival. `changes`: how often the device told another state; large numbers mean a storm of messages.
    `is_channel_active`: another event, or this one, is still active in the channel. `item`: of the message, it tells
    the state. `last_told_at`: when the device last told that the event goes on. `is_channel_sure`: of a beginning;
    False if the app has guessed the channel. `device_at`: of a beginning, by the device's own clock; None if the device
    did not tell it.
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
    topic: str = ""
    item: str = ""
    is_pulse: bool = False  # it happened at one moment, and tells no state
    closed_why: ClosedWhy = ClosedWhy.TOLD
    last_told_at: datetime | None = None
    is_channel_sure: bool = True
    device_at: datetime | None = None


DEVICE_EVENTS = "device"
"""The kind of all events of a device together, for the recorder, which may have events of other kinds, too."""
WATCHED_EVENTS = "watch"
"""The kind of the movements that the app itself sees, for the recorder."""


@dataclass(frozen=True, slots=True)
class EventProblem:
    """The events of a device do not reach the app, since this time. `code`: as in core.errors; `detail` for people."""

    code: str
    since: datetime
    detail: str = ""


class EventSource(StrEnum):
    """The origin of a logged event."""

    DEVICE = "device"  # its event messages
    SERVER = "server"  # this app's own connection and recording
    IMPORT = "import"  # the device's list of recorded events
    WATCH = "watch"  # the app's own motion detector


class Severity(StrEnum):
    """The importance of an event on the page of events."""

    ALERT = "alert"
    NOTICE = "notice"


_ALERTS = frozenset(
    {
        EventKind.PERSON,
        EventKind.VEHICLE,
        EventKind.INTRUSION,
        EventKind.LINE_CROSSED,
        EventKind.LOITERING,
        EventKind.TAMPER,
        EventKind.VIDEO_LOSS,
        EventKind.DOORBELL,
        EventKind.OFFLINE,
        EventKind.LOGIN_REFUSED,
        EventKind.STORAGE,
        EventKind.RECORDING_GAP,
    }
)


def severity_of(kind: EventKind) -> Severity:
    """Return the severity of events of a kind."""
    return Severity.ALERT if kind in _ALERTS else Severity.NOTICE


Box = tuple[float, float, float, float]
"""A part of the picture: x, y, width, height, from 0 to 1."""


@dataclass(frozen=True, slots=True)
class LoggedEvent:
    """An event in the log. Times are true UTC.

    `id`: 0 before it is stored. `camera_id`: None for the server itself. `channel`: None for the whole device, or if
    the device named no channel that the app knows. `topic`: "" for an event of the app itself. `end_at`: None while it
    goes on. `arrived_at`: when the app learnt of it. `is_device_time`: `start_at` is the device's time without the
    offset of its clock. `count`: how often its state changed. `has_picture`: the app has a picture of its own.
    `is_channel_sure`: False if the app has guessed the channel. Users with some channels of the camera do not see such
    an event. `device_at`: the beginning by the device's own clock; None if the device did not tell it.
    """

    camera_id: int | None
    channel: int | None
    kind: EventKind
    source: EventSource
    start_at: datetime
    end_at: datetime | None = None
    id: int = 0
    topic: str = ""
    rule: str = ""
    severity: Severity = Severity.NOTICE
    arrived_at: datetime | None = None
    is_device_time: bool = False
    count: int = 1
    closed_why: ClosedWhy = ClosedWhy.TOLD
    score: float | None = None
    label: str = ""
    box: Box | None = None
    zone: str = ""
    has_picture: bool = False
    is_seen: bool = False
    is_channel_sure: bool = True
    device_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class PictureSubject:
    """The cause of an event in its picture. `box`: its place there."""

    box: Box | None
    score: float | None
    label: str = ""


@dataclass(frozen=True, slots=True)
class Trouble:
    """A trouble of the app's own connection or recording. `key`: the same as long as it is the same trouble.

    `camera_id`: None for the server itself. `since`: None for "now". `until`: None while it goes on.
    """

    key: str
    kind: EventKind
    reason: str
    camera_id: int | None = None
    channel: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    label: str = ""


@dataclass(frozen=True, slots=True)
class EventZone:
    """A zone of a channel with events. `count`: of its events."""

    camera_id: int
    channel: int | None
    zone: str
    count: int


@dataclass(frozen=True, slots=True)
class EventDay:
    """The number of events that began on a day (2026-11-24) of the server's time zone, and of the alerts in it."""

    day: str
    count: int
    alerts: int
