"""Records of web push: a browser's subscription, as a draft and as it is stored."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from notifications.push_encryption import BrowserKeys

MAX_SUBSCRIPTIONS = 20
"""Browsers of one user that can have notifications."""


@dataclass(frozen=True, slots=True)
class SubscriptionDraft:
    """A subscription as the browser sends it. `replaces`: the address that the browser gave up for this one."""

    endpoint: str
    p256dh: str
    auth: str = field(repr=False)
    name: str
    replaces: str | None = None


@dataclass(frozen=True, slots=True)
class PushSubscription:
    """A browser that gets the notifications of a user. `user_id` None: of everybody, without accounts.

    X
    """

    id: int
    user_id: int | None
    endpoint: str = field(repr=False)
    name: str
    created_at: datetime
    keys: BrowserKeys | None = field(default=None, repr=False)
    last_sent_at: datetime | None = None
    last_code: str = ""
