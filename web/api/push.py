"""/api/push: the server's key for web push, and the browsers that have the own notifications."""

from __future__ import annotations

import re

from flask import Response
from flask_openapi3.blueprint import APIBlueprint
from flask_openapi3.models.tag import Tag

from notifications.push_records import PushSubscription, SubscriptionDraft
from notifications.push_store import hash_of
from web.access.audit import audit_about
from web.access.principal import current_principal
from web.api import push_models as shapes
from web.api.answers import answer
from web.api.described import NO_CONTENT, answers_with
from web.client import agent
from web.services import services

blueprint = APIBlueprint("api_push", __name__, url_prefix="/api/push", abp_tags=[Tag(name="notifications")])

# The first that matches: most browsers also name those from which they descend.
_BROWSERS = (
    ("Edg(e|A|iOS)?/", "Edge"),
    ("OPR/|Opera", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/|FxiOS/", "Firefox"),
    ("Chrome/|CriOS/", "Chrome"),
    ("Safari/|AppleWebKit/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS X", "Mac"),
    ("CrOS", "Chromebook"),
    ("Linux", "Linux"),
)


@blueprint.get("/key", responses=answers_with({200: shapes.PushKey}, 503))
def get_push_key() -> Response:
    """Get the public key with which a browser subscribes. The first request makes it."""
    return answer(shapes.PushKey(public_key=services().web_push.public_key()))


@blueprint.get("/subscriptions", responses=answers_with({200: shapes.SubscriptionList}, 503))
def list_push_subscriptions() -> Response:
    """List the browsers that have your notifications."""
    found = services().web_push.subscriptions(current_principal().user_id)
    return answer(shapes.SubscriptionList(subscriptions=[_subscription(item) for item in found]))


@blueprint.post(
    "/subscriptions",
    responses=answers_with({200: shapes.Subscription, 201: shapes.Subscription}, 409, 415, 503),
)
def add_push_subscription(body: shapes.NewSubscription) -> Response:
    """Add the browser of this request, or renew it (200). 409 `too_many_push_subscriptions` beyond 20."""
    name = browser_name(agent())
    draft = SubscriptionDraft(body.endpoint, body.keys.p256dh, body.keys.auth, name, body.replaces)
    audit_about(browser=name)
    found, is_new = services().web_push.subscribe(current_principal().user_id, draft)
    return answer(_subscription(found), 201 if is_new else 200)


@blueprint.delete("/subscriptions/<subscription_id>", responses=answers_with({204: NO_CONTENT}, 404, 503))
def remove_push_subscription(path: shapes.SubscriptionPath) -> Response:
    """Remove a browser: it gets no more notifications. 404 for another user's browser."""
    services().web_push.unsubscribe(current_principal().user_id, path.subscription_id)
    return Response(status=204)


@blueprint.post("/subscriptions/<subscription_id>/test", responses=answers_with({204: NO_CONTENT}, 404, 409, 429, 503))
def send_push_test(path: shapes.SubscriptionPath) -> Response:
    """Send a test to a browser. 204: the push service took it; 409 with the reason otherwise."""
    with services().sink_limit:
        services().web_push.test(current_principal().user_id, path.subscription_id)
    return Response(status=204)


def browser_name(agent_text: str) -> str:
    """Return browser and system of a User-Agent header in words."""
    browser = next((name for pattern, name in _BROWSERS if re.search(pattern, agent_text)), "Browser")
    system = next((name for word, name in _SYSTEMS if word in agent_text), "")
    return f"{browser} on {system}" if system else browser


def _subscription(found: PushSubscription) -> shapes.Subscription:
    return shapes.Subscription.model_validate(
        {
            "id": found.id,
            "name": found.name,
            "endpoint_sha256": hash_of(found.endpoint).hex(),
            "created_at": found.created_at,
            "last_sent_at": found.last_sent_at,
            "last_code": found.last_code,
        }
    )
