"""/api/walls over HTTP: responses, ownership, and names that remain plain text."""

from __future__ import annotations

from typing import Any

import pytest
from flask.testing import FlaskClient

from core.access import LOCAL, Role
from tests.web.web_harness import WebHarness
from walls.walls import WallDraft, WallManager

pytestmark = pytest.mark.usefixtures("database_engine")

GATES: dict[str, Any] = {
    "name": "Gates",
    "layout": 4,
    "tiles": [
        {"camera_id": 1, "channel": 2, "quality": "main"},
        None,
        {"camera_id": 2, "channel": 16, "quality": None},
    ],
}


def test_a_wall_is_stored_listed_changed_and_deleted(client: FlaskClient, assert_problem: Any) -> None:
    assert client.get("/api/walls").get_json() == {"walls": []}
    made = client.post("/api/walls", json=GATES)
    assert made.status_code == 201
    kept = made.get_json()
    assert kept == {**GATES, "tiles": [*GATES["tiles"], None], "id": 1, "everybodys": True, "may_change": True}
    assert client.get("/api/walls").get_json() == {"walls": [kept]}
    assert client.get("/api/walls/1").get_json() == kept
    changed = client.patch("/api/walls/1", json={"name": "  Doors  ", "layout": 6, "tiles": [None] * 6})
    assert (changed.get_json()["name"], changed.get_json()["tiles"]) == ("Doors", [None] * 6)
    assert client.patch("/api/walls/1", json={"layout": 9}).get_json()["name"] == "Doors"
    assert client.delete("/api/walls/1").status_code == 204
    assert_problem(client.get("/api/walls/1"), 404, "not_found")
    assert_problem(client.delete("/api/walls/1"), 404, "not_found")


def test_a_taken_name_and_too_many_walls_are_conflicts(client: FlaskClient, assert_problem: Any) -> None:
    client.post("/api/walls", json=GATES)
    assert_problem(client.post("/api/walls", json=GATES), 409, "wall_name_taken")
    for number in range(49):
        client.post("/api/walls", json={**GATES, "name": f"Wall {number}"})
    assert_problem(client.post("/api/walls", json={**GATES, "name": "One more"}), 409, "too_many_walls")


def test_a_layout_too_small_for_its_tiles_is_refused(client: FlaskClient, assert_problem: Any) -> None:
    client.post("/api/walls", json=GATES)
    for body in ({"layout": 1}, {"tiles": [None] * 5}):
        document = assert_problem(client.patch("/api/walls/1", json=body), 400, "invalid_request")
        assert [error["field"] for error in document["errors"]] == ["tiles"]


def test_a_tile_keeps_its_quality_or_has_none(client: FlaskClient, assert_problem: Any) -> None:
    tiles = [{"camera_id": 1, "channel": 2, "quality": "sub"}, {"camera_id": 1, "channel": 3}]
    made = client.post("/api/walls", json={**GATES, "layout": 4, "tiles": tiles})
    assert [tile and tile["quality"] for tile in made.get_json()["tiles"]] == ["sub", None, None, None]
    for quality in ("auto", "Main", "", 1, True):
        body = {"tiles": [{"camera_id": 1, "channel": 2, "quality": quality}]}
        document = assert_problem(client.patch("/api/walls/1", json=body), 400, "invalid_request")
        assert document["errors"][0]["field"].startswith("tiles")
    assert client.get("/api/walls/1").get_json() == made.get_json()


def test_a_user_finds_only_their_own_walls(harness: WebHarness) -> None:
    anna, ben = harness.token_client(Role.VIEWER), harness.token_client(Role.ADMIN)
    wall_id = anna.request("POST", "/api/walls", json=GATES).get_json()["id"]
    assert ben.request("GET", "/api/walls").get_json() == {"walls": []}
    for method, body in (("GET", None), ("PATCH", {"name": "Mine"}), ("DELETE", None)):
        assert ben.request(method, f"/api/walls/{wall_id}", json=body).status_code == 404
    (kept,) = anna.request("GET", "/api/walls").get_json()["walls"]
    assert (kept["name"], kept["everybodys"], kept["may_change"]) == ("Gates", False, True)


def test_a_wall_from_before_the_accounts_is_shared_and_changed_by_admins(
    harness: WebHarness, walls: WallManager
) -> None:
    walls.add(LOCAL, WallDraft("Gates", 4))
    for role, may in ((Role.OPERATOR, False), (Role.ADMIN, True)):
        api = harness.token_client(role)
        (kept,) = api.request("GET", "/api/walls").get_json()["walls"]
        assert (kept["everybodys"], kept["may_change"]) == (True, may)
        answer = api.request("PATCH", f"/api/walls/{kept['id']}", json={"name": f"By {role.value}"})
        assert answer.status_code == (200 if may else 403)


def test_a_hostile_name_is_returned_unchanged_as_text(client: FlaskClient) -> None:
    for name in ("<img src=x onerror=alert(1)>", "{{7*7}}", "../../etc", "'; drop table walls; --", "a" * 80, "１"):
        answer = client.post("/api/walls", json={**GATES, "name": name})
        assert answer.status_code == 201
        assert client.get(f"/api/walls/{answer.get_json()['id']}").get_json()["name"] == name
