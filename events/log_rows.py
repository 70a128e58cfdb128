"""An event as a row of the log, and back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import Row

from core.events import Box, ClosedWhy, EventKind, EventSource, LoggedEvent, Severity
from events.log_query import from_ms, minute_of, to_ms

LABEL = 64


def values_of(event: LoggedEvent, changed_ms: int, now: datetime) -> dict[str, Any]:
    return {
        "camera_id": event.camera_id or 0,
        "channel": event.channel,
        "kind": event.kind.value,
        "topic": event.topic[:200],
        "rule": event.rule[:200],
        "source": event.source.value,
        "severity": event.severity.value,
        "start_ms": to_ms(event.start_at),
        "end_ms": None if event.end_at is None else to_ms(event.end_at),
        "arrived_ms": to_ms(event.arrived_at or now),
        "is_device_time": event.is_device_time,
        "minute": minute_of(event.start_at),
        "count": event.count,
        "closed_why": event.closed_why.value,
        "score": event.score,
        "label": event.label[:LABEL],
        "box": stored_box(event.box),
        "zone": event.zone[:64],
        "has_picture": event.has_picture,
        "is_channel_sure": event.is_channel_sure,
        "changed_ms": changed_ms,
        "device_ms": None if event.device_at is None else to_ms(event.device_at),
    }


def event_of(row: Row[Any], *, is_seen: bool) -> LoggedEvent:
    return LoggedEvent(
        id=row.id,
        camera_id=row.camera_id or None,
        channel=row.channel,
        kind=EventKind(row.kind),
        topic=row.topic,
        rule=row.rule,
        source=EventSource(row.source),
        severity=Severity(row.severity),
        start_at=from_ms(row.start_ms),
        end_at=None if row.end_ms is None else from_ms(row.end_ms),
        arrived_at=from_ms(row.arrived_ms),
        is_device_time=row.is_device_time,
        count=row.changes,
        closed_why=ClosedWhy(row.closed_why),
        score=row.score,
        label=row.label,
        box=_box(row.box),
        zone=row.zone,
        has_picture=row.has_picture,
        is_seen=is_seen,
        is_channel_sure=row.is_channel_sure,
        device_at=None if row.device_ms is None else from_ms(row.device_ms),
    )


def stored_box(box: Box | None) -> list[float] | None:
    return None if box is None else list(box)


def _box(stored: object) -> Box | None:
    if not isinstance(stored, list) or len(stored) != 4:
        return None
    x, y, width, height = (float(part) for part in stored)
    return (x, y, width, height)
