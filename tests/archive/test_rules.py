"""Rules, pauses and gaps are stored, and wrong rules are refused."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from archive.gaps import MAX_ALERTS, GapStore
from archive.pauses import PauseStore
from archive.rules import RuleStore
from core.archive import GapReason, Origin, RecordedQuality, RecordingMode, RecordingRule, WeekSpan
from core.errors import InvalidRequest, NotFound
from database import Database
from tables import RecordingGapRow
from tests.archive.recorded_cameras import camera_row
from tests.hand_clock import HandClock
from tests.prepared_database import prepared_database

RULE = RecordingRule(
    mode=RecordingMode.SCHEDULE,
    qualities=tuple(RecordedQuality),
    schedule=(WeekSpan(0, 0, 1440), WeekSpan(6, 60, 61)),
    time_zone="Europe/Berlin",
    pre_s=5.0,
    post_s=60.0,
    keep_days=None,
    keep_bytes=10**12,
    limit_days=3.0,
    backfills=True,
)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def database(tmp_path: Path, clock: HandClock, database_engine: str) -> Iterator[Database]:
    del database_engine  # it has chosen the engine
    made = prepared_database(tmp_path / "cameras.sqlite3")
    made.open()
    with made.write() as session:
        session.add(camera_row(1, clock.now))
    yield made
    made.close()


def test_a_rule_survives_a_restart_with_all_its_fields(database: Database, clock: HandClock) -> None:
    RuleStore(database, clock).set_rule(1, 2, RULE)
    store = RuleStore(database, clock)
    assert store.rule(1, 2) == RecordingRule(), "nothing is read before load()"
    store.load()
    assert store.rules() == {(1, 2): RULE}
    store.set_rule(1, 2, replace(RULE, mode=RecordingMode.OFF))
    store.load()
    assert store.rule(1, 2).mode is RecordingMode.OFF


@pytest.mark.parametrize(
    ("field", "change"),
    [
        ("quality", {"qualities": ()}),
        ("pre_s", {"pre_s": 61.0}),
        ("pre_s", {"pre_s": -1.0}),
        ("post_s", {"post_s": 3601.0}),
        ("schedule", {"schedule": ()}),
        ("schedule", {"schedule": (WeekSpan(7, 0, 10),)}),
        ("schedule", {"schedule": (WeekSpan(0, 600, 600),)}),
        ("schedule", {"schedule": (WeekSpan(0, 600, 1441),)}),
        ("time_zone", {"time_zone": "Mars/Olympus"}),
    ],
)
def test_a_wrong_rule_is_refused_with_its_field(
    database: Database, clock: HandClock, field: str, change: dict[str, Any]
) -> None:
    store = RuleStore(database, clock)
    with pytest.raises(InvalidRequest) as refused:
        store.set_rule(1, 1, replace(RULE, **change))
    assert [error.field for error in refused.value.errors] == [field]
    assert store.rules() == {}


def test_an_unknown_camera_gets_neither_rule_nor_pause(database: Database, clock: HandClock) -> None:
    with pytest.raises(NotFound):
        RuleStore(database, clock).set_rule(9, 1, RULE)
    with pytest.raises(NotFound):
        PauseStore(database, clock).pause(9, 1, None, "Anna")
    assert GapStore(database, clock).begin(9, 1, clock.now, GapReason.STALLED) is None


def test_a_pause_ends_at_its_time_and_may_be_changed(database: Database, clock: HandClock) -> None:
    store = PauseStore(database, clock)
    began = clock.now
    store.pause(1, 1, began + timedelta(hours=1), "Anna")
    clock.move(minutes=30)
    changed = store.pause(1, 1, began + timedelta(hours=2), "Ben")
    assert (changed.since, changed.by) == (began, "Ben")
    store.load()
    clock.move(minutes=89)
    assert store.pauses() == [changed]
    clock.move(minutes=1)
    assert store.pauses() == []
    assert store.pause_of(1, 1) is None
    with pytest.raises(InvalidRequest, match="until"):
        store.pause(1, 1, clock.now, "Anna")


def test_alerts_are_the_newest_first_and_marked_as_seen(database: Database, clock: HandClock) -> None:
    store = GapStore(database, clock)
    made = []
    for number in range(3):
        gap = store.begin(1, number, clock.now, GapReason.DEVICE_AWAY)
        assert gap
        made.append(gap.id)
        store.alert(gap.id)
        clock.move(seconds=1)
    silent = store.begin(1, 1, clock.now, GapReason.PAUSED, by="Anna")
    assert silent
    store.mark_seen([made[0], silent.id])
    assert [gap.id for gap in store.alerts()] == made[::-1]
    assert [gap.seen_at is not None for gap in store.alerts()] == [False, False, True]
    store.end(made[0], clock.now)
    store.end(made[1], clock.now)
    clock.move(days=8)
    assert [gap.id for gap in store.alerts()] == [made[2], made[1]], "a seen alert goes after a week"


def test_an_outage_that_goes_on_comes_before_all_ended_ones(database: Database, clock: HandClock) -> None:
    store = GapStore(database, clock)
    lasting = store.begin(1, 1, clock.now, GapReason.DEVICE_AWAY)
    assert lasting
    store.alert(lasting.id)
    with database.write() as session:  # one by one, they would take seconds
        for number in range(MAX_ALERTS + 1):
            at = clock.now + timedelta(seconds=number + 1)
            session.add(
                RecordingGapRow(
                    camera_id=1, channel=2, origin="server", start_at=at, end_at=at, reason="stalled", alerted_at=at
                )
            )
    alerts = store.alerts()
    assert len(alerts) == MAX_ALERTS
    assert alerts[0].id == lasting.id


def test_old_gaps_are_forgotten_and_short_ones_earlier(database: Database, clock: HandClock) -> None:
    store, start = GapStore(database, clock), clock.now
    minute = timedelta(minutes=1)
    lasting = store.begin(1, 1, start, GapReason.PAUSED)
    short = store.begin(1, 1, start, GapReason.STALLED, end=start + minute / 6)
    long = store.begin(1, 1, start, GapReason.DEVICE_AWAY, end=start + 10 * minute)
    assert lasting
    assert short
    assert long
    store.alert(long.id)

    def reasons_after(days: int) -> list[GapReason]:
        clock.move(days=days)
        store.begin(1, 2, clock.now, GapReason.STALLED, end=clock.now)
        return [gap.reason for gap in store.gaps(1, 1, start, start + 5 * minute)]

    assert reasons_after(29) == [GapReason.PAUSED, GapReason.STALLED, GapReason.DEVICE_AWAY]
    assert reasons_after(2) == [GapReason.PAUSED, GapReason.DEVICE_AWAY]
    assert reasons_after(400) == [GapReason.PAUSED]


def test_gaps_of_a_time_are_those_that_touch_it(database: Database, clock: HandClock) -> None:
    store = GapStore(database, clock)
    t0 = clock.now

    def at(minutes: int) -> Any:
        return t0 + timedelta(minutes=minutes)

    store.begin(1, 1, at(0), GapReason.STALLED, end=at(10))
    store.begin(1, 1, at(20), GapReason.REFUSED, end=at(30))
    store.begin(1, 1, at(40), GapReason.NO_SIGNAL)
    store.begin(1, 1, at(20), GapReason.UNKNOWN, end=at(30), origin=Origin.DEVICE)
    store.begin(1, 2, at(20), GapReason.UNKNOWN, end=at(30))
    assert [gap.reason for gap in store.gaps(1, 1, at(10), at(20))] == []
    assert [gap.reason for gap in store.gaps(1, 1, at(9), at(21))] == [GapReason.STALLED, GapReason.REFUSED]
    assert [gap.reason for gap in store.gaps(1, 1, at(100), at(101))] == [GapReason.NO_SIGNAL]
    of_recorder = store.gaps(1, 1, at(0), at(101), origin=Origin.DEVICE)
    assert [gap.reason for gap in of_recorder] == [GapReason.UNKNOWN]


def test_a_pause_stays_known_after_its_end(database: Database, clock: HandClock) -> None:
    """A backfill must not fetch its time, even if the rule asked for nothing then."""
    store, start = PauseStore(database, clock), clock.now
    hour = timedelta(hours=1)
    store.pause(1, 1, start + hour, "Anna")  # ends by itself
    clock.move(seconds=7200)
    store.pause(1, 1, None, "Bea")  # a user ends it
    clock.move(seconds=1800)
    store.resume(1, 1)
    clock.move(seconds=3600)
    store.pause(1, 1, None, "Carl")  # goes on
    store.pause(1, 2, None, "Anna")
    now = clock.now
    store = PauseStore(database, clock)
    store.load()
    assert [(it.channel, it.by) for it in store.pauses()] == [(1, "Carl"), (2, "Anna")]
    found = [(it.since - start, it.until and it.until - start) for it in store.ranges(1, 1, start, now + hour)]
    assert found == [(0 * hour, hour), (2 * hour, 2.5 * hour), (3.5 * hour, None)]
    assert [it.by for it in store.ranges(1, 1, start + hour, start + 2.1 * hour)] == ["Bea"]


def test_a_changed_pause_stays_one_range(database: Database, clock: HandClock) -> None:
    store, start = PauseStore(database, clock), clock.now
    store.pause(1, 1, start + timedelta(hours=1), "Anna")
    clock.move(seconds=600)
    store.pause(1, 1, start + timedelta(hours=3), "Bea")
    (found,) = store.ranges(1, 1, start, start + timedelta(days=1))
    assert (found.since, found.until, found.by) == (start, start + timedelta(hours=3), "Bea")
