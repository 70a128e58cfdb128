"""Requests and answers of the API for web push."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, Field

from web.api.models import Time
from web.fields import PathId, RequestModel, printable

Endpoint = Annotated[str, Field(min_length=1, max_length=1000), AfterValidator(printable)]
Key = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(printable)]


class SubscriptionPath(BaseModel):
    subscription_id: PathId


class SubscriptionKeys(RequestModel):
    """The browser's keys, as `PushSubscription.toJSON()` has them."""

    p256dh: Key = Field(description="Public key of the curve P-256, uncompressed, base64url")
    auth: Key = Field(repr=False, description="Shared secret of 16 bytes, base64url")


class NewSubscription(RequestModel):
    """A subscription that the browser made with the server's public key."""

    endpoint: Endpoint = Field(description="https address at the push service of the browser's maker")
    keys: SubscriptionKeys
    replaces: Endpoint | None = Field(None, description="the endpoint that the browser gave up for this one")


# --- answers


class PushKey(BaseModel):
    """The server's public key (VAPID): `applicationServerKey` of `PushManager.subscribe`."""

    public_key: str = Field(description="uncompressed point of the curve P-256, base64url")


class Subscription(BaseModel):
    """A browser with your notifications."""

    id: int
    name: str = Field(description="browser and system, such as `Firefox on Android`")
    endpoint_sha256: str = Field(description="SHA-256 of the endpoint as hex: the page finds its own browser by it")
    created_at: Time
    last_sent_at: Time | None
    last_code: str = Field(
        description="why the last message was not sent: `busy`, `unreachable`, `refused`, `address_refused`, "
        "`unreadable`; empty if it was"
    )


class SubscriptionList(BaseModel):
    subscriptions: list[Subscription]
