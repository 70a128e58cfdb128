"""Import the events that recorders have noted in their recordings: the time before the app, and while it was off.

One camera at a time, a day at most at a time, the newest day first. The recording manager asks the recorder, once for
each stretch, and a user who looks at a timeline asks with the same searches. Later, the last hours follow once an hour.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from cameras.records import CameraView
from core.clock import Clock
from core.errors import AppError
from core.recordings import Detections, DetectionsState
from core.records import CameraStatus
from core.settings import Settings
from event_manager import EventManager
from events.imports import ImportedChannel, Stretch
from onvif_manager import OnvifManager
from recording_manager import RecordingManager
from workers.repeated_work import RepeatedWork

log = logging.getLogger(__name__)

LOOKS_EVERY_S = 5.0
FIRST_AFTER_S = 60.0  # a start of the app has other work first
_PIECE = timedelta(days=1)
_SMALLEST_PIECE = timedelta(hours=1)
_WRITTEN = timedelta(minutes=10)  # recorders note events some time later; and an end may follow
_FOLLOWS_AFTER = timedelta(hours=1)
_LEAST = timedelta(minutes=1)
_PATIENCE_S = 600.0
_AFTER_TROUBLE_S = 1_800.0
_AFTER_REFUSAL_S = 86_400.0


@dataclass(frozen=True, slots=True)
class _Piece:
    """A stretch of a camera that is being imported. `since_s`: by our monotonic clock."""

    camera_id: int
    start: datetime
    end: datetime
    since_s: float


class EventImporter(RepeatedWork):
    """Stop it before the managers. Off with IMPORT_EVENTS=no, and with LISTEN_TO_EVENTS=no."""

    def __init__(
        self,
        events: EventManager,
        cameras: OnvifManager,
        recordings: RecordingManager,
        settings: Settings,
        clock: Clock,
    ) -> None:
        super().__init__("event_import", LOOKS_EVERY_S)
        self._events = events
        self._cameras = cameras
        self._recordings = recordings
        self._settings = settings
        self._clock = clock
        self._piece: _Piece | None = None
        self._not_before_s: dict[int, float] = {}
        self._first_s: float | None = None

    def look(self) -> None:
        """Take one step. Raise an AppError of the database."""
        now_s = self._clock.monotonic_s()
        self._first_s = now_s + FIRST_AFTER_S if self._first_s is None else self._first_s
        is_wanted = self._settings.import_events and self._settings.listen_to_events
        if not is_wanted or now_s < self._first_s:
            return
        piece = self._piece = self._piece or self._next_piece(now_s)
        if piece is None:
            return
        try:
            found = self._recordings.detections(piece.camera_id, piece.start, piece.end + _WRITTEN)
        except AppError as error:
            log.info("camera %d: its recorded events are not imported now (%s)", piece.camera_id, error.code)
            self._rest(piece, _AFTER_TROUBLE_S)
            return
        self._take(piece, found, now_s)

    def _take(self, piece: _Piece, found: Detections, now_s: float) -> None:
        """Import a piece if the recorder has answered all of it, and note it."""
        if found.state is DetectionsState.REFUSED:
            self._rest(piece, _AFTER_REFUSAL_S)
        elif found.state is DetectionsState.FAILED:
            self._rest(piece, _AFTER_TROUBLE_S)
        elif found.state is DetectionsState.PENDING:
            if now_s - piece.since_s > _PATIENCE_S:
                self._rest(piece, _AFTER_TROUBLE_S)
        elif found.is_truncated and piece.end - piece.start > _SMALLEST_PIECE:
            self._piece = self._smaller(piece, now_s)
        else:
            self._import(piece, found)
            self._piece = None

    def _import(self, piece: _Piece, found: Detections) -> None:
        imports = self._events.imports
        rows = [(ImportedChannel(piece.camera_id, row.channel, row.is_sure), row.events) for row in found.channels]
        imports.add(rows, piece.start, piece.end)
        start, end = imports.imported(piece.camera_id) or (piece.start, piece.end)
        imports.note(piece.camera_id, min(start, piece.start), max(end, piece.end))

    def _smaller(self, piece: _Piece, now_s: float) -> _Piece:
        """Return the half of a piece that touches the imported stretch."""
        length = max((piece.end - piece.start) / 2, _SMALLEST_PIECE)
        imported = self._events.imports.imported(piece.camera_id)
        if imported is not None and piece.start >= imported[1]:
            return replace(piece, end=piece.start + length, since_s=now_s)
        return replace(piece, start=piece.end - length, since_s=now_s)

    def _rest(self, piece: _Piece, seconds: float) -> None:
        self._not_before_s[piece.camera_id] = self._clock.monotonic_s() + seconds
        self._piece = None

    def _next_piece(self, now_s: float) -> _Piece | None:
        now = self._clock.now_utc()
        for view in self._cameras.owned_cameras():
            if now_s < self._not_before_s.get(view.id, 0.0) or not self._is_wanted(view):
                continue
            stretch = self._next_stretch(view.id, now)
            if stretch is not None:
                return _Piece(view.id, *stretch, since_s=now_s)
        return None

    def _is_wanted(self, view: CameraView) -> bool:
        has_search = view.onvif and view.status is CameraStatus.ONLINE and "search" in view.services
        return has_search and self._events.listens_wanted(view.id)

    def _next_stretch(self, camera_id: int, now: datetime) -> Stretch | None:
        """Return what to import next: first the time since the last import, then the time before the first one."""
        newest, oldest = now - _WRITTEN, now - timedelta(days=self._settings.event_keep_motion_days)
        imported = self._events.imports.imported(camera_id)
        if imported is None:
            return newest - _PIECE, newest
        start, end = max(imported[0], oldest), imported[1]
        if end < oldest:  # the app was off for weeks
            self._events.imports.forget(camera_id)
            return newest - _PIECE, newest
        if newest - end >= _FOLLOWS_AFTER:
            return end, min(newest, end + _PIECE)
        return (max(oldest, start - _PIECE), start) if start - oldest >= _LEAST else None
