"""The log of events with a million rows: pages, a busy day of a channel, and a burst. Processor time of one thread."""

from __future__ import annotations

import random
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psutil
from sqlalchemy import insert

from bench.figures import Figure
from core.access import Scope
from core.clock import SystemClock
from core.events import EventKind, EventSource, LoggedEvent, Severity, severity_of
from database import Database
from events.details import EventDetails, bits_of
from events.log import EventLog
from events.log_days import count_days
from events.log_query import EventQuery, from_ms, to_ms
from events.words_lists import COLOURS
from tables import EventLookRow, EventRow

ROWS = 1_000_000
_BUSY_ROWS = 192_000  # of fifteen channels in one day
_BURST, _BURST_MB, _BURST_PAGE_MS = 10_000, 20.0, 200.0
_CHUNK = 10_000
_NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
_DAY = timedelta(days=1)
_DAYS = 30
_PAGE_MS, _BUSY_DAY_MS, _DAYS_MS = 150.0, 5.0, 500.0
_WALK_MS = 20.0  # for filters without an index, which may have to read all of the channel's day
_SEEN_BY_DETECTOR = 10  # of so many events, the detector has seen one
_BUSY_CAMERA = 9


def figures(runs: int) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory() as folder:
        database = Database(Path(folder) / "cameras.sqlite3")
        database.open()
        try:
            _fill(database)
            log = EventLog(database, SystemClock())
            for what, query in _QUERIES.items():
                asked = partial(log.page, query, limit=50)
                yield _figure(f"{what}, of {ROWS:,} events", runs, asked, _PAGE_MS)
            busy = EventQuery(camera_ids=(_BUSY_CAMERA,), channel=3, start=_NOON, end=_NOON + _DAY)
            what = f"a day of one channel, of {_BUSY_ROWS:,} events on it"
            yield _figure(what, runs, lambda: log.page(busy, limit=50), _BUSY_DAY_MS)
            for more, narrowed in _narrowed(busy).items():
                has_index = narrowed.kinds or not narrowed.details or narrowed.details[0].labels
                goal = _BUSY_DAY_MS if has_index else _WALK_MS
                yield _figure(f"{what}, {more}", runs, partial(log.page, narrowed, limit=50), goal)
            month = EventQuery(start=_NOON - _DAYS * _DAY, end=_NOON + _DAY)
            for more, narrowed in {"all events": month, **_narrowed(month)}.items():
                what = f"the numbers of a month's days, of {ROWS + _BUSY_ROWS:,} events: {more}"
                yield _figure(what, runs, partial(log.days, narrowed), _DAYS_MS)
            yield from _of_burst(log)
        finally:
            database.close()


_QUERIES = {
    "the newest page": EventQuery(),
    "alerts": EventQuery(severity=Severity.ALERT),
    "persons on one channel": EventQuery(camera_ids=(2,), channel=3, kinds=(EventKind.PERSON,)),
    "two cameras": EventQuery(camera_ids=(1, 2)),
    "a user with three channels": EventQuery(scope=Scope({2: frozenset({3, 4}), 3: frozenset({1})})),
    "unseen events from 18:00 to 20:00": EventQuery(is_seen=False, from_minute=1080, until_minute=1200),
    "a kind that never came": EventQuery(kinds=(EventKind.STORAGE,)),
}


def _narrowed(query: EventQuery) -> dict[str, EventQuery]:
    """Return the query with the filters that the page of events and words of a search make of it."""
    return {
        "in a zone": replace(query, zones=("Gate",)),
        "in a zone that has none": replace(query, zones=("Roof",)),
        "red persons": replace(query, kinds=(EventKind.PERSON,), details=(EventDetails(colours=("red",)),)),
        "red cars": replace(query, details=(EventDetails(labels=("car",), colours=("red",)),)),
        "from 18:00 to 20:00": replace(query, details=(EventDetails(minutes=(1080, 1200)),)),
    }


def _figure(what: str, runs: int, work: Callable[[], object], goal: float | None = None) -> Figure:
    taken_ms = []
    for _ in range(runs + 1):
        began_s = time.thread_time()
        work()
        taken_ms.append(1000 * (time.thread_time() - began_s))
    return Figure(what, "ms", taken_ms[1:] or taken_ms, goal=goal)  # the first one reads from the disk


def _of_burst(log: EventLog) -> Iterator[Figure]:
    """The bench requests pages while the events wait for the database, and after the app has stored them."""
    process, pages_ms = psutil.Process(), []
    memory = process.memory_info().rss
    began_s = time.thread_time()
    for number in range(_BURST):
        log.add(LoggedEvent(1, 1, EventKind.MOTION, EventSource.DEVICE, _NOON + timedelta(seconds=number)))
    took_ms = 1000 * (time.thread_time() - began_s)
    for moment in ("waiting", "stored"):
        if moment == "stored":
            began_s = time.thread_time()
            log.flush()
            took_ms += 1000 * (time.thread_time() - began_s)
        began_s = time.thread_time()
        log.page(EventQuery(), limit=50)
        pages_ms.append(1000 * (time.thread_time() - began_s))
    more = max(0, process.memory_info().rss - memory)
    yield Figure(f"{_BURST:,} events at once, until they are stored", "ms", [took_ms])
    yield Figure(f"{_BURST:,} events at once: more memory", "MB", [more / 1e6], goal=_BURST_MB)
    yield Figure(f"{_BURST:,} events at once: the newest page meanwhile", "ms", [max(pages_ms)], goal=_BURST_PAGE_MS)


def _fill(database: Database) -> None:
    chance = random.Random(1)
    kinds = [kind for kind in EventKind if kind is not EventKind.STORAGE]

    def usual(number: int) -> dict[str, Any]:
        kind = EventKind.MOTION if chance.random() < 0.95 else chance.choice(kinds)
        start = _NOON - _DAYS * _DAY + number / ROWS * _DAYS * _DAY
        return _row(chance.randint(1, 4), chance.randint(1, 16), kind, start, number)

    def busy(number: int) -> dict[str, Any]:
        start = _NOON + number / _BUSY_ROWS * _DAY
        return _row(_BUSY_CAMERA, 1 + number % 15, EventKind.MOTION, start, ROWS + number)

    for make, count in ((usual, ROWS), (busy, _BUSY_ROWS)):
        for first in range(0, count, _CHUNK):
            rows = [make(first + place) for place in range(min(_CHUNK, count - first))]
            with database.write() as session:
                ids = session.scalars(insert(EventRow).returning(EventRow.id, sort_by_parameter_order=True), rows).all()
                looks = [_look(row, event_id) for row, event_id in zip(rows, ids, strict=True) if row["zone"]]
                session.execute(insert(EventLookRow), looks)
                count_days(session, [_logged(row) for row in rows])


def _row(camera_id: int, channel: int, kind: EventKind, start: datetime, number: int) -> dict[str, Any]:
    start_ms, turn = to_ms(start), number // 15
    is_seen = turn % _SEEN_BY_DETECTOR == 0  # by the detector: it has a zone and a look
    return {
        "camera_id": camera_id,
        "channel": channel,
        "kind": kind.value,
        "topic": "VideoSource/MotionAlarm",
        "source": "device",
        "severity": severity_of(kind).value,
        "start_ms": start_ms,
        "end_ms": start_ms + 8000,
        "arrived_ms": start_ms,
        "minute": start_ms // 60_000 % 1440,
        "changed_ms": number + 1,
        "zone": ("Gate", "Yard", "Street")[turn // _SEEN_BY_DETECTOR % 3] if is_seen else "",
        "label": ("person", "car")[turn // _SEEN_BY_DETECTOR % 2] if is_seen else "",
    }


def _look(row: dict[str, Any], event_id: int) -> dict[str, Any]:
    colours = bits_of((COLOURS[event_id // 150 % len(COLOURS)],))
    return {"event_id": event_id, "kind": row["kind"], "start_ms": row["start_ms"], "colours": colours}


def _logged(row: dict[str, Any]) -> LoggedEvent:
    severity, kind = Severity(row["severity"]), EventKind(row["kind"])
    start = from_ms(row["start_ms"])
    return LoggedEvent(row["camera_id"], row["channel"], kind, EventSource.DEVICE, start, severity=severity)
