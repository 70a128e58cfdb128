"""The events of camera 1, which tests set: real devices take minutes for these."""

from __future__ import annotations

from core.events import EventProblem
from event_manager import ActivityListener, EventManager


class HandEvents(EventManager):
    """Tells no activity by itself."""

    def __init__(self) -> None:
        self.active: set[int] = set()
        self.trouble: EventProblem | None = None

    def on_motion(self, listener: ActivityListener) -> None:
        del listener

    def active_channels(self, camera_id: int) -> frozenset[int]:
        return frozenset(self.active) if camera_id == 1 else frozenset()

    def problem(self, camera_id: int) -> EventProblem | None:
        return self.trouble if camera_id == 1 else None
