"""What the app's own detector saw of the objects of events: colours, and a histogram to find similar ones."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from operator import mul

from sqlalchemy import ColumnElement, Select, select

from core.errors import NotFound
from core.events import LoggedEvent
from database import Database
from events.details import bits_of, colours_of
from events.log_query import EventQuery, conditions, to_ms
from tables import EventLookRow, EventRow

HISTOGRAM_BYTES = 384
_MOST_COMPARED = 2_000  # on each side of the event, the nearest ones
_LONGEST_AWAY = timedelta(days=60)
_HALF_LIFE_MS = 6 * 3_600_000  # of the part of the rank that depends on the time
_LEAST_SIMILARITY = 0.6
_IDS_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class EventLook:
    """`colours`: of events.words_lists.COLOURS. `histogram`: empty if the picture had no colours."""

    colours: tuple[str, ...] = ()
    histogram: bytes = b""


@dataclass(frozen=True, slots=True)
class SimilarEvent:
    """`similarity`: of the colours, 0 to 1."""

    event_id: int
    similarity: float


class EventLooks:
    """Needs an open database. Safe between threads. Each call may wait for the disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def save(self, event: LoggedEvent, look: EventLook) -> None:
        """Store the look of a stored event. Without effect if the event was deleted meanwhile."""
        values = EventLookRow(
            event_id=event.id,
            kind=event.kind.value,
            start_ms=to_ms(event.start_at),
            colours=bits_of(look.colours),
            histogram=look.histogram if len(look.histogram) == HISTOGRAM_BYTES else None,
        )
        with self._database.write() as session:
            if session.scalar(select(EventRow.id).where(EventRow.id == event.id)) is not None:
                session.merge(values)

    def colours(self, event_ids: Collection[int]) -> dict[int, tuple[tuple[str, ...], bool]]:
        """Return for each event with a look its colours, and whether `similar` works for it."""
        found: dict[int, tuple[tuple[str, ...], bool]] = {}
        ids = sorted(event_ids)
        with self._database.read() as session:
            for place in range(0, len(ids), _IDS_AT_ONCE):
                wanted = select(EventLookRow.event_id, EventLookRow.colours, EventLookRow.histogram.is_not(None))
                rows = session.execute(wanted.where(EventLookRow.event_id.in_(ids[place : place + _IDS_AT_ONCE])))
                found |= {event_id: (colours_of(bits), has_histogram) for event_id, bits, has_histogram in rows}
        return found

    def similar(self, query: EventQuery, event: LoggedEvent, *, limit: int) -> list[SimilarEvent]:
        """Return the events of the same kind that look like this one, the best first, near ones before far ones.

        Raise NotFound if the event has no look, or one without colours.
        """
        at_ms = to_ms(event.start_at)
        with self._database.read() as session:
            look = session.get(EventLookRow, event.id)
            if look is None or look.histogram is None:
                raise NotFound("No colours of this event's object are known.", code="no_look")
            rows = [row for side in _nearest(query, event, at_ms) for row in session.execute(side)]
            histogram = bytes(look.histogram)
        ranked = sorted(
            (_compared(histogram, found or b"", event_id, abs(start_ms - at_ms)) for event_id, start_ms, found in rows),
            reverse=True,
        )
        near = [SimilarEvent(event_id, similarity) for _, similarity, event_id in ranked]
        return [one for one in near if one.similarity >= _LEAST_SIMILARITY][:limit]


def _nearest(query: EventQuery, event: LoggedEvent, at_ms: int) -> Sequence[Select[int, int, bytes | None]]:
    """Return the questions for the nearest events before and after this one."""
    away_ms = round(_LONGEST_AWAY.total_seconds() * 1000)

    def ask(*window: ColumnElement[bool]) -> Select[int, int, bytes | None]:
        return (
            select(EventLookRow.event_id, EventLookRow.start_ms, EventLookRow.histogram)
            .join(EventRow, EventRow.id == EventLookRow.event_id)
            .where(
                EventLookRow.kind == event.kind.value,
                EventLookRow.event_id != event.id,
                EventLookRow.histogram.is_not(None),
                *window,
                *conditions(query),
            )
            .limit(_MOST_COMPARED)
        )

    start = EventLookRow.start_ms
    return (
        ask(start >= at_ms, start <= at_ms + away_ms).order_by(start),
        ask(start < at_ms, start >= at_ms - away_ms).order_by(start.desc()),
    )


def similarity(one: bytes, other: bytes) -> float:
    """Return 1 for equal histograms, 0 for those without a common colour (Bhattacharyya coefficient)."""
    lengths = math.sqrt(sum(map(mul, one, one)) * sum(map(mul, other, other)))
    return sum(map(mul, one, other)) / lengths if lengths else 0.0


def _compared(one: bytes, other: bytes, event_id: int, away_ms: int) -> tuple[float, float, int]:
    """Return rank, similarity and id. Objects that were seen shortly after each other are more often the same."""
    found = similarity(one, other)
    nearness = 0.7 + 0.3 * 0.5 ** (away_ms / _HALF_LIFE_MS)
    return found * nearness, found, event_id
