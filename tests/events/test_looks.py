"""Filters by details, and similar events by their histograms."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from core.access import Scope
from core.errors import NotFound
from core.events import EventKind, LoggedEvent
from database import Database
from events.details import EventDetails
from events.log_query import EventQuery
from events.log_store import EventLogStore
from events.looks import HISTOGRAM_BYTES, EventLook, EventLooks, similarity
from tests.events.logged import NOON, event

PERSON, VEHICLE = EventKind.PERSON, EventKind.VEHICLE
RED, BLUE = bytes([255, 0] * (HISTOGRAM_BYTES // 2)), bytes([0, 255] * (HISTOGRAM_BYTES // 2))
REDDISH = bytes([255, 60] * (HISTOGRAM_BYTES // 2))


class Log:
    def __init__(self, database: Database) -> None:
        self.store = EventLogStore(database)
        self.looks = EventLooks(database)

    def add(self, kind: EventKind = PERSON, at_s: float = 0.0, look: EventLook | None = None, **more: Any) -> int:
        (event_id,) = self.store.write([event(kind, at_s, **more)], [], NOON)
        if look is not None:
            self.looks.save(self.get(event_id), look)
        return event_id

    def get(self, event_id: int) -> LoggedEvent:
        return self.store.get(EventQuery(), event_id)

    def found(self, *details: EventDetails, **query: Any) -> set[int]:
        page = self.store.page(EventQuery(details=details, **query), limit=50)
        news = self.store.news(EventQuery(details=details, **query), NOON - timedelta(days=1), limit=50)
        assert {one.id for one in page.events} == {one.id for one in news.events}
        return {one.id for one in page.events}

    def similar(self, event_id: int, query: EventQuery | None = None, limit: int = 20) -> list[int]:
        found = self.looks.similar(query or EventQuery(), self.get(event_id), limit=limit)
        return [one.event_id for one in found]


@pytest.fixture
def log(database: Database) -> Log:
    return Log(database)


def test_kinds_and_labels_are_alternatives(log: Log) -> None:
    person, car = log.add(PERSON), log.add(VEHICLE, label="Car")
    log.add(VEHICLE, label="truck")
    log.add(EventKind.MOTION)
    assert log.found(EventDetails(kinds=(PERSON,), labels=("car",))) == {person, car}
    assert log.found(EventDetails(labels=("car",))) == {car}
    assert log.found(EventDetails(kinds=(PERSON,))) == {person}


def test_events_with_one_of_the_colours_are_found(log: Log) -> None:
    red = log.add(look=EventLook(("red", "blue")))
    grey = log.add(look=EventLook(("grey",)))
    log.add(look=EventLook())
    log.add()
    assert log.found(EventDetails(colours=("red",))) == {red}
    assert log.found(EventDetails(colours=("grey", "blue"))) == {red, grey}
    assert log.found(EventDetails(colours=("red",)), EventDetails(colours=("grey",))) == set()


def test_places_are_cameras_and_channels_together(log: Log) -> None:
    gate, yard, other = (log.add(camera_id=camera, channel=number) for camera, number in ((1, 1), (1, 2), (2, 1)))
    assert log.found(EventDetails(camera_ids=(2,), channels=((1, 2),))) == {yard, other}
    assert log.found(EventDetails(channels=((1, 1),))) == {gate}


def test_details_show_no_events_of_channels_that_are_not_allowed(log: Log) -> None:
    log.add(camera_id=2, look=EventLook(("red",)))
    scope = Scope({1: frozenset({1})})
    assert log.found(EventDetails(colours=("red",), camera_ids=(2,)), scope=scope) == set()


def test_the_looks_of_events_tell_their_colours(log: Log) -> None:
    red, night = log.add(look=EventLook(("red",), RED)), log.add(look=EventLook())
    assert log.looks.colours([red, night, log.add()]) == {red: (("red",), True), night: ((), False)}


def test_similar_events_are_of_the_same_kind_and_the_best_come_first(log: Log) -> None:
    asked = log.add(look=EventLook((), RED))
    reddish, same = log.add(at_s=60, look=EventLook((), REDDISH)), log.add(at_s=-90, look=EventLook((), RED))
    log.add(at_s=30, look=EventLook((), BLUE))
    log.add(VEHICLE, look=EventLook((), RED))
    assert log.similar(asked) == [same, reddish]
    assert log.similar(asked, limit=1) == [same]


def test_of_equally_similar_events_the_nearer_in_time_comes_first(log: Log) -> None:
    asked = log.add(look=EventLook((), RED))
    far, near = log.add(at_s=-86400, look=EventLook((), RED)), log.add(at_s=3600, look=EventLook((), RED))
    log.add(at_s=-70 * 86400, look=EventLook((), RED))
    assert log.similar(asked) == [near, far]


def test_similar_events_are_those_of_allowed_channels(log: Log) -> None:
    asked = log.add(look=EventLook((), RED))
    log.add(camera_id=2, look=EventLook((), RED))
    assert log.similar(asked, EventQuery(scope=Scope({1: None}))) == []


def test_an_event_without_colours_has_no_similar_ones(log: Log) -> None:
    for event_id in (log.add(), log.add(look=EventLook(("red",), b"short"))):
        with pytest.raises(NotFound) as raised:
            log.similar(event_id)
        assert raised.value.code == "no_look"


def test_a_look_goes_with_its_event(log: Log, database: Database) -> None:
    event_id = log.add(look=EventLook(("red",), RED))
    stored = log.get(event_id)
    log.store.delete_batch(limit=10)
    log.looks.save(stored, EventLook(("red",), RED))
    assert log.looks.colours([event_id]) == {}


def test_a_later_look_replaces_the_first(log: Log) -> None:
    event_id = log.add(look=EventLook(("red",)))
    log.looks.save(log.get(event_id), EventLook(("blue",), BLUE))
    assert log.looks.colours([event_id]) == {event_id: (("blue",), True)}


def test_similarity_goes_from_nought_to_one() -> None:
    assert similarity(RED, RED) == pytest.approx(1.0)
    assert similarity(RED, BLUE) == 0.0
    assert similarity(bytes(HISTOGRAM_BYTES), RED) == 0.0
