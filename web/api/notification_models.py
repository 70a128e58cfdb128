"""Requests and answers of the API for notifications."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, Field, PlainSerializer, StringConstraints, WithJsonSchema

from core.events import EventKind
from core.secrets import Secret
from web.api.event_models import TimeOfDay
from web.api.models import AnswerModel, Time
from web.fields import BodyId, Moment, Name, PathId, QueryModel, RequestModel, printable

SinkKind = Literal["push", "webhook", "email", "mqtt"]
DeliveryState = Literal["waiting", "sent", "failed", "dropped"]


def _hour_and_minute(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _sorted_days(days: list[int]) -> list[int]:
    return sorted(set(days))


def _known_zone(name: str) -> str:
    try:
        if name:
            ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("no such time zone; write one such as Europe/Berlin") from None
    return name


Line = Annotated[str, Field(min_length=1, max_length=255), AfterValidator(printable)]
Port = Annotated[int, Field(ge=1, le=65535)]
Word = Annotated[str, Field(max_length=255), AfterValidator(printable)]
NewSecret = Annotated[
    str | None,
    Field(max_length=1024, description="never answered; in a change, null keeps the present one, empty removes it"),
]
Days = Annotated[
    list[Annotated[int, Field(ge=0, le=6)]],
    Field(max_length=7, description="0 is Monday; empty: every day. A night belongs to the day on which it begins"),
    AfterValidator(_sorted_days),
]
Seconds = Annotated[float, Field(ge=0, le=86400)]
Kinds = Annotated[list[Annotated[EventKind, Field(strict=False)]], Field(max_length=64, description="empty: all")]
ZoneName = Annotated[
    str, Field(max_length=64, description="IANA name; empty: the server's"), AfterValidator(_known_zone)
]
MinuteText = Annotated[
    int,
    PlainSerializer(_hour_and_minute, return_type=str),
    WithJsonSchema({"type": "string", "pattern": "^[0-2][0-9]:[0-5][0-9]$"}),
]
EventZone = Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(printable)]


DeliveryCursor = Annotated[str, StringConstraints(pattern=r"^d[1-9][0-9]{0,17}$")]


class SinkPath(BaseModel):
    sink_id: PathId


class RulePath(BaseModel):
    rule_id: PathId


class DeliveryQuery(QueryModel):
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    cursor: Annotated[DeliveryCursor | None, Field(description="`next_cursor` of the previous answer")] = None


# --- sinks


class WebhookSettings(RequestModel):
    """A URL that gets each notice as JSON. `secret` signs it: HMAC-SHA256 over the time stamp, a dot and the body."""

    url: Annotated[str, Field(min_length=1, max_length=2000), AfterValidator(printable)]
    secret: NewSecret = None
    with_picture: Annotated[bool, Field(description="put the picture into the JSON, as base64")] = False


class EmailSettings(RequestModel):
    """A mail server (SMTP) and the recipients."""

    host: Line
    port: Port
    security: Annotated[
        Literal["tls", "starttls", "none"], Field(description="tls: from the beginning, port 465; starttls: port 587")
    ]
    username: Word = ""
    password: NewSecret = None
    sender: Annotated[str, Field(min_length=1, max_length=254)]
    recipients: Annotated[list[Annotated[str, Field(min_length=1, max_length=254)]], Field(min_length=1, max_length=20)]


class MqttSettings(RequestModel):
    """An MQTT broker."""

    host: Line
    port: Port
    is_tls: bool = False
    username: Word = ""
    password: NewSecret = None
    base_topic: Annotated[str, Field(min_length=1, max_length=64, description="letters, digits, - _ and /")] = "ovw"
    with_home_assistant: bool = False
    with_pictures: bool = False


class NewSink(RequestModel):
    """A sink to add, with the settings of its kind."""

    name: Name
    is_on: bool = True
    kind: Literal["webhook", "email", "mqtt"]
    webhook: WebhookSettings | None = None
    email: EmailSettings | None = None
    mqtt: MqttSettings | None = None


class SinkEdit(RequestModel):
    """New values; absent fields and null keep the old ones. Settings are replaced as a whole, except their secret."""

    name: Name | None = None
    is_on: bool | None = None
    webhook: WebhookSettings | None = None
    email: EmailSettings | None = None
    mqtt: MqttSettings | None = None


class Webhook(AnswerModel):
    url: str
    with_picture: bool


class Email(AnswerModel):
    host: str
    port: int
    security: Literal["tls", "starttls", "none"]
    username: str
    sender: str
    recipients: list[str]


class Mqtt(AnswerModel):
    host: str
    port: int
    is_tls: bool
    username: str
    base_topic: str
    with_home_assistant: bool
    with_pictures: bool


class SinkState(AnswerModel):
    is_connected: bool | None = Field(description="of an MQTT broker; null for other sinks")
    waiting: int = Field(description="notices in its queue")
    dropped: int = Field(description="notices dropped since the start of the app, because its queue was full")
    code: str = Field(description="of its last failure; empty after a success")
    detail: str


class Sink(AnswerModel):
    """A sink. Users without permission to manage see the push sink alone, without its state."""

    id: int
    name: str
    kind: SinkKind
    is_on: bool
    has_secret: bool
    webhook: Webhook | None
    email: Email | None
    mqtt: Mqtt | None
    state: SinkState | None


class SinkList(BaseModel):
    sinks: list[Sink]


class TestResult(BaseModel):
    __test__ = False  # for pytest

    state: Literal["sent", "failed"]
    code: str = Field(description="of the failure; empty for `sent`")
    detail: str = Field(description="for people")


# --- rules


class NewRule(RequestModel):
    """A rule to add: which events, when, and to which sinks. A rule without sinks sends nothing."""

    name: Name
    is_on: bool = True
    kinds: Kinds = []  # noqa: RUF012
    severity: Annotated[Literal["alert"] | None, Field(description="null: alerts and notices")] = None
    camera_id: Annotated[BodyId | None, Field(description="null: all that you may see")] = None
    channel: Annotated[BodyId | None, Field(description="needs `camera_id`")] = None
    zone: Annotated[EventZone | None, Field(description="a zone, or the name of the device's detection rule")] = None
    days: Days = []  # noqa: RUF012
    from_time_of_day: TimeOfDay | None = None
    until_time_of_day: Annotated[
        TimeOfDay | None, Field(description="exclusive; before `from_time_of_day`: over midnight")
    ] = None
    time_zone: ZoneName = ""
    min_length_s: Annotated[Seconds, Field(description="wait until an event has lasted so long", le=3600)] = 0.0
    cool_down_s: Annotated[Seconds, Field(description="for each channel, after a notification")] = 30.0
    sinks: Annotated[list[BodyId], Field(max_length=50)]


class RuleEdit(RequestModel):
    """New values; absent fields keep the old ones. null is a value for the fields that may be null."""

    name: Name | None = None
    is_on: bool | None = None
    kinds: Kinds | None = None
    severity: Literal["alert"] | None = None
    camera_id: BodyId | None = None
    channel: BodyId | None = None
    zone: EventZone | None = None
    days: Days | None = None
    from_time_of_day: TimeOfDay | None = None
    until_time_of_day: TimeOfDay | None = None
    time_zone: ZoneName | None = None
    min_length_s: Annotated[Seconds | None, Field(le=3600)] = None
    cool_down_s: Seconds | None = None
    sinks: Annotated[list[BodyId] | None, Field(max_length=50)] = None
    snooze_until: Annotated[Moment | None, Field(description="no notifications before this time; null: send again")] = (
        None
    )


class Rule(AnswerModel):
    """A rule. Sinks that were removed are left out."""

    id: int
    user_id: int | None = Field(description="whose rule; null: made while there were no accounts")
    name: str
    is_on: bool
    kinds: list[EventKind]
    severity: Literal["alert"] | None
    camera_id: int | None
    channel: int | None
    zone: str | None
    days: list[int]
    from_time_of_day: MinuteText | None
    until_time_of_day: MinuteText | None
    time_zone: str
    min_length_s: float
    cool_down_s: float
    sinks: list[int]
    snooze_until: Time | None
    problem: Literal["", "no_sinks", "no_permission"] = Field(
        description="why it sends nothing although it is on: its owner may not use its sinks, or it has none"
    )


class RuleList(BaseModel):
    rules: list[Rule]


# --- deliveries


class Delivery(AnswerModel):
    """A notification for one sink."""

    id: int
    time: Time
    changed_time: Time
    rule_id: int
    rule_name: str
    sink_id: int
    sink_name: str
    sink_kind: SinkKind
    event_id: int | None = Field(description="null: a test")
    event_kind: EventKind
    camera_id: int | None
    camera_name: str
    channel: int | None
    channel_name: str
    state: DeliveryState
    tries: int
    code: str = Field(description="why it failed or was dropped")
    detail: str = Field(description="for people")


class DeliveryList(BaseModel):
    deliveries: list[Delivery]
    next_cursor: str | None


def given(edit: BaseModel) -> dict[str, Any]:
    """Return the fields that a change names, with their values."""
    return {name: getattr(edit, name) for name in edit.model_fields_set}


def secret_of(text: str | None) -> Secret | None:
    return None if text is None else Secret(text)
