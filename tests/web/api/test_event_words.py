"""Search for events by words, colours and similar objects, over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from core.access import Role, Scope
from core.events import EventKind, LoggedEvent
from event_manager import EventManager
from events.log_query import EventQuery
from events.looks import HISTOGRAM_BYTES, EventLook
from tests.events.logged import event
from tests.web.web_harness import WebHarness

RED = bytes([255, 0] * (HISTOGRAM_BYTES // 2))
PERSON, VEHICLE = EventKind.PERSON, EventKind.VEHICLE


def add(events: EventManager, one: LoggedEvent, look: EventLook | None = None) -> int:
    events.log.add(one)
    events.log.flush()
    stored = events.log.page(EventQuery(), limit=200).events
    newest = max(stored, key=lambda item: item.id)
    if look is not None:
        events.looks.save(newest, look)
    return newest.id


def found(client: FlaskClient, **query: str) -> dict[str, Any]:
    answer = client.get("/api/events", query_string=query)
    assert answer.status_code == 200, answer.get_data(as_text=True)
    listed: dict[str, Any] = answer.get_json()
    return listed | {"ids": {one["id"] for one in listed["events"]}}


@pytest.mark.usefixtures("camera")
def test_words_filter_the_events_and_the_answer_tells_their_meaning(client: FlaskClient, events: EventManager) -> None:
    wanted = add(events, event(PERSON, zone="Drive"), EventLook(("red",)))
    add(events, event(PERSON, zone="Drive"), EventLook(("blue",)))
    add(events, event(PERSON), EventLook(("red",)))
    add(events, event(PERSON, at_s=-86_400.0, zone="Drive"), EventLook(("red",)))
    listed = found(client, words="unicorn person red drive door 1 2026-11-24 after 00:00")
    assert listed["ids"] == {wanted}
    assert listed["not_understood"] == ["unicorn"]
    understood = listed["understood"]
    assert understood.pop("start_time") is not None
    assert understood.pop("end_time") is not None
    assert understood == {
        "kinds": ["person"],
        "labels": [],
        "colours": ["red"],
        "zones": ["Drive"],
        "camera_ids": [],
        "channels": [{"camera_id": 1, "channel": 1}],
        "times_of_day": [["00:00", "24:00"]],
    }


def test_without_words_nothing_is_understood(client: FlaskClient, events: EventManager) -> None:
    for words in ("", " "):
        listed = found(client, words=words)
        assert (listed["understood"], listed["not_understood"]) == (None, [])


def test_words_come_on_top_of_the_other_filters(client: FlaskClient, events: EventManager) -> None:
    person, car = add(events, event(PERSON)), add(events, event(VEHICLE, label="car"))
    assert found(client, words="person car")["ids"] == {person, car}
    assert found(client, words="person car", kind="person")["ids"] == {person}
    assert found(client, words="person", kind="vehicle")["ids"] == set()
    assert found(client, words="2026-11-24", end_time="2026-11-24T11:00:00Z")["ids"] == set()
    assert found(client, words="2026-11-25", start_time="2026-11-23T11:00:00Z")["ids"] == set()


def test_the_news_have_the_same_filter_of_words(client: FlaskClient, events: EventManager) -> None:
    as_of = found(client)["as_of"]
    person = add(events, event(PERSON))
    add(events, event(VEHICLE))
    news = client.get("/api/events/news", query_string={"after": as_of, "words": "person"}).get_json()
    assert [one["id"] for one in news["events"]] == [person]


def test_names_that_a_user_may_not_see_are_unknown_words(harness: WebHarness, events: EventManager) -> None:
    add(events, event(PERSON, channel=2, zone="Vault"))
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({1})}))
    answer = limited.request("GET", "/api/events?words=vault").get_json()
    assert (answer["not_understood"], answer["events"]) == (["vault"], [])


def test_labels_and_colours_are_filters_of_their_own(client: FlaskClient, events: EventManager) -> None:
    car = add(events, event(VEHICLE, label="car"), EventLook(("white", "red"), RED))
    add(events, event(VEHICLE, label="truck"), EventLook(("white",)))
    assert found(client, label="Car")["ids"] == {car}
    listed = found(client, colour="red")
    assert listed["ids"] == {car}
    (only,) = listed["events"]
    assert (only["colours"], only["has_look"]) == (["white", "red"], True)
    assert client.get("/api/events?colour=purple").status_code == 400


def test_similar_events_have_their_similarity(client: FlaskClient, events: EventManager) -> None:
    asked, same = (add(events, event(PERSON), EventLook(("red",), RED)) for _ in range(2))
    add(events, event(PERSON), EventLook(("blue",), RED[::-1]))
    answer = client.get(f"/api/events/{asked}/similar").get_json()
    assert [(one["id"], one["similarity"]) for one in answer["events"]] == [(same, pytest.approx(1.0))]


def test_an_event_without_colours_has_no_similar_ones(client: FlaskClient, events: EventManager) -> None:
    event_id = add(events, event(PERSON), EventLook())
    answer = client.get(f"/api/events/{event_id}/similar")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "no_look")


def test_a_limited_user_asks_for_similar_ones_of_the_own_channels(harness: WebHarness, events: EventManager) -> None:
    mine, hidden = (add(events, event(PERSON, channel=number), EventLook((), RED)) for number in (1, 2))
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({1})}))
    assert limited.request("GET", f"/api/events/{mine}/similar").get_json() == {"events": []}
    assert limited.request("GET", f"/api/events/{hidden}/similar").status_code == 404
