"""/api/searches over HTTP: requests, answers, states, rights and the audit log.

Nothing compares pictures here: the index of changed cells, which the tests fill, answers the searches.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from flask.testing import FlaskClient

from accounts.records import UserChange
from cameras.records import CameraDraft
from core.access import Role, Scope
from core.clock import rfc3339
from database import Database
from motion_manager import INSTALL_COMMAND, MotionManager
from search_manager import SearchManager
from searches.records import SearchState
from tests.events.logged import stored_camera
from tests.patience import until
from tests.recordings.recorder import HOUR, NOON, Archive
from tests.web.stand_in_cameras import StandInCameras
from tests.web.web_harness import WebHarness
from vision.messages import CELL_BYTES

URL = "/api/searches"
START = NOON - 2 * HOUR
BODY = {
    "camera_id": 1,
    "channel": 1,
    "start_time": rfc3339(START),
    "end_time": rfc3339(START + HOUR),
    "box": [0.25, 0.5, 0.25, 0.25],
}
EVERY_CELL = b"\xff" * CELL_BYTES


@pytest.fixture(autouse=True)
def recorded(archive: Archive, database: Database, cameras: StandInCameras, searches: SearchManager) -> None:
    """The recorder has the hour; the camera of the searches is stored. `searches` opens the database."""
    del searches
    cameras.add_camera(CameraDraft("127.0.0.7"))
    archive.recorder.spans = {"Rec1": [(START, START + HOUR)], "Rec2": [(START, START + HOUR)]}
    with database.write() as session:
        session.add(stored_camera(1))


def add(client: FlaskClient, **changed: Any) -> dict[str, Any]:
    answer = client.post(URL, json={**BODY, **changed})
    assert answer.status_code == 202, answer.get_data(as_text=True)
    found: dict[str, Any] = answer.get_json()
    return found


def ended(client: FlaskClient, search_id: int) -> dict[str, Any]:
    def found() -> dict[str, Any] | None:
        now: dict[str, Any] = client.get(f"{URL}/{search_id}").get_json()
        return now if now["state"] in {"done", "failed", "cancelled"} else None

    search = until(found, what="the end of the search")
    assert search is not None
    return search


def test_a_search_is_described_by_its_request(client: FlaskClient, archive: Archive) -> None:
    made = add(client, source="device")
    assert {name: made[name] for name in ("id", "camera_id", "channel", "kind", "source", "by")} == {
        "id": 1,
        "camera_id": 1,
        "channel": 1,
        "kind": "moved",
        "source": "device",
        "by": "this machine",
    }
    assert (made["start_time"], made["end_time"]) == (BODY["start_time"], BODY["end_time"])
    assert made["points"] == [[0.25, 0.5], [0.5, 0.5], [0.5, 0.75], [0.25, 0.75]]
    assert made["created_at"] == rfc3339(archive.clock.now)
    assert (made["estimate"], made["results"], made["ended_at"]) == (None, [], None)


def test_results_name_their_picture_and_the_page_that_plays_them(client: FlaskClient, motion: MotionManager) -> None:
    at = START + timedelta(minutes=7, seconds=3, milliseconds=400)
    motion.add_cells(1, 1, {at: EVERY_CELL})
    found = ended(client, add(client)["id"])
    (result,) = found["results"]
    assert result["start_time"] == result["picture_time"] == rfc3339(at)
    assert 0 < result["score"] <= 1
    second = rfc3339(at.replace(microsecond=0) + timedelta(seconds=1))
    assert result["picture_url"] == f"/api/cameras/1/recordings/picture?channel=1&time={second}&width=320"
    assert result["before_picture_url"] is None
    assert result["play_url"] == f"/recordings/1?channel=1&t={rfc3339(at - timedelta(seconds=2))}"
    assert client.get(result["picture_url"]).status_code == 202, "the picture is made when it is wanted"
    assert client.get(result["play_url"]).status_code == 200


def test_without_the_packages_answers_say_how_to_install_them(client: FlaskClient) -> None:
    found = ended(client, add(client)["id"])
    assert (found["state"], found["problem"]["code"]) == ("done", "vision_missing")
    assert INSTALL_COMMAND in found["problem"]["detail"]
    changed = ended(client, add(client, kind="changed")["id"])
    assert (changed["state"], changed["problem"]["code"]) == ("failed", "vision_missing")
    listed = client.get(URL).get_json()
    assert (listed["can_compare"], listed["install_command"]) == (False, INSTALL_COMMAND)
    assert [it["id"] for it in listed["searches"]] == [changed["id"], found["id"]], "the newest first"


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"box": [0.9, 0.9, 0.2, 0.05]}, "box"),
        ({"box": [0.1, 0.1, 0.0, 0.5]}, "box"),
        ({"points": [[0.1, 0.1], [0.2, 0.1], [0.2, 0.2]]}, "box"),
        ({"end_time": BODY["start_time"]}, "end_time"),
        ({"start_time": rfc3339(NOON - timedelta(days=40))}, "end_time"),
        ({"end_time": rfc3339(NOON + HOUR)}, "end_time"),
    ],
)
def test_an_impossible_search_names_the_field(client: FlaskClient, changed: dict[str, Any], field: str) -> None:
    answer = client.post(URL, json={**BODY, **changed})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.get_json()["errors"]] == [field]


def test_a_search_needs_a_region(client: FlaskClient) -> None:
    answer = client.post(URL, json={name: value for name, value in BODY.items() if name != "box"})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.get_json()["errors"]] == ["box"]


def test_a_polygon_is_a_region_too(client: FlaskClient) -> None:
    points = [[0.1, 0.1], [0.4, 0.1], [0.25, 0.5]]
    body = {name: value for name, value in BODY.items() if name != "box"} | {"points": points}
    answer = client.post(URL, json=body)
    assert (answer.status_code, answer.get_json()["points"]) == (202, points)


def test_an_unknown_channel_is_not_found(client: FlaskClient) -> None:
    assert client.post(URL, json={**BODY, "channel": 77}).status_code == 404


def test_an_ended_search_can_neither_continue_nor_be_cancelled(client: FlaskClient) -> None:
    search_id = ended(client, add(client)["id"])["id"]
    for answer in (client.delete(f"{URL}/{search_id}"), client.post(f"{URL}/{search_id}/continue")):
        assert (answer.status_code, answer.get_json()["code"]) == (409, "search_state")


def test_a_waiting_search_tells_its_estimate_and_ends_on_demand(client: FlaskClient, searches: SearchManager) -> None:
    """The worker of this test stands still, so that the search waits for its turn."""
    searches._worker._is_stopping = True
    made = add(client)
    assert (made["state"], made["waits_for"]) == ("estimating", "turn")
    answer = client.delete(f"{URL}/{made['id']}")
    assert (answer.status_code, answer.get_json()["state"]) == (200, "cancelled")
    assert answer.get_json()["ended_at"] is not None
    assert client.get(f"{URL}/{made['id']}").get_json()["state"] == "cancelled"


def test_five_unfinished_searches_are_too_many(client: FlaskClient, searches: SearchManager) -> None:
    searches._worker._is_stopping = True
    for _ in range(4):
        add(client)
    answer = client.post(URL, json=BODY)
    assert (answer.status_code, answer.get_json()["code"]) == (429, "search_limit")


def test_searches_of_others_do_not_exist(harness: WebHarness) -> None:
    owner, other = harness.token_client(Role.REVIEWER), harness.token_client(Role.OPERATOR)
    made = owner.request("POST", URL, json=BODY).get_json()
    path = f"{URL}/{made['id']}"
    for method, address in (("GET", path), ("DELETE", path), ("POST", f"{path}/continue")):
        assert other.request(method, address).status_code == 404
    assert other.request("GET", URL).get_json()["searches"] == []
    assert [it["id"] for it in owner.request("GET", URL).get_json()["searches"]] == [made["id"]]
    admin = harness.token_client(Role.ADMIN).request("GET", URL).get_json()["searches"]
    assert [it["by"] for it in admin] == [made["by"]]


def test_a_search_in_a_channel_outside_of_the_scope_is_refused(harness: WebHarness, archive: Archive) -> None:
    limited = harness.token_client(Role.REVIEWER, Scope({1: frozenset({2})}))
    assert limited.request("POST", URL, json=BODY).status_code in (403, 404)
    unknown = limited.request("POST", URL, json={**BODY, "channel": 2})
    assert unknown.status_code in (403, 404), "nothing is indexed yet, so that the channel may be a guess"
    archive.manager.coverage(1, START, START + HOUR)
    until(lambda: archive.manager.has_sure_recordings(1, 2), what="the index of channel 2")
    assert limited.request("POST", URL, json={**BODY, "channel": 2}).status_code == 202


def test_a_changed_scope_hides_the_own_search(harness: WebHarness, searches: SearchManager) -> None:
    owner = harness.token_client(Role.REVIEWER)
    search_id = owner.request("POST", URL, json=BODY).get_json()["id"]
    user = harness.accounts.users()[-1]
    until(lambda: not searches._store.get(search_id).state.is_unfinished, what="the end of the search")
    harness.accounts.change_user(user.id, UserChange(scope=Scope({2: None})))
    assert owner.request("GET", f"{URL}/{search_id}").status_code == 404
    assert searches._store.get(search_id).state is SearchState.DONE


def test_times_of_a_search_are_answered_in_utc(client: FlaskClient) -> None:
    start = datetime(2026, 11, 22, 11, 0, tzinfo=UTC)
    assert add(client, start_time="2026-11-22T10:00:00+01:00")["start_time"] == rfc3339(start - timedelta(hours=2))
