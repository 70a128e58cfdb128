"""The event of a test notification. No log has it."""

from __future__ import annotations

from datetime import datetime

from core.errors import NotFound
from core.events import EventKind, EventSource, LoggedEvent, severity_of
from notifications.records import RuleDraft
from onvif_manager import OnvifManager


def event_for_test(wanted: RuleDraft, cameras: OnvifManager, now: datetime) -> LoggedEvent:
    """Return an event such as the rule wants: of its camera, otherwise of none."""
    kind = wanted.kinds[0] if wanted.kinds else EventKind.MOTION
    channel = wanted.channel
    if wanted.camera_id is not None and channel is None:
        try:
            channel = next((one.number for one in cameras.channels(wanted.camera_id)), None)
        except NotFound:
            channel = None
    return LoggedEvent(
        camera_id=wanted.camera_id,
        channel=channel,
        kind=kind,
        source=EventSource.SERVER,
        start_at=now,
        severity=wanted.severity or severity_of(kind),
        zone=wanted.zone or "",
    )
