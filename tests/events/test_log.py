"""The log of events over a real database: batches, ends, crashes, pages, news, marks and numbers by day."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete

from core.errors import Unavailable
from core.events import ClosedWhy, EventKind, EventSource, LoggedEvent, PictureSubject
from database import Database
from events import log as log_module
from events.log import MOST_TRIES, EventLog
from events.log_query import EventQuery
from tables import EventRow
from tests.events.logged import ALL, NOON, event, ids, listed
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until


def test_an_event_is_stored_with_its_beginning_and_its_end(log: EventLog, clock: HandClock) -> None:
    begun = event(EventKind.PERSON, end_at=None, topic="RuleEngine/People", rule="Gate", is_device_time=True)
    log.begin("key", begun)
    log.flush()
    (stored,) = listed(log)
    assert stored == replace(begun, id=stored.id, arrived_at=clock.now_utc())
    log.end("key", NOON + timedelta(seconds=7), ClosedWhy.STORM, count=25)
    assert listed(log) == [stored], "the listener's thread does not write"
    log.flush()
    (ended,) = listed(log)
    assert ended == replace(stored, end_at=NOON + timedelta(seconds=7), closed_why=ClosedWhy.STORM, count=25)


def test_an_end_may_tell_the_rule_and_keeps_it_otherwise(log: EventLog) -> None:
    for key in ("parks", "passes"):
        log.begin(key, event(end_at=None, rule="Gate"))
    log.flush()
    log.end("parks", NOON, rule="came_to_rest")
    log.end("passes", NOON)
    log.flush()
    assert sorted(item.rule for item in listed(log)) == ["Gate", "came_to_rest"]


def test_the_subject_of_a_new_picture_replaces_that_of_the_event(log: EventLog) -> None:
    log.begin("key", event(EventKind.VEHICLE, end_at=None, box=(0.1, 0.1, 0.2, 0.2), score=0.5, label="car"))
    log.flush()
    (stored,) = listed(log)
    log.note_picture(stored.id, PictureSubject((0.5, 0.5, 0.25, 0.25), 0.875, "truck"))
    log.flush()
    better = replace(stored, box=(0.5, 0.5, 0.25, 0.25), score=0.875, label="truck", has_picture=True)
    assert listed(log) == [better]
    end_at = NOON + timedelta(seconds=2)
    log.end("key", end_at)
    log.note_picture(stored.id)
    log.flush()
    assert listed(log) == [replace(better, end_at=end_at)]


def test_an_event_that_ends_before_it_is_written_is_one_row(log: EventLog) -> None:
    log.begin("key", event(end_at=None))
    log.end("key", NOON + timedelta(seconds=2))
    log.begin("key", event(at_s=3, end_at=None))
    log.flush()
    assert [item.end_at for item in listed(log)] == [None, NOON + timedelta(seconds=2)]


def test_a_second_beginning_with_the_same_key_adds_nothing(log: EventLog) -> None:
    log.begin("key", event(end_at=None))
    log.flush()
    log.begin("key", event(at_s=1, end_at=None))
    log.flush()
    assert len(listed(log)) == 1


def test_an_end_before_the_beginning_counts_as_the_beginning(log: EventLog) -> None:
    log.begin("key", event(end_at=None))
    log.end("key", NOON - timedelta(seconds=5))
    log.flush()
    assert listed(log)[0].end_at == NOON


def test_events_after_a_crash_end_at_the_last_sign_of_life(database: Database, clock: HandClock) -> None:
    crashed = EventLog(database, clock)
    crashed.begin("key", event(end_at=None))
    crashed._work(0.5)
    clock.move(seconds=30)
    crashed._work(0.5)
    alive_at = clock.now_utc()
    clock.move(hours=2)
    after = EventLog(database, clock)
    after.start()
    try:
        (found,) = listed(after)
        assert (found.end_at, found.closed_why) == (alive_at, ClosedWhy.MISSED)
    finally:
        after.stop()


def test_a_stop_ends_the_events_and_writes_them(database: Database, clock: HandClock) -> None:
    log = EventLog(database, clock)
    log.start()
    log.begin("key", event(end_at=None))
    clock.move(seconds=4)
    log.stop()
    log.stop()
    (found,) = listed(log)
    assert (found.end_at, found.closed_why) == (NOON + timedelta(seconds=4), ClosedWhy.STOPPED)


def test_the_thread_of_the_log_writes_what_waits(database: Database, clock: HandClock) -> None:
    log = EventLog(database, clock)
    log.start()
    try:
        log.add(event())
        until(lambda: len(listed(log)) == 1, what="the event in the database")
    finally:
        log.stop()


def test_events_wait_while_the_database_cannot_be_written(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    log.begin("key", event(end_at=None))
    log.add(event(at_s=1))
    with monkeypatch.context() as patch:

        def fail(*_: object) -> list[int]:
            raise Unavailable("The database was locked for too long.")

        patch.setattr(log.store, "write", fail)
        with pytest.raises(Unavailable):
            log.flush()
        log.end("key", NOON + timedelta(seconds=5))
        with pytest.raises(Unavailable):
            log.flush()
    log.flush()
    assert [item.end_at for item in listed(log)] == [NOON + timedelta(seconds=11), NOON + timedelta(seconds=5)]


def test_a_change_of_a_deleted_event_does_not_hold_up_the_others(log: EventLog, database: Database) -> None:
    log.begin("gone", event(end_at=None))
    log.begin("kept", event(at_s=1, end_at=None))
    log.flush()
    (kept, gone) = ids(log)
    with database.write() as session:
        session.execute(delete(EventRow).where(EventRow.id == gone))
    log.note_picture(gone)
    log.note_picture(kept)
    log.end("gone", NOON + timedelta(seconds=2))
    log.end("kept", NOON + timedelta(seconds=3))
    log.add(event(at_s=5))
    log.flush()
    assert [(item.start_at, item.end_at, item.has_picture) for item in listed(log)] == [
        (NOON + timedelta(seconds=5), NOON + timedelta(seconds=15), False),
        (NOON + timedelta(seconds=1), NOON + timedelta(seconds=3), True),
    ]


def test_an_unexpected_fault_loses_no_events(log: EventLog, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> list[int]:
        raise RuntimeError("a fault that nobody expects")

    log.begin("key", event(end_at=None))
    with monkeypatch.context() as patched:
        patched.setattr(log.store, "write", broken)
        with pytest.raises(RuntimeError):
            log.flush()
    log.flush()
    assert [item.end_at for item in listed(log)] == [None]


def test_events_that_the_database_never_takes_do_not_hold_up_others(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = log.store.write

    def picky(added: Sequence[LoggedEvent], *more: Any) -> list[int]:
        if any(item.rule == "bad" for item in added):
            raise RuntimeError("a fault that nobody expects")
        return write(added, *more)

    monkeypatch.setattr(log.store, "write", picky)
    log.add(event(rule="bad"))
    for _ in range(MOST_TRIES):
        with pytest.raises(RuntimeError):
            log.flush()
    log.add(event(at_s=1, rule="good"))
    log.flush()
    assert [item.rule for item in listed(log)] == ["good"]


def test_events_beyond_a_limit_are_dropped_while_the_disk_is_slow(
    log: EventLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_module, "MOST_WAITING", 10)
    for second in range(30):
        log.add(event(at_s=second))
    log.flush()
    assert len(listed(log)) == 10
    log.add(event(at_s=40))
    log.flush()
    assert len(listed(log)) == 11


def test_news_are_the_events_that_began_or_changed_since(log: EventLog, clock: HandClock) -> None:
    log.begin("key", event(end_at=None, rule="open"))
    log.add(event(at_s=1, rule="old"))
    log.flush()
    as_of = log.page(ALL, limit=10).as_of
    assert log.news(ALL, as_of, limit=10).events == ()
    log.end("key", NOON + timedelta(seconds=9))
    log.add(event(at_s=2, rule="new"))
    log.flush()
    news = log.news(ALL, as_of, limit=10)
    assert [item.rule for item in news.events] == ["open", "new"] or [item.rule for item in news.events] == [
        "new",
        "open",
    ]
    assert log.news(ALL, news.as_of, limit=10).events == ()
    first = log.news(ALL, as_of, limit=1)
    assert first.has_more
    rest = log.news(ALL, first.as_of, limit=1)
    assert not rest.has_more
    assert {first.events[0].rule, rest.events[0].rule} == {"open", "new"}
    assert log.news(EventQuery(kinds=(EventKind.PERSON,)), as_of, limit=10).events == ()


def test_news_go_on_after_a_restart_and_a_clock_that_was_set_back(database: Database, clock: HandClock) -> None:
    log = EventLog(database, clock)
    log.add(event())
    log.flush()
    as_of = log.page(ALL, limit=10).as_of
    clock.now -= timedelta(hours=3)
    restarted = EventLog(database, clock)
    restarted.start()
    try:
        assert restarted.news(ALL, as_of, limit=10).events == ()
        restarted.add(event(at_s=1, rule="new"))
        until(lambda: len(listed(restarted)) == 2, what="the event in the database")
        assert [item.rule for item in restarted.news(ALL, as_of, limit=10).events] == ["new"]
    finally:
        restarted.stop()


def test_a_question_waits_for_news(log: EventLog) -> None:
    as_of = log.page(ALL, limit=10).as_of
    answers: list[tuple[LoggedEvent, ...]] = []
    asking = threading.Thread(
        target=lambda: answers.append(log.news(ALL, as_of, limit=10, wait_s=LIMIT_S).events), daemon=True
    )
    asking.start()
    log.add(event())
    log.flush()
    asking.join(LIMIT_S)
    assert [len(found) for found in answers] == [1]


def test_imported_events_are_neither_news_nor_told_to_listeners(log: EventLog, clock: HandClock) -> None:
    told: list[LoggedEvent] = []
    log.on_stored(told.append)
    log.add(event(rule="device"))
    log.flush()
    before = log.page(ALL, limit=10).as_of
    log.add(event(at_s=-86_400.0, source=EventSource.IMPORT, rule="import"))
    log.flush()
    assert [item.rule for item in told] == ["device"]
    assert log.news(ALL, before, limit=10).events == ()
    assert [item.rule for item in listed(log)] == ["device", "import"]


def test_a_listener_gets_each_new_event_with_its_id(log: EventLog) -> None:
    told: list[LoggedEvent] = []
    log.on_stored(told.append)
    log.begin("key", event(end_at=None))
    log.flush()
    log.end("key", NOON)
    log.flush()
    assert [item.id for item in told] == ids(log)
