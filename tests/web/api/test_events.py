"""The log of events over HTTP: fields, filters, scopes, marks, news and the calendar."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack, suppress
from datetime import timedelta
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import select

from account_manager import AccountManager
from accounts.records import UserDraft
from cameras.records import CameraView
from core.access import Role, Scope
from core.clock import SystemClock, rfc3339
from core.errors import CameraUnreachable, NotFound, Unavailable
from core.events import Change, DeviceEvent, EventKind, EventSource, ListedTopic, LoggedEvent
from core.secrets import Secret
from core.settings import Settings
from database import Database
from event_manager import EventManager
from events.log_query import EventQuery
from events.states import MOST_OPEN
from pictures.views import Picture
from tables import EventSeenRow
from tests.events.logged import NOON, event, stored_camera
from tests.web.stand_in_cameras import StandInCameras
from tests.web.stand_in_pictures import JPEG, StandInPictures
from tests.web.web_harness import ApiClient, WebHarness
from web.services import EXTENSION


def add(events: EventManager, *found: LoggedEvent) -> None:
    for one in found:
        events.log.add(one)
    events.log.flush()


def listed(client: FlaskClient, query: str = "") -> list[dict[str, Any]]:
    answer = client.get(f"/api/events{query}")
    assert answer.status_code == 200, answer.get_data(as_text=True)
    found: list[dict[str, Any]] = answer.get_json()["events"]
    return found


def test_an_event_tells_the_time_of_the_devices_own_clock(client: FlaskClient, events: EventManager) -> None:
    add(events, event(device_at=NOON + timedelta(hours=8)))
    (found,) = listed(client)
    assert (found["start_time"], found["device_time"]) == ("2026-11-24T12:00:00.000Z", "2026-11-24T20:00:00.000Z")


def test_zones_are_listed_and_filter_the_events(client: FlaskClient, events: EventManager) -> None:
    for zone, channel in (("Gate", 1), ("Yard, left", 1), ("Gate", 2), ("", 1), ("Gate", 1)):
        add(events, event(zone=zone, channel=channel))
    zones = client.get("/api/events/zones?camera_id=1").get_json()["zones"]
    assert [(one["channel"], one["zone"], one["count"]) for one in zones] == [
        (1, "Gate", 2),
        (1, "Yard, left", 1),
        (2, "Gate", 1),
    ]
    assert [one["id"] for one in listed(client, "?zone=Gate")] == [5, 3, 1]
    assert [one["id"] for one in listed(client, "?zone=Gate&zone=Yard,%20left&camera_id=1&channel=1")] == [5, 2, 1]


def test_a_limited_user_gets_only_the_zones_of_the_own_channels(harness: WebHarness, events: EventManager) -> None:
    add(events, event(zone="Gate"), event(zone="Secret room", channel=2))
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({1})}))
    zones = limited.request("GET", "/api/events/zones").get_json()["zones"]
    assert [one["zone"] for one in zones] == ["Gate"]


def test_the_calendar_counts_only_the_wanted_events(client: FlaskClient, events: EventManager) -> None:
    add(events, event(EventKind.PERSON), event(), event(at_s=60), event(EventKind.PERSON, at_s=-86_400.0))
    client.post("/api/events/seen", json={"ids": [2, 4]})

    def days(query: str) -> list[tuple[int, int]]:
        return [(day["count"], day["alerts"]) for day in client.get(f"/api/events/days?{query}").get_json()["days"]]

    assert days("") == [(1, 1), (3, 1)]
    assert days("severity=alert") == [(1, 1), (1, 1)]
    assert days("severity=notice") == [(2, 0)]
    assert days("seen=1") == [(1, 1), (1, 0)]
    assert days("seen=0") == [(2, 1)]
    assert days("seen=0&severity=alert") == [(1, 1)]
    assert days("seen=1&start_time=2026-11-24T13:00:00Z&end_time=2026-11-24T14:00:00Z") == [(1, 0)], "whole days count"


def test_the_calendar_follows_all_filters_of_the_list(client: FlaskClient, events: EventManager) -> None:
    add(
        events,
        event(EventKind.PERSON, zone="Gate", label="Human"),
        event(EventKind.PERSON, at_s=60, zone="Yard"),
        event(zone="Gate", at_s=3600, source=EventSource.WATCH),
        event(EventKind.VEHICLE, at_s=-86_400.0, zone="Gate", label="Car", channel=2),
        event(at_s=-86_400.0),
    )
    client.post("/api/events/seen", json={"ids": [1]})
    noon = NOON.astimezone()
    window = f"start_time={rfc3339(NOON - timedelta(hours=20))}&end_time={rfc3339(NOON)}"
    for query, wanted in {
        "zone=Gate": [(1, 1), (2, 1)],
        "zone=Gate&zone=Yard&kind=person": [(2, 2)],
        "zone=Gate&seen=0": [(1, 1), (1, 0)],
        "zone=Gate&severity=notice": [(1, 0)],
        "source=watch": [(1, 0)],
        "label=car": [(1, 1)],
        "colour=red": [],
        f"from_time_of_day={noon:%H:%M}&until_time_of_day={noon + timedelta(minutes=1):%H:%M}": [(2, 1), (1, 1)],
        "words=person": [(2, 2)],
        "words=person+gate": [(1, 1)],
        f"words=gate+{noon:%d.%m.%Y}": [(2, 1)],
        f"words={noon - timedelta(days=1):%d.%m.%Y}": [(2, 1)],
        f"zone=Gate&{window}": [(1, 1), (2, 1)],
    }.items():
        found = client.get(f"/api/events/days?{query}").get_json()["days"]
        assert [(day["count"], day["alerts"]) for day in found] == wanted, query
        if "start_time" not in query:
            assert sum(day["count"] for day in found) == len(listed(client, f"?{query}")), query


@pytest.mark.usefixtures("camera")
def test_an_event_has_the_names_of_its_camera_and_channel(client: FlaskClient, events: EventManager) -> None:
    add(events, event(EventKind.PERSON, topic="RuleEngine/People", rule="Gate", box=(0.1, 0.2, 0.3, 0.4), score=0.75))
    (found,) = listed(client)
    assert found == {
        "id": 1,
        "camera_id": 1,
        "camera_name": "127.0.0.9",
        "channel": 1,
        "channel_name": "Door 1",
        "kind": "person",
        "topic": "RuleEngine/People",
        "rule": "Gate",
        "source": "device",
        "severity": "alert",
        "start_time": "2026-11-24T12:00:00.000Z",
        "end_time": "2026-11-24T12:00:10.000Z",
        "is_device_time": False,
        "device_time": None,
        "count": 1,
        "closed_why": "",
        "score": 0.75,
        "label": "",
        "box": [0.1, 0.2, 0.3, 0.4],
        "zone": "",
        "seen": False,
        "colours": [],
        "has_look": False,
        "picture_url": "/api/events/1/picture",
    }
    assert client.get("/api/events/1").get_json() == found


def test_an_event_of_the_server_has_no_camera(client: FlaskClient, events: EventManager) -> None:
    add(events, event(EventKind.STORAGE, camera_id=None, channel=None, source=EventSource.SERVER))
    (found,) = listed(client)
    assert (found["camera_id"], found["camera_name"], found["channel"], found["picture_url"]) == (None, "", None, None)


def test_pages_and_filters_of_the_query_are_followed(client: FlaskClient, events: EventManager) -> None:
    add(events, *(event(EventKind.PERSON if number % 2 else EventKind.MOTION, number) for number in range(5)))
    page = client.get("/api/events?limit=2").get_json()
    rest = client.get(f"/api/events?limit=200&cursor={page['next_cursor']}").get_json()
    assert [one["id"] for one in page["events"] + rest["events"]] == [5, 4, 3, 2, 1]
    assert rest["next_cursor"] is None
    assert [one["id"] for one in listed(client, "?kind=person&kind=face")] == [4, 2]
    assert [one["id"] for one in listed(client, "?camera_id=1&camera_id=2&severity=alert")] == [4, 2]
    assert listed(client, "?camera_id=1&channel=2") == []
    window = f"?start_time={rfc3339(NOON + timedelta(seconds=1))}&end_time={rfc3339(NOON + timedelta(seconds=3))}"
    assert [one["id"] for one in listed(client, window)] == [3, 2]
    local = NOON.astimezone()
    at, later = f"{local:%H:%M}", f"{local + timedelta(minutes=1):%H:%M}"
    assert len(listed(client, f"?from_time_of_day={at}&until_time_of_day={later}")) == 5
    assert listed(client, f"?from_time_of_day={later}&until_time_of_day={at}") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("channel=1", "channel"),
        ("camera_id=1&camera_id=2&channel=1", "channel"),
        ("kind=nonsense", "kind.0"),
        ("camera_id=0", "camera_id"),
        (f"camera_id={2**31}", "camera_id.0"),
        (f"camera_id=1&channel={2**31}", "channel"),
        ("limit=201", "limit"),
        ("cursor=x", "cursor"),
        ("from_time_of_day=24:00", "from_time_of_day"),
        ("from_time_of_day=9:00", "from_time_of_day"),
        ("&".join(f"camera_id={number}" for number in range(1, 102)), "camera_id"),
    ],
)
def test_a_wrong_query_is_refused_with_its_field(reader: FlaskClient, query: str, field: str) -> None:
    answer = reader.get(f"/api/events?{query}")
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["field"] == field


def test_marks_belong_to_the_user(harness: WebHarness, events: EventManager) -> None:
    add(events, event(), event(at_s=1))
    ann, ben = harness.token_client(Role.REVIEWER), harness.token_client(Role.REVIEWER)
    assert ann.request("POST", "/api/events/seen", json={"ids": [1]}).status_code == 204
    assert _seen(ann) == {1: True, 2: False}
    assert _seen(ben) == {1: False, 2: False}
    assert ann.request("GET", "/api/events?seen=0").get_json()["events"][0]["id"] == 2
    assert ann.request("POST", "/api/events/seen", json={"ids": [1], "seen": False}).status_code == 204
    assert _seen(ann) == {1: False, 2: False}
    assert ann.request("POST", "/api/events/seen", json={"ids": list(range(1, 502))}).status_code == 400


def _seen(api: ApiClient) -> dict[int, bool]:
    return {one["id"]: one["seen"] for one in api.request("GET", "/api/events").get_json()["events"]}


def test_the_marks_of_a_user_go_with_the_user(
    accounts: AccountManager, events: EventManager, database: Database
) -> None:
    accounts.create_first("admin", Secret("a long password of the admin"))
    user = accounts.add_user(UserDraft("ann", Secret("a long password of ann"), Role.REVIEWER))
    add(events, event())
    for user_id in (0, user.id):
        events.log.mark_seen(EventQuery(user_id=user_id), [1], is_seen=True)
    accounts.remove_user(user.id)
    with database.read() as session:
        assert list(session.scalars(select(EventSeenRow.user_id))) == [0]


def test_without_accounts_marks_are_those_of_everybody(client: FlaskClient, events: EventManager) -> None:
    add(events, event())
    client.post("/api/events/seen", json={"ids": [1]})
    assert [one["seen"] for one in listed(client)] == [True]


def test_a_limited_user_gets_nothing_of_other_channels(harness: WebHarness, events: EventManager) -> None:
    add(events, event(channel=3), event(at_s=1, channel=4), event(at_s=2, camera_id=2))
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({3})}))
    page = limited.request("GET", "/api/events").get_json()
    assert [one["channel"] for one in page["events"]] == [3]
    assert limited.request("GET", "/api/events/2").status_code == 404
    assert limited.request("GET", "/api/events?camera_id=2").get_json()["events"] == []
    news = limited.request("GET", "/api/events/news?after=2026-01-01T00:00:00Z").get_json()
    assert [one["id"] for one in news["events"]] == [1]
    days = limited.request("GET", "/api/events/days").get_json()["days"]
    assert [day["count"] for day in days] == [1]
    limited.request("POST", "/api/events/seen", json={"ids": [2]})
    assert not harness.token_client(Role.ADMIN).request("GET", "/api/events/2").get_json()["seen"]


def test_a_limited_user_sees_no_event_whose_channel_is_guessed(harness: WebHarness, events: EventManager) -> None:
    for source in ("00001", "VideoSourceConfig1"):
        told = DeviceEvent(EventKind.PERSON, "RuleEngine/People", (source,), source, "s", Change.CHANGED, active=True)
        events.take(1, [told])
    events.log.flush()
    everything = harness.token_client(Role.REVIEWER).request("GET", "/api/events").get_json()["events"]
    assert {(one["rule"], one["channel"]) for one in everything} == {("00001", 1), ("VideoSourceConfig1", 1)}
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({1})}))
    assert [one["rule"] for one in limited.request("GET", "/api/events").get_json()["events"]] == ["00001"]
    guessed = next(one["id"] for one in everything if one["rule"] == "VideoSourceConfig1")
    assert limited.request("GET", f"/api/events/{guessed}").status_code == 404
    assert limited.request("GET", f"/api/events/{guessed}/picture").status_code == 404


def test_news_begin_at_the_answer_before(client: FlaskClient, events: EventManager) -> None:
    add(events, event())
    as_of = client.get("/api/events").get_json()["as_of"]
    assert client.get(f"/api/events/news?after={as_of}").get_json()["events"] == []
    add(events, event(at_s=1))
    news = client.get(f"/api/events/news?after={as_of}&wait_s=20").get_json()
    assert ([one["id"] for one in news["events"]], news["has_more"]) == ([2], False)
    assert client.get(f"/api/events/news?after={news['as_of']}").get_json()["events"] == []


def test_an_empty_log_has_a_mark_for_news(client: FlaskClient) -> None:
    as_of = client.get("/api/events").get_json()["as_of"]
    answer = client.get(f"/api/events/news?after={as_of}")
    assert answer.get_json() == {"events": [], "gone": [], "as_of": as_of, "has_more": False}


def test_an_unknown_event_is_not_found(client: FlaskClient) -> None:
    assert client.get("/api/events/77").status_code == 404


# --- pictures


@pytest.mark.usefixtures("camera")
def test_the_picture_of_an_event_is_its_own_otherwise_of_a_recording(
    client: FlaskClient, events: EventManager, pictures: StandInPictures, assert_problem: Callable[..., Any]
) -> None:
    add(events, event(), event(at_s=60), event(at_s=120))
    events.pictures.put(1, 1, JPEG)
    pictures.made[NOON + timedelta(seconds=60)] = Picture(JPEG + b" recorded", NOON)
    own = client.get("/api/events/1/picture")
    assert (own.status_code, own.data, own.content_type) == (200, JPEG, "image/jpeg")
    assert own.headers["Cache-Control"] == "private, max-age=3600"
    assert client.get("/api/events/1/picture", headers={"If-None-Match": own.headers["ETag"]}).status_code == 304
    recorded = client.get("/api/events/2/picture")
    assert (recorded.data, recorded.headers["X-Picture-Time"]) == (JPEG + b" recorded", "2026-11-24T12:00:00.000Z")
    pending = client.get("/api/events/3/picture?wait_s=0")
    assert (pending.status_code, pending.headers["Retry-After"]) == (202, "1")
    pictures.fail_with = NotFound("Nothing is recorded at this time.", code="no_recording")
    assert_problem(client.get("/api/events/3/picture"), 404, "no_recording")


@pytest.mark.usefixtures("camera")
def test_a_picture_that_is_being_taken_is_pending(
    client: FlaskClient, events: EventManager, pictures: StandInPictures, assert_problem: Callable[..., Any]
) -> None:
    add(events, event())
    pictures.fail_with = NotFound("Nothing is recorded at this time.", code="no_recording")
    events.pictures.expect(1, 1)
    pending = client.get("/api/events/1/picture?wait_s=0")
    assert (pending.status_code, pending.headers["Retry-After"]) == (202, "1")
    events.pictures.give_up(1, 1)
    assert_problem(client.get("/api/events/1/picture"), 404, "no_recording")


def test_an_event_without_a_channel_has_no_picture(client: FlaskClient, events: EventManager) -> None:
    add(events, event(EventKind.OFFLINE, channel=None, source=EventSource.SERVER))
    assert client.get("/api/events/1/picture").status_code == 404


def test_a_limited_user_gets_no_picture_of_another_channel(
    harness: WebHarness, events: EventManager, pictures: StandInPictures
) -> None:
    add(events, event(channel=3), event(at_s=1, channel=4), event(at_s=2, channel=3))
    for event_id in (1, 2):
        events.pictures.put(1, event_id, JPEG)
    pictures.made[NOON + timedelta(seconds=2)] = Picture(JPEG, NOON)
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({3})}))
    assert limited.request("GET", "/api/events/1/picture").data == JPEG
    assert limited.request("GET", "/api/events/2/picture").status_code == 404
    guessed = limited.request("GET", "/api/events/3/picture")
    assert guessed.status_code == 404, "the recordings of channel 3 are only guessed"
    assert harness.token_client(Role.REVIEWER).request("GET", "/api/events/3/picture").data == JPEG


# --- one camera


def test_the_switch_of_a_camera_is_stored(
    client: FlaskClient, camera: CameraView, events: EventManager, database: Database, settings: Settings
) -> None:
    with database.write() as session:
        session.add(stored_camera(camera.id))
    path = f"/api/cameras/{camera.id}/events"
    assert client.get(path).get_json() == {"listens_wanted": True}
    assert events.event_cameras() == {camera.id}
    assert client.put(path, json={"listens_wanted": False}).get_json() == {"listens_wanted": False}
    assert client.get(path).get_json() == {"listens_wanted": False}
    assert events.event_cameras() == frozenset()
    restarted = EventManager(database, settings, SystemClock(), StandInCameras())
    restarted._switches.load()
    assert not restarted._switches.is_on(camera.id)
    assert client.put(path, json={"listens_wanted": True}).get_json() == {"listens_wanted": True}
    assert events.event_cameras() == {camera.id}
    assert client.get("/api/cameras/99/events").status_code == 404
    assert client.put("/api/cameras/99/events", json={"listens_wanted": True}).status_code == 404


def test_a_device_shows_its_topics_and_its_last_messages(
    client: FlaskClient, camera: CameraView, events: EventManager
) -> None:
    events.topics.set_list(camera.id, [ListedTopic("VideoSource/MotionAlarm", EventKind.MOTION)])
    path = f"/api/cameras/{camera.id}/events/topics"
    answer = client.get(path).get_json()
    assert answer == {
        "listens": False,
        "problem": None,
        "unlisted_code": "",
        "topics": [
            {
                "topic": "VideoSource/MotionAlarm",
                "kind": "motion",
                "count": 0,
                "last_time": None,
                "last_message": None,
                "is_listed": True,
            }
        ],
        "recent": [],
        "left_out": 0,
        "begun_left_out": 0,
    }
    unheard = DeviceEvent(
        kind=EventKind.OTHER,
        topic="RuleEngine/Unheard",
        sources=("00001",),
        rule="Gate",
        item="state",
        change=Change.CHANGED,
        active=True,
        items=(("Source", "00001"), ("State", "<b>true</b>")),
    )
    events.take(camera.id, [unheard])
    events.note_problem(camera.id, "camera_busy", "Other systems hold the subscriptions.")
    answer = client.get(path).get_json()
    assert answer["problem"] == {"code": "camera_busy", "detail": "Other systems hold the subscriptions."}
    (topic, _) = answer["topics"]
    assert (topic["topic"], topic["kind"], topic["count"], topic["is_listed"]) == (
        "RuleEngine/Unheard",
        "other",
        1,
        False,
    )
    message = topic["last_message"]
    assert message["items"] == {"Source": "00001", "State": "<b>true</b>"}
    assert (message["channel"], message["rule"], message["change"], message["active"]) == (1, "Gate", "changed", True)
    assert answer["recent"] == [message]


def test_events_beyond_the_limit_of_a_device_are_on_its_health_card(
    client: FlaskClient, camera: CameraView, events: EventManager
) -> None:
    path = f"/api/cameras/{camera.id}"
    names = [check["name"] for check in client.get(f"{path}/health").get_json()["checks"]]
    assert "events that go on" not in names
    told = [
        DeviceEvent(EventKind.MOTION, "T", (), str(rule), "", Change.CHANGED, True) for rule in range(MOST_OPEN + 3)
    ]
    events.take(camera.id, told)
    assert client.get(f"{path}/events/topics").get_json()["begun_left_out"] == 3
    checks = client.get(f"{path}/health").get_json()["checks"]
    (found,) = [check for check in checks if check["name"] == "events that go on"]
    assert found["outcome"] == "left_out"
    assert found["detail"].startswith("3 messages were left out")


def test_topics_of_messages_are_shown_if_the_device_lists_none(client: FlaskClient, camera: CameraView) -> None:
    answer = client.get(f"/api/cameras/{camera.id}/events/topics")
    assert answer.status_code == 200
    assert answer.get_json()["unlisted_code"] == "camera_unsupported"
    assert client.get("/api/cameras/99/events/topics").status_code == 404


def test_a_device_that_lists_no_topics_is_not_asked_with_each_look(
    client: FlaskClient, camera: CameraView, cameras: StandInCameras, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def fail(camera_id: int, *_: object, **__: object) -> None:
        asked.append(camera_id)
        raise CameraUnreachable("The device does not answer.")

    monkeypatch.setattr(cameras, "ask_events", fail)
    path = f"/api/cameras/{camera.id}/events/topics"
    assert [client.get(path).get_json()["unlisted_code"] for _ in range(3)] == ["camera_unreachable"] * 3
    assert asked == [camera.id]


def test_the_messages_of_a_device_are_shown_while_devices_keep_all_places(
    web_app: Flask, client: FlaskClient, camera: CameraView, events: EventManager
) -> None:
    events.take(camera.id, [DeviceEvent(EventKind.MOTION, "Motion", (), "", "State", Change.CHANGED, active=True)])
    with ExitStack() as places:
        with suppress(Unavailable):
            while True:
                places.enter_context(web_app.extensions[EXTENSION].device_limit)
        answer = client.get(f"/api/cameras/{camera.id}/events/topics")
    assert answer.status_code == 200
    assert (answer.get_json()["unlisted_code"], len(answer.get_json()["recent"])) == ("busy", 1)
