"""Too many events for notifications: no state stays on, and the owner of a rule learns the number."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.events import EventKind, LoggedEvent
from event_manager import EventManager
from notifications.dispatcher import Dispatcher
from notifications.records import DeliveryState, Rule, RuleDraft
from notifications.states import StateChange, StateKey
from tests.events.logged import NOON, event
from tests.hand_clock import HandClock
from tests.notifications.telling import Telling
from tests.patience import until


class NoEvents(EventManager):
    """The dispatcher reads an event again only when it is long enough."""

    def __init__(self) -> None:
        pass


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOON)


@pytest.fixture
def dispatcher(clock: HandClock, monkeypatch: pytest.MonkeyPatch) -> Dispatcher:
    monkeypatch.setattr("notifications.incoming.MOST_INCOMING", 10)
    monkeypatch.setattr("notifications.dispatcher.MOST_PENDING", 3)
    return Dispatcher(NoEvents(), clock)


def begun(number: int, kind: EventKind = EventKind.MOTION, channel: int = 1) -> LoggedEvent:
    return event(kind, id=number, channel=channel, end_at=None)


def ended(number: int, kind: EventKind = EventKind.MOTION, channel: int = 1) -> LoggedEvent:
    return event(kind, id=number, channel=channel)


def rule(number: int = 1, **wanted: Any) -> Rule:
    return Rule(number, None, RuleDraft(**{"name": "Rule", "cool_down_s": 0.0, **wanted}))


def test_the_end_of_a_begun_event_survives_a_flood(dispatcher: Dispatcher) -> None:
    dispatcher.take(begun(1, EventKind.DOORBELL))
    dispatcher.step([])
    dispatcher.take(ended(1, EventKind.DOORBELL))
    for number in range(2, 30):
        dispatcher.take(begun(number))
    changes = dispatcher.step([]).changes
    assert StateChange(StateKey(1, 1, EventKind.DOORBELL), is_on=False) in changes
    assert StateKey(1, 1, EventKind.DOORBELL) not in dispatcher.states.states()


def test_the_end_of_an_event_that_is_being_decided_survives(dispatcher: Dispatcher, clock: HandClock) -> None:
    for number in range(1, 11):
        dispatcher.take(begun(number))
        dispatcher.take(ended(number))
    for number in range(11, 40):
        dispatcher.take(begun(number, EventKind.PERSON))
        dispatcher.take(ended(number, EventKind.PERSON))
    dispatcher.step([])
    clock.move(seconds=5)
    dispatcher.step([])
    assert not dispatcher.states.states()


def test_events_keep_their_order_of_arrival(dispatcher: Dispatcher) -> None:
    dispatcher.take(begun(1))
    dispatcher.step([])
    dispatcher.take(begun(2))
    dispatcher.take(ended(1))
    assert not dispatcher.step([]).changes, "the motion goes on in the second event"


def test_a_rule_learns_how_many_wanted_events_came_too_fast(dispatcher: Dispatcher) -> None:
    persons, doors = rule(1, kinds=(EventKind.PERSON,)), rule(2, kinds=(EventKind.DOORBELL,))
    for number in range(1, 21):
        dispatcher.take(begun(number, EventKind.PERSON))
    for number in range(21, 26):
        dispatcher.take(begun(number))
    result = dispatcher.step([persons, doors])
    assert [(loss.rule.id, loss.count) for loss in result.losses] == [(1, 15)]
    assert {decision.event.id for decision in result.decisions} == set(range(16, 21))


def test_events_beyond_the_waiting_ones_of_a_rule_are_counted(dispatcher: Dispatcher, clock: HandClock) -> None:
    long = rule(1, min_length_s=60.0)
    for number in range(1, 6):
        dispatcher.take(begun(number))
    (first,) = dispatcher.step([long]).losses
    assert (first.rule.id, first.count, first.event.id) == (1, 2, 5)
    for number in range(6, 10):
        dispatcher.take(begun(number))
    result = dispatcher.step([long])
    assert not result.losses, "the next number comes a minute later"
    assert result.next_s == clock.monotonic_s() + 60.0
    clock.move(seconds=60)
    (later,) = dispatcher.step([rule(1)]).losses
    assert later.count == 4


def test_a_rule_with_many_waiting_events_takes_no_place_of_others(dispatcher: Dispatcher) -> None:
    for number in range(1, 6):
        dispatcher.take(begun(number))
    dispatcher.step([rule(1, min_length_s=60.0)])
    dispatcher.take(begun(6, channel=2))
    assert not dispatcher.step([rule(2, min_length_s=60.0)]).losses


def test_the_log_of_deliveries_has_the_number_of_left_out_events(
    telling: Telling, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("notifications.dispatcher.MOST_PENDING", 0)
    telling.rule(sinks=(1,), min_length_s=3600.0)
    for number in range(3):
        telling.events.log.begin(number, telling.event(start_at=telling.clock.now_utc() - timedelta(seconds=number)))
    telling.events.log.flush()
    (row,) = until(lambda: telling.deliveries(DeliveryState.DROPPED))
    assert row.code == "too_many_events"
    assert "left out" in row.detail
    assert not telling.push.notices
