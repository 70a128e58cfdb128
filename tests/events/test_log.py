"""The log of events over a real database: batches, ends, crashes, pages, news, marks and numbers by day."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import delete

from core.access import Scope
from core.errors import InvalidRequest, NotFound, Unavailable
from core.events import ClosedWhy, EventKind, EventSource, LoggedEvent, PictureSubject, Severity
from database import Database
from events import log as log_module
from events.log import MOST_TRIES, EventLog
from events.log_query import EventQuery, may_see_event
from tables import EventRow
from tests.events.logged import NOON, event
from tests.hand_clock import HandClock
from tests.patience import LIMIT_S, until

ALL = EventQuery()


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def log(database: Database, clock: HandClock) -> EventLog:
    """A log whose thread is not started: tests call flush()."""
    return EventLog(database, clock)


def listed(log: EventLog, query: EventQuery = ALL) -> list[LoggedEvent]:
    return list(log.page(query, limit=200).events)


def ids(log: EventLog, query: EventQuery = ALL) -> list[int]:
    return [item.id for item in listed(log, query)]


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


def test_a_page_continues_at_its_cursor_among_equal_times(log: EventLog) -> None:
    for number in range(7):
        log.add(event(rule=str(number)))
    log.flush()
    found: list[str] = []
    cursor = None
    while True:
        page = log.page(ALL, limit=3, cursor=cursor)
        found += [item.rule for item in page.events]
        cursor = page.next_cursor
        if cursor is None:
            break
    assert found == ["6", "5", "4", "3", "2", "1", "0"]
    for wrong in ("x", "1-", "-1-1", "1-1-1", "٣-1", "9" * 40):
        with pytest.raises(InvalidRequest):
            log.page(ALL, limit=3, cursor=wrong)


def test_each_filter_leaves_out_the_others(log: EventLog) -> None:
    log.add(event(EventKind.PERSON))
    log.add(event(EventKind.MOTION, 60, channel=2))
    log.add(event(EventKind.OFFLINE, 120, camera_id=2, channel=None, source=EventSource.SERVER))
    log.flush()
    third, second, first = ids(log)
    expected = {
        EventQuery(kinds=(EventKind.PERSON, EventKind.MOTION)): [second, first],
        EventQuery(severity=Severity.ALERT): [third, first],
        EventQuery(source=EventSource.SERVER): [third],
        EventQuery(camera_ids=(1,)): [second, first],
        EventQuery(camera_ids=(1,), channel=2): [second],
        EventQuery(start=NOON + timedelta(seconds=60)): [third, second],
        EventQuery(end=NOON + timedelta(seconds=60)): [first],
    }
    assert {query: ids(log, query) for query in expected} == expected


def test_a_time_of_day_may_pass_midnight(log: EventLog) -> None:
    log.add(event(rule="noon"))
    log.add(event(at_s=11 * 3600, rule="late"))
    log.add(event(at_s=17 * 3600, rule="early"))
    log.flush()
    minute = {item.rule: 60 * (at := item.start_at.astimezone()).hour + at.minute for item in listed(log)}

    def rules(begins: int | None, ends: int | None) -> set[str]:
        return {item.rule for item in listed(log, EventQuery(from_minute=begins, until_minute=ends))}

    assert rules(minute["noon"], minute["noon"] + 1) == {"noon"}
    assert rules(minute["late"], minute["early"] + 1) == {"late", "early"}
    assert rules(None, None) == {"noon", "late", "early"}


def test_a_limited_user_sees_the_own_channels_and_whole_cameras(log: EventLog) -> None:
    log.add(event(rule="own"))
    log.add(event(at_s=1, channel=2, rule="other channel"))
    log.add(event(at_s=2, channel=None, rule="unknown channel"))
    log.add(event(EventKind.OFFLINE, 3, channel=None, source=EventSource.SERVER, rule="whole camera"))
    log.add(event(EventKind.STORAGE, 4, camera_id=None, channel=None, source=EventSource.SERVER, rule="server"))
    log.add(event(at_s=5, camera_id=2, rule="other camera"))
    log.add(event(EventKind.PERSON, 6, is_channel_sure=False, rule="guessed channel"))
    log.flush()

    def rules(scope: Scope) -> list[str]:
        return [item.rule for item in listed(log, EventQuery(scope=scope))]

    assert rules(Scope({1: frozenset({1})})) == ["whole camera", "own"]
    assert rules(Scope({1: None})) == [
        "guessed channel",
        "whole camera",
        "unknown channel",
        "other channel",
        "own",
    ]
    assert rules(Scope({})) == []
    assert len(rules(Scope())) == 7
    for hidden in (item.id for item in listed(log) if item.rule in {"other channel", "guessed channel"}):
        with pytest.raises(NotFound):
            log.get(EventQuery(scope=Scope({1: frozenset({1})})), hidden)
    limited = log.days(EventQuery(scope=Scope({1: frozenset({1})})))
    assert [(day.count, day.alerts) for day in limited] == [(2, 1)]
    assert [day.count for day in log.days(ALL)] == [7]
    assert [day.count for day in log.days(EventQuery(camera_ids=(1,), channel=1))] == [2]


def test_marks_of_one_user_are_not_those_of_another(log: EventLog) -> None:
    log.add(event())
    log.add(event(at_s=1))
    log.flush()
    newest, oldest = ids(log)
    ann, ben = EventQuery(user_id=1), EventQuery(user_id=2)
    log.mark_seen(ann, [oldest, 999], is_seen=True)
    log.mark_seen(ann, [oldest], is_seen=True)
    assert [item.is_seen for item in listed(log, ann)] == [False, True]
    assert [item.is_seen for item in listed(log, ben)] == [False, False]
    assert ids(log, replace(ann, is_seen=True)) == [oldest]
    assert ids(log, replace(ann, is_seen=False)) == [newest]
    assert log.get(ann, oldest).is_seen
    log.mark_seen(ann, [oldest], is_seen=False)
    assert ids(log, replace(ann, is_seen=True)) == []


def test_two_requests_may_mark_the_same_event_at_once(log: EventLog, database: Database) -> None:
    log.add(event())
    log.flush()
    (marked,) = ids(log)
    statements: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    assert database._engine is not None
    sqlalchemy.event.listen(database._engine, "before_cursor_execute", note)
    log.mark_seen(ALL, [marked], is_seen=True)
    (written,) = [one for one in statements if "INSERT INTO event_seen" in one]
    assert "ON CONFLICT DO NOTHING" in written
    log.mark_seen(ALL, [marked], is_seen=True)
    assert [item.is_seen for item in listed(log)] == [True]


def test_marks_of_hidden_events_are_ignored(log: EventLog) -> None:
    log.add(event(channel=2))
    log.flush()
    (hidden,) = ids(log)
    log.mark_seen(EventQuery(scope=Scope({1: frozenset({1})}), user_id=1), [hidden], is_seen=True)
    assert not log.get(EventQuery(user_id=1), hidden).is_seen


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


SCOPES = (
    Scope(),
    Scope({}),
    Scope({1: None}),
    Scope({1: frozenset({1}), 2: frozenset({2, 3})}),
    Scope({1: frozenset(), 3: None}),
    Scope({camera_id: frozenset({1, 2}) for camera_id in range(1, 30)}),
    Scope({camera_id: frozenset(range(1, 30)) for camera_id in range(1, 4)}),
)


@pytest.mark.parametrize("scope", SCOPES, ids=str)
def test_a_page_has_exactly_the_events_that_the_user_may_see(log: EventLog, scope: Scope) -> None:
    second = 0
    for camera_id in (None, 1, 2, 3):
        for channel in (None, 1, 2, 3):
            for source in (EventSource.SERVER, EventSource.DEVICE):
                for kind in (EventKind.MOTION, EventKind.PERSON, EventKind.OFFLINE):
                    is_sure = channel is not None and (source is EventSource.SERVER or second % 3 > 0)
                    more = {"camera_id": camera_id, "channel": channel, "is_channel_sure": is_sure}
                    log.add(event(kind, second, source=source, **more))
                    second += 1
    log.flush()
    every = listed(log)
    assert len(every) == second
    for query in (
        EventQuery(),
        EventQuery(kinds=(EventKind.PERSON,)),
        EventQuery(camera_ids=(1, 3)),
        EventQuery(camera_ids=(2,), channel=2),
        EventQuery(camera_ids=(1,), kinds=(EventKind.OFFLINE, EventKind.MOTION)),
        EventQuery(severity=Severity.ALERT),
        EventQuery(severity=Severity.ALERT, camera_ids=(1, 2)),
        EventQuery(source=EventSource.SERVER),
        EventQuery(source=EventSource.DEVICE, camera_ids=(1,)),
        EventQuery(kinds=(EventKind.MOTION,)),
    ):
        wanted = [
            item
            for item in every
            if may_see_event(scope, item)
            and (not query.kinds or item.kind in query.kinds)
            and (not query.camera_ids or item.camera_id in query.camera_ids)
            and query.channel in (None, item.channel)
            and query.severity in (None, item.severity)
            and query.source in (None, item.source)
        ]
        asked = replace(query, scope=scope)
        assert listed(log, asked) == wanted
        shown = {item.id for item in wanted}
        assert {item.id for item in log.news(asked, NOON - timedelta(days=9), limit=200).events} == shown
        page = log.page(asked, limit=5)
        rest = log.page(asked, limit=200, cursor=page.next_cursor).events if page.next_cursor else ()
        assert [*page.events, *rest] == wanted
        assert sum(day.count for day in log.days(asked)) >= len(wanted)
        if query.severity is None:
            assert sum(day.count for day in log.days(asked)) == len(wanted)
