"""The JSON of a notice, as webhooks and MQTT send it."""

from __future__ import annotations

import base64
import json
from typing import Any

from core.clock import rfc3339
from notifications.sinks import Notice


def payload_of(notice: Notice, *, with_picture: bool = False) -> bytes:
    """Return the notice as JSON in UTF-8. A picture is base64 in `picture_jpeg`."""
    event = notice.event
    values: dict[str, Any] = {
        "type": "test" if notice.is_test else "event",
        "event_id": event.id or None,
        "sent_at": rfc3339(notice.sent_at),
        "rule": notice.rule_name,
        "title": notice.title,
        "text": notice.text,
        "kind": event.kind.value,
        "severity": event.severity.value,
        "is_alert_again": notice.is_alert_again,
        "camera_id": event.camera_id,
        "camera_name": notice.camera_name,
        "channel": event.channel,
        "channel_name": notice.channel_name,
        "zone": event.zone,
        "label": event.label,
        "score": event.score,
        "source": event.source.value,
        "start_time": rfc3339(event.start_at),
        "end_time": None if event.end_at is None else rfc3339(event.end_at),
        "url": notice.url or None,
    }
    if with_picture:
        values["picture_jpeg"] = None if notice.picture is None else base64.b64encode(notice.picture).decode()
    return json.dumps(values, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
