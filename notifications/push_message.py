"""The content of a web push message: JSON for the service worker (static/js/service-worker.js), at most 3,800 bytes."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import datetime
from typing import Any

from core.events import EventKind, EventSource, LoggedEvent, Severity
from notifications.push_encryption import MAX_PAYLOAD_BYTES, BrowserKeys, base64url
from notifications.sinks import Notice

_TOPIC_BYTES = 24  # 32 characters of base64url, the longest topic (RFC 8030)
_EVENT_TTL_S = 3600  # an hour later, a notification about an event is no news
_TEST_TTL_S = 60


def message_of(notice: Notice) -> bytes:
    """Return the JSON of a notice. Its text and then its title are cut if it is too long."""
    event = notice.event
    message: dict[str, Any] = {
        "title": notice.title,
        "text": notice.text,
        "url": notice.path,
        "tag": tag_of(notice),
        "time_ms": int(event.start_at.timestamp() * 1000),
    }
    if notice.picture is not None and event.id:
        message["picture"] = f"/api/events/{event.id}/picture"
    if notice.rule_id is not None and not notice.is_test:
        message["rule"] = notice.rule_id
    for field in ("text", "title"):
        while len(data := _encoded(message)) > MAX_PAYLOAD_BYTES and message[field]:
            excess = len(data) - MAX_PAYLOAD_BYTES
            message[field] = message[field][: -max(1, excess // 4)]  # a character has at most four bytes
    return data


def headers_of(notice: Notice, keys: BrowserKeys) -> dict[str, str]:
    """Return the headers that tell the push service how to deliver a notice (RFC 8030).

    A message replaces an older one with the same topic that waits for the browser. The topic is another one in each
    browser, and says nothing about the event.
    """
    is_urgent = notice.is_test or notice.event.severity is Severity.ALERT
    topic = hmac.new(keys.auth, tag_of(notice).encode(), hashlib.sha256).digest()[:_TOPIC_BYTES]
    return {
        "TTL": str(_TEST_TTL_S if notice.is_test else _EVENT_TTL_S),
        "Urgency": "high" if is_urgent else "normal",
        "Topic": base64url(topic),
        "Content-Encoding": "aes128gcm",
        "Content-Type": "application/octet-stream",
    }


def trial_notice(user_id: int | None, now: datetime) -> Notice:
    """Return the notice of the test button of a browser."""
    return Notice(
        LoggedEvent(None, None, EventKind.OTHER, EventSource.SERVER, now),
        title="Test",
        text="Notifications reach this browser.",
        sent_at=now,
        path="/notifications",
        user_id=user_id,
        is_test=True,
    )


def tag_of(notice: Notice) -> str:
    """Return the name of a notification: another one with the same name replaces it on the screen."""
    return "test" if notice.is_test or not notice.event.id else f"event-{notice.event.id}"


def _encoded(message: dict[str, Any]) -> bytes:
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "replace")
