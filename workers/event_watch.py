"""A thread that logs the events of the app's own connection and recording every few seconds, and deletes old events."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from core.clock import Clock
from core.events import Trouble
from event_manager import EventManager
from events.own import OwnEvents
from onvif_manager import OnvifManager
from workers.repeated_work import RepeatedWork

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 2.0
BATCHES_EVERY_S = 0.5
BATCHES_A_LOOK = 3  # the next look at the cameras waits for them
_LIMITS_EVERY_S = 600.0
_RECORDING_EVERY_S = 6.0  # gaps are in the database


class TroubleSource(Protocol):
    """Tells troubles of this server."""

    def troubles(self) -> Sequence[Trouble]:
        """Return those that go on, and those of the last week that are over. Raise Unavailable."""
        ...


class RecordingTroubles(TroubleSource, Protocol):
    """Tells the troubles of recording on the server. archive_manager.ArchiveManager implements it."""

    def limits(self) -> Sequence[tuple[int, int, datetime]]:
        """Return camera, channel and moment for each channel whose pictures before the moment must go, by law."""
        ...


class EventWatch(RepeatedWork):
    """Stop it before the log of `events`."""

    def __init__(self, events: EventManager, cameras: OnvifManager, recording: RecordingTroubles, clock: Clock) -> None:
        super().__init__("event_watch", _LOOK_EVERY_S)
        self._events = events
        self._own = OwnEvents(events.log, clock)
        self._cameras = cameras
        self._recording = recording
        self._sources: list[TroubleSource] = [recording]
        self._clock = clock
        self._recording_at_s = self._limits_at_s = float("-inf")

    def also_watch(self, source: TroubleSource) -> None:
        """Log the troubles of another part of the app, too. Call it before start()."""
        self._sources.append(source)

    def look(self) -> None:
        """Log the beginnings and ends since the last call."""
        self._own.look_at_cameras(self._cameras.owned_cameras())
        now_s = self._clock.monotonic_s()
        if now_s - self._recording_at_s >= _RECORDING_EVERY_S:
            self._recording_at_s = now_s
            # Of all nodes, because the gaps are in the database.
            troubles = [one for source in self._sources for one in source.troubles()]
            self._own.look_at_recording(
                one for one in troubles if one.camera_id is None or self._cameras.owns(one.camera_id)
            )
        self._clean(now_s)

    def _clean(self, now_s: float) -> None:
        """Delete some old events, and every ten minutes the pictures beyond the limits by law."""
        if now_s - self._limits_at_s >= _LIMITS_EVERY_S:
            self._limits_at_s = now_s
            for camera_id, channel, moment in self._recording.limits():
                self._events.forget_pictures_before(camera_id, channel, moment)
        for _ in range(BATCHES_A_LOOK):
            if not self._events.clean() or self._is_stopping.wait(BATCHES_EVERY_S):
                break
