"""Pages of the log: filters, the channels of limited users, and marks."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy

from core.access import Scope
from core.errors import InvalidRequest, NotFound
from core.events import EventKind, EventSource, Severity
from database import Database
from events.log import EventLog
from events.log_query import EventQuery, may_see_event
from tests.events.logged import ALL, NOON, event, ids, listed


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
