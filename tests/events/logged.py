"""Events for tests of the log, and a log over a real database with a clock that tests move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from core.events import EventKind, EventSource, LoggedEvent, severity_of

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)


def event(kind: EventKind = EventKind.MOTION, at_s: float = 0.0, **more: Any) -> LoggedEvent:
    """Return an event of camera 1, channel 1, that begins so many seconds after noon and lasts ten seconds."""
    start = NOON + timedelta(seconds=at_s)
    values: dict[str, Any] = {
        "camera_id": 1,
        "channel": 1,
        "kind": kind,
        "source": EventSource.DEVICE,
        "start_at": start,
        "end_at": start + timedelta(seconds=10),
        "severity": severity_of(kind),
    }
    return LoggedEvent(**{**values, **more})
