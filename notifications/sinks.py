"""The interface of the sinks, to which notifications go: web push, e-mail, webhooks, MQTT."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from core.events import LoggedEvent


class SinkKind(StrEnum):
    """The kind of a sink. There is exactly one `push` sink, which reaches each user's own subscriptions."""

    PUSH = "push"
    WEBHOOK = "webhook"
    EMAIL = "email"
    MQTT = "mqtt"


@dataclass(frozen=True, slots=True)
class Notice:
    """A notification. `title`, `text` and the names are clean: one line each, without invisible characters, bounded.

    `user_id`: the owner of the rule; None without accounts. A push sink sends to the subscriptions of this user alone.
    `path`: of the page that shows the event. It asks for a login, and has no token. `url`: PUBLIC_URL and the path;
    empty without PUBLIC_URL. `picture`: a JPEG. `is_alert_again`: an alert about the same channel follows a notice.
    `is_test`: a user wants to see that the sink works; `event.id` is 0 then.
    """

    event: LoggedEvent
    title: str
    text: str
    sent_at: datetime
    camera_name: str = ""
    channel_name: str = ""
    path: str = ""
    url: str = ""
    picture: bytes | None = field(default=None, repr=False)
    user_id: int | None = None
    rule_id: int | None = None
    rule_name: str = ""
    is_alert_again: bool = False
    is_test: bool = False


class SinkError(Exception):
    """A sink did not take a notice. `detail` is our own text for people, without secrets and without remote text.

    `is_final`: another try is useless. `retry_after_s`: the earliest time of the next try, if the sink names one.
    """

    def __init__(self, code: str, detail: str, *, is_final: bool = False, retry_after_s: float | None = None) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail
        self.is_final = is_final
        self.retry_after_s = retry_after_s


class Sink(Protocol):
    """Thread-safe. Sends one notice after the other, in a thread of its queue."""

    def send(self, notice: Notice) -> None:
        """Send a notice, within some seconds. Raise SinkError."""
        ...

    def close(self) -> None:
        """End connections, and a running `send` within a second. May be called twice."""
        ...
