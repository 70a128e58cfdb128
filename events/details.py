"""Filters of events by their objects and places: the filters that the words of a search mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, or_, select

from core.events import EventKind
from events.words_lists import COLOURS
from tables import EventLookRow, EventRow


@dataclass(frozen=True, slots=True)
class EventDetails:
    """Wanted are events with one of `kinds` or one of `labels`, one of `colours`, one of `zones`, at one of the places.

    The places are `camera_ids` and `channels` (camera and channel) together. An empty filter allows all. `minutes`: a
    part of each day by the server's time zone; an end before the beginning is after midnight. `start`, `end`: the exact
    window, also where whole days are counted.
    """

    kinds: tuple[EventKind, ...] = ()
    labels: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()
    zones: tuple[str, ...] = ()
    camera_ids: tuple[int, ...] = ()
    channels: tuple[tuple[int, int], ...] = ()
    minutes: tuple[int, int] | None = None
    start: datetime | None = None
    end: datetime | None = None


def bits_of(colours: Sequence[str]) -> int:
    """Return a number with a bit for each colour of COLOURS. Other colours are ignored."""
    return sum(1 << place for place, name in enumerate(COLOURS) if name in colours)


def colours_of(bits: int) -> tuple[str, ...]:
    return tuple(name for place, name in enumerate(COLOURS) if bits >> place & 1)


def detail_conditions(wanted: Sequence[EventDetails]) -> list[ColumnElement[bool]]:
    """Return the conditions that the rows of `events` must meet. Only a single label has an index."""
    return [condition for one in wanted for condition in _conditions(one)]


def _conditions(wanted: EventDetails) -> list[ColumnElement[bool]]:
    found: list[ColumnElement[bool]] = []
    of_kind = (EventRow.kind + "").in_([kind.value for kind in wanted.kinds])
    labelled = func.lower(EventRow.label).in_([label.lower() for label in wanted.labels])
    if wanted.kinds and wanted.labels:
        found.append(or_(of_kind, labelled))
    elif wanted.kinds:
        found.append(of_kind)
    elif wanted.labels:  # the index, which has only events with a label, serves one label
        found += [EventRow.label != "", labelled]
    if wanted.colours:
        has_colour = EventLookRow.colours.bitwise_and(bits_of(wanted.colours)) != 0
        found.append(select(EventLookRow.event_id).where(EventLookRow.event_id == EventRow.id, has_colour).exists())
    if wanted.zones:
        found.append((EventRow.zone + "").in_(wanted.zones))
    if wanted.minutes is not None:
        begins, ends = wanted.minutes
        parts = (EventRow.minute >= begins, EventRow.minute < ends)
        found.append(and_(*parts) if begins < ends else or_(*parts))
    if wanted.start is not None:
        found.append(EventRow.start_ms + 0 >= round(wanted.start.timestamp() * 1000))
    if wanted.end is not None:
        found.append(EventRow.start_ms + 0 < round(wanted.end.timestamp() * 1000))
    if wanted.camera_ids or wanted.channels:
        camera_id, channel = EventRow.camera_id + 0, EventRow.channel + 0
        places = [and_(camera_id == one, channel == number) for one, number in wanted.channels]
        found.append(or_(camera_id.in_(wanted.camera_ids), *places))
    return found
