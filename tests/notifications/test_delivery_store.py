"""The log of deliveries: its limits, and the users who see each delivery."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from core.access import EVERYTHING, Scope, scope_of
from core.errors import Unavailable
from core.events import EventKind
from database import Database
from notifications.delivery_store import DeliveryStore
from notifications.records import Delivery, DeliveryState, Outcome
from notifications.sinks import SinkKind
from tests.events.logged import NOON
from tests.prepared_database import prepared_database

ONE = Delivery(NOON, 1, "Rule", None, 2, "Sink", SinkKind.WEBHOOK, 7, EventKind.PERSON, 1, 1)


@pytest.fixture
def store(tmp_path: Path, database_engine: str) -> Iterator[DeliveryStore]:
    del database_engine  # it has chosen the engine
    database = prepared_database(tmp_path / "cameras.sqlite3")
    database.open()
    yield DeliveryStore(database)
    database.close()


def listed(store: DeliveryStore, scope: Scope = EVERYTHING, user_id: int | None = None) -> list[int]:
    found, _ = store.page(scope, user_id=user_id, sees_all=user_id is None, limit=100, cursor=None)
    return [one.id for one in found]


def test_a_delivery_is_read_as_it_was_written_and_ends_once(store: DeliveryStore) -> None:
    (delivery_id,) = store.add([ONE])
    assert store.waiting() == [replace(ONE, id=delivery_id, changed_at=NOON)]
    later = NOON + timedelta(seconds=3)
    store.finish([delivery_id], Outcome(DeliveryState.FAILED, 3, "c" * 40, "d" * 400), later)
    store.finish([delivery_id], Outcome(DeliveryState.SENT, 1), later)
    (found,), cursor = store.page(EVERYTHING, user_id=None, sees_all=True, limit=1, cursor=None)
    assert (found.state, found.tries, found.code, found.detail) == (DeliveryState.FAILED, 3, "c" * 32, "d" * 300)
    assert (found.changed_at, cursor, store.waiting()) == (later, None, [])


def test_a_limited_scope_leaves_out_other_cameras_and_channels(store: DeliveryStore) -> None:
    places = [(1, 1), (1, 2), (1, None), (2, 1), (None, None)]
    ids = store.add([replace(ONE, camera_id=camera, channel=channel, user_id=5) for camera, channel in places])
    assert listed(store, user_id=5) == ids[::-1]
    assert listed(store, scope_of([(1, [1])]), user_id=5) == [ids[2], ids[0]]
    assert listed(store, scope_of([(1, None)]), user_id=5) == [ids[2], ids[1], ids[0]]
    assert listed(store, user_id=6) == []


def test_old_deliveries_and_those_beyond_the_limit_are_deleted(
    store: DeliveryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.delivery_store.MOST_ROWS", 3)
    old = replace(ONE, time=NOON - timedelta(days=31))
    ids = store.add([old, old, *([ONE] * 4)])
    store.finish(ids[1:], Outcome(DeliveryState.SENT, 1), NOON)
    store.prune(NOON, timedelta(days=30))
    assert listed(store) == [*ids[:2:-1], ids[0]]  # one still waits, and stays


def test_a_commit_whose_answer_is_lost_leaves_no_delivery_to_send_again(
    store: DeliveryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The queue sends it from memory, so its row must not wait until the next start."""
    write = Database.write

    @contextmanager
    def write_without_answer(database: Database) -> Iterator[Session]:
        with write(database) as session:
            yield session
        raise Unavailable("The database cannot be reached.", code="database_unreachable")

    (other,) = store.add([replace(ONE, event_id=8)])
    with monkeypatch.context() as patch:
        patch.setattr(Database, "write", write_without_answer)
        with pytest.raises(Unavailable):
            store.add([ONE, replace(ONE, sink_id=3)])
        assert len(store.waiting()) == 3
        with pytest.raises(Unavailable):
            store.drop_unsure()  # its answer is lost, too
    store.drop_unsure()
    assert [one.id for one in store.waiting()] == [other]
    (later,) = store.add([ONE])
    store.drop_unsure()
    assert [one.id for one in store.waiting()] == [other, later]
