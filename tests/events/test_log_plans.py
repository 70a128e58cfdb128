"""SQLite answers questions to the log by an index in the wanted order, without sorting or reading all events."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy

from core.access import Scope
from core.events import EventKind, EventSource, Severity
from database import Database
from events.details import EventDetails
from events.log_query import EventQuery
from events.log_store import EventLogStore
from tests.events.logged import NOON, event

pytestmark = pytest.mark.sqlite  # its plans and its statistics

MANY = Scope({1: frozenset(range(1, 101))})
TWO = Scope({1: frozenset({1, 2})})
SORTS = "USE TEMP B-TREE FOR ORDER BY"


class Plans:
    """A log, and the plans of the questions to it."""

    def __init__(self, database: Database) -> None:
        self.store = EventLogStore(database)
        self.store.write([event()], [], NOON)
        assert database._engine is not None
        self._engine = database._engine

    def page(self, query: EventQuery) -> list[str]:
        asked: list[tuple[str, Any]] = []

        def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            if "FROM events" in statement:
                asked.append((statement, parameters))

        sqlalchemy.event.listen(self._engine, "before_cursor_execute", note)
        try:
            self._ask(query)
        finally:
            sqlalchemy.event.remove(self._engine, "before_cursor_execute", note)
        with self._engine.connect() as connection:
            return [self._plan(connection, *one) for one in asked]

    def _ask(self, query: EventQuery) -> None:
        self.store.page(query, limit=50)

    def _plan(self, connection: sqlalchemy.Connection, statement: str, parameters: Any) -> str:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
        return "; ".join(str(row[-1]) for row in rows)


class NewsPlans(Plans):
    """The plans of questions about news."""

    def _ask(self, query: EventQuery) -> None:
        self.store.news(query, NOON - timedelta(days=1), limit=50)


@pytest.mark.parametrize(
    "query",
    [
        EventQuery(),
        EventQuery(severity=Severity.ALERT),
        EventQuery(kinds=(EventKind.PERSON, EventKind.FACE)),
        EventQuery(camera_ids=(1,), channel=1),
        EventQuery(camera_ids=(1, 2), source=EventSource.SERVER),
        EventQuery(is_seen=True, start=NOON - timedelta(days=1)),
        EventQuery(scope=TWO, source=EventSource.DEVICE),
        EventQuery(scope=MANY),
    ],
)
def test_news_are_read_in_the_order_of_changes(database: Database, query: EventQuery) -> None:
    (plan,) = NewsPlans(database).page(query)
    assert "USING INDEX ix_events_changed" in plan
    assert SORTS not in plan


@pytest.mark.parametrize(
    ("query", "index"),
    [
        (EventQuery(), "ix_events_start"),
        (EventQuery(scope=MANY), "ix_events_start"),
        (EventQuery(scope=MANY, source=EventSource.DEVICE), "ix_events_start"),
        (EventQuery(source=EventSource.IMPORT), "ix_events_source"),
        (EventQuery(source=EventSource.WATCH, camera_ids=(1,)), "ix_events_source"),
        (EventQuery(source=EventSource.SERVER), "ix_events_source"),
        (EventQuery(severity=Severity.ALERT), "ix_events_severity"),
        (EventQuery(severity=Severity.ALERT, camera_ids=(1,)), "ix_events_alerts"),
        (EventQuery(severity=Severity.ALERT, camera_ids=(1,), channel=1), "ix_events_alerts"),
        (EventQuery(camera_ids=(1,)), "ix_events_camera"),
        (EventQuery(camera_ids=(1,), channel=1), "ix_events_channel"),
        (EventQuery(kinds=(EventKind.PERSON,), camera_ids=(1, 2)), "ix_events_kind"),
        (EventQuery(camera_ids=(1,), channel=1, details=(EventDetails(minutes=(1080, 1200)),)), "ix_events_channel"),
        (EventQuery(camera_ids=(1,), channel=1, details=(EventDetails(labels=("car",)),)), "ix_events_label"),
        (EventQuery(camera_ids=(1,), channel=1, details=(EventDetails(labels=("car", "bus")),)), "ix_events_channel"),
        (EventQuery(camera_ids=(1,), details=(EventDetails(labels=("car",)),)), "ix_events_camera"),
        (EventQuery(zones=("Gate",)), "ix_events_zone"),
        (EventQuery(zones=("Gate",), scope=MANY, severity=Severity.ALERT), "ix_events_zone"),
    ],
)
def test_a_page_is_read_in_the_order_of_its_beginnings(database: Database, query: EventQuery, index: str) -> None:
    plans = Plans(database).page(query)
    assert plans
    for plan in plans:
        assert f"{index} " in plan or plan.endswith(index)
        assert SORTS not in plan


def test_own_events_of_a_limited_users_cameras_are_read_by_their_source(database: Database) -> None:
    *channels, own = Plans(database).page(EventQuery(scope=TWO))
    assert len(channels) == 2
    assert all("ix_events_channel" in plan for plan in channels)
    assert "ix_events_source" in own
    assert not any(SORTS in plan for plan in (*channels, own))
