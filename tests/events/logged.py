"""Events for tests of the log, and cameras that only have channels."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from core.events import EventKind, EventSource, LoggedEvent, severity_of
from core.records import Channel
from events.log import EventLog
from events.log_query import EventQuery
from tables import CameraRow
from tests.placement.owning import OwningCameras

NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
ALL = EventQuery()


class OneChannelCameras(OwningCameras):
    """Cameras with one channel each; tests of events need nothing else of them."""

    def __init__(self) -> None:
        pass

    def channels(self, camera_id: int) -> list[Channel]:
        return [Channel(1, "Gate", "V1", ())]

    def clock_offset_s(self, camera_id: int) -> float | None:
        return None


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


def stored_camera(camera_id: int) -> CameraRow:
    """Return the row of a camera, for tables that refer to one."""
    return CameraRow(
        id=camera_id,
        name="Gate",
        host=f"10.0.0.{camera_id}",
        port_found=False,
        username="",
        password_box=b"",
        pretend=False,
        added_at=NOON,
    )


def listed(log: EventLog, query: EventQuery = ALL) -> list[LoggedEvent]:
    return list(log.page(query, limit=200).events)


def ids(log: EventLog, query: EventQuery = ALL) -> list[int]:
    return [item.id for item in listed(log, query)]
