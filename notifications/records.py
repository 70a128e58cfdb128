"""Records of rules, sinks and deliveries: frozen, without database rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from core.events import EventKind, Severity
from core.secrets import Secret
from notifications.sink_settings import SinkSettings
from notifications.sinks import SinkKind

PUSH_SINK_ID = 1
"""The id of the push sink, which a migration made. It stays."""


class RuleProblem(StrEnum):
    """Why a rule sends nothing although it is on."""

    NONE = ""
    NO_SINKS = "no_sinks"
    NO_PERMISSION = "no_permission"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleDraft:
    """The fields of a rule that users choose. Empty `kinds` and `days` mean all. Minutes are of the day.

    `time_zone`: an IANA name; "" is the server's. `sinks`: ids. `snooze_until`: no notifications before.
    """

    name: str
    is_on: bool = True
    kinds: tuple[EventKind, ...] = ()
    severity: Severity | None = None
    camera_id: int | None = None
    channel: int | None = None
    zone: str | None = None
    days: tuple[int, ...] = ()
    from_minute: int | None = None
    until_minute: int | None = None
    time_zone: str = ""
    min_length_s: float = 0.0
    cool_down_s: float = 30.0
    sinks: tuple[int, ...] = ()
    snooze_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule. `user_id`: its owner; None if it was made while there were no accounts."""

    id: int
    user_id: int | None
    wanted: RuleDraft


@dataclass(frozen=True, slots=True)
class SinkDraft:
    """A sink to add. `secret`: of a webhook's signature or a login; None for none."""

    name: str
    settings: SinkSettings
    secret: Secret | None = None
    is_on: bool = True


@dataclass(frozen=True, slots=True)
class SinkChange:
    """New values of a sink; None keeps the present one. An empty secret removes it."""

    name: str | None = None
    is_on: bool | None = None
    settings: SinkSettings = None
    secret: Secret | None = None


@dataclass(frozen=True, slots=True)
class StoredSink:
    """A sink. `secret`: None for none. `is_readable`: False if the stored secret does not open any more."""

    id: int
    kind: SinkKind
    name: str
    is_on: bool
    settings: SinkSettings
    secret: Secret | None = field(default=None, repr=False)
    is_readable: bool = True


@dataclass(frozen=True, slots=True)
class SinkState:
    """The state of a sink. `is_connected`: None for sinks without a lasting connection. `dropped`: by a full queue."""

    is_connected: bool | None = None
    waiting: int = 0
    dropped: int = 0
    code: str = ""
    detail: str = ""


class DeliveryState(StrEnum):
    """The state of a notification for one sink."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A notification for one sink. `event_id` 0: a test. `camera_id` None: the server itself.

    `user_id`: the owner of the rule. `is_alert_again`: an alert about the same channel follows a notice.
    """

    time: datetime
    rule_id: int
    rule_name: str
    user_id: int | None
    sink_id: int
    sink_name: str
    sink_kind: SinkKind
    event_id: int
    event_kind: EventKind
    camera_id: int | None
    channel: int | None
    is_alert_again: bool = False
    state: DeliveryState = DeliveryState.WAITING
    tries: int = 0
    code: str = ""
    detail: str = ""
    id: int = 0
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a delivery."""

    state: DeliveryState
    tries: int = 0
    code: str = ""
    detail: str = ""
