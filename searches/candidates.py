"""The known movements, without any key frame: the index of changed cells, and the events of the channel."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

from core.events import LoggedEvent
from core.recordings import RecordingEvent
from event_manager import EventManager
from events.log_query import EventQuery
from searches.hits import Look
from searches.moved import AROUND_EVENTS_S, MINUTE_S
from searches.records import SearchDraft
from searches.region import overlaps
from searches.time_line import Stretch, united

_MOST_EVENTS = 2000
_PAGE = 200
_BEFORE = timedelta(minutes=10)  # an event that began earlier may last into the range
_LONGEST_EVENT_S = 600.0
_CELL_CONTRAST = 30.0  # the index does not tell it
_BOX_SHARE = 0.05
_BOX_CONTRAST = 20.0


class FoundCell(Protocol):
    """A picture with changed cells in a region. Implemented by motion.records.CellHit."""

    @property
    def at(self) -> datetime: ...
    @property
    def share(self) -> float: ...


class FoundCells(Protocol):
    """Implemented by motion.records.CellHits. `watched_minutes`: their beginnings."""

    @property
    def hits(self) -> Sequence[FoundCell]: ...
    @property
    def watched_minutes(self) -> Sequence[datetime]: ...


class CellIndex(Protocol):
    """The index of the cells that have changed in watched pictures. Implemented by motion_manager.MotionManager."""

    def cell_hits(
        self, camera_id: int, channel: int, polygon: Sequence[tuple[float, float]], start: datetime, end: datetime
    ) -> FoundCells: ...

    def add_cells(self, camera_id: int, channel: int, found: Mapping[datetime, bytes]) -> None: ...


@dataclass(frozen=True, slots=True)
class KnownMovements:
    """`looks`: movements in the region by the index, whose `watched` time needs no key frames.

    `candidates`: the time around events, whatever part of the picture they are about. `boxes`: events whose box
    overlaps the region.
    """

    looks: tuple[Look, ...]
    watched: tuple[Stretch, ...]
    candidates: tuple[Stretch, ...]
    boxes: tuple[Look, ...]


class Candidates:
    """Thread-safe."""

    def __init__(self, index: CellIndex, events: EventManager) -> None:
        self._index = index
        self._events = events

    def read(self, draft: SearchDraft, recorder_events: Sequence[RecordingEvent]) -> KnownMovements:
        """Return the known movements of a range. `recorder_events`: those of the recorder. Raise Unavailable."""
        found = self._index.cell_hits(draft.camera_id, draft.channel, draft.points, draft.start, draft.end)
        looks = tuple(Look(_ms(hit.at), hit.share, _CELL_CONTRAST) for hit in found.hits)
        watched = united(Stretch(minute.timestamp(), minute.timestamp() + MINUTE_S) for minute in found.watched_minutes)
        events = self._logged(draft)
        candidates = [*map(_around, events), *_of_recorder(recorder_events)]
        boxes = (
            Look(_ms(event.start_at), _BOX_SHARE, _BOX_CONTRAST)
            for event in events
            if event.box is not None and event.start_at >= draft.start and overlaps(draft.points, event.box)
        )
        return KnownMovements(looks, tuple(watched), tuple(united(candidates)), tuple(boxes))

    def _logged(self, draft: SearchDraft) -> list[LoggedEvent]:
        query = EventQuery(
            start=draft.start - _BEFORE, end=draft.end, camera_ids=(draft.camera_id,), channel=draft.channel
        )
        found: list[LoggedEvent] = []
        cursor: str | None = None
        while len(found) < _MOST_EVENTS:
            page = self._events.log.page(query, limit=_PAGE, cursor=cursor)
            found += [event for event in page.events if event.kind.is_activity]
            cursor = page.next_cursor
            if cursor is None:
                break
        return found


def _around(event: LoggedEvent) -> Stretch:
    start_s = event.start_at.timestamp()
    end_s = start_s if event.end_at is None else min(event.end_at.timestamp(), start_s + _LONGEST_EVENT_S)
    return Stretch(start_s - AROUND_EVENTS_S, end_s + AROUND_EVENTS_S)


def _of_recorder(events: Sequence[RecordingEvent]) -> list[Stretch]:
    """Return the time around the recorder's own events. A beginning without an end is a moment."""
    began: dict[str, float] = {}
    found: list[Stretch] = []
    for event in events:
        at_s = event.time.timestamp()
        if event.active is False:
            start_s = began.pop(event.topic, None)
            if start_s is not None:
                end_s = min(at_s, start_s + _LONGEST_EVENT_S)
                found.append(Stretch(start_s - AROUND_EVENTS_S, end_s + AROUND_EVENTS_S))
            continue
        if event.active is None or event.topic in began:
            found.append(Stretch(at_s - AROUND_EVENTS_S, at_s + AROUND_EVENTS_S))
        else:
            began[event.topic] = at_s
    return found + [Stretch(at_s - AROUND_EVENTS_S, at_s + AROUND_EVENTS_S) for at_s in began.values()]


def _ms(moment: datetime) -> int:
    return round(moment.astimezone(UTC).timestamp() * 1000)
